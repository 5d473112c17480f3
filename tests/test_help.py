"""What ``--help`` says fits a screen and ends with an example that the command takes."""

import contextlib
import re

import pytest

import isic_api.__main__
import model.__main__
from isic_api.cli import parser
from model.cli.options import SETTINGS

SCREEN = 50  # lines, of 100 columns
ISIC_API = next(action.choices for action in parser()._actions if action.choices)
HELPS = [
    *(("model", command) for command in ["", *model.__main__.COMMANDS]),
    *(("isic_api", command) for command in ["", *ISIC_API]),
]
MAINS = {"model": model.__main__.main, "isic_api": isic_api.__main__.main}


@pytest.fixture
def said(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "100")

    def of(package, *words):
        with contextlib.suppress(SystemExit):
            MAINS[package]([word for word in words if word])
        shown = capsys.readouterr()
        assert not shown.err
        return shown.out.rstrip()

    return of


@pytest.mark.parametrize(("package", "command"), HELPS)
def test_help_fits_a_screen_and_ends_with_examples_of_options_that_exist(package, command, said):
    text = said(package, command, "--help")
    lines = text.splitlines()
    assert len(lines) <= SCREEN
    assert max(map(len, lines)) <= 100
    options, last = text[: text.rindex("\n\n")], text[text.rindex("\n\n") :]
    assert "example:" in last
    assert f"python -m {package} {command}" in last
    if command:
        used = set(re.findall(r" (--[a-z-]+)", last))
        assert used <= set(re.findall(r"--[a-z-]+", options))
    else:
        assert [name for of, name in HELPS if of == package and name not in options] == []


@pytest.mark.parametrize("command", ["train", "distill", "tune", "summary"])
def test_every_setting_of_a_training_is_told_with_its_default(command, said):
    text = said("model", command, "--help-settings")
    assert [name for name in SETTINGS if f"--{name.replace('_', '-')}" not in text] == []
    assert text.count("(default") == len(SETTINGS)
