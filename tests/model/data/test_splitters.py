"""Splits in series: k-fold, and one source left out at a time."""

import numpy as np
import pandas as pd
import pytest

from model.data.duplicates import lesion_groups
from model.data.split import PARTS, Split
from model.data.splitters import draw_folds, draw_source_splits
from model.errors import SplitError

NO_PAIRS = np.empty((0, 3), int)


def made_up(lesions=300, seed=0):
    """A table of lesions with one to three images each, from two sources."""
    rng = np.random.default_rng(seed)
    rows = []
    for lesion in range(lesions):
        diagnosis, source = str(rng.choice(["MEL", "NV", "BCC"])), str(rng.choice(["HAM", "BCN"]))
        for view in range(int(rng.integers(1, 4))):
            rows.append((f"I{lesion}_{view}", f"L{lesion}", diagnosis, source))
    return pd.DataFrame(rows, columns=["image", "lesion_id", "diagnosis", "source"])


@pytest.fixture(scope="module")
def table():
    return made_up()


@pytest.fixture(scope="module")
def groups(table):
    return lesion_groups(table["lesion_id"].tolist(), NO_PAIRS)


@pytest.fixture(scope="module")
def folds(table, groups):
    return draw_folds(table, groups, folds=4, seed=1)


def test_each_image_is_tested_once_and_validated_once(folds, table):
    for part in ("test", "validation"):
        listed = [image for split in folds for image in getattr(split, part)]
        assert sorted(listed) == sorted(table["image"])


def test_no_fold_tears_a_lesion_and_each_holds_all_images(folds, table, groups):
    for split in folds:
        split.check(table, groups)
        assert sum(len(getattr(split, part)) for part in PARTS) == len(table)
        assert len(split.test) == pytest.approx(len(table) / 4, rel=0.1)


def test_folds_are_stratified_by_diagnosis_and_source(folds, table):
    stratum = table["diagnosis"] + table["source"]
    for split in folds:
        inside = table["image"].isin(split.test)
        assert inside.groupby(stratum).mean().to_numpy() == pytest.approx(0.25, abs=0.05)


def test_the_order_of_the_rows_does_not_matter_but_the_seed_does(folds, table, groups):
    order = np.random.default_rng(3).permutation(len(table))
    shuffled = table.iloc[order].reset_index(drop=True)
    assert draw_folds(shuffled, groups[order], folds=4, seed=1) == folds
    assert draw_folds(table, groups, folds=4, seed=2) != folds


def test_a_diagnosis_with_fewer_lesions_than_folds_is_refused_by_name(table):
    rare = table[(table["diagnosis"] != "BCC") | table["lesion_id"].isin(rarest(table, 3))]
    groups = lesion_groups(rare["lesion_id"].tolist(), NO_PAIRS)
    draw_folds(rare, groups, folds=3)
    with pytest.raises(SplitError, match="BCC has images of 3 lesions, fewer than the 4 parts"):
        draw_folds(rare, groups, folds=4)
    with pytest.raises(SplitError, match="3 or more"):
        draw_folds(rare, groups, folds=2)


def rarest(table, count):
    return table["lesion_id"][table["diagnosis"] == "BCC"].unique()[:count]


def test_every_fold_of_a_rare_diagnosis_has_a_lesion_of_it(table):
    rare = table[(table["diagnosis"] != "BCC") | table["lesion_id"].isin(rarest(table, 4))]
    groups = lesion_groups(rare["lesion_id"].tolist(), NO_PAIRS)
    for split in draw_folds(rare, groups, folds=4):
        assert split.part("test", rare)["diagnosis"].nunique() == 3


def test_the_source_left_out_is_the_test_part_and_nothing_else_is(table, groups):
    splits = draw_source_splits(table, groups, seed=1)
    assert list(splits) == ["BCN", "HAM"]
    for source, split in splits.items():
        split.check(table, groups)
        own = table["image"][table["source"] == source]
        assert sorted(split.test) == sorted(own)
        assert not set(split.train) & set(own)
        learned = len(split.train) + len(split.validation)
        assert len(split.validation) / learned == pytest.approx(0.15, abs=0.03)


def test_images_that_share_a_lesion_with_the_source_left_out_are_in_no_part(table):
    left, right = (table.index[table["source"] == s][0] for s in ("BCN", "HAM"))
    pairs = np.array([[*sorted((left, right)), -1]])
    groups = lesion_groups(table["lesion_id"].tolist(), pairs)
    split = draw_source_splits(table, groups)["BCN"]
    split.check(table, groups)
    assert pd.isna(split.parts_of(table)[right])


def test_a_source_cannot_be_left_out_if_it_is_the_only_one_of_a_diagnosis(table, groups):
    alone = table.assign(source=table["source"].mask(table["diagnosis"] == "NV", "HAM"))
    with pytest.raises(SplitError, match="without HAM, no image of NV"):
        draw_source_splits(alone, groups)
    with pytest.raises(SplitError, match="all images are from HAM"):
        draw_source_splits(table.assign(source="HAM"), groups)


def test_series_are_saved_and_read_back_like_any_split(folds, tmp_path):
    folds[0].save(tmp_path / "fold.json")
    assert Split.load(tmp_path / "fold.json") == folds[0]


def test_a_source_can_be_left_out_of_a_small_folder():
    kinds = [(diagnosis, source) for diagnosis in ("MEL", "NV") for source in ("HAM", "BCN")] * 3
    few = pd.DataFrame(kinds, columns=["diagnosis", "source"])  # 3 of each, fewer than 7 folds
    few["image"] = few["lesion_id"] = [f"I{number}" for number in range(len(few))]
    splits = draw_source_splits(few, lesion_groups(few["lesion_id"].tolist(), NO_PAIRS), seed=0)
    for split in splits.values():
        assert (len(split.train), len(split.validation), len(split.test)) == (4, 2, 6)
