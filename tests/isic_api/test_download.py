"""What a download leaves behind: every image, its metadata, and an honest account."""

import csv
import hashlib
import io
import json
import os
import re
import threading
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from isic_api import errors
from isic_api.client import IsicClient
from isic_api.download import Variant, download_images
from isic_api.folder import DataFolder, verify_image
from isic_api.query import covering_queries
from isic_api.report import Progress
from isic_api.selection import Selection, read_ids
from tests.fakes.archive import FakeArchive, free_port
from tests.fakes.archive_data import ATTRIBUTIONS, CLASSES, COHORT_ATTRIBUTION
from tests.fakes.archive_faults import Faults


@pytest.fixture(scope="module")
def archive():
    with FakeArchive() as archive:
        yield archive


def client_of(archive, **options):
    return IsicClient(archive.base_url, **{"backoff": 0.01, "timeout": (2, 2), **options})


def fetch(archive, out, **selection):
    client = client_of(archive)
    collections = tuple(client.resolve(one) for one in selection.pop("collections", ()))
    return download_images(client, Selection(collections=collections, **selection), out)


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def images(out):
    return {path.stem: path.read_bytes() for path in (out / "images").iterdir()}


@pytest.fixture(scope="module")
def folder(archive, tmp_path_factory):
    out = tmp_path_factory.mktemp("data") / "train"
    report = fetch(archive, out, collections=[65])
    assert report.complete
    assert (report.requested, report.downloaded) == (205, 205)
    return out


def test_every_image_is_byte_identical(archive, folder):
    assert images(folder) == {
        f"ISIC_{number:07d}": archive.image_bytes(f"ISIC_{number:07d}") for number in range(205)
    }


def test_nothing_else_is_left(folder):
    assert sorted(path.name for path in folder.iterdir()) == [
        *("GroundTruth.csv", "Metadata.csv", "attribution.txt", "attributions.jsonl"),
        *("images", "licenses"),
        *("manifest.jsonl", "metadata.jsonl", "metadata_full.csv", "query.json"),
    ]
    mode = (folder / "images/ISIC_0000000.jpg").stat().st_mode & 0o777
    umask = os.umask(0)
    os.umask(umask)
    assert mode == 0o666 & ~umask


def test_the_manifest_tells_each_files_bytes_and_sha256(folder):
    entries = [json.loads(line) for line in (folder / "manifest.jsonl").open()]
    assert len(entries) == 205
    for entry in entries:
        content = (folder / "images" / entry["file"]).read_bytes()
        assert entry["bytes"] == len(content)
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()


def test_ground_truth_has_the_official_layout(folder):
    text = (folder / "GroundTruth.csv").read_text()
    assert text.startswith("image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK\n")
    labels = {}
    for row in rows(folder / "GroundTruth.csv"):
        image = row.pop("image")
        assert sorted(row.values()) == ["0.0"] * 8 + ["1.0"]
        labels[image] = next(name for name, value in row.items() if value == "1.0")
    expected = {f"ISIC_{number:07d}": CLASSES[number % 10] for number in range(205)}
    assert labels == {image: label for image, label in expected.items() if label}


def test_an_image_without_diagnosis_gets_no_label_and_is_counted(archive, folder, tmp_path):
    assert "ISIC_0000009" not in (folder / "GroundTruth.csv").read_text()
    assert (
        "ISIC_0000008,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,1.0"
        in (folder / "GroundTruth.csv").read_text()
    )
    report = fetch(archive, tmp_path / "o", ids=("ISIC_0000009", "ISIC_0000008"))
    assert report.written.unlabelled == 1
    assert "not in the ground truth: 1" in "\n".join(report.lines())


def test_metadata_has_the_official_layout(folder):
    table = rows(folder / "Metadata.csv")
    assert len(table) == 205
    assert table[5] == {
        "image": "ISIC_0000005",
        "age_approx": "25",
        "anatom_site_general": "palms/soles",
        "lesion_id": "IL_0000002",
        "sex": "female",
    }
    assert table[18]["age_approx"] == "0"
    assert (table[0]["age_approx"], table[6]["anatom_site_general"]) == ("", "")


