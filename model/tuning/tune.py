"""Searching settings with Keras Tuner. Only this file knows ``hp``.

Keras Tuner decides which settings are tried for how many epochs, keeps that on disk, and gives
trials to workers on other machines. What a trial does is the caller's.
"""

import json
import os
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import keras_tuner
import pandas as pd
from keras_tuner import oracles
from keras_tuner.engine.base_tuner import BaseTuner

from isic_api.whole_file import whole_file
from model.errors import ConfigError
from model.training.settings import TrainConfig
from model.tuning.cluster import is_worker, require_chief
from model.tuning.search_plan import Plan
from model.tuning.search_space import Dimension, combinations
from model.tuning.trial_record import TrialRecord

Training = Callable[[TrainConfig, Path, int], None]
"""Trains with these settings in this folder until so many epochs are done, or goes on to there.

Leaves a history.csv with the columns epoch and val_ plus the plan's objective.
"""

TRIALS_DIR = "trials"
HOPELESS = 5
"""So many failures before the first success end a search."""

_IDLE = 0.1  # seconds until a worker asks again whether there is a trial


@dataclass(frozen=True)
class Budget:
    """What a search will do at most, if no trial fails."""

    trials: int
    epochs: int
    rounds: tuple[int, ...] = ()  # of each bracket of hyperband, in the order they are run
    drawn: int = 0  # first trials of all brackets


def search(
    plan: Plan,
    training: Training,
    *,
    out: Path,
    told: Callable[[Budget, str], None] = lambda budget, trial: None,
) -> None:
    """Run a search, or go on with an interrupted one; as chief or worker where the environment
    says so (see :mod:`model.tuning.cluster`).

    ``told`` gets each trial's name after its end, not on a worker. Records of the trials are in
    ``out/trials``; a trial that raises is recorded as failed and the search goes on.
    """
    oracle = _oracle(plan)
    oracle.verbose = 0
    budget = _budget(oracle, plan)
    _require_combinations(plan, budget)
    oracle.told = partial(told, budget)
    # Keras Tuner has a print left over from its making, and epochs' bars would hide the trials'.
    with open(os.devnull, "w", encoding="utf-8") as nothing, redirect_stdout(nothing):
        _Tuner(oracle, plan, training, out).search()


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
        # Keras Tuner counts steps without rounding: 0.3 // 0.1 is 2.0, which leaves out the end.
        dust = 1e-6 * dimension.step if step and number == hp.Float else 0
        ends = {"min_value": dimension.low, "max_value": dimension.high + dust}
        number(dimension.name, **ends, sampling=sampling, **step, **when)


class _Watched:
    """An oracle that survives a kill while it writes, tells of ended trials, and can despair."""

    told: Callable[[str], None]

    def end_trial(self, trial: keras_tuner.engine.trial.Trial) -> None:
        super().end_trial(trial)
        self.told(trial.trial_id)

    def populate_space(self, trial_id: str) -> dict:
        statuses = [trial.status for trial in self.trials.values()]
        if "COMPLETED" not in statuses and statuses.count("FAILED") >= HOPELESS:
            return {"status": "IDLE" if self.ongoing_trials else "STOPPED"}
        return super().populate_space(trial_id)

    def save(self) -> None:
        _write(Path(self._get_oracle_fname()), self.get_state())

    def _save_trial(self, trial: keras_tuner.engine.trial.Trial) -> None:
        _write(Path(self._get_trial_dir(trial.trial_id)) / "trial.json", trial.get_state())


class _Hyperband(_Watched, oracles.HyperbandOracle):
    """Hyperband in which a trial that failed in a first round gives its place to a new one.

    Keras Tuner's own lets nothing of a round go on unless enough of its trials finished.
    """

    def populate_space(self, trial_id: str) -> dict:
        failed = {name for name, trial in self.trials.items() if trial.status == "FAILED"}
        if len(failed) <= len(self.trials) / 2:
            for bracket in self._brackets:
                first = bracket["rounds"][0]
                first[:] = [place for place in first if place["id"] not in failed]
        return super().populate_space(trial_id)


class _Random(_Watched, oracles.RandomSearchOracle):
    pass


