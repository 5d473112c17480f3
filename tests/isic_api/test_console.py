"""Standard output on consoles of other encodings."""

import io
import sys

import pytest

from isic_api.console import write_utf8


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_output_is_utf8_whatever_the_console(monkeypatch, encoding):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    write_utf8()
    print("Łódź", end="", flush=True)
    assert written.getvalue() == "Łódź".encode()


def test_what_is_no_console_is_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    write_utf8()
