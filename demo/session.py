"""What the server forgets of its visitors within the hour, beside what Gradio deletes itself.

Gradio deletes uploaded files and values with a time to live. It keeps what a killed server left on
the disk, and sessions that are idle.
"""

import asyncio
import atexit
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path

from gradio.routes import App
from gradio.state_holder import StateHolder
from gradio.utils import get_upload_folder

from demo.access import KEPT_SECONDS
from demo.cases import FILE, FILE_SECONDS, Tray
from demo.gradio_patches import change_states, drop_idle_sessions

_EVERY = 60  # seconds


def use_private_folder() -> Path:
    """Keep uploads in a folder of this process that no other user reads; clear what others left.

    A process's own, since Gradio names uploads by their content and deletes them when it ends:
    another page with the same photograph would lose it. Where ``GRADIO_TEMP_DIR`` names a folder,
    it is used as it is.
    """
    if named := os.environ.get("GRADIO_TEMP_DIR"):
        return Path(named)
    users = _users_folder()
    for left in users.iterdir():
        with suppress(FileNotFoundError):  # another page on this machine may clear it, too
            if time.time() - left.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
    folder = tempfile.mkdtemp(prefix="page-", dir=users)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["GRADIO_TEMP_DIR"] = folder
    return Path(folder)


def _users_folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"lesion-in-context-{_user()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != _user():
        folder = Path(tempfile.mkdtemp(prefix="lesion-in-context-"))  # another user was first
    folder.chmod(0o700)
    return folder


@asynccontextmanager
async def expiring_sessions(app: App) -> AsyncIterator[None]:
    """Drop idle sessions while the server runs; a lifespan of its application."""
    task = asyncio.create_task(_expire_sessions(app.state_holder))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def forget_cases(sessions: StateHolder, now: float) -> None:
    """Drop cases whose uploads have expired, and exports, which hold copies of uploads.

    ``now`` is in seconds since the epoch.
    """
    change_states(sessions, Tray, lambda tray: tray.current(now))
    for file in Path(get_upload_folder()).glob(f"*/{FILE}"):
        with suppress(FileNotFoundError):  # another session has just packed the same cases
            if now - file.stat().st_mtime > FILE_SECONDS:
                file.unlink()


async def _expire_sessions(sessions: StateHolder) -> None:
    while True:
        drop_idle_sessions(sessions, datetime.now(), seconds=KEPT_SECONDS)
        forget_cases(sessions, time.time())
        await asyncio.sleep(_EVERY)


def _user() -> int:
    """The user's number; 0 on Windows, where it owns every file and the folder is one's own."""
    return os.geteuid() if hasattr(os, "geteuid") else 0
