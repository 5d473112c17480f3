"""From the Archive's JSON and CSV to records: recorded answers, three eras, odd values."""

import csv
import json
from decimal import Decimal
from pathlib import Path

import pytest

from isic_api.errors import UnexpectedAnswerError
from isic_api.records import Collection, ImageRecord, Metadata, Page
from tests.fakes.archive_data import CLASSES, FLAT_SITES, make_row

DATA = Path(__file__).parents[1] / "data/isic_api"


def record(clinical, **acquisition):
    return ImageRecord.from_json(
        {
            "isic_id": "ISIC_0000001",
            "copyright_license": "CC-0",
            "attribution": "Anonymous",
            "metadata": {"acquisition": acquisition, "clinical": clinical},
        }
    )


def test_reads_a_recorded_page():
    page = Page.from_json(json.loads((DATA / "search_page.json").read_text()))
    images = [ImageRecord.from_json(body) for body in page.results]
    assert page.count == 230
    first = next(image for image in images if image.isic_id == "ISIC_0000001")
    assert first.full.url.endswith("/ISIC_0000001.jpg")
    assert first.thumbnail.size == 5073
    assert first.metadata.clin_size_long_diam_mm == Decimal("3.10")
    assert first.metadata.family_hx_mm is True
    assert first.metadata.fitzpatrick_skin_type is None
    assert (first.challenge_class, first.challenge_site) == ("NV", "anterior torso")
    assert all(not image.metadata.other for image in images)


def test_reads_a_recorded_metadata_csv():
    with (DATA / "metadata.csv").open(encoding="utf-8", newline="") as file:
        images = [ImageRecord.from_csv(row) for row in csv.DictReader(file)]
    assert len(images) == 25
    first = images[0].metadata
    assert (first.age_approx, first.sex, first.melanocytic) == (25, "male", False)
    assert first.clin_size_long_diam_mm == Decimal("3.10")
    assert images[1].attribution == "Department of Dermatology, Hospital Clínic de Barcelona"
    assert [image.challenge_class for image in images[:6]] == [
        *("DF", "VASC", "SCC", "MEL", "NV", "BCC")
    ]
    assert images[3].challenge_site == "palms/soles"


def test_absent_is_none_and_zero_is_zero():
    assert record({}).metadata.age_approx is None
    assert record({"age_approx": 0}).metadata.age_approx == 0
    assert record({"melanocytic": False}).metadata.melanocytic is False


@pytest.mark.parametrize("era", "abc")
def test_every_era_leads_to_the_same_words(era):
    for number in range(70):
        row = make_row(number, 65, era=era)
        image = record(row.clinical, **row.acquisition)
        assert image.challenge_class == CLASSES[number % 10]
        assert image.challenge_site == FLAT_SITES[number % 7]


def test_a_new_field_or_an_odd_value_is_kept_and_stops_nothing():
    odd = record({"age_approx": "about 50", "new_field": [1], "melanocytic": "perhaps", "sex": 3})
    assert odd.metadata.age_approx is None
    assert dict(odd.metadata.given()) == {
        "age_approx": "about 50",
        "new_field": [1],
        "melanocytic": "perhaps",
        "sex": 3,
    }


def test_the_tab_before_formulas_in_the_csv_is_taken_away():
    row = {"isic_id": "ISIC_0000001", "copyright_license": "CC-0", "attribution": "\t=cmd()"}
    assert ImageRecord.from_csv(row).attribution == "=cmd()"


def test_a_record_survives_being_written_and_read():
    row = make_row(4, 65)
    image = record(row.clinical, **row.acquisition)
    again = ImageRecord.from_json(json.loads(json.dumps(image.to_json())))
    assert again.metadata == image.metadata
    assert again.to_json() == image.to_json()


def test_a_link_is_never_written_for_it_may_be_signed():
    body = json.loads((DATA / "search_page.json").read_text())["results"][1]
    assert "http" not in json.dumps(ImageRecord.from_json(body).to_json())


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (ImageRecord.from_json, {"isic_id": "ISIC_0000001"}),
        (ImageRecord.from_json, []),
        (ImageRecord.from_json, {"isic_id": 1, "metadata": None}),
        (ImageRecord.from_csv, {"isic_id": "ISIC_0000001"}),
        (Collection.from_json, {"name": "x"}),
        (Page.from_json, {"detail": "?"}),
    ],
)
def test_an_answer_of_another_shape_says_what_it_lacks(read, body):
    with pytest.raises(UnexpectedAnswerError, match="lacks"):
        read(body)


def test_metadata_has_no_field_twice():
    assert "other" not in dict(Metadata(sex="male", other={"a": 1}).given())
