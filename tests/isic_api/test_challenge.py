"""The ISIC 2019 recipe from both of its sources, and files that come in pieces."""

import contextlib
import csv
import dataclasses
import hashlib
import io
import json
import zipfile

import pytest

from isic_api import challenge, errors
from isic_api.challenge import Recipe, fetch_file, fetch_isic2019
from isic_api.client import IsicClient
from isic_api.download import Variant
from isic_api.metadata import TRUTH_HEADER, truth_row
from isic_api.report import Progress
from isic_api.session import Session
from tests.fakes.archive import FakeArchive, free_port
from tests.fakes.archive_data import CLASSES
from tests.fakes.archive_faults import Faults

TRAIN = 205
RELABELLED = "ISIC_0000013"  # AK in the Archive, BKL in the challenge
SMALLER = ("ISIC_0000013", "ISIC_0000017")  # called ..._downsampled in the challenge


def challenge_name(image):
    return f"{image}_downsampled" if image in SMALLER else image


def challenge_label(number):
    return "BKL" if number == 13 else CLASSES[number % 10]


def as_csv(header, table):
    text = io.StringIO(newline="")
    csv.writer(text).writerows([header, *table])
    return text.getvalue().encode()


def as_zip(members):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in members:
            archive.writestr(name, data)
    return content.getvalue()


def add_challenge_files(archive):
    """Of the first 60 training images, those with a label; with the traps of the real files."""
    numbers = [number for number in range(60) if challenge_label(number) not in (None, "UNK")]
    ids = {number: f"ISIC_{number:07d}" for number in numbers}
    folder = "ISIC_2019_Training_Input/"
    members = [(folder, b""), (folder + "LICENSE.txt", b"CC BY-NC"), ("../../evil.txt", b"evil")]
    members += [
        (f"{folder}{challenge_name(image)}.jpg", archive.image_bytes(image))
        for image in ids.values()
    ]
    members[5] = ("../../../" + members[5][0].removeprefix(folder), members[5][1])
    truth = [truth_row(challenge_name(ids[n]), challenge_label(n)) for n in numbers]
    cells = ["50", "head/neck", "HAM_0000001", "male"]
    metadata = [[challenge_name(ids[n]), *cells] for n in numbers]
    header = ("image", "age_approx", "anatom_site_general", "lesion_id", "sex")
    archive.challenge |= {
        "ISIC_2019_Training_Input.zip": as_zip(members),
        "ISIC_2019_Training_GroundTruth.csv": as_csv(TRUTH_HEADER, truth),
        "ISIC_2019_Training_Metadata.csv": as_csv(header, metadata),
        "ISIC_2019_Test_Input.zip": as_zip(
            [("ISIC_0000205.jpg", archive.image_bytes("ISIC_0000205"))]
        ),
        "ISIC_2019_Test_GroundTruth.csv": as_csv(
            (*TRUTH_HEADER, "score_weight"), [[*truth_row("ISIC_0000205", "DF"), "1.0"]]
        ),
        "ISIC_2019_Test_Metadata.csv": as_csv(
            (*header[:3], "sex"), [["ISIC_0000205", "", "", "female"]]
        ),
    }
    return [challenge_name(image) for image in ids.values()]


@pytest.fixture
def archive():
    with FakeArchive() as archive:
        archive.names = add_challenge_files(archive)
        yield archive


def run(archive, out, **recipe):
    recipe = Recipe(
        **{"challenge_url": archive.root + "/challenges/2019/", "checksums": False} | recipe
    )
    client = IsicClient(archive.base_url, backoff=0.01, timeout=(1, 1))
    lines = list(fetch_isic2019(client, recipe, out, progress=Progress(quiet=True)))
    return "\n".join(line for line, _ in lines), all(ok for _, ok in lines)


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def labels(path):
    return {row["image"]: max(TRUTH_HEADER[1:], key=row.get) for row in rows(path)}


def names(out):
    return sorted(path.stem for path in (out / "images").iterdir())


def test_both_parts_from_the_api(archive, tmp_path):
    text, ok = run(archive, tmp_path)
    assert ok
    assert (len(names(tmp_path / "train")), len(names(tmp_path / "test"))) == (205, 25)
    truth = labels(tmp_path / "train/ISIC_2019_Training_GroundTruth.csv")
    assert truth[RELABELLED] == "AK"
    assert len(rows(tmp_path / "test/ISIC_2019_Test_Metadata.csv")) == 25
    assert "the source has 205 images, the challenge had 25,331" in text
    attribution = (tmp_path / "train/attribution.txt").read_text(encoding="utf-8")
    assert attribution.startswith("ISIC 2019 data is provided courtesy of")


def test_a_folder_has_one_file_of_each_kind_for_a_reader(archive, tmp_path):
    run(archive, tmp_path)
    for part in ("train", "test"):
        for pattern in ("*GroundTruth.csv", "*Metadata.csv"):
            assert len(list((tmp_path / part).glob(pattern))) == 1


