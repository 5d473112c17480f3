"""The REST endpoint: what it answers, what it refuses and how, and its contract."""

import json
import threading
from base64 import b64encode
from dataclasses import replace
from functools import partial
from http.client import HTTPConnection
from queue import Queue
from urllib.parse import urlsplit

import anyio
import hypothesis
import hypothesis.strategies as st
import pytest
import requests
import schemathesis
from schemathesis.specs.openapi.checks import (
    negative_data_rejection,
    positive_data_acceptance,
)
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from demo.access import Access, RateLimit, UploadLimit
from demo.rest import CODES, MOST_BYTES, RestError, rest_routes
from model.diagnosis import DIAGNOSES
from model.errors import BoxError, BundleError
from model.inference.bundle import RELEASED, read_manifest
from model.patient import AGE, FIELDS, SEX, SITE, Patient, PatientEncoder
from tests.demo.pages import served, services
from tests.drawings import draw_lesion, encoded
from tests.drawings.dicom import NAME, NAME_AND_DATES, NUMBER, STUDY_DATE, dicom
from tests.fakes.study import made_up

pytest_plugins = ["schemathesis.pytest.plugin"]
MANIFEST = read_manifest(RELEASED)


PHOTOGRAPH = encoded(draw_lesion(0, seed=1))


def client(access=None, **others):
    return TestClient(Starlette(routes=rest_routes([services(**others)], access)))


def ask(on, image=PHOTOGRAPH, **fields):
    return on.post("/api/predict", files={"image": ("lesion.jpg", image)}, data=fields)


def refused(answer, code):
    reason = answer.json()["error"]
    assert (answer.status_code, reason["code"]) == (CODES[code][0], code)
    return reason["message"]


def test_it_answers_with_everything_that_the_network_said():
    answer = ask(client(), age="60", sex="male", site="head/neck")
    assert answer.status_code == 200
    said = answer.json()
    assert list(said["probabilities"]) == list(DIAGNOSES)
    assert said["probabilities"]["MEL"] == pytest.approx(0.3)
    assert said["probabilities_of_image_alone"]["MEL"] == 0
    assert said["contributions"]["MEL"]["age_approx"] == pytest.approx(0.3)
    assert {len(moved) for moved in said["contributions"].values()} == {len(FIELDS)}
    assert said["prediction_set"] == ["MEL", "NV"]
    assert (said["ood_score"], said["warnings"]) == (0.5, [])
    assert (said["box"], said["frame"], said["lesions"]) == (None, None, 0)
    assert said["range"]["MEL"] == pytest.approx([0.27, 0.33])
    assert said["inputs"] == {AGE.column: 60, SEX.column: "male", SITE.column: "head/neck"}
    assert said["model"] == {"name": MANIFEST.name, "network_sha256": MANIFEST.network_sha256}


@pytest.mark.parametrize("fields", [{}, {"age": "unknown", "sex": "", "site": "unknown"}])
def test_an_absent_field_is_unknown(fields):
    assert set(ask(client(), **fields).json()["inputs"].values()) == {None}


def test_age_and_site_may_bear_the_challenges_names():
    challenge = {AGE.column: "60", SEX.column: "male", SITE.column: "head/neck"}
    short = {"age": "60", "sex": "male", "site": "head/neck"}
    expected = ask(client(), **short).json()
    assert ask(client(), **challenge).json() == expected
    assert ask(client(), **challenge, age="unknown", site="").json() == expected


@pytest.mark.parametrize(
    ("short", "official", "value"),
    [("age", "age_approx", "60"), ("site", "anatom_site_general", "head/neck")],
)
def test_a_field_under_both_its_names_is_refused(short, official, value):
    answer = ask(client(), **{short: value, official: value})
    assert f"{short} or {official}, not both" in refused(answer, "bad_context")


def test_a_field_that_nothing_reads_is_refused_and_not_ignored():
    assert "'foo' is no field" in refused(ask(client(), foo="1"), "bad_context")


