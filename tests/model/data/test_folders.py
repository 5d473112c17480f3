"""Several data folders as one."""

import numpy as np
import pandas as pd
import pytest

from model.data.dataset import read_folders
from model.data.split import ISIC2019_SPLIT, Split
from model.data.splitters import default_split, split_folders
from model.errors import DataError
from model.tasks import TASKS
from tests.drawings import draw_folder

RELEASED = Split.load(ISIC2019_SPLIT)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    folder = tmp_path_factory.mktemp("folders")
    first = draw_folder(folder / "first", lesions=2, images_per_lesion=1)
    second = draw_folder(folder / "second", lesions=2, images_per_lesion=1, prefix="further_")
    file = second / "Toy_Metadata.csv"
    pd.read_csv(file).assign(anatom_site_general="palms/soles").to_csv(file, index=False)
    return [first, second]


def test_folders_are_joined_and_each_is_a_source(two, capsys):
    dataset = read_folders(two, task="isic2019")
    assert dataset.table["source"].value_counts().to_dict() == {"first": 16, "second": 16}
    assert dataset.table["image"].is_monotonic_increasing
    # The same site everywhere tells the folder, not the patient.
    site = dataset.table.set_index("source")["anatom_site_general"]
    assert site["second"].isna().all()
    assert site["first"].notna().any()
    assert "anatom_site_general is always palms/soles" in capsys.readouterr().err


def test_the_same_image_or_name_twice_is_refused(two, tmp_path):
    copy = draw_folder(tmp_path / "copy", lesions=2, images_per_lesion=1)
    with pytest.raises(DataError, match="in two folders"):
        read_folders([two[0], copy], task="isic2019")
    namesake = draw_folder(tmp_path / "first", lesions=2, images_per_lesion=1)
    with pytest.raises(DataError, match="two folders are called first"):
        read_folders([two[0], namesake], task="isic2019")


def test_several_folders_have_a_split_of_their_own(two, tmp_path):
    table = read_folders(two, task="isic2019").table
    split = default_split(table, cache_dir=tmp_path)
    assert 0 < len(split.validation) < 20
    assert len(split.train) + len(split.validation) == len(table)


def further(count, diagnosis="NV"):
    images = [f"further_{number:03}" for number in range(count)]
    return pd.DataFrame({"image": images, "diagnosis": diagnosis, "source": "further"})


def test_isic_2019_keeps_its_parts_and_what_looks_like_them_is_left_out():
    held_out, trained = RELEASED.test[0], RELEASED.train[0]
    known = pd.DataFrame({"image": [held_out, trained], "diagnosis": "NV", "source": "HAM"})
    table = pd.concat([known, further(80)], ignore_index=True)
    groups = np.arange(len(table))
    groups[2], groups[3] = groups[0], groups[1]  # duplicates of the two
    split = split_folders(table, groups)
    assert held_out in split.test
    assert trained in split.train
    assert "further_001" in split.train
    assert "further_000" not in {*split.train, *split.validation, *split.test}
    assert 5 <= len(split.validation) <= 15


def test_what_leaves_the_class_open_is_trained_on_only():
    table = pd.concat([further(40), further(40, "BENIGN").assign(image=lambda t: "b" + t["image"])])
    table = table.reset_index(drop=True)
    has_class = TASKS["isic2019"].has_class(table["diagnosis"])
    split = split_folders(table, np.arange(len(table))).held_out_with(table, has_class)
    assert any(name.startswith("b") for name in split.train)
    assert split.validation
    assert not any(name.startswith("b") for name in split.validation)


def test_labels_that_leave_the_class_open_have_numbers_of_their_own():
    task = TASKS["isic2019"]
    numbers, left_open = task.open_labels(["NV", "BENIGN", "MEL", "AKIEC", "BENIGN"])
    assert numbers.tolist() == [1, 9, 0, 8, 9]
    codes = np.array(list(task.classes))
    assert [set(codes[row]) for row in left_open] == [{"AK", "SCC"}, {"NV", "BKL", "DF", "VASC"}]
    assert task.open_labels(["NV"])[1] is None
