"""Hyperparameter search with Keras Tuner.

Keras Tuner decides which settings are tried for how many epochs, keeps that on disk, and gives
trials to workers on other machines. What a trial does is the caller's.
"""

import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import keras_tuner
import pandas as pd
from keras_tuner.engine.base_tuner import BaseTuner

from model.errors import ConfigError
from model.training.settings import TrainConfig
from model.tuning.cluster import is_worker, require_chief
from model.tuning.figures import draw_search_figures
from model.tuning.oracles import Budget, Trial, allow_resume, budget_of, build_oracle, silenced
from model.tuning.search_space import Plan, combinations
from model.tuning.trials import (
    TrialRecord,
    best_record,
    leaderboard,
    read_records,
    write_leaderboard,
)

Training = Callable[[TrainConfig, Path, int], None]
"""Trains with these settings in this folder until so many epochs are done, or resumes up to there.

Leaves a history.csv with the columns epoch and val_ plus the plan's objective.
"""

TRIALS_DIR = "trials"
_IDLE = 0.1  # seconds until a worker asks again whether there is a trial


def search(
    plan: Plan,
    training: Training,
    *,
    out: Path,
    on_trial_end: Callable[[Budget, str], None] = lambda budget, trial: None,
) -> None:
    """Run a search, or resume an interrupted one.

    It runs as chief or worker where the environment says so, see :mod:`model.tuning.cluster`.
    ``on_trial_end`` gets each trial's name after its end, not on a worker. Records of trials are in
    ``out/trials``; a trial that raises is recorded as failed and the search continues.
    """
    oracle = build_oracle(plan)
    oracle.verbose = 0
    budget = budget_of(oracle, plan)
    _require_combinations(plan, budget)
    oracle.on_trial_end = partial(on_trial_end, budget)
    with silenced():
        _Tuner(oracle, plan, training, out).search()


def _require_combinations(plan: Plan, budget: Budget) -> None:
    """Hyperband stops where it finds no new settings to draw, before the best are promoted."""
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
        allow_resume(out / TRIALS_DIR)
        super().__init__(oracle, directory=str(out), project_name=TRIALS_DIR)

    def pre_create_trial(self) -> None:
        if is_worker():
            require_chief()
            if self._waits:
                time.sleep(_IDLE)
        self._waits = True

    def on_trial_begin(self, trial: Trial) -> None:
        self._waits = False

    def on_trial_end(self, trial: Trial) -> None:
        if is_worker():
            require_chief()
        super().on_trial_end(trial)

    def run_trial(self, trial: Trial) -> dict[str, float]:
        values = trial.hyperparameters.values
        settings = self._settings(values)
        config = self.plan.config(settings)
        until = values.get("tuner/epochs", config.epochs)
        root = self._root_of(trial)
        about = {
            "trial": trial.trial_id,
            "settings": settings,
            "seed": config.seed,
            "epochs": until,
            # Keras Tuner enters the newest bracket even for trials promoted in an older one.
            "bracket": root.hyperparameters.values.get("tuner/bracket"),
            "round": values.get("tuner/round"),
            "promoted_from": values.get("tuner/trial_id"),
            "worker": self.tuner_id,
        }
        column = self.oracle.objective.name
        with TrialRecord(Path(self.get_trial_dir(trial.trial_id)), about) as record:
            # Promoted trials resume in their root ancestor's folder.
            folder = Path(self.get_trial_dir(root.trial_id)) / "training"
            self.training(config, folder, until)
            history = pd.read_csv(folder / "history.csv")
            before = values.get("tuner/initial_epoch", 0)
            return {column: record.finish(history, column, before=before)}

    def _settings(self, values: dict) -> dict:
        """The searched settings in the space's order, without rounding errors."""
        known = {d.name: values[d.name] for d in self.plan.space if d.name in values}
        return {
            name: float(f"{value:.6g}") if isinstance(value, float) else value
            for name, value in known.items()
        }

    def _root_of(self, trial: Trial) -> Trial:
        """The root ancestor of a promoted trial, itself where it was not promoted."""
        while earlier := trial.hyperparameters.values.get("tuner/trial_id"):
            trial = self.oracle.get_trial(earlier)
        return trial


BEST_FILE = "best.json"


def write_results(plan: Plan, out: Path) -> dict:
    """Write all results of a search that ended, drop what only a trial needs, return the best.

    Raises:
        SearchError: no trial finished.
    """
    records = read_records(out / TRIALS_DIR)
    table = leaderboard(records)
    write_leaderboard(table, out)
    best = best_record(records)
    plan.config(best["settings"]).save(out / BEST_FILE)
    draw_search_figures(table, out, objective=plan.objective)
    for folder in (out / TRIALS_DIR).glob("trial_*/training/backup"):
        shutil.rmtree(folder)  # weights and optimiser state, to resume with
    return best
