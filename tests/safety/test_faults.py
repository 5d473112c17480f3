"""Damaged bundles, full disks, kills: a clear line, and what is finished stays finished."""

import errno
import json
import re
import resource
from contextlib import contextmanager
from pathlib import Path
from zipfile import ZipFile

import keras
import numpy as np
import pytest

from demo.services import BackgroundPredictor
from model.__main__ import is_full, main
from model.errors import BundleError
from model.inference.bundle import (
    LITERT_FILE,
    MANIFEST_FILE,
    NETWORK_FILE,
    RELEASED,
    read_manifest,
    write_bundle,
)
from model.inference.keras_backend import load_network
from model.inference.predictor import Predictor
from model.training.resume import Backup
from tests.demo.pages import why_the_page_stops
from tests.drawings import draw_lesion
from tests.fakes.toy_bundle import build_toy_network, change_manifest, store_hash

ROOT = Path(__file__).parents[2]


# --- bundles ----------------------------------------------------------------------------------


def test_classes_in_another_order_than_the_networks_are_refused(own_bundle):
    classes = json.loads((own_bundle / MANIFEST_FILE).read_text())["classes"]
    change_manifest(own_bundle, classes=dict(sorted(classes.items())))
    with pytest.raises(BundleError, match=r"order AK, BCC.*answers in the order MEL, NV"):
        Predictor.load(own_bundle)


def test_the_order_is_checked_for_networks_that_do_not_note_it(own_bundle):
    without = own_bundle / "without.keras"
    with ZipFile(own_bundle / NETWORK_FILE) as noted, ZipFile(without, "w") as bare:
        for member in noted.infolist():
            content = noted.read(member)
            bare.writestr(member, b"{}" if member.filename == "metadata.json" else content)
    without.replace(own_bundle / NETWORK_FILE)
    store_hash(own_bundle, NETWORK_FILE)
    load_network(own_bundle, read_manifest(own_bundle))
    classes = read_manifest(own_bundle).classes
    change_manifest(own_bundle, classes=dict(sorted(classes.items())))
    with pytest.raises(BundleError, match="in the order"):
        load_network(own_bundle, read_manifest(own_bundle))


def test_the_shipped_bundle_keeps_to_its_order():
    load_network(RELEASED, read_manifest(RELEASED))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no zip at all"])
def test_a_network_file_that_is_vouched_for_but_no_network_is_refused(content, own_bundle):
    (own_bundle / NETWORK_FILE).write_bytes(content)
    store_hash(own_bundle, NETWORK_FILE)
    with pytest.raises(BundleError, match=r"cannot be loaded: [^\n]+$"):
        Predictor.load(own_bundle)


def test_every_command_says_a_damaged_bundle_in_one_line(own_bundle, tmp_path, capsys):
    images = tmp_path / "images"
    images.mkdir()
    draw_lesion(0, seed=1).save(images / "a.jpg")
    (own_bundle / MANIFEST_FILE).write_bytes((own_bundle / MANIFEST_FILE).read_bytes()[:300])
    words = ["predict", str(images), "--bundle", str(own_bundle), "--out", str(tmp_path / "p.csv")]
    assert main(words) == 1
    said = capsys.readouterr().err
    assert re.fullmatch(r"error: .*bundle\.json is not a readable manifest .*\n", said)


def test_the_page_stays_up_and_says_that_the_network_could_not_be_loaded(own_bundle):
    (own_bundle / NETWORK_FILE).unlink()
    predictor = BackgroundPredictor(lambda: Predictor.load(own_bundle))
    assert not predictor.ready()


def test_a_bundle_that_cannot_be_written_leaves_the_old_one_whole(own_bundle, monkeypatch):
    manifest = read_manifest(own_bundle)
    other = build_toy_network(manifest.patient, seed=1)

    def fill_up(path, *words, **options):
        Path(path).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    before = {path.name: path.read_bytes() for path in own_bundle.iterdir()}
    monkeypatch.setattr(keras.Model, "save", lambda self, *words, **o: fill_up(*words, **o))
    with pytest.raises(OSError, match="No space left"):
        write_bundle(own_bundle, other, manifest)
    assert {path.name: path.read_bytes() for path in own_bundle.iterdir()} == before


