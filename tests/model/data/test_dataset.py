"""Reading a data folder in the challenge's layout."""

import shutil

import pandas as pd
import pytest

from model.data.context import find_context, read_metadata, table_patients
from model.data.dataset import read_folder, read_tables
from model.data.formats import image_source
from model.errors import DataError
from model.patient import Patient
from tests.drawings import draw_folder


@pytest.fixture
def folder(tmp_path):
    return draw_folder(tmp_path / "data", lesions=2, images_per_lesion=1)


def edit(folder, pattern, change):
    path = next(folder.glob(pattern))
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    change(table).to_csv(path, index=False)


def test_the_table_has_a_row_an_image_with_its_context(toy_folder):
    dataset = read_folder(toy_folder)
    assert len(dataset.table) == 96
    assert set(dataset.table["source"]) == {"HAM", "BCN"}
    assert dataset.table["diagnosis"].value_counts().eq(12).all()
    assert dataset.table["path"].map(lambda path: path.exists()).all()
    assert set(zip(dataset.table["width"], dataset.table["height"], strict=True)) == {(120, 90)}
    assert dataset.table["image"].is_monotonic_increasing
    skipped = (dataset.without_image, dataset.of_other_diagnosis, dataset.without_label)
    assert skipped == (0, 0, 0)


def test_semicolons_between_columns_are_read_as_commas(tmp_path):
    table = tmp_path / "context.csv"
    table.write_text("\ufeffimage;age_approx;sex\nISIC_1;45;female\n", encoding="utf-8")
    (row,) = read_metadata(table).to_dict("records")
    assert (row["image"], row["age_approx"], row["sex"]) == ("ISIC_1", 45, "female")


def test_an_empty_cell_is_unknown(toy_folder):
    patients = table_patients(read_folder(toy_folder).table)
    assert sum("age" not in patient for patient in patients) == 16
    assert sum("site" not in patient for patient in patients) == 16


def test_rows_without_an_image_are_skipped_and_counted(folder):
    for image in list((folder / "images").iterdir())[:3]:
        image.unlink()
    dataset = read_folder(folder)
    assert (len(dataset.table), dataset.without_image) == (13, 3)


def test_images_of_another_diagnosis_are_skipped_and_counted(folder):
    def relabel(table):
        table["UNK"] = "0.0"
        table.loc[0, ["MEL", "UNK"]] = ["0.0", "1.0"]
        return table

    edit(folder, "*GroundTruth.csv", relabel)
    dataset = read_folder(folder)
    assert (len(dataset.table), dataset.of_other_diagnosis) == (15, 1)


def test_files_that_no_label_names_are_left_out_and_counted(folder):
    image = next((folder / "images").iterdir())
    image.with_stem("stranger").write_bytes(image.read_bytes())
    dataset = read_folder(folder)
    assert (len(dataset.table), dataset.without_label) == (16, 1)


def test_the_challenges_own_folder_of_images_is_found(folder):
    (folder / "images").rename(folder / "ISIC_2019_Training_Input")
    assert len(read_folder(folder).table) == 16


def test_the_tables_can_be_read_without_any_image(folder):
    whole = read_folder(folder).table
    shutil.rmtree(folder / "images")
    table = read_tables(folder)
    pd.testing.assert_frame_equal(table, whole[table.columns])


def test_an_image_without_a_lesion_is_its_own(folder):
    edit(folder, "*Metadata.csv", lambda table: table.assign(lesion_id=""))
    table = read_folder(folder).table
    assert (table["lesion_id"] == table["image"]).all()
    assert set(table["source"]) == {"other"}


def test_sources_are_told_by_the_prefix():
    lesions = ("HAM_1", "BCN_1", "MSK4_1", None, "IL_1")
    found = [image_source("TOY_0000000", lesion) for lesion in lesions]
    assert found == ["HAM", "BCN", "MSK", "other", "other"]
    assert image_source("ISIC_0000002_downsampled", None) == "MSK"  # of the challenge


def test_where_the_archive_renamed_the_lesion_the_number_of_the_image_tells_the_source():
    images = ("ISIC_0000013_downsampled", "ISIC_0024306", "ISIC_0034320", "ISIC_0053454")
    found = [image_source(image, "IL_0000001") for image in (*images, "ISIC_0034321")]
    assert found == ["MSK", "HAM", "HAM", "BCN", "other"]