def test_full_metadata_has_every_field_and_the_images_own_attribution(folder):
    table = rows(folder / "metadata_full.csv")
    assert [row["attribution"] for row in table] == [ATTRIBUTIONS[n % 3] for n in range(205)]
    assert (table[4]["clin_size_long_diam_mm"], table[4]["pixels_x"]) == ("3.10", "64")
    assert table[0]["diagnosis_3"] == "Melanoma, NOS"


def test_attribution_and_licences(folder):
    text = (folder / "attribution.txt").read_text(encoding="utf-8")
    assert text == f"{ATTRIBUTIONS[1]}\n\n{ATTRIBUTIONS[2]}\n\nAnonymous\n"
    licenses = {path.name for path in (folder / "licenses").iterdir()}
    assert licenses == {"CC-0.txt", "CC-BY.txt", "CC-BY-NC.txt"}


def test_the_query_is_on_record(archive, folder):
    query = json.loads((folder / "query.json").read_text())
    assert query["collections"] == [{"id": 65, "name": "Challenge 2019: Training", "doi": None}]
    assert query["archive"] == archive.base_url
    assert query["complete"] is True
    counts = query["counts"]
    assert (counts["requested"], counts["downloaded"], counts["without_diagnosis"]) == (
        205,
        205,
        20,
    )


def test_a_second_run_fetches_no_image_again(archive, folder):
    archive.log.clear()
    report = fetch(archive, folder, collections=[65])
    assert (report.downloaded, report.skipped) == (0, 205)
    assert not [path for _, path, _ in archive.log if path.startswith("/media")]
    assert rows(folder / "metadata_full.csv")[2]["attribution"] == ATTRIBUTIONS[2]


# === What is asked for ===


def test_query_limit_and_both_collections(archive, tmp_path):
    report = fetch(archive, tmp_path / "q", query="sex:male", collections=[72])
    assert report.downloaded == 9
    assert fetch(archive, tmp_path / "l", limit=7).downloaded == 7
    assert sorted(images(tmp_path / "l")) == [f"ISIC_{number:07d}" for number in range(7)]


def test_a_part_of_a_collection_has_the_images_own_attributions_too(archive, tmp_path):
    fetch(archive, tmp_path, limit=3)
    table = rows(tmp_path / "metadata_full.csv")
    assert [row["attribution"] for row in table] == list(ATTRIBUTIONS)


def test_a_sample_has_so_many_of_each_class_and_is_the_same_again(archive, tmp_path):
    report = fetch(archive, tmp_path / "a", sample_per_class=3)
    assert report.written.classes == dict.fromkeys(filter(None, CLASSES), 3)
    fetch(archive, tmp_path / "b", sample_per_class=3)
    assert images(tmp_path / "a") == images(tmp_path / "b")
    fetch(archive, tmp_path / "c", sample_per_class=2)
    assert set(images(tmp_path / "c")) < set(images(tmp_path / "a"))


def test_ids_that_do_not_exist_are_listed_as_failed(archive, tmp_path):
    wanted = ("ISIC_0000003", "ISIC_9999999", "ISIC_0000230")  # the last one is private
    report = fetch(archive, tmp_path, ids=wanted)
    assert not report.complete
    assert set(images(tmp_path)) == {"ISIC_0000003"}
    assert [row["isic_id"] for row in rows(tmp_path / "failed.csv")] == [wanted[2], wanted[1]]


def test_more_ids_than_fit_into_one_request(archive, tmp_path):
    wanted = tuple(f"ISIC_{number:07d}" for number in range(229, -1, -1))
    assert fetch(archive, tmp_path, ids=wanted).downloaded == 230
    assert fetch(archive, tmp_path, limit=1).complete


