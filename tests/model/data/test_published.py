"""Data folders as their publishers and their owners' devices leave them."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from model.data.dataset import read_folder
from model.data.duplicates import duplicate_pairs, lesion_groups
from model.data.photographs import list_photographs
from model.data.splitters import draw_split
from model.diagnosis import DIAGNOSES
from model.errors import DataError, ImageError
from tests.drawings import draw_folder, draw_lesion, encoded
from tests.drawings.dicom import dicom, drawn


def draw(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    draw_lesion(seed % 8, seed=seed).save(path)


def write(path, *lines):
    path.write_text("\n".join(lines) + "\n")


def test_isic_2018_is_read_with_its_groupings(tmp_path):
    codes = ["MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"]
    rows = [f"x{n},{','.join(str(float(n == m)) for m in range(7))}" for n in range(7)]
    for n in range(7):
        draw(tmp_path / "ISIC2018_Task3_Training_Input" / f"x{n}.jpg", n)
    write(tmp_path / "ISIC2018_Task3_Training_GroundTruth.csv", f"image,{','.join(codes)}", *rows)
    groups = [f"x{n},L{n // 2},histo" for n in range(7)]
    groupings = tmp_path / "ISIC2018_Task3_Training_LesionGroupings.csv"
    write(groupings, "image,lesion_id,diagnosis_confirm_type", *groups)
    dataset = read_folder(tmp_path, task="ham10000")
    assert dataset.table["diagnosis"].tolist() == codes
    assert dataset.table["lesion_id"].nunique() == 4


def test_the_test_part_of_isic_2019_needs_no_lesions(tmp_path):
    draw(tmp_path / "ISIC_2019_Test_Input" / "a.jpg")
    head = "image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK,score_weight,validation_weight"
    write(tmp_path / "ISIC_2019_Test_GroundTruth.csv", head, "a,1,0,0,0,0,0,0,0,0,1.0,0.0")
    write(
        tmp_path / "ISIC_2019_Test_Metadata.csv",
        "image,age_approx,anatom_site_general,sex",
        "a,45,head/neck,female",
    )
    (row,) = read_folder(tmp_path).table.to_dict("records")
    assert (row["lesion_id"], row["age_approx"], row["diagnosis"]) == ("a", 45, "MEL")


def test_siim_isic_2020_keeps_patients_together(tmp_path):
    rows = ["a,P1,male,45,torso,unknown,benign,0", "b,P1,female,50,head/neck,melanoma,malignant,1"]
    for n, name in enumerate("ab"):
        draw(tmp_path / "train" / f"{name}.jpg", n)
    head = "image_name,patient_id,sex,age_approx,anatom_site_general_challenge,diagnosis"
    write(tmp_path / "train.csv", f"{head},benign_malignant,target", *rows)
    dataset = read_folder(tmp_path, task="melanoma")
    table = dataset.table
    assert table["diagnosis"].tolist() == ["BENIGN", "MEL"]
    assert table["anatom_site_general"].tolist() == [None, "head/neck"]
    assert "1 rows have an ambiguous site" in dataset.summary()
    pairs = duplicate_pairs(table["path"].tolist())
    groups = lesion_groups(table["lesion_id"].tolist(), pairs, table["patient_id"].tolist())
    assert len(set(groups)) == 1


def test_ham10000_is_read_from_its_one_table_and_two_folders(tmp_path):
    words = ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"]
    for n in range(7):
        draw(tmp_path / f"HAM10000_images_part_{1 + n % 2}" / f"x{n}.jpg", n)
    rows = [f"HAM_{n},x{n},{word},histo,50,unknown,trunk" for n, word in enumerate(words)]
    head = "lesion_id,image_id,dx,dx_type,age,sex,localization"
    write(tmp_path / "HAM10000_metadata.csv", head, *rows)
    table = read_folder(tmp_path, task="ham10000").table
    assert table["diagnosis"].tolist() == [word.upper() for word in words]
    assert table["anatom_site_general"].isna().all()
    assert set(table["source"]) == {"HAM"}


def test_milk10k_labels_lesions_and_has_a_close_up_of_each(tmp_path):
    codes = ["AKIEC", "BCC", "BEN_OTH", "BKL", "DF", "INF", "MAL_OTH", "MEL", "NV", "SCCKA", "VASC"]
    truth = [f"L{n},{','.join(str(float(n == m)) for m in range(11))}" for n in range(11)]
    context = []
    for n in range(11):
        for kind in ("clinical: close-up", "dermoscopic"):
            draw(tmp_path / "MILK10k_Training_Input" / f"L{n}" / f"{kind[0]}{n}.jpg", n)
            context.append(f"L{n},{kind[0]}{n},{kind},60,male,head_neck_face")
    write(tmp_path / "MILK10k_Training_GroundTruth.csv", f"lesion_id,{','.join(codes)}", *truth)
    head = "lesion_id,isic_id,image_type,age_approx,sex,site"
    write(tmp_path / "MILK10k_Training_Metadata.csv", head, *context)
    dataset = read_folder(tmp_path, task="malignant")
    found = ["AKIEC", "BCC", "BKL", "DF", "MEL", "NV", "SCC", "VASC"]
    assert sorted(dataset.table["diagnosis"]) == sorted(found)
    assert dataset.of_other_diagnosis == 3
    assert "11 close-up photographs" in dataset.summary()
    assert dataset.without_label == 0  # close-ups are counted once
    assert "of no image" not in dataset.summary()
    assert set(dataset.table["anatom_site_general"]) == {"head/neck"}


@pytest.mark.parametrize("ending", [".jpg", " ", ".JPEG"])
def test_context_reaches_images_whose_names_are_written_otherwise(tmp_path, ending):
    folder = draw_folder(tmp_path / "d", lesions=2, images_per_lesion=2)
    plain = read_folder(folder).table
    file = folder / "Toy_Metadata.csv"
    head, *rows = file.read_text().splitlines()
    write(file, head, *(row.replace(",", f"{ending},", 1) for row in rows))
    assert read_folder(folder).table.equals(plain)


def test_context_of_other_images_is_an_error(tmp_path):
    folder = draw_folder(tmp_path / "d", lesions=1, images_per_lesion=1)
    write(folder / "Toy_Metadata.csv", "image,lesion_id", "foreign,L1")
    with pytest.raises(DataError, match=r"names foreign, the images are called TOY"):
        read_folder(folder)


def test_few_lesions_are_split_without_a_librarys_words(tmp_path):
    folder = draw_folder(tmp_path / "d", lesions=3, images_per_lesion=8)
    table = read_folder(folder).table
    table = table[table["diagnosis"].isin(["MEL", "NV"])].reset_index(drop=True)
    split = draw_split(table.assign(source="x"), table.groupby("lesion_id").ngroup().to_numpy())
    assert all(len(getattr(split, part)) for part in ("train", "validation", "test"))


def test_hidden_files_are_neither_photographs_nor_tables(tmp_path):
    folder = draw_folder(tmp_path / "d", lesions=1, images_per_lesion=1)
    (folder / "._Toy_GroundTruth.csv").write_bytes(b"\0\5")
    (folder / "images" / "._TOY_0000000.jpg").write_bytes(b"\0\5")
    assert len(read_folder(folder).table) == 8


def test_photographs_are_told_by_content_and_the_rest_is_named(tmp_path):
    drawn = encoded(draw_lesion(0, seed=1))
    contents = {
        "a.jpg": drawn,
        "b.heic": b"\0\0\0\x18ftypheic",
        "c.jfif": drawn,
        "d.gif": encoded(Image.new("RGB", (40, 40)), "GIF"),
        "e.dcm": bytes(128) + b"DICM",
        "f": drawn,
        "notes.txt": b"x",
        "g.heif": b"x",
        ".h.jpg": b"x",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "below").mkdir()
    found = list_photographs(tmp_path)
    assert list(found.paths) == ["a", "c", "e", "f"]  # the DICOM file is refused when it is read
    said = found.passed_over()
    assert [sentence.split()[0] for sentence in said] == [
        *("b.heic", "d.gif", "g.heif", "notes.txt", "below"),
    ]
    assert "Most Compatible" in said[0]


def test_damaged_photographs_are_reported_together(tmp_path):
    files = [tmp_path / "a.jpg", tmp_path / "b.jpg"]
    for file in files:
        file.write_bytes(encoded(draw_lesion(0, seed=1))[:900])
    with pytest.raises(ImageError, match=r"(?s)a\.jpg.*b\.jpg"):
        duplicate_pairs(files)


FILES = st.dictionaries(
    st.text(st.sampled_from("ab._ "), min_size=1, max_size=3).map(
        lambda stem: stem.strip(" .") or "."
    ),
    st.sampled_from([".jpg", ".png", ".txt", "", ".heic", ".jfif"]),
    max_size=4,
)


@settings(max_examples=60, deadline=None)
@given(FILES)
def test_every_file_of_any_folder_is_read_named_or_hidden(files):
    drawn = encoded(Image.new("RGB", (40, 40)))
    with tempfile.TemporaryDirectory() as folder:
        names = {f"x{stem}{suffix}" for stem, suffix in files.items()} | {"z.jpg", ".hidden.jpg"}
        for name in names:
            (Path(folder) / name).write_bytes(b"x" if name.endswith((".txt", ".heic")) else drawn)
        try:
            found = list_photographs(Path(folder))
        except DataError as error:
            refusal = str(error)
        else:
            refusal = ""
    assert "names must differ" in refusal or not refusal
    if refusal:
        return
    assert len(found.paths) + len(found.passed_over()) == len(names) - 1


LABELS = ("a,1,0,0,0,0,0,0,0", "b,0,1,0,0,0,0,0,0", "c,0,1,0,0,0,0,0,0")


def test_a_data_folder_of_dicom_files_takes_context_from_them_where_the_table_has_none(tmp_path):
    (tmp_path / "images").mkdir()
    ages = {"a": "061Y", "b": "000Y", "c": "018M"}
    for name, age in ages.items():
        content = dicom(drawn(), region="43067004", PatientAge=age, PatientSex="F")
        (tmp_path / "images" / f"{name}.dcm").write_bytes(content)
    write(tmp_path / "GroundTruth.csv", f"image,{','.join(DIAGNOSES)}", *LABELS)
    write(tmp_path / "Metadata.csv", "image,age_approx,sex", "a,40,", "b,,male", "c,,")
    table = read_folder(tmp_path).table.set_index("image")
    assert table["age_approx"].fillna(-1).to_dict() == {"a": 40, "b": -1, "c": 1.5}
    assert table["sex"].to_dict() == {"a": "female", "b": "male", "c": "female"}
    assert set(table["anatom_site_general"]) == {"head/neck"}
    assert set(table["width"]) == {drawn().width}
