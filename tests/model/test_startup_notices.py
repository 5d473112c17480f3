"""TensorFlow is silent in a process of its own, unless somebody asks for its notices."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow
RUN = "import model, keras; keras.ops.ones(2) + 1; print('ran')"


@pytest.mark.parametrize(("level", "silent"), [(None, True), ("0", False)])
def test_tensorflow_says_nothing_of_itself(level, silent):
    others = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    env = others | ({"TF_CPP_MIN_LOG_LEVEL": level} if level else {})
    done = subprocess.run([sys.executable, "-c", RUN], env=env, capture_output=True, text=True)
    assert done.stdout.split() == ["ran"]
    assert (done.stderr == "") is silent
