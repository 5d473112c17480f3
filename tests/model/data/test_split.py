"""Splitting by lesion."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model.data.dataset import read_folder
from model.data.duplicates import lesion_groups
from model.data.split import ISIC2019_SPLIT, PARTS, Split
from model.data.splitters import draw_split
from model.errors import SplitError

FOUND_DUPLICATES = Path(__file__).parents[2] / "data" / "isic2019_duplicates.csv"
"""The pairs across lesions that duplicate_pairs finds among the ISIC 2019 images."""

NO_PAIRS = np.empty((0, 3), int)


def made_up(lesions=400, seed=0):
    """A table of lesions with one to four images each."""
    rng = np.random.default_rng(seed)
    rows = []
    for lesion in range(lesions):
        diagnosis, source = str(rng.choice(["MEL", "NV"])), str(rng.choice(["HAM", "BCN"]))
        for view in range(int(rng.integers(1, 5))):
            rows.append((f"I{lesion}_{view}", f"L{lesion}", diagnosis, source))
    return pd.DataFrame(rows, columns=["image", "lesion_id", "diagnosis", "source"])


@pytest.fixture(scope="module")
def table():
    return made_up()


@pytest.fixture(scope="module")
def groups(table):
    return lesion_groups(table["lesion_id"].tolist(), NO_PAIRS)


@pytest.fixture(scope="module")
def split(table, groups):
    return draw_split(table, groups, seed=1)


def test_every_image_is_in_one_part_and_no_lesion_in_two(split, table, groups):
    listed = [image for part in PARTS for image in getattr(split, part)]
    assert sorted(listed) == sorted(table["image"])
    split.check(table, groups)


def test_parts_are_70_15_15_in_each_diagnosis_and_source(split, table):
    stratum = table["diagnosis"] + table["source"]
    for part, share in zip(PARTS, (0.70, 0.15, 0.15), strict=True):
        inside = table["image"].isin(getattr(split, part))
        assert inside.groupby(stratum).mean().to_numpy() == pytest.approx(share, abs=0.03)


def test_parts_are_as_large_as_their_shares_say(table, groups):
    drawn = draw_split(table, groups, seed=1, shares="80/10/10")
    sizes = [len(getattr(drawn, part)) / len(table) for part in PARTS]
    assert sizes == pytest.approx([0.8, 0.1, 0.1], abs=0.03)
    assert drawn.rule.startswith("80/10/10 by lesion_id")
    drawn.check(table, groups)


@pytest.mark.parametrize("shares", ["80/20", "80/10/20", "90/10/0", "80-10-10"])
def test_shares_that_make_no_split_are_refused(shares, table, groups):
    with pytest.raises(SplitError, match=f"{shares}.*80/10/10"):
        draw_split(table, groups, shares=shares)


def test_the_order_of_the_rows_does_not_matter(split, table, groups):
    order = np.random.default_rng(3).permutation(len(table))
    shuffled = table.iloc[order].reset_index(drop=True)
    assert draw_split(shuffled, groups[order], seed=1) == split


def test_another_seed_draws_another_split(split, table, groups):
    assert draw_split(table, groups, seed=2) != split


def test_duplicates_of_different_lesions_stay_together(table):
    pairs = np.array([[0, len(table) - 1, -1]])
    groups = lesion_groups(table["lesion_id"].tolist(), pairs)
    assert groups[0] == groups[-1]
    draw_split(table, groups).check(table, groups)


def test_check_finds_a_torn_lesion(split, table, groups):
    lesion = (
        table[table["image"].isin(split.train)].groupby("lesion_id").filter(lambda g: len(g) > 1)
    )
    torn = lesion["image"].iloc[0]
    parts = {"train": tuple(i for i in split.train if i != torn), "test": (*split.test, torn)}
    with pytest.raises(SplitError, match="show one lesion"):
        dataclasses.replace(split, **parts).check(table, groups)


def test_check_finds_an_image_in_two_parts(split, table, groups):
    twice = dataclasses.replace(split, test=(*split.test, split.train[0]))
    with pytest.raises(SplitError, match="twice"):
        twice.check(table, groups)


def test_too_few_lesions_are_refused_by_diagnosis(table):
    few = table[(table["diagnosis"] == "NV") | (table["lesion_id"] == "L0")].copy()
    few.loc[few["lesion_id"] == "L0", "diagnosis"] = "MEL"
    with pytest.raises(SplitError, match=r"MEL has images of 1 lesions.*I0_0"):
        draw_split(few, lesion_groups(few["lesion_id"].tolist(), NO_PAIRS))


@pytest.mark.parametrize("seed", range(12))
def test_every_part_of_a_small_folder_has_every_diagnosis(seed):
    rng = np.random.default_rng(seed)
    rows = [
        (f"I{kind}_{lesion}_{view}", f"L{kind}_{lesion}", f"D{kind}", str(rng.choice(["A", "B"])))
        for kind in range(5)
        for lesion in range(int(rng.integers(3, 25)))
        for view in range(int(rng.integers(1, 4)))
    ]
    few = pd.DataFrame(rows, columns=["image", "lesion_id", "diagnosis", "source"])
    groups = lesion_groups(few["lesion_id"].tolist(), NO_PAIRS)
    split = draw_split(few, groups, seed=seed)
    split.check(few, groups)
    for part in PARTS:
        assert split.part(part, few)["diagnosis"].nunique() == 5


def test_a_saved_split_reads_back_equal(split, tmp_path):
    split.save(tmp_path / "split.json")
    assert Split.load(tmp_path / "split.json") == split


def test_names_with_spaces_read_back_equal(tmp_path):
    split = Split(("left arm 1", "B"), ("C",), (), "rule", 0)
    split.save(tmp_path / "split.json")
    assert Split.load(tmp_path / "split.json") == split


def test_a_file_that_is_no_split_is_refused(tmp_path):
    (tmp_path / "split.json").write_text("[]")
    with pytest.raises(SplitError, match="python -m model split"):
        Split.load(tmp_path / "split.json")


def test_unlisted_images_follow_their_lesion_or_go_to_train(split, table):
    held_out = table[table["image"].isin(split.test)].iloc[0]
    new = pd.DataFrame({"image": ["A", "B"], "lesion_id": [held_out["lesion_id"], "L-new"]})
    more = split.extended(pd.concat([table, new], ignore_index=True))
    assert "A" in more.test
    assert "B" in more.train
    assert set(split.test) < set(more.test)


def test_an_unlisted_duplicate_of_a_held_out_image_is_held_out_too(split, table):
    new = pd.DataFrame({"image": ["A"], "lesion_id": ["L-new"]})
    more = pd.concat([table, new], ignore_index=True)
    position = more.index[more["image"] == split.test[0]][0]
    groups = lesion_groups(more["lesion_id"].tolist(), np.array([[position, len(table), 3]]))
    assert "A" in split.extended(more, groups).test
    assert "A" in split.extended(more).train


def test_the_archives_names_are_those_of_the_reduced_images():
    split = Split(("A_downsampled",), ("B",), ("C",), "rule", 0)
    table = pd.DataFrame({"image": ["A", "B", "C"], "lesion_id": ["x", "y", "z"]})
    assert split.covers(table)
    assert split.extended(table).train == ("A",)
    assert split.part("train", table)["image"].tolist() == ["A"]


@pytest.fixture(scope="module")
def isic2019(shared_data):
    """Table and lesion groups of the real images, by the duplicates that were found once."""
    table = read_folder(shared_data).table
    found = pd.read_csv(FOUND_DUPLICATES)
    position = pd.Series(table.index, table["image"])
    pairs = np.stack([position[found[name]] for name in ("image", "duplicate")], axis=1)
    return table, lesion_groups(table["lesion_id"].tolist(), pairs)


def test_the_shipped_split_holds_every_image_and_tears_no_lesion(isic2019):
    table, groups = isic2019
    split = Split.load(ISIC2019_SPLIT)
    split.check(table, groups)
    assert [len(getattr(split, part)) for part in PARTS] == [15_178, 3_255, 3_252]
    assert split.extended(table) == split


@pytest.mark.slow
def test_the_shipped_split_can_be_drawn_again(isic2019):
    table, groups = isic2019
    assert draw_split(table, groups, seed=2019) == Split.load(ISIC2019_SPLIT)
