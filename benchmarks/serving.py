"""The page in a process of its own, for benchmarks that ask it from outside."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np

from benchmarks.visitor import Visitor, wait_until_served
from model.patient import FIELDS
from tests.drawings import draw_lesion

ROOT = Path(__file__).parents[1]
_OVERLAY = 50  # per cent, as the page's slider stands at first


@dataclass(frozen=True)
class Page:
    """A page that is being served."""

    address: str
    process: int

    def memory_mb(self) -> float:
        """Resident memory of its process."""
        status = Path(f"/proc/{self.process}/status").read_text().splitlines()
        return int(next(line for line in status if line.startswith("VmRSS")).split()[1]) / 1024


@contextmanager
def page(port: int, *, cores: int) -> Iterator[Page]:
    """Serve ``python app.py`` on the first so many cores until the network has answered once."""
    allowed = set(sorted(os.sched_getaffinity(0))[:cores])
    environment = os.environ | {"GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(port)}
    server = subprocess.Popen(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, allowed),
    )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until_served(address)
        predict(Visitor(address), photograph(0), np.random.default_rng(0))
        yield Page(address, server.pid)
    finally:
        server.terminate()
        server.wait()


def photograph(number: int) -> bytes:
    """Draw a 600 x 450 JPEG."""
    buffer = BytesIO()
    draw_lesion(number % 8, seed=number, size=(600, 450)).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def predict(visitor: Visitor, content: bytes, rng: np.random.Generator, **options: object) -> None:
    """Upload a photograph, fill the fields in and press Predict, as a visitor does.

    Raises:
        RuntimeError: the page answered with an error.
    """
    file = visitor.upload(content)
    context = [field.variations[rng.integers(len(field.variations))] for field in FIELDS]
    answer = visitor.press("predict", [None, None, file, *context, _OVERLAY], **options)
    if "data" not in answer:
        raise RuntimeError(f"the page answered: {answer.get('error')}")
