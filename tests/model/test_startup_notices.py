"""TensorFlow and LiteRT are silent in a process of their own, unless somebody asks for notices."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow
TENSORFLOW = "import model, keras; keras.ops.ones(2) + 1; print('ran')"
LITERT = """
from model.inference.predictor import Predictor
Predictor.load(backend="litert").warm_up()
print('ran')
"""


@pytest.mark.parametrize("run", [TENSORFLOW, LITERT])
@pytest.mark.parametrize(("level", "silent"), [(None, True), ("0", False)])
def test_they_say_nothing_of_themselves(run, level, silent):
    others = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    env = others | ({"TF_CPP_MIN_LOG_LEVEL": level} if level else {})
    done = subprocess.run([sys.executable, "-c", run], env=env, capture_output=True, text=True)
    assert done.stdout.split() == ["ran"]
    assert (done.stderr == "") is silent
