"""Own traffic past proxies, ports, and a start without notices."""

import os
import subprocess
import sys

import pytest

from model.environment import reach_directly, require_port


@pytest.mark.parametrize("given", ["", "localhost,127.0.0.0/8,::1", "intern.example"])
def test_this_machine_is_excepted_from_proxies_and_what_stood_there_is_kept(monkeypatch, given):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, given)
    reach_directly("10.0.0.7", "")
    for name in ("no_proxy", "NO_PROXY"):
        hosts = os.environ[name].split(",")
        assert {"localhost", "127.0.0.1", "::1", "10.0.0.7"} <= set(hosts)
        assert set(filter(None, given.split(","))) <= set(hosts)
        assert "" not in hosts


def test_a_star_excepts_everything_already(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    reach_directly("10.0.0.7")
    assert os.environ["no_proxy"] == "*"


@pytest.mark.parametrize("port", ["99999", "0", "-1", "http", "٣"])
def test_what_is_no_port_is_refused(monkeypatch, port):
    monkeypatch.setenv("A_PORT", port)
    with pytest.raises(ValueError, match=r"A_PORT is .*1 to 65535"):
        require_port("A_PORT")


@pytest.mark.parametrize("port", ["", "1", "65535"])
def test_a_port_or_none_is_accepted(monkeypatch, port):
    monkeypatch.setenv("A_PORT", port)
    require_port("A_PORT")


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
