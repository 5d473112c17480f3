"""The package's public names, and the one place where a field of the Archive becomes a column."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

import isic_api
from isic_api import metadata
from tests.fakes.archive import FakeArchive

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", isic_api.__all__)
def test_every_public_name_exists(name):
    assert getattr(isic_api, name).__name__ == name


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        isic_api.nothing  # noqa: B018


def test_the_vocabulary_does_not_load_the_http_client():
    code = (
        "import sys, isic_api.vocabulary; print({'requests', 'isic_api.client'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


def test_a_further_field_of_the_archive_is_one_entry(tmp_path, monkeypatch):
    monkeypatch.setitem(
        metadata.METADATA_COLUMNS, "biopsy", lambda record: record.metadata.concomitant_biopsy
    )
    with FakeArchive(train=2, test=0) as archive:
        client = isic_api.IsicClient(archive.base_url)
        isic_api.download_images(client, isic_api.Selection(), tmp_path)
    with (tmp_path / "Metadata.csv").open(encoding="utf-8", newline="") as file:
        assert [row["biopsy"] for row in csv.DictReader(file)] == ["True", "True"]
