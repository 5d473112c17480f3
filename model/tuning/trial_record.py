"""What is written down of one trial, by the process that runs it."""

import json
import time
import traceback
from pathlib import Path
from types import TracebackType

import pandas as pd

from isic_api.files import whole_file
from model.errors import SearchError

TRIALS_DIR = "trials"
RECORD_FILE = "record.json"
RUNNING, FINISHED, FAILED = "running", "finished", "failed"
MOST_STARTS = 3
"""Starts of a trial. One whose process is killed each time, likely for memory, has failed."""


class TrialRecord:
    """Written when a trial begins and again when it ends, however it ends.

    A failure is written down and passed on. After an interruption by the user nothing is: the
    trial counts as not begun.
    """

    def __init__(self, folder: Path, about: dict) -> None:
        """Name the trial's folder, and what is known of it before: plain values."""
        self.file = folder / RECORD_FILE
        self.values = about | {"status": RUNNING, "starts": 1 + _starts(self.file)}

    def __enter__(self) -> "TrialRecord":
        """Write that the trial runs.

        Raises:
            SearchError: its process was killed too often.
        """
        self._began = time.time()
        self._write()
        if self.values["starts"] > MOST_STARTS:
            error = SearchError(
                f"killed {MOST_STARTS} times while it ran, probably out of memory. Lower "
                "batch_size or image_side."
            )
            self.__exit__(type(error), error, None)
            raise error
        return self

    def finish(self, history: pd.DataFrame, column: str, *, before: int) -> float:
        """Take the result from a training's history, ``before`` epochs of which are an earlier's.

        Raises:
            SearchError: the training has no epoch.
        """
        if history.empty:
            raise SearchError("the training ended before its first epoch.")
        best = history[column].idxmax()
        self.values |= {
            "status": FINISHED,
            "objective": float(history[column][best]),
            "best_epoch": int(history["epoch"][best]) + 1,
            "trained_epochs": int(history["epoch"].nunique()) - before,
        }
        return self.values["objective"]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write how the trial ended."""
        if kind is not None and issubclass(kind, KeyboardInterrupt | SystemExit):
            self.values["starts"] -= 1
        elif error is not None:
            self.values |= {"status": FAILED, "error": _in_a_line(error)}
        now = time.time()
        self.values |= {"seconds": round(now - self._began, 3), "ended": round(now, 3)}
        self._write()

    def _write(self) -> None:
        with whole_file(self.file) as partial:
            partial.write_text(json.dumps(self.values, indent=1) + "\n", encoding="utf-8")


def read_records(trials: Path) -> list[dict]:
    """Records of all trials that ever began, in order of their names."""
    files = sorted(trials.glob(f"trial_*/{RECORD_FILE}"))
    return [json.loads(file.read_text(encoding="utf-8")) for file in files]


def _starts(file: Path) -> int:
    """Earlier starts that were cut short without a word."""
    if not file.exists():
        return 0
    earlier = json.loads(file.read_text(encoding="utf-8"))
    return earlier["starts"] if earlier["status"] == RUNNING else 0


def _in_a_line(error: BaseException) -> str:
    text = "".join(traceback.format_exception_only(error)).strip()
    return " ".join(text.split())[:300]
