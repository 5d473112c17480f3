"""Reading folders by class, coarse labels and custom classes."""

import pandas as pd
import pytest

from model.__main__ import main
from model.data.context import table_patients
from model.data.dataset import read_folder, read_tables
from model.data.splitters import own_split
from model.errors import DataError, SplitError
from model.patient import Patient
from tests.drawings import draw_lesion


def draw_classes(folder, labels, *, count=4, first=0):
    for kind, label in enumerate(labels):
        (folder / label).mkdir(parents=True)
        for number in range(first, first + count):
            draw_lesion(kind, seed=number).save(folder / label / f"{label}_{number}.jpg")
    return folder


@pytest.fixture
def folder(tmp_path):
    return draw_classes(tmp_path / "data", ("benign", "malignant"))


def labels_of(dataset):
    return dataset.table["diagnosis"].value_counts().to_dict()


def test_a_folder_per_class_is_read_without_any_table(folder):
    dataset = read_folder(folder, task="malignant")
    assert labels_of(dataset) == {"BENIGN": 4, "MALIGNANT": 4}
    assert (dataset.table["lesion_id"] == dataset.table["image"]).all()
    assert set(dataset.table["source"]) == {"other"}
    assert table_patients(dataset.table) == [Patient()] * len(dataset.table)


def test_folders_are_named_by_code_or_by_the_usual_name(tmp_path):
    names = ("mel", "Naevus", "basal_cell_carcinoma", "seborrheic keratosis")
    dataset = read_folder(draw_classes(tmp_path, names, count=1))
    assert dataset.table["diagnosis"].tolist() == ["NV", "BCC", "MEL", "BKL"]


def test_context_beside_the_folders_is_joined_by_name(folder):
    rows = "benign_0,45,female,L1\nbenign_1,45,female,L1\nstranger,30,male,L2\n"
    (folder / "Metadata.csv").write_text(f"image,age_approx,sex,lesion_id\n{rows}")
    dataset = read_folder(folder, task="malignant")
    table = dataset.table.set_index("image")
    assert table.loc["benign_1", ["age_approx", "sex", "lesion_id"]].tolist() == [
        45,
        "female",
        "L1",
    ]
    assert dataset.without_image == 1
    assert "1 rows have no image" in dataset.summary()


def test_files_that_are_no_image_are_named(folder):
    (folder / "benign" / "notes.txt").write_text("seen by")
    dataset = read_folder(folder, task="malignant")
    assert dataset.skipped == ("benign/notes.txt",)
    assert "benign/notes.txt" in dataset.summary()


def test_images_of_one_name_are_told_apart_by_their_folder(folder):
    for label in ("benign", "malignant"):
        (folder / label / f"{label}_0.jpg").rename(folder / label / "0.jpg")
    images = read_folder(folder, task="malignant").table["image"].tolist()
    assert {"benign/0", "malignant/0", "benign/benign_1"} <= set(images)


def test_a_divided_folder_keeps_its_test_part(tmp_path):
    draw_classes(tmp_path / "train", ("benign", "malignant"), count=8)
    draw_classes(tmp_path / "test", ("benign", "malignant"), count=3, first=20)
    table = read_folder(tmp_path, task="malignant").table
    groups = pd.factorize(table["lesion_id"])[0]
    split = own_split(table, groups)
    assert set(split.test) == set(table["image"][table["part"] == "test"])
    assert len(split.test) + len(split.validation) + len(split.train) == len(table)
    assert split.validation
    seen_in_both = groups.copy()
    first_of = {part: (table["part"] == part).argmax() for part in ("train", "test")}
    seen_in_both[first_of["test"]] = groups[first_of["train"]]
    torn = own_split(table, seen_in_both)
    assert len(torn.train) + len(torn.validation) == len(split.train) + len(split.validation) - 1


def test_given_validation_images_stay_there(tmp_path):
    for first, part in enumerate(("train", "val", "test")):
        draw_classes(tmp_path / part, ("benign", "malignant"), count=2, first=10 * first)
    table = read_folder(tmp_path, task="malignant").table
    split = own_split(table, pd.factorize(table["lesion_id"])[0])
    assert {len(split.train), len(split.validation), len(split.test)} == {4}
    assert all(image.endswith(("_10", "_11")) for image in split.validation)


def test_a_divided_folder_without_a_test_part_is_refused(tmp_path):
    draw_classes(tmp_path / "train", ("benign", "malignant"))
    table = read_folder(tmp_path, task="malignant").table
    with pytest.raises(SplitError, match="both train and test"):
        own_split(table, pd.factorize(table["lesion_id"])[0])


