"""Examples of photographs that the network is not for."""

import numpy as np
import pytest
from PIL import Image

from model.__main__ import main
from model.errors import DataError
from model.inference.predictor import Predictor
from model.training.examples import cross_validated, read_examples
from tests.fakes.toy_bundle import add_dark_finder


def folder_of(tmp_path, rows):
    (tmp_path / "images").mkdir()
    for name in ("a", "b", "c"):
        Image.new("RGB", (64, 64)).save(tmp_path / "images" / f"{name}.jpg")
    (tmp_path / "lesions.csv").write_text("image,lesion_id\n" + "\n".join(rows) + "\n")
    return tmp_path


def test_an_image_that_the_table_does_not_name_is_its_own_lesion(tmp_path):
    found = read_examples(folder_of(tmp_path, ["a,1", "b,1"]))
    assert [path.stem for path in found.paths] == ["a", "b", "c"]
    assert found.lesions == ["1", "1", "c"]


def test_photographs_of_one_lesion_cannot_be_learned_from_and_checked(tmp_path):
    with pytest.raises(DataError, match="photographs of 1 lesions"):
        read_examples(folder_of(tmp_path, ["a,1", "b,1", "c,1"]))


def test_no_example_is_checked_by_what_was_fitted_on_its_lesion():
    lesions = np.repeat(np.arange(10), 3)
    vectors = lesions[:, None].astype(float)

    def knows_by_heart(learned):
        return lambda others: np.isin(others[:, 0], learned[:, 0])

    found = cross_validated(vectors, lesions, knows_by_heart)
    assert found["images"] == 30
    assert found["recognised"]["value"] == found["recognised"]["low"] == 0
    found = cross_validated(vectors, lesions, lambda _: lambda others: others[:, 0] < 5)
    assert found["recognised"]["value"] == 0.5
    assert found["recognised"]["low"] < 0.5 < found["recognised"]["high"]


def tinted(folder, colour, toy_folder):
    """Photographs of the toy folder under coloured light."""
    (folder / "images").mkdir(parents=True)
    rows = []
    for path in sorted((toy_folder / "images").iterdir())[::4]:
        photograph = Image.open(path).convert("RGB")
        light = Image.new("RGB", photograph.size, colour)
        Image.blend(photograph, light, 0.6).save(folder / "images" / path.name)
        rows.append(f"{path.stem},{path.stem[:-2]}")
    (folder / "lesions.csv").write_text("image,lesion_id\n" + "\n".join(rows) + "\n")
    return folder


@pytest.mark.parametrize("framed", [False, True])
def test_a_calibrated_bundle_knows_what_it_was_shown(
    framed, own_bundle, toy_folder, tmp_path, capsys
):
    bundle = add_dark_finder(own_bundle) if framed else own_bundle
    closeups = tinted(tmp_path / "closeups", (40, 90, 220), toy_folder)
    others = tinted(tmp_path / "others", (60, 200, 60), toy_folder)
    words = ["calibrate", "--data", toy_folder, "--bundle", bundle, "--cache", tmp_path / "cache"]
    words += ["--closeups", closeups, "--other-lesions", others]
    assert main([str(word) for word in words]) == 0
    said = capsys.readouterr().out
    assert "closeups: 100.0% (86.2% to 100.0%) of 24 are recognised, in cross-validation" in said
    assert "other lesions: " in said
    predictor = Predictor.load(bundle)
    assert predictor.manifest.ood["method"] == "combined"
    assert predictor.manifest.ood["examples"]["other_lesions"]["images"] == 24

    def warnings(folder):
        return [predictor.study(path).warnings for path in sorted((folder / "images").iterdir())]

    assert all("not_dermoscopic" in found for found in warnings(closeups))
    assert np.mean(["ood" in found for found in warnings(others)]) > 0.8
    assert np.mean(["not_dermoscopic" in found for found in warnings(toy_folder)]) < 0.25