def test_a_disk_that_is_full_at_the_manifest_leaves_the_old_bundle_whole(own_bundle, monkeypatch):
    manifest = read_manifest(own_bundle)
    other = build_toy_network(manifest.patient, seed=1)
    (own_bundle / LITERT_FILE).write_bytes(b"of the old network")

    def fill_up(path, *words, **options):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    before = {path.name: path.read_bytes() for path in own_bundle.iterdir()}
    monkeypatch.setattr(Path, "write_text", fill_up)
    with pytest.raises(OSError, match="No space left"):
        write_bundle(own_bundle, other, manifest)
    assert {path.name: path.read_bytes() for path in own_bundle.iterdir()} == before


# --- full disks -------------------------------------------------------------------------------


@contextmanager
def small_disk(limit):
    """The system lets no file grow beyond so many bytes for a while."""
    allowed = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, allowed[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, allowed)


FULL = (
    "error: the disk is full. Free some space and run the same command again; a training or search "
    "resumes from what is finished"
)


def errors(capsys):
    """What was said of them, among progress bars."""
    said = capsys.readouterr().err.splitlines()
    return [line for line in said if line.startswith(("error", "Traceback", "  File"))]


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_a_training_on_a_full_disk_says_so_and_goes_on_later(toy_run, toy_folder, tmp_path, capsys):
    words = ["train", "--data", toy_folder, "--out", tmp_path / "run"]
    words += ["--config", toy_run / "config.json", "--cache", toy_run.parent / "cache"]
    words = [str(word) for word in words]
    with small_disk((toy_run / "best.weights.h5").stat().st_size // 2):
        assert main(words) == 1
    assert errors(capsys) == [FULL]
    assert main(words) == 0
    read_manifest(tmp_path / "run" / "bundle")


def test_a_table_that_does_not_fit_on_the_disk_is_an_error(untrained_bundle, tmp_path, capsys):
    images = tmp_path / "images"
    images.mkdir()
    for number in range(5):
        draw_lesion(0, seed=number).save(images / f"{number}.jpg")
    out = tmp_path / "p.csv"
    words = ["predict", str(images), "--bundle", str(untrained_bundle), "--out", str(out)]
    with small_disk(500):
        assert main(words) == 1
    assert errors(capsys) == [FULL]


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.EDQUOT, "Quota exceeded"), True),
        (OSError("write failed (time = x, errno = 28, error message = 'No space left')"), True),
        (OSError(errno.ENOENT, "No such file"), False),
        (OSError("unable to open file (errno = 2)"), False),
        (OSError("truncated file"), False),
    ],
)
def test_a_full_disk_is_told_from_other_errors(error, full):
    assert is_full(error) is full


# --- interruptions ----------------------------------------------------------------------------


@pytest.fixture
def learner():
    network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    network.compile("adam", "mse")
    return network


def learn(network, backup, epochs):
    x = np.ones((4, 3), np.float32)
    network.fit(x, x[:, :2], epochs=epochs, verbose=0, callbacks=[backup])


@pytest.mark.parametrize("stop", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_a_backup_that_is_cut_short_leaves_the_one_before(stop, learner, tmp_path, monkeypatch):
    folder = tmp_path / "backup"
    learn(learner, Backup(folder, delete_checkpoint=False), 2)
    whole = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(whole) == {"latest.weights.h5", "training_metadata.json"}

    def half(self, path, **options):
        Path(path).write_bytes(whole["latest.weights.h5"][:100])
        raise stop

    with monkeypatch.context() as patch:
        patch.setattr(keras.Sequential, "save_weights", half, raising=False)
        with pytest.raises(type(stop)):
            learn(learner, Backup(folder, delete_checkpoint=False), 3)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == whole
    ended = []
    count = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: ended.append(epoch))
    x = np.ones((4, 3), np.float32)
    callbacks = [count, Backup(folder, delete_checkpoint=False)]
    learner.fit(x, x[:, :2], epochs=3, verbose=0, callbacks=callbacks)
    assert ended == [2]


def test_the_training_uses_these_backups():
    text = (ROOT / "model" / "training" / "resume.py").read_text()
    assert "Backup(progress.backup(stage)" in text
    assert "BackupAndRestore(" not in text  # Keras' own


def test_a_malformed_setting_stops_the_page_with_one_line(monkeypatch):
    monkeypatch.setenv("LESION_LOGIN", "ann")
    assert re.fullmatch("error: LESION_LOGIN .*", why_the_page_stops())
