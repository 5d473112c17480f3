"""What the server holds of a visitor is gone within the hour, in memory and on the disk."""

import gc
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
import weakref
from datetime import datetime, timedelta
from pathlib import Path

import gradio as gr
import pytest
from gradio.state_holder import StateHolder

from benchmarks.visitor import Visitor
from demo import session
from demo.cases import FILE, FILE_SECONDS, Tray
from demo.explanations import Shown
from demo.gradio_patches import drop_idle_sessions
from demo.page import build_demo, launch
from demo.session import KEPT_SECONDS, forget_cases, use_private_folder
from demo.tabs import classroom, predict
from tests.demo.pages import services

AGE = 87.25  # of nobody else in this process


@pytest.fixture(scope="module")
def demo():
    demo = build_demo([services()])
    launch(demo, prevent_thread_lock=True, quiet=True)
    yield demo
    demo.close()


def ask(demo, photograph):
    visitor = Visitor(demo.local_url)
    file = visitor.upload(photograph.read_bytes())
    answer = visitor.press("predict", [None, None, file, AGE, "male", "head/neck", 50])
    assert f"{AGE:g}" in answer["data"][1]
    return visitor


def test_a_session_holds_no_copy_of_photograph_and_fields(demo, photograph):
    visitor = ask(demo, photograph)
    kept = demo.state_holder.session_data[visitor.name]
    copies = str(kept.config_values)
    for text in ("data:image/jpeg", "lesion.jpg", f"{AGE:g}"):
        assert text not in copies


def test_what_a_session_looks_at_is_dropped_after_its_time(demo, photograph):
    visitor = ask(demo, photograph)
    kept = demo.state_holder.session_data[visitor.name]
    (shown,) = [v for v in kept.state_data.values() if isinstance(v, Shown)]
    shown = weakref.ref(shown)
    for number, (live, created) in kept._state_ttl.items():
        kept._state_ttl[number] = (live, created - timedelta(seconds=predict.KEPT_SECONDS))
    until = time.monotonic() + 10
    while shown() is not None and time.monotonic() < until:
        time.sleep(0.1)
        gc.collect()
    assert shown() is None


def test_a_case_is_dropped_with_its_upload_however_often_the_tray_is_used(demo, photograph):
    visitor = ask(demo, photograph)
    visitor.press("keep", [None, None])
    kept = demo.state_holder.session_data[visitor.name]
    ((number, tray),) = [(n, v) for n, v in kept.state_data.items() if isinstance(v, Tray)]
    (case,) = tray.cases
    lives = kept._state_ttl[number]
    forget_cases(demo.state_holder, case.expires - 1)
    assert kept.state_data[number] == tray
    forget_cases(demo.state_holder, case.expires)
    assert kept.state_data[number].cases == ()
    assert kept._state_ttl[number] == lives


def test_an_export_is_deleted_while_its_uploads_may_still_lie_there(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    file, upload = tmp_path / "a" / FILE, tmp_path / "a" / "lesion.jpg"
    file.parent.mkdir()
    file.write_bytes(b"x")
    upload.write_bytes(b"x")
    packed = file.stat().st_mtime
    forget_cases(StateHolder(), packed + FILE_SECONDS - 1)
    assert file.exists()
    forget_cases(StateHolder(), packed + FILE_SECONDS + 1)
    assert not file.exists()
    assert upload.exists()


def test_an_idle_session_is_dropped_whole_and_a_used_one_stays(demo, photograph):
    visitor = ask(demo, photograph)
    sessions = demo.state_holder
    now = datetime.now()
    drop_idle_sessions(sessions, now + timedelta(seconds=59), seconds=60)
    assert visitor.name in sessions
    drop_idle_sessions(sessions, now + timedelta(seconds=61), seconds=60)
    assert visitor.name not in sessions
    assert visitor.name not in sessions.time_last_used
    file = visitor.upload(photograph.read_bytes())
    assert "data" in visitor.press("predict", [None, None, file, 50, "male", "head/neck", 50])


def test_the_server_looks_for_idle_sessions_by_itself(monkeypatch, photograph):
    monkeypatch.setattr(session, "KEPT_SECONDS", -1)
    monkeypatch.setattr(session, "_EVERY", 0.2)
    demo = build_demo([services()])
    launch(demo, prevent_thread_lock=True, quiet=True)
    try:
        visitor = ask(demo, photograph)
        until = time.monotonic() + 10
        while visitor.name in demo.state_holder and time.monotonic() < until:
            time.sleep(0.05)
        assert visitor.name not in demo.state_holder
    finally:
        demo.close()


def test_every_time_is_within_the_hour():
    for seconds in (KEPT_SECONDS + FILE_SECONDS + 60, predict.KEPT_SECONDS, classroom.KEPT_SECONDS):
        assert seconds <= 3600


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.delenv("GRADIO_TEMP_DIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path
    os.environ.pop("GRADIO_TEMP_DIR", None)


def test_uploads_lie_in_a_folder_of_the_process_that_only_its_user_reads(temporary):
    folder = use_private_folder()
    assert folder.parent.parent == temporary
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder, folder.parent)} == {0o700}
    assert gr.utils.get_upload_folder() == str(folder)
    del os.environ["GRADIO_TEMP_DIR"]
    assert use_private_folder() != folder  # as another page would


def test_what_a_killed_server_left_is_cleared_at_the_next_start(temporary):
    old, new = _left(), _left()
    os.utime(old.parent, (0, 0))
    use_private_folder()
    assert not old.exists()
    assert new.exists()


def _left():
    path = use_private_folder() / "lesion.jpg"
    path.write_bytes(b"x")
    del os.environ["GRADIO_TEMP_DIR"]
    return path


@pytest.mark.slow
def test_a_page_that_ends_leaves_no_folder(tmp_path):
    command = "from demo.session import use_private_folder; print(use_private_folder())"
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    environment.pop("GRADIO_TEMP_DIR", None)
    ended = subprocess.run(
        [sys.executable, "-c", command], env=environment, capture_output=True, text=True, check=True
    )
    folder = Path(ended.stdout.strip())
    assert folder.parent.parent == tmp_path
    assert not folder.exists()


def test_pages_that_start_together_may_clear_the_same_folder(temporary, monkeypatch):
    users = use_private_folder().parent
    monkeypatch.setattr(Path, "iterdir", lambda folder: iter([folder / "gone"]))
    del os.environ["GRADIO_TEMP_DIR"]
    assert use_private_folder().parent == users


def test_a_folder_that_another_user_laid_there_is_not_used(temporary):
    elsewhere = temporary / "elsewhere"
    elsewhere.mkdir()
    taken = use_private_folder().parent
    del os.environ["GRADIO_TEMP_DIR"]
    shutil.rmtree(taken)
    taken.symlink_to(elsewhere)
    found = use_private_folder()
    assert found.parent.resolve() != elsewhere
    assert stat.S_IMODE(found.stat().st_mode) == 0o700


def test_a_named_folder_is_used_as_it_is(temporary, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(temporary / "named"))
    assert use_private_folder() == Path(temporary / "named")
    assert not (temporary / "named").exists()
