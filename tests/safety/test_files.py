"""Trust in files: nothing that is read can run, lead out of its folder or fill the memory."""

import ast
import csv
import io
import json
from contextlib import suppress
from pathlib import Path
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_LZMA, ZIP_STORED, ZipFile

import keras
import numpy as np
import pytest

from benchmarks.fuzz import mutant
from demo.batch import collect, patients_of, to_csv
from isic_api.download import require_id
from isic_api.errors import UnexpectedAnswerError
from isic_api.files import PlainWriter, plain_cell
from isic_api.folder import DataFolder
from model.__main__ import main
from model.errors import BundleError, DataError, ImageError
from model.inference.bundle import (
    NETWORK_FILE,
    OOD_FILE,
    SIMILAR_FILE,
    read_manifest,
)
from model.inference.predictor import Predictor
from model.patient import FIELDS
from tests.drawings import draw_lesion, encoded
from tests.fakes.toy_bundle import store_hash

ROOT = Path(__file__).parents[2]
PACKAGES = [ROOT / name for name in ("isic_api", "model", "demo")]
CODE = [ROOT / "app.py", *(path for package in PACKAGES for path in package.rglob("*.py"))]
RUNS_WHAT_IT_READS = {"pickle", "cPickle", "dill", "joblib", "cloudpickle", "shelve", "marshal"}
FORBIDDEN = {"eval", "exec", "read_pickle", "to_pickle", "enable_unsafe_deserialization", "system"}
FORBIDDEN |= {"extractall", "extract", "unpack_archive", "unsafe_load"}


