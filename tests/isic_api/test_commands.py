"""The command line as a user meets it: what it prints, what it writes, how it ends."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from isic_api.__main__ import main, parser
from tests.fakes.archive import FakeArchive, free_port
from tests.fakes.archive_data import ATTRIBUTIONS
from tests.fakes.archive_faults import Faults

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def archive():
    with FakeArchive() as archive:
        yield archive


@pytest.fixture
def run(archive, capsys, monkeypatch):
    """Runs a command line; returns exit code, stdout and stderr."""
    monkeypatch.setenv("ISIC_API_URL", archive.base_url)
    monkeypatch.delenv("ISIC_TOKEN", raising=False)

    def run(*arguments, token=None):
        if token:
            monkeypatch.setenv("ISIC_TOKEN", token)
        code = main([str(one) for one in arguments])
        return code, *capsys.readouterr()

    return run


def test_download_prints_the_account(run, tmp_path):
    code, out, err = run("download", tmp_path / "o", "--collection", "Challenge 2019: Test")
    assert code == 0
    assert out.splitlines()[0] == "requested 25: downloaded 25, already there 0, failed 0"
    assert "25/25" in err
    assert "images/s" in err
    assert "kB/s" in err or "MB/s" in err


def test_download_ends_with_1_if_anything_is_missing(run, tmp_path):
    ids = tmp_path / "ids.txt"
    ids.write_text("ISIC_0000001\nISIC_7777777\n")
    code, out, _ = run("download", tmp_path / "o", "--ids", ids, "--backoff", "0.01")
    assert code == 1
    assert "failed 1" in out
    assert "failed.csv" in out
    assert "run the same command again" in out


def test_who_wants_all_is_told_of_the_snapshot(run, tmp_path):
    with FakeArchive(train=2, test=0) as archive:
        err = run("download", tmp_path / "o", "--base-url", archive.base_url)[2]
        assert "snapshots/ISIC_images.zip" in err
        assert "snapshots" not in run("download", tmp_path / "o", "--limit", 1)[2]


def test_download_takes_all_its_options(run, tmp_path):
    base = ("download", tmp_path / "a", "--query", "sex:male", "--workers", 3, "--attempts", 5)
    assert run(*base, "--limit", 4, "--thumbnails")[0] == 0
    sample = ("--collection", "65", "--collection", "72", "--sample-per-class", 1)
    code, out, _ = run("download", tmp_path / "b", *sample, "--max-side", 32)
    assert code == 0
    assert out.startswith("requested 9: downloaded 9")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["download", "{}", "--collection", "4242"], "no collection 4242"),
        (["download", "{}", "--collection", "Nobody's"], "no collection named"),
        (["download", "{}", "--query", "sex:Male"], "case-sensitive"),
        (["download", "{}", "--query", "age_approx:>50"], "cannot be read"),
        (["download", "{}", "--ids", "/nowhere/ids.txt"], "cannot be read"),
        (["download", "{}", "--ids", "x", "--query", "sex:male"], "--ids cannot be combined"),
        (["download", "{}", "--ids", "x", "--sample-per-class", "3"], "--ids cannot be combined"),
        (["download", "{}", "--limit", "3", "--sample-per-class", "3"], "leave one out"),
        (["search", "diagnosis:melanoma"], "use diagnosis_1"),
        (["search", "--base-url", "http://example.org/"], "must end with /api/v2/"),
        (["whoami"], "no token is set"),
        (["search", "--similar", "ISIC_0000001"], "ISIC_TOKEN"),
        (["search", "--similar", "ISIC_0000001", "--limit", "51"], "at most 50"),
        (["search", "sex:male", "--similar", "ISIC_0000001"], "whole Archive"),
        (["search", "--similar", "ISIC_0000001", "--collection", "65"], "whole Archive"),
        (["search", "--facets", "--count"], "cannot be combined"),
        (["search", "--similar", "ISIC_0000001", "--count"], "cannot be combined"),
        (["search", "--count", "--limit", "3"], "takes neither"),
        (["search", "--facets", "--jsonl"], "takes neither"),
    ],
)
def test_a_request_that_makes_no_sense_is_one_line_and_2(run, tmp_path, arguments, said):
    out = tmp_path / "out"
    code, printed, err = run(*(one.format(out) for one in arguments))
    assert (code, printed) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert said in err
    assert not out.exists()


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "soon"])
def test_a_time_that_is_none_is_refused_by_its_option(run, tmp_path, seconds, capsys):
    with pytest.raises(SystemExit) as ended:
        run("download", tmp_path / "out", "--timeout", seconds)
    assert ended.value.code == 2
    assert "--timeout: " in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_found_before_anything_is_asked(run, archive, tmp_path):
    (tmp_path / "file").write_text("")
    archive.log.clear()
    code, _, err = run("download", tmp_path / "file/out", "--limit", 1)
    assert code == 1
    assert "cannot be written to" in err
    assert not archive.log
    assert run("metadata", tmp_path / "none/x.csv")[0] == 1
    os.mkfifo(tmp_path / "pipe")
    assert run("metadata", tmp_path / "pipe")[0] == 1
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_no_permission_is_told(run, tmp_path):
    tmp_path.chmod(0o500)
    code, _, err = run("download", tmp_path / "out", "--limit", 1)
    tmp_path.chmod(0o700)
    assert code == 1
    assert "not a writable folder" in err


def test_a_host_that_is_down_is_one_line_after_visible_waits(run, tmp_path):
    url = f"http://127.0.0.1:{free_port()}/api/v2/"
    command = ("download", tmp_path / "o", "--base-url", url, "--attempts", 3, "--limit", 1)
    code, _, err = run(*command)
    assert code == 1
    lines = err.splitlines()
    assert lines[0] == "waiting 1 s (no connection from 127.0.0.1)"
    assert lines[-1].startswith("error: 127.0.0.1 does not respond as expected")
    assert not (tmp_path / "o").exists()


def test_a_wait_for_the_server_is_visible(run, tmp_path):
    with FakeArchive(train=3, test=0) as busy:
        limited = (429, {"Retry-After": "1"}, b"")
        busy.scripts["/media/images/ISIC_0000001.jpg"] = [limited]
        code, _, err = run("download", tmp_path / "o", "--base-url", busy.base_url)
    assert code == 0
    assert "waiting 1 s (429 from 127.0.0.1)" in err


def test_a_refused_token_ends_the_run_and_is_not_shown(run, tmp_path):
    code, out, err = run("download", tmp_path / "o", "--limit", 1, token="s3cret")
    assert code == 2
    assert "the value of access_token" in err
    assert "refused the token in ISIC_TOKEN" in err
    assert "s3cret" not in out + err


def test_search_prints_a_table_or_json_lines(run):
    code, out, _ = run("search", "sex:male AND age_approx:[20 TO 40]", "--limit", 2)
    assert code == 0
    assert out.splitlines()[1].split() == [
        *("ISIC_0000004", "BKL", "20", "male", "lower", "extremity", "CC-BY")
    ]
    assert len(out.splitlines()) == 3
    lines = run("search", "sex:male", "--jsonl", "--collection", "72")[1].splitlines()
    assert "attribution" not in json.loads(lines[0])  # the search knows the cohort's only
    assert [json.loads(line)["metadata"]["sex"] for line in lines] == ["male"] * 9


def test_search_counts(run):
    assert run("search", "sex:male", "--count")[1] == "77\n"
    facets = json.loads(run("search", "--facets")[1])
    assert facets["sex"]["meta"]["present_count"] == 153
    code, out, err = run("search", "sex:Male")
    assert (code, out) == (1, "")
    assert "no image matches" in err


@pytest.mark.parametrize("query", ["-sex:*", "- sex : *", "-sex:* AND -sex:male"])
def test_a_query_may_begin_with_a_negated_term(run, tmp_path, query):
    assert run("search", query, "--count")[:2] == (0, "77\n")
    assert run("search", "--count", query)[1] == "77\n"
    assert run("download", tmp_path / "a", "--query", query, "--limit", 1)[0] == 0
    assert run("download", tmp_path / "b", f"--query={query}", "--limit", 1)[0] == 0


def test_search_for_similar_images(run):
    similar = ("search", "--similar", "ISIC_0000001")
    code, out, _ = run(*similar, "--limit", 2, token="right-token")
    assert code == 0
    assert [line.split()[-1] for line in out.splitlines()] == ["distance", "0.0000", "0.1000"]
    lines = run(*similar, "--jsonl", "--limit", 50)[1].splitlines()
    assert [json.loads(line)["distance"] for line in lines] == [n / 10 for n in range(50)]


def test_no_similar_image_is_told(run):
    with FakeArchive(train=1, test=0, private=0) as archive:
        options = ("--base-url", archive.base_url)
        code, out, err = run("search", "--similar", "ISIC_0000000", *options, token="right-token")
    assert (code, out) == (1, "")
    assert "has no image similar to it" in err


def test_collections(run):
    code, out, _ = run("collections")
    assert code == 0
    assert out.splitlines()[1:] == [
        "   72  yes     10.34970/000072   Challenge 2019: Test",
        "   65  yes     -                 Challenge 2019: Training",
    ]
    assert json.loads(run("collections", "72", "--jsonl")[1])["name"] == "Challenge 2019: Test"
    assert run("collections", "--pinned")[0] == 0
    assert "Private" in run("collections", token="right-token")[1]


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("selection", [["--collection", "65"], ["--query", "sex:*"]])
def test_metadata(run, tmp_path, selection):
    path = tmp_path / "metadata.csv"
    assert run("metadata", path, *selection)[0] == 0
    rows = table(path)
    assert len(rows) == (205 if "65" in selection else 153)
    assert all(row["attribution"] == ATTRIBUTIONS[int(row["isic_id"][5:]) % 3] for row in rows)
    assert list(tmp_path.iterdir()) == [path]


def test_metadata_keeps_an_age_of_0_and_the_pixels(run, archive, tmp_path):
    assert run("metadata", tmp_path / "m.csv", "--collection", "65")[0] == 0
    ages = {row["isic_id"]: row["age_approx"] for row in table(tmp_path / "m.csv")}
    babies = [one.isic_id for one in archive.rows[:205] if one.fields.get("age_approx") == 0]
    assert babies
    assert {ages[isic_id] for isic_id in babies} == {"0"}
    assert table(tmp_path / "m.csv")[0]["pixels_x"] == "64"


def test_metadata_of_a_limit_and_of_ids(run, tmp_path, monkeypatch):
    path = tmp_path / "m.csv"
    assert run("metadata", path, "--limit", 7)[0] == 0
    assert [row["isic_id"] for row in table(path)] == [f"ISIC_{n:07d}" for n in range(7)]
    (tmp_path / "ids.csv").write_text("sex;image_name\nmale;ISIC_0000003\n;ISIC_9999999.jpg\n")
    code, out, err = run("metadata", path, "--ids", tmp_path / "ids.csv")
    assert (code, out) == (1, f"1 row in {path}\n")
    assert "ISIC_9999999: the Archive has no such image" in err
    assert [row["isic_id"] for row in table(path)] == ["ISIC_0000003"]
    stdin = io.TextIOWrapper(io.BytesIO(b"ISIC_0000005\r\n"))
    monkeypatch.setattr(sys, "stdin", stdin)
    code, out, err = run("metadata", "-", "--ids", "-")
    assert code == 0
    assert [row["isic_id"] for row in csv.DictReader(out.splitlines())] == ["ISIC_0000005"]
    assert "1 row in standard output" in err


def test_a_failed_or_interrupted_metadata_run_leaves_the_old_file_and_goes_on(
    run, archive, tmp_path
):
    path = tmp_path / "m.csv"
    path.write_text("old\n")

    class Dying(Faults):
        def pick(self):
            return None if mortal.served["search"] < 3 else self._server_error

    with FakeArchive(faults=Dying(1)) as mortal:
        options = ("--base-url", mortal.base_url, "--backoff", "0.01", "--attempts", "2")
        code, _, err = run("metadata", path, *options)
        assert (code, path.read_text()) == (1, "old\n")
        assert "answered 500" in err
        mortal.faults = Faults(0)
        mortal.log.clear()
        code, out, err = run("metadata", path, *options)
        assert (code, out) == (0, f"230 rows in {path}\n")
        assert "continuing after 200 rows of an earlier run" in err
        assert sum(asked.endswith("/search/") for _, asked, _ in mortal.log) == 2
    assert sorted(row["isic_id"] for row in table(path)) == sorted(archive.by_id)[:230]
    assert list(tmp_path.iterdir()) == [path]


def test_ctrl_c_in_metadata_leaves_the_old_file(run, tmp_path, monkeypatch):
    path = tmp_path / "m.csv"
    path.write_text("old\n")

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("isic_api.metadata.own_attributions", interrupt)
    code, _, err = run("metadata", path, "--limit", 3)
    assert (code, path.read_text()) == (130, "old\n")
    assert "interrupted: what has been downloaded is kept" in err
    assert "nothing is kept" in run("metadata", "-", "--limit", 3)[2]
    monkeypatch.undo()


def test_another_request_does_not_go_on_from_the_rows_of_the_last(run, archive, tmp_path):
    path = tmp_path / "m.csv"
    archive.hidden_status = 500
    options = ("--backoff", "0.01", "--attempts", "1")
    code, _, err = run("metadata", path, "--limit", 3, *options)
    archive.hidden_status = None
    assert code == 1
    assert "the attributions of 3 images are missing" in err
    assert {row["attribution"] for row in table(path)} == {""}
    assert run("metadata", path, "--limit", 2)[0] == 0
    assert len(table(path)) == 2
    archive.hidden_status = 500
    run("metadata", path, "--limit", 3, *options)
    archive.hidden_status = None
    archive.log.clear()
    assert run("metadata", path, "--limit", 3)[0] == 0
    assert not [asked for _, asked, _ in archive.log if "search" in asked]
    assert [row["attribution"] for row in table(path)] == list(ATTRIBUTIONS)


def test_metadata_names_collections_and_outcomes_of_lesions(run, tmp_path):
    path = tmp_path / "m.csv"
    assert run("metadata", path, "--with-collections", "--with-outcomes")[0] == 0
    rows = {row["isic_id"]: row for row in table(path)}
    assert rows["ISIC_0000001"]["collections"] == "Challenge 2019: Training"
    assert rows["ISIC_0000229"]["collections"] == "Challenge 2019: Test"
    assert rows["ISIC_0000000"]["outcome_diagnosis_3"] == "Nevus"  # its lesion's second image
    assert rows["ISIC_0000001"]["outcome_diagnosis_1"] == "Benign"
    assert run("metadata", path, "--with-outcomes", "--limit", 3)[0] == 0
    assert [row["outcome_diagnosis_3"] for row in table(path)] == [
        *("Nevus", "Nevus", "Solar or actinic keratosis")
    ]


def test_metadata_of_a_listing_that_stops_early_is_an_error(run, tmp_path):
    with FakeArchive(train=150, test=0, private=0, only_first=120) as archive:
        code, _, err = run("metadata", tmp_path / "m.csv", "--base-url", archive.base_url)
    assert code == 1
    assert "counts 150" in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "command", [["search"], ["search", "--count"], ["metadata", "-"], ["collections"]]
)
def test_an_expired_token_is_refused_and_not_taken_for_none(run, command):
    code, out, err = run(*command, token="expired")
    assert (code, out) == (2, "")
    assert "refused the token in ISIC_TOKEN" in err


def test_whoami(run):
    assert run("whoami", token="right-token")[:2] == (0, "Ada Example <ada@example.org>\n")
    assert run("whoami", token="wrong")[0] == 2


def test_isic2019_with_every_option(run, archive, tmp_path):
    options = ("--part", "test", "--limit", 3, "--thumbnails", "--labels", "api", "--no-checksum")
    url = archive.root + "/challenges/2019/"
    code, out, err = run("isic2019", tmp_path, *options, "--challenge-url", url)
    assert code == 0
    assert out.startswith("test: requested 3: downloaded 3")
    assert "warning: the two sources of labels are not compared" in err


@pytest.mark.parametrize("arguments", ["search --jsonl", "metadata - --limit 200"])
def test_the_module_runs_and_stops_when_its_reader_does(archive, arguments):
    environment = {**os.environ, "ISIC_API_URL": archive.base_url}
    command = f"{sys.executable} -m isic_api {arguments} | head -1"
    done = subprocess.run(
        command, shell=True, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30
    )
    assert "isic_id" in done.stdout
    assert done.stdout.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert "error" not in done.stderr


def test_standard_output_is_utf_8_whatever_the_console(archive):
    environment = {
        **os.environ,
        "ISIC_API_URL": archive.base_url,
        "PYTHONIOENCODING": "cp1252",
    }
    done = subprocess.run(
        [sys.executable, "-m", "isic_api", "metadata", "-", "--limit", "3"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        timeout=30,
    )
    assert "Hospital Clínic" in done.stdout.decode("utf-8")
    assert done.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is full")
@pytest.mark.parametrize("arguments", ["metadata -", "search --jsonl", "collections"])
def test_a_full_disk_behind_standard_output_is_named_as_that(archive, arguments):
    done = subprocess.run(
        f"{sys.executable} -m isic_api {arguments} > /dev/full",
        shell=True,
        cwd=ROOT,
        env={**os.environ, "ISIC_API_URL": archive.base_url},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: The disk of standard output is full.")
    assert "Traceback" not in done.stderr


def test_every_option_has_help():
    for name, command in parser()._subparsers._group_actions[0].choices.items():
        for action in command._actions:
            assert action.help or action.choices, (name, action.dest)


def test_a_server_that_fails_often_is_not_seen_but_for_the_waits(run, tmp_path):
    faults = Faults(0.3, seed=3, stall=0.5)
    with FakeArchive(train=60, test=0, faults=faults) as archive:
        options = ("--base-url", archive.base_url, "--backoff", "0.01", "--timeout", "0.3")
        code, out, err = run("download", tmp_path, *options, "--attempts", "12")
    assert code == 0
    assert "downloaded 60" in out
    assert "Traceback" not in err