@pytest.mark.parametrize(
    ("field", "code", "words"),
    [
        ("sex", "bad_context", "'sex' was sent twice"),
        ("image", "several_images", "same_lesion=true"),
    ],
)
def test_a_field_or_photograph_sent_twice_is_refused(field, code, words):
    sent = [("sex", (None, "male")), ("image", ("lesion.jpg", PHOTOGRAPH))]
    sent.append(next(part for part in sent if part[0] == field))
    answer = client().post("/api/predict", files=sent)
    assert words in refused(answer, code)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("age", value) for value in ("-1", "nan", "1e308")),
        ("age_approx", "121"),
        ("sex", "x"),
        ("site", "knee"),
        ("anatom_site_general", "knee"),
    ],
)
def test_a_bad_field_is_named_as_the_caller_named_it(field, value):
    message = refused(ask(client(), **{field: value}), "bad_context")
    assert message.startswith(f"{field} {value!r} ")


@pytest.mark.parametrize("image", [b"", b"no photograph", PHOTOGRAPH[:200]])
def test_a_file_that_is_no_photograph_is_refused(image):
    assert "the upload" in refused(ask(client(), image), "unreadable_image")


@pytest.mark.parametrize(
    "request_",
    [
        {"data": {"age": "60"}},
        {"data": {"image": "lesion.jpg"}},
        {"json": {"image": "lesion.jpg"}},
    ],
)
def test_without_a_file_it_says_how_to_send_one(request_):
    assert "multipart" in refused(client().post("/api/predict", **request_), "no_image")


def test_other_addresses_methods_and_bodies_are_refused_in_the_same_form():
    api = client()
    refused(api.get("/api/nothing"), "not_found")
    refused(api.get("/api/predict"), "method_not_allowed")
    head = {"content-type": "multipart/form-data; boundary=a"}
    refused(api.post("/api/predict", content=b"zz", headers=head), "bad_request")


def test_what_states_too_many_bytes_is_refused_before_any_is_read(address):
    connection = HTTPConnection(urlsplit(address).netloc, timeout=10)
    connection.putrequest("POST", "/api/predict")
    connection.putheader("Content-Type", "multipart/form-data; boundary=a")
    connection.putheader("Content-Length", str(MOST_BYTES + 1))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert json.load(answer)["error"]["code"] == "too_large"


def test_what_sends_more_than_it_may_is_refused_on_the_way():
    pieces = [b"12345"] * 9

    async def read_all(scope, receive, send):
        while True:
            await receive()

    async def receive():
        return {"type": "http.request", "body": pieces.pop(), "more_body": True}

    with pytest.raises(RestError) as caught:
        anyio.run(
            UploadLimit(read_all, most=10, error=partial(RestError, "too_large")),
            {"type": "http", "headers": []},
            receive,
            None,
        )
    assert caught.value.code == "too_large"
    assert len(pieces) == 6


def test_a_body_that_does_not_state_its_length_is_refused_too():
    def chunks():
        yield b'--a\r\nContent-Disposition: form-data; name="image"; filename="x"\r\n\r\n'
        for _ in range(21):
            yield b"0" * (1 << 20)

    head = {"content-type": "multipart/form-data; boundary=a"}
    answer = client().post("/api/predict", content=chunks(), headers=head)
    assert "20 MB" in refused(answer, "too_large")


