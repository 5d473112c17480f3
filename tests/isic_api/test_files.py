"""Files that are whole or not there."""

import os
import time

import pytest

from isic_api.files import whole_file


def test_a_file_is_there_only_once_it_is_whole(tmp_path):
    file = tmp_path / "new" / "table.csv"
    with whole_file(file) as part:
        part.write_text("all of it")
        assert not file.exists()
    assert file.read_text() == "all of it"
    assert list(file.parent.iterdir()) == [file]


def test_two_who_write_at_once_do_not_mix(tmp_path):
    file = tmp_path / "table.csv"
    with whole_file(file) as first:
        first.write_text("first")
        with whole_file(file) as second:  # as from another thread
            second.write_text("second")
        assert file.read_text() == "second"
    assert file.read_text() == "first"
    assert list(tmp_path.iterdir()) == [file]


def write_half(file):
    with whole_file(file) as part:
        part.write_text("half")
        raise KeyboardInterrupt


def test_what_fails_leaves_the_old_file_and_no_part(tmp_path):
    file = tmp_path / "table.csv"
    file.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        write_half(file)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_parts_of_killed_processes_are_removed_and_those_of_living_ones_stay(tmp_path):
    killed, living = (tmp_path / f"table.csv.{number}.part" for number in (1, 2))
    killed.write_text("")
    living.write_text("")
    os.utime(killed, (time.time() - 7200,) * 2)
    with whole_file(tmp_path / "table.csv") as part:
        part.write_text("")
    assert (killed.exists(), living.exists()) == (False, True)
