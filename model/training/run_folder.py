"""The folder of a run: the same command resumes the run, another one is refused."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from isic_api.files import whole_file

Description = dict | list | None


def _read_json(file: Path) -> Description:
    return json.loads(file.read_text(encoding="utf-8"))


def claim(
    out: Path,
    described: Mapping[str, Description],
    *,
    read: Callable[[Path], Description] = _read_json,
) -> dict[str, list[str]]:
    """Describe a run in its new folder, or compare it with the run that the folder holds.

    Args:
        out: the run's folder, made if need be.
        described: JSON files → what they hold; None for a file that this run does not have. The
            last one, written last, marks the folder as claimed.
        read: reads such a file, whatever version wrote it.

    Returns:
        The files in which an earlier run differs → names of their differing entries; empty where
        the run is new or the same.
    """
    out.mkdir(parents=True, exist_ok=True)
    if not (out / list(described)[-1]).exists():
        for name, held in described.items():
            if held is not None:
                with whole_file(out / name) as partial:
                    partial.write_text(json.dumps(held, indent=1) + "\n", encoding="utf-8")
    found = {}
    for name, held in described.items():
        before = read(out / name) if (out / name).exists() else None
        now = json.loads(json.dumps(held))
        if before != now:
            found[name] = _differing(before, now)
    return found


def _differing(before: Description, now: Description) -> list[str]:
    if not isinstance(before, dict) or not isinstance(now, dict):
        return []
    return [name for name in now | before if before.get(name) != now.get(name)]