def test_nothing_of_an_upload_is_logged_or_left_behind(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    noisy = encoded(draw_lesion(0, seed=2, size=(800, 600)), "BMP")
    assert len(noisy) > 1 << 20  # beyond what is held in memory
    with caplog.at_level("DEBUG"):
        assert ask(client(), noisy, age="61").status_code == 200
    assert list(tmp_path.iterdir()) == []
    assert "lesion.jpg" not in caplog.text


def test_health_says_how_far_loading_is():
    def health(state):
        answer = client(state=lambda: state).get("/api/health")
        return answer.status_code, answer.json()["status"]

    assert health("ready") == (200, "ready")
    assert health("loading") == (503, "loading")
    assert health("failed") == (503, "failed")


def test_monitors_may_ask_for_the_head_of_health_alone(address):
    head, whole = (
        call(f"{address}api/health", timeout=10) for call in (requests.head, requests.get)
    )
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == whole.headers["content-type"]
    assert client(state=lambda: "loading").head("/api/health").status_code == 503


def test_a_network_that_could_not_be_loaded_is_said():
    def broken(image, **_):
        raise RuntimeError(str(BundleError("somewhere/secret")))

    assert "secret" not in refused(ask(client(study=broken)), "no_network")


def test_with_a_login_only_who_knows_it_is_answered():
    api = client(Access(logins=(("ada", "pass:word"), ("bob", "b"))))
    assert "curl --user" in refused(ask(api), "no_login")
    for wrong in (("ada", "word"), ("ada", ""), ("", "b")):
        api.auth = wrong
        refused(ask(api), "no_login")
    api.auth = ("ada", "pass:word")
    assert ask(api).status_code == 200
    api.auth = None
    assert api.get("/api/health").status_code == 200


def test_a_limit_of_requests_a_minute_is_said_in_the_same_form():
    limited = Starlette(routes=rest_routes([services()]), middleware=[Middleware(RateLimit, 1)])
    api = TestClient(limited)
    assert ask(api).status_code == 200
    answer = ask(api)
    assert "Wait" in refused(answer, "too_many_requests")
    assert int(answer.headers["Retry-After"]) >= 1


def test_many_at_once_wait_and_too_many_are_sent_away(monkeypatch):
    monkeypatch.setattr("demo.rest.AT_ONCE", 1)
    monkeypatch.setattr("demo.rest._MOST_WAITING", 1)
    gate = threading.Event()

    def slow(image, **_):
        gate.wait(10)
        return services().study(image)

    answers = Queue()
    with served(slow) as address:
        for _ in range(3):
            threading.Thread(target=lambda: answers.put(post(f"{address}api/predict"))).start()
        refused(answers.get(timeout=10), "busy")
        gate.set()
        assert [answers.get(timeout=10).status_code for _ in range(2)] == [200, 200]


def post(url):
    return requests.post(url, files={"image": PHOTOGRAPH}, timeout=20)


def test_networks_share_a_form_and_each_takes_the_fields_that_it_knows():
    narrow = replace(MANIFEST, name="narrow", patient=PatientEncoder.fit([], (AGE,)))
    offered = [services(manifest=narrow), services()]
    on = TestClient(Starlette(routes=rest_routes(offered)))
    assert ask(on, age="60", sex="").json()["inputs"] == {AGE.column: 60}
    wide = ask(on, age="60", sex="male", bundle=MANIFEST.name).json()
    assert wide["inputs"] == {AGE.column: 60, SEX.column: "male", SITE.column: None}
    assert "'sex' is no field" in refused(ask(on, age="60", sex="male"), "bad_context")


@pytest.mark.slow
def test_a_real_network_answers_as_it_does_from_the_shell(untrained_bundle):
    from model.inference.predictor import Predictor

    predictor = Predictor.load(untrained_bundle)
    real = replace(services(predictor.study), manifest=predictor.manifest)
    said = ask(TestClient(Starlette(routes=rest_routes([real]))), age="60", sex="male").json()
    patient = Patient(age=60.0, sex="male")
    assert said["probabilities"] == pytest.approx(predictor.predict(PHOTOGRAPH, patient), abs=1e-6)
    alone, moved = said["probabilities_of_image_alone"], said["contributions"]
    for code, probability in said["probabilities"].items():
        assert alone[code] + sum(moved[code].values()) == pytest.approx(probability, abs=1e-6)
    assert set(said["prediction_set"]) <= set(DIAGNOSES)
    assert said["ood_score"] > 0
    assert said["model"]["network_sha256"] == predictor.manifest.network_sha256


def test_the_page_and_the_endpoint_share_one_server(address):
    assert "Lesion in Context" in requests.get(address, timeout=10).text
    assert post(f"{address}api/predict").json()["probabilities"]["MEL"] == 0
    foreign = requests.get(f"{address}api/health", headers={"Origin": "http://x"}, timeout=10)
    assert "access-control-allow-origin" not in foreign.headers


# Besides any bytes, photographs are sent.
schemathesis.openapi.format("binary", st.just(PHOTOGRAPH))
contract = schemathesis.openapi.from_asgi(
    "/api/openapi.json", Starlette(routes=rest_routes([services()]))
)


@pytest.mark.slow
@contract.parametrize()
@hypothesis.settings(max_examples=60, derandomize=True, deadline=None)
def test_it_keeps_the_contract_that_it_describes(case):
    answer = case.call()
    # The schema does not say which bytes are a photograph, that a field has two names, nor which
    # box has an area.
    said = ("unreadable_image", "not both", "bad_box")
    unsaid = any(words in answer.text for words in said)
    left_out = [positive_data_acceptance] if answer.status_code == 422 and unsaid else []
    left_out.append(
        negative_data_rejection
    )  # a form is text: false and [] of JSON are 0 and absent
    case.validate_response(answer, excluded_checks=left_out)


def test_a_box_is_passed_on_and_one_that_does_not_fit_is_refused():
    asked = []

    def study(image, *, box=None):
        asked.append(box)
        if box and box[0] > 1_000:
            raise BoxError("the box lies outside the photograph.")
        return made_up(image)

    on = client(study=study)
    assert ask(on, box="40,30,160.5,140").status_code == 200
    assert asked == [(40, 30, 160.5, 140)]
    assert "outside" in refused(ask(on, box="2000,30,2100,140"), "bad_box")
    assert "four numbers" in refused(ask(on, box="1,2,3"), "bad_box")
    assert ask(on, box="").status_code == 200


def test_photographs_of_one_lesion_are_answered_each_and_together():
    files = [("image", ("a.jpg", PHOTOGRAPH)), ("image", ("b.jpg", PHOTOGRAPH))]
    on, data = client(), {"age": "60"}
    assert refused(on.post("/api/predict", files=files, data=data), "several_images")
    data["same_lesion"] = "true"
    said = on.post("/api/predict", files=files, data=data).json()
    assert [one["probabilities"] for one in said["photographs"]] == [
        pytest.approx(said["probabilities"])
    ] * 2
    assert said["malignancy"]["malignant"] > 0
    assert refused(on.post("/api/predict", files=files, data=data | {"box": "1,1,9,9"}), "bad_box")
    assert refused(ask(on, same_lesion="perhaps"), "bad_context")


@pytest.mark.parametrize("path", ["/api/health", "/lesion/api/health"])
def test_a_proxy_may_strip_its_prefix_or_not(path):
    routes = Starlette(routes=rest_routes([services()]))
    assert TestClient(routes, root_path="/lesion").get(path).status_code == 200


def test_a_login_with_an_umlaut_is_read_as_browsers_and_curl_send_it():
    page = client(access=Access(logins=(("jürgen", "pässwort"),)))
    coded = b64encode("jürgen:pässwort".encode()).decode()
    answer = page.post("/api/predict", headers={"Authorization": f"Basic {coded}"})
    assert answer.json()["error"]["code"] == "no_image"


@pytest.mark.parametrize("header", ["Basic !", "Basic /w==", "Basic YQ==", "Bearer x"])
def test_a_login_that_cannot_be_read_is_none(header):
    page = client(access=Access(logins=(("jürgen", "pässwort"),)))
    answer = page.post("/api/predict", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "no_login"


def test_a_dicom_file_brings_its_context_and_what_is_sent_stands_above_it():
    file = dicom(region="43067004", PatientAge="061Y", PatientSex="F", **NAME_AND_DATES)
    said = ask(client(), image=file, sex="male")
    assert said.json()["inputs"] == {AGE.column: 61, SEX.column: "male", SITE.column: "head/neck"}
    assert not [word for word in (NAME, NUMBER, STUDY_DATE) if word in said.text]
