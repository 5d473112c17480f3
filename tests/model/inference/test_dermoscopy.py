"""Telling close-ups from dermoscopic photographs by their embeddings."""

import numpy as np
import pytest

from model.inference.dermoscopy import DermoscopyCheck

RNG = np.random.default_rng(0)


def embeddings(count, shift=0.0):
    return (RNG.normal(size=(count, 40)) + shift * np.eye(40)[3]).astype(np.float32)


@pytest.fixture(scope="module")
def check():
    sources = ["a"] * 300 + ["b"] * 300
    held_out = np.concatenate([embeddings(300), embeddings(300, 1.0)])
    return DermoscopyCheck.fit(
        embeddings(150, 6.0), embeddings(600), held_out=held_out, sources=sources
    )


def test_close_ups_score_above_one_and_dermoscopic_photographs_below(check):
    assert (check.score(embeddings(200, 6.0)) > 1).mean() > 0.95
    assert (check.score(embeddings(500)) > 1).mean() < 0.03


def test_of_no_source_more_than_the_stated_share_is_flagged(check):
    # Source b lies nearer to the close-ups; the threshold is its.
    assert (check.score(embeddings(2_000, 1.0)) > 1).mean() == pytest.approx(0.03, abs=0.02)


def test_what_cannot_be_told_apart_is_hardly_ever_flagged():
    same = DermoscopyCheck.fit(
        embeddings(50), embeddings(50), held_out=embeddings(400), sources=["a"] * 400
    )
    assert (same.score(embeddings(500)) > 1).mean() < 0.08


def test_it_is_kept_in_a_file(check, tmp_path):
    check.save(tmp_path / "dermoscopy.npz")
    again = DermoscopyCheck.load(tmp_path / "dermoscopy.npz")
    rows = embeddings(5)
    assert np.allclose(again.score(rows), check.score(rows))
