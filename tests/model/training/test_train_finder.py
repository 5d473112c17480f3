"""Training the lesion finder on drawn photographs with outlines."""

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw

from model.__main__ import main
from model.evaluation.finder import finder_figures, finder_text
from model.frame import FINDER_SIDE
from model.training import finder
from model.training.augmentation import draw_artefacts
from model.training.finder import OutlineBatches, build_finder, outline_loss


@pytest.fixture(scope="module")
def outlined(tmp_path_factory):
    """Four photographs of dark ellipses and their outlines."""
    folder = tmp_path_factory.mktemp("outlined")
    rows = []
    for number in range(4):
        box = (80 + 10 * number, 60, 180, 160 - 10 * number)
        photograph, mask = Image.new("RGB", (320, 240), (225, 185, 165)), Image.new("L", (320, 240))
        ImageDraw.Draw(photograph).ellipse(box, fill=(90, 50, 40))
        ImageDraw.Draw(mask).ellipse(box, fill=255)
        path, outline = folder / f"{number}.jpg", folder / f"{number}.png"
        photograph.save(path)
        mask.save(outline)
        rows.append({"path": path, "mask": outline, "lesion_id": f"L{number}"})
    return pd.DataFrame(rows)


def batches(table, **settings):
    return OutlineBatches(table["path"].tolist(), table["mask"].tolist(), batch_size=2, **settings)


def test_photograph_and_outline_are_changed_alike(outlined):
    changed = batches(outlined, seed=0)
    for number in range(2):
        images, outlines = changed[number]
        assert images.shape == (2, FINDER_SIDE, FINDER_SIDE, 3)
        assert outlines.shape == (2, FINDER_SIDE // 2, FINDER_SIDE // 2, 1)
    plain_images, plain_outlines = batches(outlined)[0]
    cells = plain_images.mean(axis=3).reshape(2, FINDER_SIDE // 2, 2, FINDER_SIDE // 2, 2)
    dark = cells.mean(axis=(2, 4)) < 130
    assert (dark == (plain_outlines[..., 0] > 0.5)).mean() > 0.98


def test_more_skin_is_added_around_lesions_that_the_edge_does_not_cut(outlined, monkeypatch):
    monkeypatch.setattr(finder, "_MORE_SKIN", 1.0)
    monkeypatch.setattr(finder, "_ZOOM_OF_MORE_SKIN", (0.999, 1.001))

    def lesion_share(table):
        changed = batches(table, seed=0)
        shares = []
        for epoch in range(8):
            changed.begin_epoch(epoch)
            shares += [(changed[number][1] > 0.5).mean() for number in range(2)]
        return np.mean(shares)

    share = (batches(outlined)[0][1] > 0.5).mean()
    # Of frames with up to 2.5 times the photograph's side.
    assert 0 < lesion_share(outlined) < 0.6 * share


def test_an_epoch_depends_on_seed_and_number_alone(outlined):
    first, again, other = (batches(outlined, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(first[1][0], again[1][0])
    assert not np.array_equal(first[1][0], other[1][0])
    first.begin_epoch(1)
    assert not np.array_equal(first[1][0], again[1][0])


def test_artefacts_are_drawn_on_a_copy_and_depend_on_the_generator_alone():
    plain = Image.new("RGB", (112, 112), (225, 185, 165))
    drawn = [draw_artefacts(plain, np.random.default_rng(seed)) for seed in range(12)]
    assert plain.getextrema() == ((225, 225), (185, 185), (165, 165))
    assert sum(np.any(np.asarray(one) != np.asarray(plain)) for one in drawn) > 5
    again = draw_artefacts(plain, np.random.default_rng(0))
    assert np.array_equal(np.asarray(drawn[0]), np.asarray(again))


def test_the_loss_is_least_for_the_true_outline(outlined):
    outlines = batches(outlined)[0][1]
    right, wrong = (np.where(outlines > 0.5, sign, -sign).astype(np.float32) for sign in (9, -9))
    assert np.max(outline_loss(outlines, right)) < 0.2 < np.min(outline_loss(outlines, wrong))


def test_iou_is_one_for_the_true_outline_and_told_by_size(outlined):
    class Dark:
        def predict_on_batch(self, images):
            cells = images.mean(axis=3).reshape(len(images), FINDER_SIDE // 2, 2, -1, 2)
            return ((150 - cells.mean(axis=(2, 4))) / 5)[..., None]

    figures = finder_figures(Dark(), outlined)
    assert figures["all"]["images"] == 4
    assert figures["all"]["iou"]["value"] > 0.9
    assert "IoU" in finder_text("validation", figures)


@pytest.mark.slow
def test_the_command_trains_a_finder_and_prints_its_iou(tmp_path, capsys):
    rng = np.random.default_rng(0)
    data = tmp_path / "data"
    (data / "images").mkdir(parents=True)
    (data / "masks").mkdir()
    truth, metadata = ["image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC"], ["image,age_approx,lesion_id,sex"]
    for number in range(8):
        name = f"P{number}"
        noise = rng.integers(150, 250, (6, 8, 3), dtype=np.uint8)  # no two are duplicates
        image, mask = Image.fromarray(noise).resize((64, 48)), Image.new("L", (64, 48))
        for canvas, fill in ((image, (90, 50, 40)), (mask, 255)):
            ImageDraw.Draw(canvas).ellipse((20, 12 + number % 3, 44, 36), fill=fill)
        image.save(data / "images" / f"{name}.jpg")
        mask.save(data / "masks" / f"{name}.png")
        truth.append(f"{name},{number % 2},{1 - number % 2},0,0,0,0,0,0")
        metadata.append(f"{name},50,L{number},male")
    (data / "X_GroundTruth.csv").write_text("\n".join(truth))
    (data / "X_Metadata.csv").write_text("\n".join(metadata))
    words = ["train-finder", "--data", data, "--out", tmp_path / "run", "--weights", "none"]
    words = [str(word) for word in [*words, "--epochs", 1, "--cache", tmp_path / "cache"]]
    assert main(words) == 0
    assert "IoU" in capsys.readouterr().out
    trained = keras.models.load_model(tmp_path / "run" / "finder.keras", compile=False)
    written = (tmp_path / "run" / "finder.keras").stat().st_mtime_ns
    assert main([*words, "--part", "test"]) == 0  # evaluates what is trained already
    assert "test: " in capsys.readouterr().out
    assert (tmp_path / "run" / "finder.keras").stat().st_mtime_ns == written
    assert trained.count_params() == build_finder(weights="none").count_params()
