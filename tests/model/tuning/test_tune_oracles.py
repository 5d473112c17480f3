"""What ``model.tuning.oracles`` relies on, and works around, is still so in Keras Tuner."""

import inspect
import json
from importlib.metadata import version
from pathlib import Path

import keras_tuner
import pytest
from keras_tuner import oracles
from keras_tuner.engine.base_tuner import BaseTuner

from model.training.settings import TrainConfig
from model.tuning.oracles import VERSION, budget_of, build_oracle
from model.tuning.search_space import Dimension, Plan

STEPS = Dimension("dropout", low=0.0, high=0.3, step=0.1)
REQUIREMENTS = Path(__file__).parents[3] / "requirements.txt"


def test_the_version_that_the_workarounds_are_for_is_the_one_that_is_pinned():
    assert f"keras-tuner=={VERSION}" in REQUIREMENTS.read_text().splitlines()
    assert version("keras-tuner") == VERSION


def test_a_number_with_a_step_still_leaves_out_its_end():
    hp = keras_tuner.HyperParameters()
    hp.Float("plain", 0.0, 0.3, step=0.1)
    assert max(hp.space[0].values) < 0.25
    oracle = build_oracle(Plan((STEPS,), TrainConfig(), method="grid"))
    assert max(oracle.hyperparameters.space[0].values) == pytest.approx(0.3)


def test_state_and_trials_are_still_written_where_they_are_read(tmp_path):
    oracle = build_oracle(Plan((STEPS,), TrainConfig(), method="random", trials=2))
    oracle._set_project_dir(str(tmp_path), "trials")
    oracle.on_trial_end = lambda trial: None
    trial = oracle.create_trial("tuner0")
    saved = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.json")}
    assert saved == {"trials/oracle.json", f"trials/trial_{trial.trial_id}/trial.json"}
    state = json.loads((tmp_path / "trials" / "oracle.json").read_text())
    assert state["ongoing_trials"] == {"tuner0": trial.trial_id}


def test_upstream_still_writes_its_state_in_place_and_resumes_by_a_file_of_the_tuner():
    assert "os.replace" not in inspect.getsource(keras_tuner.Oracle.save)
    assert "os.replace" not in inspect.getsource(keras_tuner.Oracle._save_trial)
    assert "exists(self._get_tuner_fname())" in inspect.getsource(BaseTuner.__init__)


def test_hyperband_still_waits_for_all_trials_of_a_first_round():
    source = inspect.getsource(oracles.HyperbandOracle.populate_space)
    assert "len(rounds[0]) < self._get_size(bracket_num, round_num=0)" in source
    assert 'bracket["rounds"]' in source
    plan = Plan((STEPS,), TrainConfig(epochs=9))
    oracle = build_oracle(plan)
    assert oracle._brackets[0]["rounds"] == [[], [], []]
    assert budget_of(oracle, plan).rounds == (3, 2, 1)