def test_id_lists_are_read_leniently_and_refused_exactly(tmp_path):
    path = tmp_path / "ids.csv"
    path.write_text("isic_id,x\nISIC_0000001,1\n\n# none\nISIC_0000002_downsampled\nISIC_0000001\n")
    assert read_ids(path) == ("ISIC_0000001", "ISIC_0000002")
    path.write_text("ISIC_0000001\nISIC_1\n")
    with pytest.raises(errors.BadIdListError, match="line 2: 'ISIC_1'"):
        read_ids(path)
    for text in ('isic_id;sex\nISIC_0000001;"x"\n', "Image_Name\tx\r\nISIC_0000001\t2\r\n"):
        path.write_text(text)
        assert read_ids(path) == ("ISIC_0000001",)
    path.write_text("age,image\n50, images/ISIC_0000001.jpg \n,,\n")
    assert read_ids(path) == ("ISIC_0000001",)
    path.write_text("isic_id\nISIC_0000001\n", encoding="utf-16")
    assert read_ids(path) == ("ISIC_0000001",)
    path.write_bytes("isic_id,ärzte\nISIC_0000001,ö\n".encode("cp1252"))
    assert read_ids(path) == ("ISIC_0000001",)
    path.write_bytes(b"PK\x03\x04\0\0")
    with pytest.raises(errors.BadIdListError, match="Save it as CSV"):
        read_ids(path)
    path.write_text("\n")
    with pytest.raises(errors.BadIdListError, match="contains no id"):
        read_ids(path)
    with pytest.raises(errors.BadIdListError, match="cannot be read"):
        read_ids(tmp_path / "missing")


def test_thumbnails_and_resized_images(archive, tmp_path):
    client = client_of(archive)
    selection = Selection(limit=3)
    download_images(client, selection, tmp_path, variant=Variant(thumbnail=True))
    first = "ISIC_0000000"
    assert images(tmp_path)[first] == archive.image_bytes(first, thumbnail=True)
    # another kind of file replaces the first, and the first comes back
    assert (
        download_images(client, selection, tmp_path, variant=Variant(max_side=20)).downloaded == 3
    )
    with Image.open(tmp_path / f"images/{first}.jpg") as image:
        assert image.size == (20, 15)
    assert download_images(client, selection, tmp_path, variant=Variant(max_side=20)).skipped == 3
    download_images(client, selection, tmp_path, variant=Variant(max_side=500))
    assert images(tmp_path)[first] == archive.image_bytes(first)  # never enlarged or re-encoded


def test_a_folder_grows_with_another_search(archive, tmp_path):
    fetch(archive, tmp_path, limit=3)
    fetch(archive, tmp_path, collections=[72])
    assert len(images(tmp_path)) == 28
    table = rows(tmp_path / "metadata_full.csv")
    assert len(table) == len(rows(tmp_path / "Metadata.csv")) == 28
    assert COHORT_ATTRIBUTION not in {row["attribution"] for row in table}


@pytest.mark.parametrize("era", "ab")
def test_older_vocabularies_give_the_same_labels(era, folder, tmp_path):
    with FakeArchive(era=era) as archive:
        fetch(archive, tmp_path, collections=[65])
    for name in ("GroundTruth.csv", "Metadata.csv"):
        assert (tmp_path / name).read_text() == (folder / name).read_text()


# === What goes wrong ===


def test_a_missing_and_a_broken_image_are_told_and_nothing_else_is_lost(tmp_path):
    with FakeArchive(missing=["ISIC_0000007"], corrupt=["ISIC_0000011"]) as archive:
        report = fetch(archive, tmp_path, collections=[65])
        asked = [path for _, path, _ in archive.log if "ISIC_0000007" in path]
    assert (report.downloaded, len(report.failed), report.complete) == (203, 2, False)
    assert len(asked) >= 5
    failed = {row["isic_id"]: row["reason"] for row in rows(tmp_path / "failed.csv")}
    assert "404" in failed["ISIC_0000007"]
    assert "not a complete image: its format is unknown" in failed["ISIC_0000011"]
    assert len(rows(tmp_path / "Metadata.csv")) == 203
    assert not (tmp_path / ".parts").exists()
    with FakeArchive() as archive:
        assert fetch(archive, tmp_path, collections=[65]).complete
    assert not (tmp_path / "failed.csv").exists()
    assert len(rows(tmp_path / "Metadata.csv")) == 205


