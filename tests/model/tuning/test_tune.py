"""Searching with a stand-in for the training: what is tried, kept, gone on with and refused."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from model.errors import ConfigError, SearchError
from model.training.settings import TrainConfig
from model.tuning.figures import importances
from model.tuning.search_space import METHODS, Dimension, Plan
from model.tuning.trials import ABOUT, best_record, leaderboard, progress_line, read_records
from model.tuning.tune import TRIALS_DIR, search, write_results

SPACE = (
    Dimension("learning_rate", low=1e-4, high=1e-2, log=True),
    Dimension("dropout", low=0.0, high=0.6, step=0.1),
    Dimension("rotation", ("free", "none")),
    Dimension("shear", low=0.0, high=0.2, when=("rotation", ("free",))),
)


def plan(**options):
    options.setdefault("base", TrainConfig(epochs=9))
    return Plan(SPACE, **options)


def learn(config, folder, until):
    """Stand in for a training that likes a learning rate of 0.001 and little dropout."""
    folder.mkdir(parents=True, exist_ok=True)
    epochs = np.arange(until)
    level = 0.8 - abs(np.log10(config.learning_rate) + 3) / 4 - config.dropout / 10
    score = level - 0.4 / (1 + epochs)
    table = pd.DataFrame({"epoch": epochs, "val_balanced_accuracy": score})
    table.to_csv(folder / "history.csv", index=False)


def records(out):
    return read_records(out / TRIALS_DIR)


def test_hyperband_sifts_trials_and_the_best_go_on_where_they_were(tmp_path):
    asked = []

    def training(config, folder, until):
        asked.append((folder.parent.name, until))
        learn(config, folder, until)

    search(plan(), training, out=tmp_path)
    found = records(tmp_path)
    budgets = [(record["bracket"], record["epochs"]) for record in found]
    assert budgets.count((2, 1)) == 9
    assert budgets.count((2, 3)) == budgets.count((0, 9)) == 3
    assert budgets.count((2, 9)) == 1
    earlier = {record["trial"]: record for record in found}
    later = next(record for record in found if record["epochs"] == 9)
    start = earlier[earlier[later["promoted_from"]]["promoted_from"]]
    assert later["settings"] == start["settings"]
    assert later["trained_epochs"] == 6
    assert (f"trial_{start['trial']}", 9) in asked
    firsts = [record["objective"] for record in found[:9]]
    assert start["objective"] == max(firsts)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("method", METHODS[1:])
def test_other_methods_give_each_trial_all_epochs(method, tmp_path):
    # Bayesian search takes seconds per trial once it leaves its three random ones.
    search(Plan(SPACE[:1], TrainConfig(epochs=9), method=method, trials=4), learn, out=tmp_path)
    found = records(tmp_path)
    assert [record["epochs"] for record in found] == [9] * 4
    assert len({record["settings"]["learning_rate"] for record in found}) == 4


def test_a_search_is_the_same_for_the_same_seed_and_another_for_another(tmp_path):
    settings = []
    for number, seed in enumerate((0, 0, 1)):
        out = tmp_path / str(number)
        search(plan(method="random", trials=3, base=TrainConfig(seed=seed)), learn, out=out)
        settings.append([record["settings"] for record in records(out)])
    assert settings[0] == settings[1] != settings[2]


def test_a_range_in_steps_holds_both_ends(tmp_path):
    steps = Dimension("dropout", low=0.0, high=0.3, step=0.1)
    search(Plan((steps,), TrainConfig(), method="grid", trials=20), learn, out=tmp_path)
    assert [record["settings"]["dropout"] for record in records(tmp_path)] == [0.0, 0.1, 0.2, 0.3]


def test_an_interrupted_search_goes_on_with_the_trial_that_was_cut_short(tmp_path):
    def interrupted(config, folder, until):
        if len(records(tmp_path / "cut")) == 6:
            raise KeyboardInterrupt
        learn(config, folder, until)

    with pytest.raises(KeyboardInterrupt):
        search(plan(), interrupted, out=tmp_path / "cut")
    assert [record["status"] for record in records(tmp_path / "cut")].count("running") == 1
    search(plan(), learn, out=tmp_path / "cut")
    search(plan(), learn, out=tmp_path / "whole")
    results = [
        [(record["settings"], record["objective"]) for record in records(tmp_path / name)]
        for name in ("cut", "whole")
    ]
    assert results[0] == results[1]


def test_a_search_goes_on_with_fewer_workers(tmp_path):
    def interrupted(config, folder, until):
        if len(records(tmp_path)) == 3:
            raise KeyboardInterrupt
        learn(config, folder, until)

    with pytest.raises(KeyboardInterrupt):
        search(plan(), interrupted, out=tmp_path)
    state = tmp_path / TRIALS_DIR / "oracle.json"
    state.write_text(state.read_text().replace('"tuner0"', '"worker7"'))
    search(plan(), learn, out=tmp_path)
    assert [record["status"] for record in records(tmp_path)] == ["finished"] * 23


def test_a_finished_search_runs_nothing_again(tmp_path):
    search(plan(), learn, out=tmp_path)
    before = records(tmp_path)
    search(plan(), None, out=tmp_path)
    assert records(tmp_path) == before


def test_a_failed_trial_is_recorded_and_gives_its_place_to_a_new_one(tmp_path):
    def training(config, folder, until):
        if config.dropout > 0.35:
            raise MemoryError("no room for dropout")
        learn(config, folder, until)

    search(plan(), training, out=tmp_path)
    found = records(tmp_path)
    failed = [record for record in found if record["status"] == "failed"]
    assert failed
    assert all(record["error"] == "MemoryError: no room for dropout" for record in failed)
    assert len(found) - len(failed) == 23  # all that hyperband plans
    table = leaderboard(found)
    assert table["status"].tolist() == ["finished"] * 23 + ["failed"] * len(failed)


def test_a_search_in_which_every_trial_fails_ends_soon_and_fails(tmp_path):
    def training(config, folder, until):
        raise ValueError("weights do not fit")

    search(plan(method="random", trials=20), training, out=tmp_path)
    assert len(records(tmp_path)) == 5
    with pytest.raises(SearchError, match=r"no trial finished, 5 failed.*weights do not fit"):
        write_results(plan(), tmp_path)
    assert not (tmp_path / "best.json").exists()
    assert len(pd.read_csv(tmp_path / "leaderboard.csv")) == 5


def test_a_trial_whose_process_is_killed_again_and_again_has_failed(tmp_path):
    class Killed(BaseException):
        pass

    def training(config, folder, until):
        shutil.copy(folder.parent / "record.json", tmp_path / "then")
        raise Killed

    for _ in range(3):
        with pytest.raises(Killed):
            search(plan(method="random", trials=2), training, out=tmp_path / "s")
        shutil.copy(tmp_path / "then", tmp_path / "s" / TRIALS_DIR / "trial_0" / "record.json")
    search(plan(method="random", trials=2), learn, out=tmp_path / "s")
    first, second = records(tmp_path / "s")
    assert "killed 3 times" in first["error"]
    assert second["status"] == "finished"


def test_hyperband_over_a_handful_of_combinations_is_refused(tmp_path):
    few = Plan((Dimension("rotation", ("free", "none")),), TrainConfig(epochs=9))
    with pytest.raises(ConfigError, match=r"2 combinations.*--tuner grid"):
        search(few, learn, out=tmp_path)


@pytest.mark.slow
def test_results_are_a_leaderboard_a_config_and_diagrams(tmp_path):
    told = []
    chosen = plan()
    search(chosen, learn, out=tmp_path, on_trial_end=lambda budget, trial: told.append(trial))
    best = write_results(chosen, tmp_path)
    table = pd.read_csv(tmp_path / "leaderboard.csv")
    assert len(set(told)) == len(table) == 23
    assert set(ABOUT) | {dimension.name for dimension in SPACE} == set(table.columns)
    assert table["objective"].is_monotonic_decreasing
    config = json.loads((tmp_path / "best.json").read_text())
    assert config["learning_rate"] == best["settings"]["learning_rate"]
    assert config["epochs"] == 9
    drawn = {file.name for file in tmp_path.glob("*.png")}
    assert drawn == {"objective_over_time.png", "parallel_coordinates.png", "importance.png"}
    assert best == best_record(records(tmp_path))


@pytest.mark.slow
def test_what_matters_is_found_to_matter(tmp_path):
    search(plan(method="random", trials=30), learn, out=tmp_path)
    found = importances(leaderboard(records(tmp_path)))
    assert found.index[0] == "learning_rate"
    assert found["mean"]["learning_rate"] > 5 * found["mean"]["rotation"]


def test_importances_of_a_few_trials_are_not_given(tmp_path):
    search(plan(method="random", trials=4), learn, out=tmp_path)
    assert importances(leaderboard(records(tmp_path))) is None


def test_a_progress_line_says_where_the_search_is():
    done = {"seconds": 60.0, "trained_epochs": 3, "worker": "a", "status": "finished"}
    first = {"trial": "0", "objective": 0.6, "bracket": 2, "round": 0} | done
    last = {"trial": "1", "objective": 0.5, "bracket": 1, "round": 1} | done
    failed = {"trial": "2", "status": "failed", "seconds": 1.0}
    line = progress_line([first, last, failed], "1", trials=9, epochs=18, rounds=(3, 2, 1))
    assert line == (
        "bracket 2 of 3; round 2 of 2; trial 3 of 9: 0.500; best so far 0.600 (trial 0); "
        "1 failed; 4 min left"
    )
