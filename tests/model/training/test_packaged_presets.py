"""Every preset, trained a step at its own size and packaged, opens in a process of its own."""

from functools import cache

import keras
import pytest

from model.inference.bundle import OOD_FILE, SIMILAR_FILE
from model.presets.preset import load_preset, preset_names
from tests.fakes.packaged import draw_few, opened_afresh, trained

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("eager")]
MOST_ADDED = 30_000_000
"""Bytes that a bundle may hold beside its network."""


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """What a tiny training learns from."""
    return draw_few(tmp_path_factory.mktemp("few"))


@pytest.fixture(scope="module")
def packaged(few):
    """Gives the bundle of a preset, which is trained for one step, once."""

    @cache
    def of(name):
        head = min(load_preset(name).config().head_epochs, 1)
        settings = ["--preset", name, "--weights", "none", "--head-epochs", head]
        bundle = trained(few, few.folder / name, *settings)
        keras.utils.clear_session()
        return bundle

    return of


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_of_its_own_size_is_packaged(name, packaged):
    bundle = packaged(name)
    added = [bundle / OOD_FILE, bundle / SIMILAR_FILE]
    assert sum(file.stat().st_size for file in added) < MOST_ADDED


def test_a_bundle_of_every_preset_opens_in_a_fresh_process(few, packaged):
    opened_afresh(few, *map(packaged, preset_names()))