def test_attributions_and_licence_texts_that_are_missing_are_recorded_and_fetched_later(tmp_path):
    progress = Progress(quiet=True)
    with FakeArchive(train=12, test=0) as archive:
        archive.hidden_status = 500
        client = client_of(archive)
        selection = Selection(collections=(client.resolve(65),))
        report = download_images(client, selection, tmp_path, progress=progress)
        assert (report.downloaded, report.complete, report.unattributed) == (12, False, 12)
        assert len(progress.warnings) == 4  # attributions, three licences
        assert "creativecommons.org" in (tmp_path / "licenses/CC-0.txt").read_text()
        assert {row["attribution"] for row in rows(tmp_path / "metadata_full.csv")} == {""}
        text = (tmp_path / "attribution.txt").read_text()
        assert text.startswith("For 12 images only the attribution of their cohort is known")
        assert COHORT_ATTRIBUTION in text
        account = json.loads((tmp_path / "query.json").read_text())
        assert account["complete"] is False
        assert account["counts"]["without_own_attribution"] == 12
        assert account["counts"]["licences_without_text"] == ["CC-0", "CC-BY", "CC-BY-NC"]
        asked = [path for _, path, _ in archive.log if "license-file/CC-0/" in path]
        assert len(asked) == client.session.attempts

        archive.hidden_status = None
        archive.log.clear()
        assert fetch(archive, tmp_path, collections=[65]).complete
        assert not [path for _, path, _ in archive.log if path.startswith("/media")]
    assert [row["attribution"] for row in rows(tmp_path / "metadata_full.csv")] == [
        ATTRIBUTIONS[number % 3] for number in range(12)
    ]
    assert COHORT_ATTRIBUTION not in (tmp_path / "attribution.txt").read_text()
    assert "CC0 1.0 Universal" in (tmp_path / "licenses/CC-0.txt").read_text()