def test_disagreements_are_reported(archive, tmp_path):
    text, _ = run(archive, tmp_path, parts=("train",))
    assert "48 labels compared, 1 differ between the Archive and the challenge" in text
    assert rows(tmp_path / "train/label_disagreements.csv") == [
        {"image": RELABELLED, "archive": "AK", "challenge": "BKL"}
    ]


def test_the_challenges_labels_on_the_archives_images(archive, tmp_path):
    _, ok = run(archive, tmp_path, parts=("train",), labels="challenge")
    assert ok
    truth = labels(tmp_path / "train/ISIC_2019_Training_GroundTruth.csv")
    assert len(truth) == 48
    assert truth[RELABELLED] == "BKL"


def test_without_the_challenge_files_the_comparison_is_left_out_with_a_warning(archive, tmp_path):
    archive.challenge.clear()
    text, ok = run(archive, tmp_path, parts=("test",))
    assert ok
    assert "compared" not in text
    with pytest.raises(errors.NotFoundError):
        run(archive, tmp_path, parts=("test",), labels="challenge")


@pytest.mark.parametrize("source", ["api", "challenge"])
def test_a_challenge_host_that_is_down_leaves_no_empty_folder(archive, tmp_path, source):
    nowhere = {"source": source, "challenge_url": f"http://127.0.0.1:{free_port()}/"}
    with contextlib.suppress(errors.HostDownError):
        run(archive, tmp_path, parts=("test",), **nowhere)
    assert not (tmp_path / "challenge").exists()


def test_both_parts_from_the_challenge_files(archive, tmp_path):
    text, ok = run(archive, tmp_path / "out", source="challenge", labels="challenge")
    assert ok
    train = tmp_path / "out/train"
    assert names(train) == sorted(archive.names)  # _downsampled kept
    content = (train / "images/ISIC_0000013_downsampled.jpg").read_bytes()
    assert content == archive.image_bytes(RELABELLED)
    truth = labels(train / "ISIC_2019_Training_GroundTruth.csv")
    assert truth["ISIC_0000013_downsampled"] == "BKL"
    metadata = rows(train / "ISIC_2019_Training_Metadata.csv")
    assert metadata[0]["lesion_id"] == "HAM_0000001"
    assert rows(tmp_path / "out/test/ISIC_2019_Test_Metadata.csv") == [
        {
            "image": "ISIC_0000205",
            **dict.fromkeys(("age_approx", "anatom_site_general", "lesion_id"), ""),
            "sex": "female",
        }
    ]
    header = (tmp_path / "out/test/ISIC_2019_Test_GroundTruth.csv").read_text().splitlines()[0]
    assert header == ",".join(TRUTH_HEADER)
    assert "train: 48 labels compared, 1 differ" in text
    assert (train / "licenses/CC-BY-NC.txt").exists()


def test_a_zip_writes_nowhere_but_into_its_folder(archive, tmp_path):
    out = tmp_path / "a/b/c"
    run(archive, out, source="challenge", labels="challenge", parts=("train",))
    outside = [path for path in tmp_path.rglob("*") if path.is_file() and out not in path.parents]
    assert outside == []
    assert not list(out.rglob("evil*"))
    assert not list(out.rglob("LICENSE*"))


def test_the_challenge_source_goes_on_without_the_zip_when_all_is_there(archive, tmp_path):
    options = {"source": "challenge", "labels": "challenge", "parts": ("train",)}
    run(archive, tmp_path, **options)
    (tmp_path / "challenge/ISIC_2019_Training_Input.zip").unlink()
    archive.log.clear()
    text, ok = run(archive, tmp_path, **options)
    assert ok
    assert "downloaded 0, already there 48" in text
    assert not [path for _, path, _ in archive.log if path.endswith(".zip")]


def test_a_part_of_the_challenge_resized(archive, tmp_path):
    options = {"source": "challenge", "labels": "challenge", "parts": ("train",)}
    run(archive, tmp_path / "s", sample_per_class=2, variant=Variant(max_side=16), **options)
    truth = labels(tmp_path / "s/train/ISIC_2019_Training_GroundTruth.csv")
    assert sorted(truth.values()) == sorted(TRUTH_HEADER[1:9] * 2)
    run(archive, tmp_path / "l", limit=3, **options)
    assert len(names(tmp_path / "l/train")) == 3


def test_the_archives_labels_on_the_challenges_images(archive, tmp_path):
    options = {"source": "challenge", "labels": "api", "parts": ("train",)}
    run(archive, tmp_path, **options)
    truth = labels(tmp_path / "train/ISIC_2019_Training_GroundTruth.csv")
    assert truth["ISIC_0000013_downsampled"] == "AK"