@pytest.mark.parametrize(
    ("pattern", "change", "message"),
    [
        ("*GroundTruth.csv", lambda t: t.drop(columns="BKL"), "lacks the column BKL"),
        ("*GroundTruth.csv", lambda t: t.assign(NV="1.0"), "exactly one of"),
        ("*GroundTruth.csv", lambda t: t.assign(MEL="0.5"), "line 2"),
        ("*GroundTruth.csv", lambda t: pd.concat([t, t[:1]]), "once: line 2 .*, line 18 .*image"),
        ("*Metadata.csv", lambda t: pd.concat([t, t]), "16 images more than once.* 27 more"),
        ("*Metadata.csv", lambda t: t.assign(image=""), "line 2, line 3.*name is empty"),
        ("*Metadata.csv", lambda t: t.assign(sex="boy"), "'boy'.*female, male"),
        (
            "*Metadata.csv",
            lambda t: t.assign(age_approx="200"),
            "TOY_0000000.* 11 more: .*0 to 120",
        ),
        ("*Metadata.csv", lambda t: t.assign(age_approx="-1"), "0 to 120"),
        ("*Metadata.csv", lambda t: t.assign(age_approx="old"), "'old'"),
        ("*Metadata.csv", lambda t: t.assign(anatom_site_general="knee"), "'knee'.*head/neck"),
    ],
)
def test_a_broken_table_is_refused_with_row_and_rule(folder, pattern, change, message):
    edit(folder, pattern, change)
    with pytest.raises(DataError, match=message):
        read_folder(folder)


def test_a_folder_without_its_tables_or_images_is_refused(tmp_path, folder):
    with pytest.raises(DataError, match=r"\*GroundTruth\.csv"):
        read_folder(tmp_path)
    for image in (folder / "images").iterdir():
        image.rename(image.with_name(f"x{image.name}"))
    with pytest.raises(DataError, match="no row"):
        read_folder(folder)


def test_files_of_zero_size_and_files_that_are_no_image_are_named(folder):
    images = sorted((folder / "images").iterdir())
    images[2].write_bytes(b"")
    images[5].write_text("no photograph")
    with pytest.raises(DataError, match=rf"2 files .*{images[2].name}, {images[5].name}"):
        read_folder(folder)


def test_an_empty_folder_of_images_is_refused(folder):
    for image in (folder / "images").iterdir():
        image.unlink()
    with pytest.raises(DataError, match="holds no image"):
        read_folder(folder)


def test_two_files_of_one_name_are_refused(folder):
    image = next((folder / "images").iterdir())
    image.with_suffix(".png").write_bytes(image.read_bytes())
    with pytest.raises(DataError, match="names must differ"):
        read_folder(folder)


def test_metadata_survives_a_byte_order_mark_and_lacks_columns(tmp_path):
    path = tmp_path / "Metadata.csv"
    path.write_text("\ufeffimage,sex\nA,female\n", encoding="utf-8")
    table = read_metadata(path)
    assert table["sex"].tolist() == ["female"]
    assert table["age_approx"].isna().all()


def test_a_field_may_be_headed_by_its_key_but_not_by_both_names(tmp_path):
    path = tmp_path / "Metadata.csv"
    path.write_text("image,age,site\nA,60,head/neck\n")
    assert find_context(path, ["A"])[0] == [Patient(age=60.0, site="head/neck")]
    path.write_text("image,age,age_approx\nA,60,60\n")
    with pytest.raises(DataError, match="age_approx 2 times: age, age_approx"):
        read_metadata(path)


def test_the_row_of_an_image_stands_for_its_reduced_copy_unless_each_has_one(tmp_path):
    path = tmp_path / "Metadata.csv"
    path.write_text("image,sex\nA_downsampled,female\nB,male\nC,female\nC_downsampled,male\n")
    names = ["A", "A_downsampled", "B_downsampled", "C", "C_downsampled", "D"]
    found = find_context(path, names)[0]
    female, male = Patient(sex="female"), Patient(sex="male")
    assert found == [female, female, male, female, male, None]


def test_the_official_tables_are_read_whole(shared_data):
    dataset = read_folder(shared_data)
    assert len(dataset.table) + dataset.without_image == 25_331
    assert len(dataset.table) == 21_685
    assert len(read_tables(shared_data)) == 25_331
