"""Images prepared once, in one array on disk."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from model.data.cache import cached_images
from model.errors import DataError, ImageError
from model.image import ASPECTS, ImagePreprocessor

ROOT = Path(__file__).parents[3]
PREPARE = ImagePreprocessor(32)

SLOW_BUILD = """
import sys, time
from pathlib import Path
from model.data.cache import cached_images
from model.image import ImagePreprocessor

class Slow(ImagePreprocessor):
    def load(self, file):
        time.sleep(0.2)
        return super().load(file)

paths = sorted(Path(sys.argv[1]).iterdir())
cached_images(paths, Slow(32), cache_dir=Path(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def paths(toy_folder):
    return sorted((toy_folder / "images").iterdir())[:24]


@pytest.mark.parametrize("border", [True, False])
@pytest.mark.parametrize("aspect", ASPECTS)
def test_the_cache_holds_what_the_preprocessing_gives(border, aspect, paths, tmp_path):
    bordered = tmp_path / "bordered.png"
    ImageOps.expand(Image.open(paths[0]), 20).save(bordered)
    prepare, every = ImagePreprocessor(32, border, aspect), [*paths[:4], bordered]
    images = cached_images(every, prepare, cache_dir=tmp_path / "cache")
    assert isinstance(images, np.memmap)
    assert images.dtype == np.uint8
    assert np.array_equal(images, np.stack([prepare.load(path) for path in every]))


def test_the_cache_is_built_once(paths, tmp_path):
    cached_images(paths, PREPARE, cache_dir=tmp_path)
    (file,) = tmp_path.iterdir()
    built = file.stat().st_mtime_ns
    cached_images(paths, PREPARE, cache_dir=tmp_path)
    assert file.stat().st_mtime_ns == built


def test_other_settings_files_or_order_have_a_cache_of_their_own(paths, tmp_path):
    for aspect in ASPECTS:
        cached_images(paths, ImagePreprocessor(32, aspect=aspect), cache_dir=tmp_path)
    cached_images(paths, ImagePreprocessor(48), cache_dir=tmp_path)
    cached_images(paths, ImagePreprocessor(32, crop_border=False), cache_dir=tmp_path)
    cached_images(paths[1:], PREPARE, cache_dir=tmp_path)
    backwards = cached_images(paths[::-1], PREPARE, cache_dir=tmp_path)
    assert len(list(tmp_path.iterdir())) == len(ASPECTS) + 4
    assert np.array_equal(backwards[0], PREPARE.load(paths[-1]))


def test_a_changed_file_is_prepared_again(paths, tmp_path):
    copy = tmp_path / "a.jpg"
    copy.write_bytes(paths[0].read_bytes())
    before = np.array(cached_images([copy], PREPARE, cache_dir=tmp_path / "cache"))
    copy.write_bytes(paths[-1].read_bytes())
    after = cached_images([copy], PREPARE, cache_dir=tmp_path / "cache")
    assert not np.array_equal(before, after)


def test_an_unreadable_image_is_named_and_leaves_no_cache(paths, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"x")
    with pytest.raises(ImageError, match=r"bad\.jpg"):
        cached_images([*paths, bad], PREPARE, cache_dir=tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.slow
def test_a_killed_build_looks_incomplete_and_is_cleared_away_later(paths, tmp_path):
    command = [sys.executable, "-c", SLOW_BUILD, str(paths[0].parent), str(tmp_path)]
    build = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("*.part")) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(build.pid, signal.SIGKILL)
    build.wait()
    (left,) = tmp_path.iterdir()
    assert left.suffix == ".part"
    every = sorted(paths[0].parent.iterdir())
    images = cached_images(every, PREPARE, cache_dir=tmp_path)
    assert np.array_equal(images[-1], PREPARE.load(every[-1]))
    assert left.exists()  # it may be a build that is under way
    (built,) = tmp_path.glob("*.npy")
    built.unlink()
    os.utime(left, (0, 0))
    cached_images(every, PREPARE, cache_dir=tmp_path)
    assert not left.exists()


def test_a_disk_without_room_is_refused_before_it_is_full(paths, tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 1_000})
    monkeypatch.setattr("model.data.cache.shutil.disk_usage", lambda folder: usage)
    with pytest.raises(DataError, match="--cache"):
        cached_images(paths, PREPARE, cache_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []
