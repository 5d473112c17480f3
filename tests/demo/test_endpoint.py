"""The page as programs meet it, over real HTTP."""

from pathlib import Path

import pytest
import requests
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from model.diagnosis import DIAGNOSES
from model.image import ImagePreprocessor, read_image
from model.inference.finder import frame_photograph
from tests.demo.pages import served
from tests.fakes.lesions import framed, framing_manifest


@pytest.fixture(scope="module")
def client(address):
    return Client(address, verbose=False)


@pytest.fixture(scope="module")
def handed_in(photograph):
    return handle_file(str(photograph))


def predict(client, *arguments):
    return client.predict(*arguments, api_name="/predict")


def test_predict_answers_what_rest_answers(client, handed_in, photograph):
    answer = predict(client, handed_in, 60, "male", "head/neck")
    assert list(answer["probabilities"]) == list(DIAGNOSES)
    assert answer["probabilities"]["MEL"] == pytest.approx(0.3)
    fields = {"age": "60", "sex": "male", "site": "head/neck"}
    files = {"image": photograph.read_bytes()}
    rest = requests.post(f"{client.src}api/predict", files=files, data=fields, timeout=10)
    assert answer == rest.json()


def test_the_type_of_the_answer_names_its_values(client):
    described = client.view_api(return_format="dict")["named_endpoints"]["/predict"]
    said = described["returns"][0]["python_type"]["type"]
    for named in ("probabilities: dict(str, float)", "lesions: int", "malignant_codes: list[str]"):
        assert named in said


@pytest.mark.parametrize("unknown", [None, "unknown"])
def test_unknown_is_none_or_the_word(client, handed_in, unknown):
    assert predict(client, handed_in, unknown, unknown, unknown)["probabilities"]["MEL"] == 0


def test_context_may_be_left_out(client, handed_in):
    assert predict(client, handed_in)["probabilities"]["MEL"] == 0


def test_a_box_frames_a_lesion_as_over_rest(handed_in):
    box = "190,70,250,130"
    with served(framed, manifest=framing_manifest()) as address:
        client = Client(address, verbose=False)
        answer = client.predict(handed_in, box=box, api_name="/predict")
        files = {"image": Path(handed_in["path"]).read_bytes()}
        rest = requests.post(f"{address}api/predict", files=files, data={"box": box}, timeout=10)
        assert answer == rest.json()
        assert answer["box"] == [190, 70, 250, 130]
        for bad, why in (("1,2,3", "four numbers"), ("9000,1,9001,2", "outside the photograph")):
            with pytest.raises(AppError, match=why):
                client.predict(handed_in, box=bad, api_name="/predict")
        described = client.view_api(return_format="str")
    assert "box: str" in described


def test_a_network_that_sees_the_whole_photograph_takes_no_box(handed_in):
    def whole(image, *, box):
        return frame_photograph(read_image(image), ImagePreprocessor(32), None, box=box)

    with served(whole) as address:
        client = Client(address, verbose=False)
        with pytest.raises(AppError, match="takes no box"):
            client.predict(handed_in, box="1,2,30,40", api_name="/predict")


@pytest.mark.parametrize(
    ("context", "offender"),
    [
        ((-1, None, None), "-1"),
        ((1e308, None, None), "1e+308"),
        (("old", None, None), "old"),
        ((50, "x", None), "sex"),
        ((50, None, "knee"), "^site "),
        ((50, None, ["head/neck"]), "^site "),
        (([50], None, None), "age"),
    ],
)
def test_bad_fields_are_refused_with_a_sentence(client, handed_in, context, offender):
    with pytest.raises(AppError, match=offender.replace("+", r"\+")):
        predict(client, handed_in, *context)


def test_a_text_renamed_jpg_is_refused_without_a_path(client, tmp_path):
    path = tmp_path / "notes.jpg"
    path.write_text("no photograph")
    with pytest.raises(AppError, match=r"^notes\.jpg cannot be read as an image"):
        predict(client, handle_file(str(path)))


def test_a_path_on_the_server_is_not_read(client):
    with pytest.raises(AppError, match="Add a photograph first"):
        predict(client, "/etc/hostname")


def test_only_predict_is_offered_to_programs(client):
    assert list(client.view_api(return_format="dict")["named_endpoints"]) == ["/predict"]


def test_files_of_the_project_are_not_served(client):
    answer = requests.get(f"{client.src}gradio_api/file=app.py", timeout=10)
    assert answer.status_code in (403, 404)


def test_a_network_that_failed_to_load_is_said(handed_in):
    def broken(image, *, box):
        raise RuntimeError("no network")

    with served(broken, ready=lambda: False) as address:
        client = Client(address, verbose=False)
        with pytest.raises(AppError, match="could not be loaded"):
            predict(client, handed_in)