def test_a_damaged_member_is_told(archive, tmp_path):
    content = bytearray(archive.challenge["ISIC_2019_Training_Input.zip"])
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        info = opened.getinfo("ISIC_2019_Training_Input/ISIC_0000020.jpg")
    content[info.header_offset + 300] ^= 0xFF
    archive.challenge["ISIC_2019_Training_Input.zip"] = bytes(content)
    text, ok = run(archive, tmp_path, source="challenge", labels="challenge", parts=("train",))
    assert not ok
    assert "downloaded 47, already there 0, failed 1" in text
    failed = rows(tmp_path / "train/failed.csv")
    assert failed[0]["isic_id"] == "ISIC_0000020"
    assert "damaged" in failed[0]["reason"]


def test_thumbnails_of_the_challenge_do_not_exist(archive, tmp_path):
    with pytest.raises(errors.BadInputError, match="no thumbnails"):
        run(archive, tmp_path, source="challenge", variant=Variant(thumbnail=True))


# === Files in pieces ===

NAME = "ISIC_2019_Training_Input.zip"
CONTENT = bytes(range(256)) * 16_000


def fetch(archive, into, **options):
    return fetch_file(
        Session(backoff=0.01, timeout=(1, 0.5), attempts=options.pop("attempts", 6)),
        archive.root + "/challenges/2019/",
        NAME,
        into=into,
        progress=Progress(quiet=True),
        **options,
    )


@pytest.fixture
def half(archive, tmp_path):
    """A folder with a part file, as a run leaves it that was killed in the middle."""
    archive.challenge[NAME] = CONTENT
    archive.faults = OnlyTruncated(1)
    with pytest.raises(errors.HostDownError):
        fetch(archive, tmp_path, attempts=1)
    archive.faults = Faults(0)
    archive.sent_ranges.clear()
    archive.log.clear()
    part = tmp_path / (NAME + ".part")
    assert 0 < part.stat().st_size < len(CONTENT)
    return tmp_path


class OnlyTruncated(Faults):
    def pick(self):
        return self._truncated


def test_a_file_cut_short_is_gone_on_with_by_a_range_request(archive, half):
    sent = len(CONTENT) - (half / (NAME + ".part")).stat().st_size
    path = fetch(archive, half)
    assert path.read_bytes() == CONTENT
    assert sorted(one.name for one in half.iterdir()) == [NAME]
    assert archive.sent_ranges == [len(CONTENT) - sent - 1]


def test_a_file_that_changed_meanwhile_starts_again(archive, half):
    archive.challenge[NAME] = CONTENT[::-1]
    assert fetch(archive, half).read_bytes() == CONTENT[::-1]


def test_a_server_without_ranges_starts_again(archive, half):
    answer = (200, {"Content-Type": "application/zip"}, CONTENT)
    archive.scripts["/challenges/2019/" + NAME] = [answer]
    assert fetch(archive, half).read_bytes() == CONTENT


def test_a_wrong_range_is_noticed(archive, half):
    headers = {"Content-Range": f"bytes 999999999-{10**9}/{10**9 + 1}"}
    archive.scripts["/challenges/2019/" + NAME] = [(206, headers, b"?")]
    assert fetch(archive, half).read_bytes() == CONTENT


def test_a_complete_part_file_needs_one_byte(archive, half):
    (half / (NAME + ".part")).write_bytes(CONTENT)
    assert fetch(archive, half).read_bytes() == CONTENT
    assert archive.sent_ranges == [len(CONTENT) - 1]


def test_a_large_file_takes_as_many_rounds_as_each_brings_some(archive, tmp_path):
    archive.challenge[NAME] = CONTENT  # 4 MB, of which each attempt brings half the rest
    archive.faults = OnlyTruncated(1)
    with pytest.raises(errors.HostDownError):
        fetch(archive, tmp_path, attempts=1)
    assert (tmp_path / (NAME + ".part")).stat().st_size > 0.7 * len(CONTENT)


def test_the_checksum_is_held_to(archive, tmp_path):
    archive.challenge[NAME] = CONTENT
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    assert fetch(archive, tmp_path / "right", sha256=sha256).exists()
    with pytest.raises(errors.BadFileError, match="--no-checksum"):
        fetch(archive, tmp_path / "wrong", sha256="0" * 64)
    assert list((tmp_path / "wrong").iterdir()) == []
    assert fetch(archive, tmp_path / "wrong").exists()


@pytest.mark.parametrize("table", ["GroundTruth", "Metadata"])
@pytest.mark.parametrize("content", [b"<html>Please log in</html>", b"\xff\xd8 no text", b""])
def test_what_came_in_place_of_a_table_is_named(archive, tmp_path, table, content):
    archive.challenge[f"ISIC_2019_Training_{table}.csv"] = content
    with pytest.raises(errors.BadFileError, match=f"{table}.csv is not .* delete it"):
        run(archive, tmp_path, source="challenge", parts=("train",))


def test_the_known_checksums_are_sha256():
    assert len(challenge.SHA256) == 2
    assert all(len(bytes.fromhex(one)) == 32 for one in challenge.SHA256.values())


def test_a_recipe_is_plain_data():
    assert json.dumps(dataclasses.asdict(Recipe()))
