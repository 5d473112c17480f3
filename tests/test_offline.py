"""docs/offline.md: what its commands take along is enough where there is no internet."""

import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.documents import blocks

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "offline.md").read_text(encoding="utf-8")
TAKE, INSTALL = blocks(PAGE, "sh")


def write_wheel(folder, name, needs=""):
    """A package of one line that pip installs."""
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    about += f"Requires-Dist: {needs}\n" if needs else ""
    wheel = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files = {f"{name}.py": "SAID = 'hello'\n"}
    info = f"{name}-1.0.dist-info"
    files |= {f"{info}/METADATA": about, f"{info}/WHEEL": wheel}
    files[f"{info}/RECORD"] = "".join(f"{file},,\n" for file in files)
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)


def run(block, folder, stick, **variables):
    """Run a block as somebody types it, past this machine's own settings of pip."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    words = ["bash", "-euc", block.replace("/media/stick", str(stick))]
    nobody = {"PIP_CONFIG_FILE": os.devnull, "https_proxy": "http://127.0.0.1:9"}
    environment = kept | nobody | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"} | variables
    ended = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_what_is_on_the_stick_installs_and_starts_a_project_without_internet(tmp_path):
    project, stick, registry = (tmp_path / name for name in ("project", "stick", "registry"))
    write_wheel(registry, "toy_page", needs="toy_network")
    write_wheel(registry, "toy_network")
    project.mkdir()
    (project / "requirements.txt").write_text("toy_page>=1,<2\n")
    (project / "app.py").write_text("import toy_network, toy_page\nprint(toy_network.SAID)\n")
    commit = "git init -q; git add .; git -c user.name=a -c user.email=a@b commit -qm first"
    run(f"{commit}; python3 -m venv .venv", project, stick)
    run(TAKE, project, stick, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(registry))
    shutil.rmtree(registry)
    shutil.copytree(stick / "lesion-in-context", tmp_path / "elsewhere")
    assert run(INSTALL, tmp_path / "elsewhere", stick).endswith("hello\n")


def test_the_commands_for_windows_are_the_same():
    def plain(block):
        return block.replace("\\", "/").replace("py -3.12", "python3").replace("Scripts", "bin")

    on_windows = [plain(block).replace("E:", "/media/stick") for block in blocks(PAGE, "bat")]
    assert on_windows == [TAKE, INSTALL]


def test_installing_asks_no_server():
    (line,) = re.findall(r"^.*pip install.*$", INSTALL, re.MULTILINE)
    assert "--no-index" in line
    assert "--find-links" in line
