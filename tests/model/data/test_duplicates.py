"""Finding the same photograph under two names."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageEnhance

from model.data.duplicates import NEAR_BITS, duplicate_pairs, lesion_groups, photograph_hash
from model.errors import ImageError
from tests.drawings import draw_lesion

FOUND_DUPLICATES = Path(__file__).parents[2] / "data" / "isic2019_duplicates.csv"


@pytest.fixture
def paths(tmp_path):
    """An original; its exact, recoloured and smaller framed copies; another lesion."""
    original = draw_lesion(3, seed=1, size=(240, 180))
    frame = Image.new("RGB", (180, 140), "black")
    frame.paste(original.resize((120, 90), Image.Resampling.BOX), (30, 25))
    pictures = {
        "a_original": original,
        "b_exact": original,
        "c_recoloured": ImageEnhance.Color(original).enhance(0.6),
        "d_framed": frame,
        "e_other": draw_lesion(7, seed=5, size=(240, 180)).rotate(40),
    }
    for name, picture in pictures.items():
        picture.save(tmp_path / f"{name}.png")
    return sorted(tmp_path.iterdir())


def test_exact_and_near_duplicates_are_found_and_others_are_not(paths):
    pairs = duplicate_pairs(paths)
    found = {(left, right) for left, right, _ in pairs.tolist()}
    assert found == {(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)}
    bits = {(left, right): apart for left, right, apart in pairs.tolist()}
    assert bits[0, 1] == -1
    assert 0 <= bits[0, 2] <= NEAR_BITS


def test_hashes_do_not_depend_on_the_files_format(tmp_path):
    image = draw_lesion(0, seed=0)
    image.save(tmp_path / "a.png")
    image.save(tmp_path / "b.bmp")
    left, right = photograph_hash(tmp_path / "a.png"), photograph_hash(tmp_path / "b.bmp")
    assert left[0] == right[0]
    assert np.array_equal(left[1], right[1])


def test_groups_join_lesions_by_way_of_others():
    pairs = np.array([[0, 2, 3], [3, 4, -1]])
    groups = lesion_groups(["a", "a", "b", "b", "c", "d"], pairs)
    assert len(set(groups[:5].tolist())) == 1
    assert groups[5] != groups[0]


def test_hashes_are_kept_until_a_file_changes(paths, tmp_path):
    cache = tmp_path / "cache"
    before = duplicate_pairs(paths, cache_dir=cache)
    (kept,) = cache.iterdir()
    np.savez(kept, exact=np.array(list("abcde")), bits=np.zeros((5, 256), bool))
    assert len(duplicate_pairs(paths, cache_dir=cache)) == 10  # read, not hashed again
    paths[-1].write_bytes(paths[-1].read_bytes() + b"x")
    assert np.array_equal(duplicate_pairs(paths, cache_dir=cache), before)


def test_an_unreadable_image_is_named_and_leaves_no_hashes(paths, tmp_path):
    paths[1].write_bytes(b"no image")
    with pytest.raises(ImageError, match=paths[1].name):
        duplicate_pairs(paths, cache_dir=tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_the_duplicates_that_were_found_among_isic_2019_are_found(shared_data):
    found = pd.read_csv(FOUND_DUPLICATES)
    names = sorted({*found["image"], *found["duplicate"]})
    pairs = duplicate_pairs([shared_data / "images" / f"{name}.jpg" for name in names])
    named = {(names[left], names[right]) for left, right, _ in pairs.tolist()}
    # How many bits differ depends on how far the photographs were reduced.
    assert named >= set(found[["image", "duplicate"]].itertuples(index=False, name=None))
