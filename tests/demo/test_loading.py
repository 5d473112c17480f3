"""The network that loads behind the page."""

import threading
from pathlib import Path

import pytest

from demo.services import BackgroundPredictor
from model.errors import BundleError


class Fake:
    def study(self, image, *, box=None):
        return f"study of {image}"


def test_a_request_that_comes_early_waits_for_the_network():
    gate = threading.Event()

    def load():
        gate.wait(5)
        return Fake()

    predictor = BackgroundPredictor(load)
    answers = []
    early = threading.Thread(target=lambda: answers.append(predictor.study(Path("x"))))
    early.start()
    early.join(0.1)
    assert not answers
    gate.set()
    early.join(5)
    assert answers == ["study of x"]


def test_many_requests_load_the_network_once():
    calls = []
    predictor = BackgroundPredictor(lambda: calls.append(1) or Fake())
    threads = [threading.Thread(target=predictor.ready) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1


def test_a_bundle_that_cannot_be_loaded_is_reported_not_raised_in_the_thread():
    def load():
        raise BundleError("damaged")

    predictor = BackgroundPredictor(load)
    assert not predictor.ready()
    with pytest.raises(RuntimeError):
        predictor.study(Path("x"))


def test_the_state_of_loading_is_told_without_waiting():
    gate = threading.Event()

    def load():
        gate.wait(5)
        return Fake()

    predictor = BackgroundPredictor(load)
    assert predictor.state() == "loading"
    predictor.start()
    assert predictor.state() == "loading"
    gate.set()
    assert predictor.ready()
    assert predictor.state() == "ready"


def test_the_state_of_a_load_that_failed_is_told():
    def load():
        raise BundleError("damaged")

    predictor = BackgroundPredictor(load)
    predictor.ready()
    assert predictor.state() == "failed"
