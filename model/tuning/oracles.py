"""All that leans on the inside of Keras Tuner, which requirements.txt pins to the version below.

tests/model/tuning/test_tune_oracles.py fails when upstream changes what is relied on:

- state and trials are written in place, so that a kill while writing loses the search
  (https://github.com/keras-team/keras-tuner/issues/453)
- a tuner resumes only where it finds a file of its own, written after the first trial
  (https://github.com/keras-team/keras-tuner/issues/439)
- hyperband promotes no trial of a round of which too few finished, and stops early in a small
  space (https://github.com/keras-team/keras-tuner/issues/676)
- numbers with a step leave out the upper end where the division is not exact
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import keras_tuner
from keras_tuner import oracles

from isic_api.files import whole_file
from model.tuning.search_space import Dimension, Plan

VERSION = "1.4.8"
MAX_FAILURES = 5
"""So many failures before the first success end a search."""

Trial = keras_tuner.engine.trial.Trial


@dataclass(frozen=True)
class Budget:
    """What a search will do at most, if no trial fails."""

    trials: int
    epochs: int
    rounds: tuple[int, ...] = ()  # of each bracket of hyperband, in the order they are run
    drawn: int = 0  # first trials of all brackets


class _Resilient:
    """An oracle with atomic saves, a callback after each trial, and an early abort."""

    on_trial_end: Callable[[str], None]

    def end_trial(self, trial: Trial) -> None:
        super().end_trial(trial)
        self.on_trial_end(trial.trial_id)

    def populate_space(self, trial_id: str) -> dict:
        statuses = [trial.status for trial in self.trials.values()]
        if "COMPLETED" not in statuses and statuses.count("FAILED") >= MAX_FAILURES:
            return {"status": "IDLE" if self.ongoing_trials else "STOPPED"}
        return super().populate_space(trial_id)

    def save(self) -> None:
        _write(Path(self._get_oracle_fname()), self.get_state())

    def _save_trial(self, trial: Trial) -> None:
        _write(Path(self._get_trial_dir(trial.trial_id)) / "trial.json", trial.get_state())


class _Hyperband(_Resilient, oracles.HyperbandOracle):
    """Hyperband that replaces a trial that failed in a first round by a new one."""

    def populate_space(self, trial_id: str) -> dict:
        failed = {name for name, trial in self.trials.items() if trial.status == "FAILED"}
        if len(failed) <= len(self.trials) / 2:
            for bracket in self._brackets:
                first = bracket["rounds"][0]
                first[:] = [entry for entry in first if entry["id"] not in failed]
        return super().populate_space(trial_id)


class _Random(_Resilient, oracles.RandomSearchOracle):
    pass


class _Grid(_Resilient, oracles.GridSearchOracle):
    pass


class _Bayesian(_Resilient, oracles.BayesianOptimizationOracle):
    pass


def build_oracle(plan: Plan) -> keras_tuner.Oracle:
    """The oracle of a plan, which decides what is tried for how many epochs."""
    hp = keras_tuner.HyperParameters()
    declare(hp, plan.space, plan.base.model_dump())
    common = {
        "objective": keras_tuner.Objective(f"val_{plan.objective}", "max"),
        "hyperparameters": hp,
        "allow_new_entries": False,
        "seed": 1 + plan.base.seed,  # Keras Tuner takes 0 for none
        # Its own limit raises while it holds a lock that its chief then waits for.
        "max_consecutive_failed_trials": 10**9,
    }
    if plan.method == "hyperband":
        sizes = {"max_epochs": plan.base.epochs, "factor": plan.factor}
        return _Hyperband(**sizes, hyperband_iterations=plan.iterations, **common)
    if plan.method == "bayesian":
        # Its default of three random trials per setting would leave no trial to the method.
        common["num_initial_points"] = max(3, plan.trials // 3)
    kinds = {"random": _Random, "grid": _Grid, "bayesian": _Bayesian}
    return kinds[plan.method](max_trials=plan.trials, **common)


def budget_of(oracle: keras_tuner.Oracle, plan: Plan) -> Budget:
    """How much the oracle will try at most."""
    if plan.method != "hyperband":
        return Budget(plan.trials, plan.trials * plan.base.epochs)
    trials = epochs = drawn = 0
    brackets = range(oracle._get_num_brackets())
    for bracket in brackets:
        drawn, before = drawn + oracle._get_size(bracket, 0), 0
        for number in range(oracle._get_num_rounds(bracket)):
            size, until = oracle._get_size(bracket, number), oracle._get_epochs(bracket, number)
            trials, epochs = trials + size, epochs + size * (until - before)
            before = until
    rounds = tuple(oracle._get_num_rounds(bracket) for bracket in reversed(brackets))
    times = plan.iterations
    return Budget(trials * times, epochs * times, rounds * times, drawn * times)


def declare(hp: keras_tuner.HyperParameters, space: tuple[Dimension, ...], base: dict) -> None:
    """Register a space; ``base`` are the settings, of whose types the values are."""
    for dimension in space:
        parent, values = dimension.when or (None, None)
        when = {"parent_name": parent, "parent_values": list(values) if values else None}
        if dimension.choices:
            hp.Choice(dimension.name, list(dimension.choices), ordered=False, **when)
            continue
        number = hp.Int if isinstance(base[dimension.name], int) else hp.Float
        step = {} if dimension.step is None else {"step": dimension.step}
        sampling = "log" if dimension.log else "linear"
        # It counts steps without rounding: 0.3 // 0.1 is 2.0, which leaves out the end.
        dust = 1e-6 * dimension.step if step and number == hp.Float else 0
        ends = {"min_value": dimension.low, "max_value": dimension.high + dust}
        number(dimension.name, **ends, sampling=sampling, **step, **when)


def allow_resume(folder: Path) -> None:
    """Write the file without which a tuner, interrupted in its first trial, would start again."""
    own = folder / f"{os.environ.get('KERASTUNER_TUNER_ID', 'tuner0')}.json"
    if (folder / "oracle.json").exists() and not own.exists():
        own.write_text("{}", encoding="utf-8")


@contextmanager
def silenced() -> Iterator[None]:
    """Hide Keras Tuner's prints and the progress bars of epochs, which would drown the trials'."""
    with open(os.devnull, "w", encoding="utf-8") as nothing, redirect_stdout(nothing):
        yield


def _write(file: Path, state: dict) -> None:
    with whole_file(file) as part:
        part.write_text(json.dumps(state), encoding="utf-8")