def test_unknown_folders_empty_folders_and_a_single_class_are_refused(tmp_path):
    odd = draw_classes(tmp_path / "odd", ("melanoma", "fungus"), count=1)
    with pytest.raises(DataError, match=r"no diagnosis is called fungus.*--task custom"):
        read_folder(odd)
    assert labels_of(read_folder(odd, task="custom")) == {"fungus": 1, "melanoma": 1}
    (odd / "wart").mkdir()
    with pytest.raises(DataError, match="wart holds no image"):
        read_folder(odd, task="custom")
    one = read_folder(draw_classes(tmp_path / "one", ("nevus", "dermatofibroma")))
    with pytest.raises(DataError, match="all 8 images are of one class, BENIGN"):
        one.task("malignant")


def test_a_coarse_label_counts_where_it_has_a_class_and_is_left_out_elsewhere(tmp_path):
    folder = draw_classes(tmp_path, ("melanoma", "nevus", "benign", "akiec"), count=2)
    eight = read_folder(folder)
    assert labels_of(eight) == {"MEL": 2, "NV": 2}
    assert (eight.without_class, len(read_folder(folder, task="malignant").table)) == (4, 8)
    assert len(read_folder(folder, task="ham10000").table) == 6
    assert "4 images with a label too coarse" in eight.summary()
    assert eight.summary("isic2019").endswith("no image of BCC, AK, BKL, DF, VASC, SCC")


def test_a_folder_of_coarse_labels_names_the_task_to_choose(folder):
    with pytest.raises(DataError, match=r"the task isic2019 has no class.*such as malignant"):
        read_folder(folder)


def test_a_table_of_benign_and_malignant_needs_no_other_column(folder, tmp_path):
    images = read_folder(folder, task="malignant").table
    (tmp_path / "tabled" / "images").mkdir(parents=True)
    for path in images["path"]:
        (tmp_path / "tabled" / "images" / path.name).write_bytes(path.read_bytes())
    truth = pd.get_dummies(images.set_index("image")["diagnosis"], dtype=int)
    truth.to_csv(tmp_path / "tabled" / "GroundTruth.csv")
    images[["image", "lesion_id"]].to_csv(tmp_path / "tabled" / "Metadata.csv", index=False)
    assert labels_of(read_folder(tmp_path / "tabled", task=None)) == {"BENIGN": 4, "MALIGNANT": 4}


def test_a_label_column_without_an_image_is_refused(tmp_path):
    (tmp_path / "GroundTruth.csv").write_text("image,mole,wart,scar\nA,1,0,0\nB,0,1,0\n")
    (tmp_path / "Metadata.csv").write_text("image,lesion_id\n")
    with pytest.raises(DataError, match="no image is of the class scar"):
        read_tables(tmp_path, task="custom")


@pytest.mark.parametrize(
    ("text", "malignant", "precursors"),
    [
        ("code\nmole\nwart\nbowen\n", None, ()),
        (
            "code,name,malignant\nmole,Mole,no\nwart,,yes\nbowen,Bowen,precursor\n",
            ("wart",),
            ("bowen",),
        ),
    ],
)
def test_a_custom_task_may_state_what_is_malignant(tmp_path, text, malignant, precursors):
    folder = draw_classes(tmp_path, ("mole", "wart", "bowen"), count=1)
    assert read_folder(folder, task="custom").task("custom").malignant is None
    (folder / "classes.csv").write_text(text)
    task = read_folder(folder, task="custom").task("custom")
    assert (task.malignant, task.precursors) == (malignant, precursors)
    assert task.classes["wart"] == "wart"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("code\nmole\n", "differ in wart"),
        ("code,malignant\nmole,no\nwart,perhaps\n", "wart.*yes, no, precursor"),
        ("code,malignant\nmole,no\nwart,\n", "does not say of wart"),
        ("code\nmole\nmole\n", "1 codes more than once"),
    ],
)
def test_a_wrong_class_table_is_refused(tmp_path, text, message):
    folder = draw_classes(tmp_path, ("mole", "wart"), count=1)
    (folder / "classes.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_folder(folder, task="custom")


def test_explore_and_split_take_the_labels_as_they_are(tmp_path):
    folder = draw_classes(tmp_path / "data", ("mole", "wart"), count=3)
    where = ["--data", str(folder), "--cache", str(tmp_path / "cache")]
    assert main(["split", *where, "--out", str(tmp_path / "split.json")]) == 0
    assert main(["split", *where, "--check", str(tmp_path / "split.json")]) == 0
    assert main(["explore", *where, "--out", str(tmp_path / "report")]) == 0
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert "3 images of mole" in page
    assert "Melanoma" not in page