class _Grid(_Watched, oracles.GridSearchOracle):
    pass


class _Bayesian(_Watched, oracles.BayesianOptimizationOracle):
    pass


def _oracle(plan: Plan) -> keras_tuner.Oracle:
    hp = keras_tuner.HyperParameters()
    declare(hp, plan.space, vars(plan.base))
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
        # Its default of three random trials a setting would leave no trial to the method.
        common["num_initial_points"] = max(3, plan.trials // 3)
    kinds = {"random": _Random, "grid": _Grid, "bayesian": _Bayesian}
    return kinds[plan.method](max_trials=plan.trials, **common)


def _budget(oracle: keras_tuner.Oracle, plan: Plan) -> Budget:
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


def _require_combinations(plan: Plan, budget: Budget) -> None:
    """Hyperband stops where it finds no new settings to draw, before the best have gone on."""
    count = combinations(plan.space)
    if count < 2 * budget.drawn:
        raise ConfigError(
            f"the space has {count} combinations, but hyperband with {plan.base.epochs} epochs "
            f"draws {budget.drawn} and needs twice as many to choose from. Use --tuner grid, or "
            "fewer --epochs."
        )


class _Tuner(BaseTuner):
    """Runs trials one after the other, or as one of several workers."""

    def __init__(
        self, oracle: keras_tuner.Oracle, plan: Plan, training: Training, out: Path
    ) -> None:
        self.plan, self.training = plan, training
        self._waits = False
        folder = out / TRIALS_DIR
        me = folder / f"{os.environ.get('KERASTUNER_TUNER_ID', 'tuner0')}.json"
        if (folder / "oracle.json").exists() and not me.exists():
            # Keras Tuner goes on only where it finds this file, written after the first trial.
            me.write_text("{}", encoding="utf-8")
        super().__init__(oracle, directory=str(out), project_name=TRIALS_DIR)

    def pre_create_trial(self) -> None:
        if is_worker():
            require_chief()
            if self._waits:
                time.sleep(_IDLE)
        self._waits = True

    def on_trial_begin(self, trial: keras_tuner.engine.trial.Trial) -> None:
        self._waits = False

    def on_trial_end(self, trial: keras_tuner.engine.trial.Trial) -> None:
        if is_worker():
            require_chief()
        super().on_trial_end(trial)

    def run_trial(self, trial: keras_tuner.engine.trial.Trial) -> dict[str, float]:
        values = trial.hyperparameters.values
        settings = self._settings(values)
        config = self.plan.config(settings)
        until = values.get("tuner/epochs", config.epochs)
        first = self._first_of(trial)
        about = {
            "trial": trial.trial_id,
            "settings": settings,
            "seed": config.seed,
            "epochs": until,
            # Keras Tuner enters the newest bracket for trials that go on in an older one, too.
            "bracket": first.hyperparameters.values.get("tuner/bracket"),
            "round": values.get("tuner/round"),
            "goes_on_from": values.get("tuner/trial_id"),
            "worker": self.tuner_id,
        }
        column = self.oracle.objective.name
        with TrialRecord(Path(self.get_trial_dir(trial.trial_id)), about) as record:
            # A trial that goes on from another trains on in that one's folder.
            folder = Path(self.get_trial_dir(first.trial_id)) / "training"
            self.training(config, folder, until)
            history = pd.read_csv(folder / "history.csv")
            before = values.get("tuner/initial_epoch", 0)
            return {column: record.finish(history, column, before=before)}

    def _settings(self, values: dict) -> dict:
        """The searched settings in the space's order, without float dust."""
        known = {d.name: values[d.name] for d in self.plan.space if d.name in values}
        return {
            name: float(f"{value:.6g}") if isinstance(value, float) else value
            for name, value in known.items()
        }

    def _first_of(self, trial: keras_tuner.engine.trial.Trial) -> keras_tuner.engine.trial.Trial:
        """The trial that this one goes on from, and that one's, to the first."""
        while earlier := trial.hyperparameters.values.get("tuner/trial_id"):
            trial = self.oracle.get_trial(earlier)
        return trial


def _write(file: Path, state: dict) -> None:
    with whole_file(file) as part:
        part.write_text(json.dumps(state), encoding="utf-8")
