"""Takes from a process on Linux what it would not find on Windows, as far as that can be shown.

Python runs this file at its start where this folder is on PYTHONPATH, in child processes too.

    gone for the project's own modules    fcntl, pwd, os.fork, os.geteuid, ...; msvcrt is there
    an error for them                     text files without ``encoding``, which is not UTF-8 there
    an error for everybody                a symbolic link, a name with ``:``, a file that is
                                          renamed, replaced or removed while it is open here

Libraries keep their modules: they look at ``sys.platform``.
"""

import builtins
import os
import shutil
import sys
import warnings
from pathlib import Path
from types import ModuleType, SimpleNamespace

MODULES = "fcntl grp posix pty pwd readline resource syslog termios tty"
NAMES = {
    "os": """
        O_CLOEXEC O_DIRECTORY O_NOFOLLOW O_NONBLOCK O_SYNC WNOHANG chown chroot fchdir fchmod fchown
        fork forkpty getegid geteuid getgid getgroups getloadavg getpgid getpgrp getuid killpg
        lchown mkfifo mknod nice openpty pathconf posix_fadvise posix_spawn pread pwrite
        register_at_fork sched_getaffinity sched_setaffinity sendfile setpgid setsid statvfs sync
        sysconf uname wait wait3 wait4 waitpid""",
    "signal": """
        SIGALRM SIGCHLD SIGHUP SIGKILL SIGPIPE SIGQUIT SIGUSR1 SIGUSR2 alarm pause setitimer""",
    "socket": "AF_UNIX",
    "time": "tzset",
}
PROJECT = Path(__file__).parents[3]
PACKAGES = ("isic_api", "model", "demo")
FORBIDDEN = set('<>:"|?*\\')


def without(module: ModuleType, names: set[str]) -> ModuleType:
    """A copy of a module that lacks these names."""
    copy = ModuleType(module.__name__)
    vars(copy).update({name: value for name, value in vars(module).items() if name not in names})
    return copy


def locking(held: int, mode: int, count: int) -> None:
    """Windows' lock of a file's bytes, by the one of Linux."""
    import fcntl

    assert (mode, count) == (MSVCRT.LK_NBLCK, 1)
    assert not Path(f"/proc/self/fd/{held}").is_dir(), "Windows locks no folders"
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise PermissionError(13, "Permission denied") from None


MSVCRT = SimpleNamespace(locking=locking, LK_NBLCK=2)
LIMITED = {
    name: without(sys.modules.get(name) or __import__(name), set(names.split()))
    for name, names in NAMES.items()
}
import_module = builtins.__import__


def is_ours(importer: dict) -> bool:
    """Whether a module of the project asks."""
    file = Path(importer.get("__file__") or "/")
    if not file.is_relative_to(PROJECT):
        return False
    return file.relative_to(PROJECT).parts[0] in (*PACKAGES, "app.py")


def limited_import(name, globals=None, locals=None, fromlist=(), level=0):
    """Import, for the project what Windows has of it."""
    if level or not is_ours(globals or {}):
        return import_module(name, globals, locals, fromlist, level)
    if name == "msvcrt":
        return MSVCRT
    if name in MODULES.split():
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    found = import_module(name, globals, locals, fromlist, level)
    return LIMITED.get(getattr(found, "__name__", ""), found)


def refuse_files(event: str, arguments: tuple) -> None:
    """Audit what Windows would not do with files."""
    if event == "os.mkdir" or (event == "open" and is_written(*arguments[1:])):
        require_name(arguments[0])
    elif event == "os.symlink":
        raise OSError(22, "A required privilege is not held by the client", arguments[1])
    elif event == "os.rename":
        require_name(arguments[1])
        require_closed(arguments[0])
        require_closed(arguments[1])
    elif event in ("os.remove", "os.rmdir"):
        require_closed(arguments[0])


def is_written(mode: str | None, flags: int) -> bool:
    """Whether a file is opened to be written."""
    return bool(flags & (os.O_WRONLY | os.O_RDWR)) or bool(set(mode or "") & set("wax+"))


def require_name(path: object) -> None:
    """Refuse names that Windows has not."""
    if not isinstance(path, int) and set(Path(os.fsdecode(path)).name) & FORBIDDEN:
        raise OSError(22, "Invalid argument", os.fsdecode(path))


def require_closed(path: object) -> None:
    """Refuse to move what this process has open, or something in it."""
    place = os.path.realpath(os.fsdecode(path))
    for held in opened():
        if held == place or held.startswith(f"{place}/"):
            raise PermissionError(13, "The file is open", held)


def opened() -> list[str]:
    """Files that this process has open or mapped into memory."""
    maps = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    found = [words[5] for words in (line.split(maxsplit=5) for line in maps) if len(words) > 5]
    for number in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{number}"))
        except OSError:  # that of this very list
            continue
    return found


if hasattr(shutil, "_use_fd_functions"):
    shutil._use_fd_functions = False  # Windows cannot open a folder
builtins.__import__ = limited_import
ours = rf"({'|'.join(PACKAGES)}|__main__)(\.|$)"
warnings.filterwarnings("error", category=EncodingWarning, module=ours)
sys.addaudithook(refuse_files)
