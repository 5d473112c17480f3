"""Many visitors at once: nobody is sent away, everybody sees where they stand."""

import threading
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

import pytest
import requests

from benchmarks.visitor import Visitor
from tests.demo.pages import add_photograph, served
from tests.fakes.study import made_up

USERS = 50


class Gate:
    """A study that waits at a gate."""

    def __init__(self):
        self.open = threading.Event()

    def __call__(self, image, *, box):
        assert self.open.wait(60)
        return made_up(image, box=box)


def ask(address, photograph, places):
    visitor = Visitor(address)
    file = visitor.upload(photograph.read_bytes())
    return visitor.press(
        "predict", [None, None, file, 50, "male", "head/neck", 50], on_rank=places.append
    )


def wait_for_places(places, number, asked):
    """Until so many stand in the queue."""
    while len(places) < number:
        time.sleep(0.02)
        assert not any(one.done() for one in asked)


@pytest.mark.slow
def test_fifty_visitors_who_press_at_once_are_all_answered_and_know_their_place(photograph):
    gate, places = Gate(), []
    with served(gate) as address, ThreadPoolExecutor(USERS) as pool:
        try:
            asked = [pool.submit(ask, address, photograph, places) for _ in range(USERS)]
            wait_for_places(places, USERS, asked)
        finally:
            gate.open.set()
        answers = [one.result(60) for one in asked]
    assert all("data" in answer for answer in answers), answers
    assert max(places) >= USERS - 10  # of those who wait, the last was told so


@pytest.mark.slow
def test_one_visitors_answer_never_reaches_another(photograph):
    with served() as address, ThreadPoolExecutor(16) as pool:

        def age_of(age):
            visitor = Visitor(address)
            file = visitor.upload(photograph.read_bytes())
            answer = visitor.press("predict", [None, None, file, age, "male", "head/neck", 50])
            return f"age {age}, male" in answer["data"][1]

        assert all(pool.map(age_of, range(20, 52)))


def test_a_queue_that_is_full_says_so_and_recovers(photograph, monkeypatch):
    import gradio as gr

    ask_for_queue = gr.Blocks.queue
    monkeypatch.setattr(
        gr.Blocks, "queue", lambda self, **o: ask_for_queue(self, **o | {"max_size": 2})
    )
    gate = Gate()
    with served(gate) as address, ThreadPoolExecutor(12) as pool:
        asked = [pool.submit(ask, address, photograph, []) for _ in range(12)]
        wait(asked, 30, FIRST_COMPLETED)
        gate.open.set()
        errors = [error for one in asked if (error := one.exception(60))]
        assert errors
        assert all(isinstance(error, requests.HTTPError) for error in errors)
        assert "data" in ask(address, photograph, [])


def test_the_place_in_the_queue_is_read_on_the_page(window, photograph):
    gate, places = Gate(), []
    with served(gate) as address, ThreadPoolExecutor(9) as pool:
        try:
            others = [pool.submit(ask, address, photograph, places) for _ in range(9)]
            wait_for_places(places, 9, others)
            window.goto(address)
            add_photograph(window, photograph)
            window.locator("#predict").click()
            window.get_by_text("queue: 6/6").first.wait_for(timeout=5000)
        finally:
            gate.open.set()
        window.locator("table.bars").wait_for()