def test_a_later_run_fetches_only_the_attributions_that_are_missing(archive, tmp_path):
    fetch(archive, tmp_path, limit=5)
    lines = (tmp_path / "attributions.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "attributions.jsonl").write_text("".join(lines[:3]))
    archive.log.clear()
    assert fetch(archive, tmp_path, limit=5).complete
    assert sum(path.endswith("zip-download/metadata-file/") for _, path, _ in archive.log) == 1
    assert len((tmp_path / "attributions.jsonl").read_text().splitlines()) == 5
    archive.log.clear()
    assert fetch(archive, tmp_path, limit=5).complete
    assert not [path for _, path, _ in archive.log if "zip-download" in path]


def test_a_download_of_500_images_sends_few_requests_beside_images_and_pages(tmp_path):
    with FakeArchive(train=600, test=0) as archive:
        assert fetch(archive, tmp_path, limit=500).complete
        asked = Counter(path.split("/")[-2] for _, path, _ in archive.log)
    assert asked.pop("images") == 500
    assert asked.pop("search") == 1 + 5  # the first page once more, to count
    assert asked == {"url": 1, "metadata-file": 1} | dict.fromkeys(("CC-0", "CC-BY", "CC-BY-NC"), 1)


def test_the_website_is_the_second_source_of_attributions(archive, tmp_path):
    archive.scripts["/api/v2/zip-download/url/"] = [(500, {}, b"")] * 6
    assert fetch(archive, tmp_path, collections=[72]).complete
    archive.scripts.clear()


def test_a_page_in_place_of_a_licence_is_not_taken_for_its_text(tmp_path):
    with FakeArchive(train=1, test=0) as archive:
        path = "/api/v2/zip-download/license-file/CC-0/"
        archive.scripts[path] = [(200, {}, b"<html>log in</html>")] * 6
        assert fetch(archive, tmp_path).unlicensed == ["CC-0"]


def test_few_queries_cover_many_ids():
    near = [f"ISIC_{number:07d}" for number in range(24306, 24806)]
    assert next(iter(covering_queries(near))).count("isic_id:") <= 60
    assert len(list(covering_queries(near))) == 1
    assert list(covering_queries(near[:2])) == ["isic_id:ISIC_0024306 OR isic_id:ISIC_0024307"]
    far = [f"ISIC_{number:07d}" for number in range(0, 10_000_000, 2_500)]
    queries = list(covering_queries(far))
    assert max(map(len, queries)) < 4_000
    prefixes = tuple(re.findall(r"isic_id:(\w+)\*", " ".join(queries)))
    assert all(one.startswith(prefixes) for one in far)


@pytest.mark.parametrize("progressive", [False, True])
def test_bytes_after_the_end_of_a_jpeg_are_no_fault_and_a_missing_end_is(progressive):
    body = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(body, "JPEG", progressive=progressive)
    content = body.getvalue()
    verify_image(io.BytesIO(content + b"\n"), "x")
    verify_image(io.BytesIO(content + b"\0" * 9000 + b"a motion photo"), "x")
    half = len(content) // 2
    with pytest.raises(errors.BadFileError):
        verify_image(io.BytesIO(content[:half] + bytes(len(content) - half)), "x")


def test_files_with_bytes_after_their_end_are_fetched_once_and_stored_as_they_are(tmp_path):
    class Phone(FakeArchive):
        def image_bytes(self, isic_id, *, thumbnail=False):
            return super().image_bytes(isic_id, thumbnail=thumbnail) + b"\r\nSEFHd\0SEFT"

    with Phone(train=2, test=0) as archive:
        assert fetch(archive, tmp_path).complete
        assert sum("media" in asked for _, asked, _ in archive.log) == 2
    assert {path.read_bytes()[-4:] for path in (tmp_path / "images").iterdir()} == {b"SEFT"}


def test_a_sex_that_the_challenge_has_no_word_for_is_an_empty_cell(tmp_path):
    with FakeArchive(train=2, test=0) as archive:
        for row, sex in zip(archive.rows, ("intersex", "Female"), strict=False):
            row.clinical["sex"] = sex
        fetch(archive, tmp_path)
    assert [row["sex"] for row in rows(tmp_path / "Metadata.csv")] == ["", "female"]
    assert [row["sex"] for row in rows(tmp_path / "metadata_full.csv")] == ["intersex", "Female"]


def test_a_listing_that_stops_early_is_no_success(tmp_path):
    with FakeArchive(train=150, test=0, private=0, only_first=120) as archive:
        report = fetch(archive, tmp_path)
    assert (report.downloaded, report.missing, report.complete) == (120, 30, False)
    assert "counts 150" in "\n".join(report.lines())
    assert json.loads((tmp_path / "query.json").read_text())["complete"] is False


def test_an_api_that_dies_in_the_middle_keeps_what_came(tmp_path):
    class Dying(Faults):
        def pick(self):
            return None if archive.served["search"] < 3 else self._server_error

    with FakeArchive(train=350, test=0, private=0, faults=Dying(1)) as archive:
        report = fetch(archive, tmp_path)
    assert 0 < report.downloaded < 350
    assert not report.complete
    assert "answered 500" in report.listing
    assert len(rows(tmp_path / "GroundTruth.csv")) == sum(report.written.classes.values())


def test_a_file_host_that_is_down_ends_the_run_soon(tmp_path):
    class Away(FakeArchive):
        def image_json(self, row):
            body = super().image_json(row)
            body["files"]["full"]["url"] = f"http://127.0.0.1:{port}/{row.isic_id}.jpg"
            return body

    port = free_port()
    with Away() as archive, pytest.raises(errors.HostDownError, match="16 images in a row"):
        fetch(archive, tmp_path, collections=[65])
    account = json.loads((tmp_path / "query.json").read_text())
    assert account["counts"]["downloaded"] == 0
    assert not account["complete"]
    assert not (tmp_path / ".parts").exists()


def test_nothing_is_written_for_a_request_that_makes_no_sense(archive, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(errors.EmptyResultError, match="case-sensitive"):
        fetch(archive, out, query="sex:Male")
    with pytest.raises(errors.QueryError):
        fetch(archive, out, query="sex:")
    with pytest.raises(errors.TokenRefusedError):
        download_images(client_of(archive, token="wrong"), Selection(limit=1), out)
    assert not out.exists()


def test_a_private_collection_is_downloaded_with_the_token(archive, tmp_path):
    client = client_of(archive, token="right-token")
    archive.log.clear()
    report = download_images(client, Selection(collections=(client.resolve(99),)), tmp_path)
    assert (report.downloaded, report.complete) == (3, True)
    own = {row["attribution"] for row in rows(tmp_path / "metadata_full.csv")}
    assert own == set(ATTRIBUTIONS)
    sent = {path: authorization for _, path, authorization in archive.log}
    assert {sent[path] for path in sent if path.startswith("/media")} == {None}
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or b"right-token" not in path.read_bytes()


def test_too_little_space_is_noticed_before_the_first_image(tmp_path):
    class Huge(FakeArchive):
        def image_json(self, row):
            body = super().image_json(row)
            body["files"]["full"]["size"] = 10**15
            return body

    with Huge(train=5, test=0) as archive:
        with pytest.raises(errors.DiskFullError, match=r"about 4\.00PB more .* free some"):
            fetch(archive, tmp_path, limit=4)
        assert archive.served["images"] == 0


def test_the_estimate_of_space_is_of_what_will_be_fetched(tmp_path, monkeypatch):
    free = 40 * 4321  # bytes; the fake Archive records 4321 for each image
    monkeypatch.setattr("isic_api.folder.shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    with FakeArchive(train=60, test=0) as archive:
        male = 'diagnosis_3:"Nevus"'  # 6 images of one class: 9 classes of 6 would not fit
        assert fetch(archive, tmp_path / "a", query=male, sample_per_class=6).downloaded == 6
        assert fetch(archive, tmp_path / "b", limit=40).downloaded == 40
        assert fetch(archive, tmp_path / "b", limit=60).downloaded == 20
        ids = tuple(archive.by_id)[:60]
        with pytest.raises(errors.DiskFullError, match="--no-space-check"):
            fetch(archive, tmp_path / "c", ids=ids)
        with pytest.raises(errors.DiskFullError):
            fetch(archive, tmp_path / "d", sample_per_class=6)
        assert not list((tmp_path / "d/images").iterdir())
        client = client_of(archive)
        selection = Selection(sample_per_class=6)
        assert (
            download_images(client, selection, tmp_path / "d", check_space=False).downloaded == 54
        )


def test_dois_of_collections_are_passed_on(archive, tmp_path):
    fetch(archive, tmp_path, collections=[72], limit=1)
    text = (tmp_path / "attribution.txt").read_text()
    assert text.endswith("Challenge 2019: Test: https://doi.org/10.34970/000072\n")
    assert json.loads((tmp_path / "query.json").read_text())["collections"][0]["doi"]


def test_a_folder_that_cannot_be_written_is_named(archive, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(errors.NotWritableError, match="choose a writable folder"):
        fetch(archive, tmp_path / "file", limit=1)
    with pytest.raises(errors.NotWritableError):
        fetch(archive, tmp_path / "file/below", limit=1)


def test_two_downloads_do_not_share_a_folder(archive, tmp_path):
    with DataFolder(tmp_path), pytest.raises(errors.FolderBusyError, match="Another download"):
        fetch(archive, tmp_path, limit=1)
    assert fetch(archive, tmp_path, limit=1).complete


def test_a_folder_that_could_not_be_opened_is_not_busy_once_mended(tmp_path):
    (tmp_path / "manifest.jsonl").mkdir()
    with pytest.raises(errors.FolderError, match="cannot be written to"), DataFolder(tmp_path):
        pass
    (tmp_path / "manifest.jsonl").rmdir()
    with DataFolder(tmp_path) as folder:
        assert len(folder) == 0


def test_an_id_with_a_path_in_it_goes_nowhere(tmp_path):
    class Evil(FakeArchive):
        def image_text(self, isic_id):
            text = super().image_text(isic_id)
            return text.replace('"isic_id": "ISIC_0000002"', '"isic_id": "../../ISIC_0000002"')

    with Evil(train=4, test=0) as archive:
        report = fetch(archive, tmp_path / "a/b/out", collections=[65])
    assert [isic_id for isic_id, _ in report.failed] == ["../../ISIC_0000002"]
    assert not list(Path(tmp_path).glob("*.jpg"))
    assert not list(Path(tmp_path / "a").glob("*.jpg"))


def test_the_listing_is_read_only_a_few_steps_ahead(tmp_path):
    gate = threading.Event()
    with FakeArchive(train=600, test=0, private=0, gate=gate) as archive:
        client = client_of(archive, timeout=(2, 30))
        thread = threading.Thread(
            target=download_images, args=(client, Selection(), tmp_path), kwargs={"workers": 4}
        )
        thread.start()
        thread.join(0.7)  # as long as no image comes, no more pages are asked for
        pages = archive.served["search"]
        gate.set()
        thread.join()
    assert pages == 2  # the first one, to count, and again in the listing
    assert len(images(tmp_path)) == 600
