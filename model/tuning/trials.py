"""The trials of a search: the record of each, the line that reports it, and the leaderboard."""

import json
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import pandas as pd

from isic_api.files import whole_file
from model.errors import SearchError

RECORD_FILE = "record.json"
RUNNING, FINISHED, FAILED = "running", "finished", "failed"
MOST_STARTS = 3
"""Starts of a trial. One whose process is killed each time, likely for memory, has failed."""

LEADERBOARD_FILE = "leaderboard.csv"
ABOUT = (
    *("trial", "status", "objective", "best_epoch", "epochs", "trained_epochs", "seconds", "seed"),
    *("bracket", "round", "promoted_from", "worker", "starts", "ended", "error"),
)
"""Columns beside the settings.

epochs: of the training so far, with those of the trial that it was promoted from;
trained_epochs: its own.
ended: seconds from the start of the first trial.
"""


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
    """Earlier starts that ended without a record, as a killed process does."""
    if not file.exists():
        return 0
    earlier = json.loads(file.read_text(encoding="utf-8"))
    return earlier["starts"] if earlier["status"] == RUNNING else 0


def _in_a_line(error: BaseException) -> str:
    text = "".join(traceback.format_exception_only(error)).strip()
    return " ".join(text.split())[:300]


def progress_line(
    records: Sequence[dict], trial: str, *, trials: int, epochs: int, rounds: tuple[int, ...] = ()
) -> str:
    """Describe a trial that ended, the best so far and the time left.

    Args:
        records: of all trials, as :func:`read_records` gives them.
        trial: name of the one that ended.
        trials: planned in all.
        epochs: planned in all, over all trials.
        rounds: of each of hyperband's brackets, in the order they are run.
    """
    ended = [record for record in records if record["status"] in (FINISHED, FAILED)]
    last = next(record for record in ended if record["trial"] == trial)
    parts = [*_bracket_and_round(last, rounds), f"trial {len(ended)} of {trials}: {_result(last)}"]
    finished = [record for record in ended if record["status"] == FINISHED]
    if finished:
        best = max(finished, key=lambda record: record["objective"])
        parts.append(f"best so far {best['objective']:.3f} (trial {best['trial']})")
    if len(finished) < len(ended):
        parts.append(f"{len(ended) - len(finished)} failed")
    return "; ".join([*parts, _time_left(finished, epochs)])


def _bracket_and_round(record: dict, rounds: tuple[int, ...]) -> list[str]:
    if record["bracket"] is None:
        return []
    # Numbered by how often trials are sifted; a bracket of number n has n + 1 rounds.
    brackets = max(rounds, default=record["bracket"] + 1)
    bracket = f"bracket {brackets - record['bracket']} of {brackets}"
    return [bracket, f"round {record['round'] + 1} of {record['bracket'] + 1}"]


def _result(record: dict) -> str:
    return "failed" if record["status"] == FAILED else f"{record['objective']:.3f}"


def _time_left(finished: Sequence[dict], epochs: int) -> str:
    done = sum(record["trained_epochs"] for record in finished)
    if not done:
        return "time left unknown"
    workers = len({record["worker"] for record in finished})
    pace = sum(record["seconds"] for record in finished) / done / workers
    return f"{duration(pace * max(0, epochs - done))} left"


def duration(seconds: float) -> str:
    """Write a time in the unit that suits it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def leaderboard(records: Sequence[dict]) -> pd.DataFrame:
    """One row per trial: finished ones by objective, then those that run, then failed ones.

    The columns are those of ``ABOUT``, then the searched settings.
    """
    rows = [{name: r.get(name) for name in ABOUT} | r["settings"] for r in records]
    names = dict.fromkeys(name for record in records for name in record["settings"])
    table = pd.DataFrame(rows, columns=[*ABOUT, *names])
    began = min((r["ended"] - r["seconds"] for r in records if "ended" in r), default=0.0)
    table["ended"] = (table["ended"].astype(float) - began).round(1)
    place = table["status"].map({FINISHED: 0, FAILED: 2}).fillna(1)
    table = table.assign(place=place).sort_values(
        ["place", "objective", "trial"], ascending=[True, False, True], ignore_index=True
    )
    return table.drop(columns="place")


def write_leaderboard(table: pd.DataFrame, out: Path) -> Path:
    """Write the table to a search's folder, at once or not at all."""
    file = out / LEADERBOARD_FILE
    with whole_file(file) as partial:
        table.to_csv(partial, index=False, float_format="%.6g")
    return file


def best_record(records: Sequence[dict]) -> dict:
    """The finished trial with the highest objective; of equal ones the earliest.

    Raises:
        SearchError: no trial finished.
    """
    finished = [record for record in records if record["status"] == FINISHED]
    if not finished:
        failed = [record for record in records if record["status"] == FAILED]
        reason = f"The first said: {failed[0]['error']}" if failed else "None was begun."
        raise SearchError(
            f"no trial finished, {len(failed)} failed. {reason} Correct that, or the space, and "
            "give another --out."
        )
    return max(finished, key=lambda record: record["objective"])