def called(node):
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def options(node):
    return {word.arg: getattr(word.value, "value", word.value) for word in node.keywords}


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_code_runs_what_it_reads(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            assert not {name.split(".")[0] for name in names} & RUNS_WHAT_IT_READS
        if not isinstance(node, ast.Call):
            continue
        given = options(node)
        assert called(node) not in FORBIDDEN, f"line {node.lineno}"
        assert given.get("allow_pickle", False) is False, f"line {node.lineno}"
        assert given.get("shell", False) is False, f"line {node.lineno}"
        if called(node) == "load_model":
            assert given.get("safe_mode") is True, f"line {node.lineno}"
            assert given.get("compile") is False, f"line {node.lineno}"


def test_a_network_that_holds_code_is_not_loaded(own_bundle, tmp_path):
    manifest = read_manifest(own_bundle)
    image = keras.Input((manifest.image.side, manifest.image.side, 3))
    patient = keras.Input((manifest.patient.width,))
    mark = str(tmp_path / "ran")
    run = keras.layers.Lambda(lambda x, mark=mark: (open(mark, "w"), x)[1])  # noqa: SIM115
    features = keras.layers.GlobalAveragePooling2D()(run(image))
    joined = keras.layers.Concatenate()([features, patient])
    outputs = keras.layers.Dense(8, activation="softmax")(joined)
    keras.Model({"image": image, "patient": patient}, outputs).save(own_bundle / NETWORK_FILE)
    Path(mark).unlink(missing_ok=True)
    store_hash(own_bundle, NETWORK_FILE)
    with pytest.raises(BundleError, match="cannot be loaded"):
        Predictor.load(own_bundle)
    assert not Path(mark).exists()


@pytest.mark.parametrize("name", [NETWORK_FILE, OOD_FILE, SIMILAR_FILE])
def test_one_changed_byte_in_a_file_of_the_bundle_is_noticed(name, own_bundle):
    content = bytearray((own_bundle / name).read_bytes())
    content[len(content) // 2] ^= 1
    (own_bundle / name).write_bytes(content)
    with pytest.raises(BundleError, match=rf"{name} is not the file .*SHA-256"):
        Predictor.load(own_bundle)


@pytest.mark.parametrize("name", [OOD_FILE, SIMILAR_FILE])
def test_arrays_of_objects_are_not_unpickled(name, own_bundle):
    class Trap:
        def __reduce__(self):
            return pytest.fail, ("it ran",)

    with np.load(own_bundle / name) as arrays:
        first, *others = [(key, arrays[key]) for key in arrays]
    np.savez(own_bundle / name, **dict(others), **{first[0]: np.array([Trap()], object)})
    store_hash(own_bundle, name)
    with pytest.raises(BundleError, match="allow_pickle=False"):
        Predictor.load(own_bundle)


def test_a_zip_that_would_fill_the_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("demo.batch.MOST_UNPACKED", 5 << 20)
    path = tmp_path / "bomb.zip"
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for number in range(40):
            archive.writestr(f"{number}.jpg", bytes(1 << 20))
    assert path.stat().st_size < 100_000
    with pytest.raises(ImageError, match="more than 5 MB of photographs"):
        collect([path])


@pytest.mark.parametrize("first", range(0, 600, 300))
def test_mutated_zip_files_are_read_or_refused(first, tmp_path):
    photograph = encoded(draw_lesion(0, seed=1, size=(40, 32)), "PNG")
    files = []
    for method in (ZIP_STORED, ZIP_DEFLATED, ZIP_BZIP2, ZIP_LZMA):
        with ZipFile(whole := io.BytesIO(), "w", method) as archive:
            archive.writestr("a.png", photograph)
            archive.writestr("b/c.jpg", b"x" * 500)
        files.append(whole.getvalue())
    path = tmp_path / "many.zip"
    for number in range(first, first + 300):
        path.write_bytes(mutant(files, number))
        with suppress(ImageError):
            collect([path])


def test_mutated_tables_are_read_or_refused(tmp_path):
    files = [
        b"image,age_approx,anatom_site_general,sex\nA,60,head/neck,male\nB,,,\n",
        b"\xef\xbb\xbfimage;age_approx\r\nA;60\r\n",
        b'image,age_approx\n"A",60\n"B\n",5\n',
        "image,sex\nA,male\n".encode("utf-16"),
    ]
    path = tmp_path / "context.csv"
    for number in range(300):
        path.write_bytes(mutant(files, number))
        with suppress(DataError):
            patients_of(path, ["A", "B"], FIELDS)


def test_a_zip_is_read_in_memory_and_writes_nowhere(tmp_path):
    photograph = encoded(draw_lesion(0, seed=1))
    path = tmp_path / "below" / "evil.zip"
    path.parent.mkdir()
    names = ["../up.jpg", "/tmp/absolute.jpg", "C:\\windows.jpg", "a/../../b.jpg"]
    with ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, photograph)
    before = sorted(tmp_path.rglob("*"))
    assert len(collect([path])) == len(names)
    assert sorted(tmp_path.rglob("*")) == before


BAD_IDS = ["../ISIC_0000001", "ISIC_0000001/../..", "ISIC_0000001\n", "", "/etc/x", "ISIC_1"]


@pytest.mark.parametrize("isic_id", BAD_IDS)
def test_an_id_of_the_archive_cannot_lead_out_of_its_folder(isic_id):
    with pytest.raises(UnexpectedAnswerError, match="not an image id"):
        require_id(isic_id)
    require_id("ISIC_0000001")


def test_a_manifest_that_points_outside_its_folder_counts_for_nothing(tmp_path):
    (tmp_path / "outside.jpg").write_bytes(b"secret")
    root = tmp_path / "data"
    root.mkdir()
    entry = {"isic_id": "ISIC_0000001", "bytes": 6, "sha256": "", "variant": "full"}
    files = ["../../outside.jpg", str(tmp_path / "outside.jpg"), "../images/../../outside.jpg"]
    lines = [json.dumps(entry | {"file": file}) for file in files]
    (root / "manifest.jsonl").write_text("\n".join(lines) + "\n")
    with DataFolder(root) as folder:
        assert folder.file_of("ISIC_0000001") is None


FORMULAS = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "a\r=1", "a\n=1"]


@pytest.mark.parametrize("text", FORMULAS)
def test_no_table_that_is_written_begins_a_cell_with_a_formula(text, tmp_path):
    page = to_csv({text: {"MEL": 1.0}}, ["MEL"])
    table = io.StringIO()
    PlainWriter(table).writerows([["image", "note"], ["ISIC_0000001", text]])
    for written in (page, table.getvalue()):
        cells = [cell for row in csv.reader(io.StringIO(written, newline="")) for cell in row]
        assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))] == []
        assert any(cell.endswith(text.strip().replace("\r", " ")) for cell in cells)


def test_numbers_stay_numbers():
    assert [plain_cell(cell) for cell in ("-1.5", "+3", -2, None, "nevus")] == [
        "-1.5",
        "+3",
        -2,
        None,
        "nevus",
    ]


def test_the_table_of_a_folder_neutralises_its_files_names(own_bundle, tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    draw_lesion(0, seed=1).save(images / "=HYPERLINK(1).jpg")
    out = tmp_path / "p.csv"
    assert main(["predict", str(images), "--bundle", str(own_bundle), "--out", str(out)]) == 0
    assert out.read_text().splitlines()[1].startswith("\t=HYPERLINK(1),")
