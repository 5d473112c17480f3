"""One line per trial: where a search is, what it found, and how long it still takes."""

from collections.abc import Sequence

from model.tuning.trial_record import FAILED, FINISHED


def progress_line(
    records: Sequence[dict], trial: str, *, trials: int, epochs: int, rounds: tuple[int, ...] = ()
) -> str:
    """Describe a trial that ended, the best so far and the time left.

    Args:
        records: of all trials, as :func:`model.tuning.trial_record.read_records` gives them.
        trial: name of the one that ended.
        trials: planned in all.
        epochs: planned in all, over all trials.
        rounds: of each of hyperband's brackets, in the order they are run.
    """
    ended = [record for record in records if record["status"] in (FINISHED, FAILED)]
    last = next(record for record in ended if record["trial"] == trial)
    parts = [*_place(last, rounds), f"trial {len(ended)} of {trials}: {_result(last)}"]
    finished = [record for record in ended if record["status"] == FINISHED]
    if finished:
        best = max(finished, key=lambda record: record["objective"])
        parts.append(f"best so far {best['objective']:.3f} (trial {best['trial']})")
    if len(finished) < len(ended):
        parts.append(f"{len(ended) - len(finished)} failed")
    return "; ".join([*parts, _time_left(finished, epochs)])


def _place(record: dict, rounds: tuple[int, ...]) -> list[str]:
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
