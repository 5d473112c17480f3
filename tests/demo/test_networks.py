"""Pages of networks that answer other tasks, and of several networks at once."""

import re
from dataclasses import replace

import pytest
from gradio_client import Client, handle_file
from starlette.applications import Starlette
from starlette.testclient import TestClient

from demo.rest import rest_routes
from demo.services import names_of
from model.inference.bundle import RELEASED, read_manifest
from model.tasks import TASKS
from tests.demo.pages import (
    MEASURED,
    add_photograph,
    asking,
    assert_fits_and_axe_finds_nothing,
    interval,
    open_page,
    predict,
    resize,
    services,
    serving,
)
from tests.drawings import draw_lesion, encoded
from tests.parameters import slow_but

CUSTOM = {"Nevus_A": "Nevus_A", "B": "B", "lentigo": "lentigo"}
CLASSES = {name: TASKS[name].classes for name in ("melanoma", "ham10000", "malignant")}
CLASSES["custom"] = CUSTOM
TABS = ("Batch", "Classroom", "Model", "Data", "About")


def rest(*offered):
    return TestClient(Starlette(routes=rest_routes(offered)))


def ask(on, **fields):
    return on.post("/api/predict", files={"image": encoded(draw_lesion(0, seed=1))}, data=fields)


@pytest.mark.parametrize("task", slow_but("custom", CLASSES))
def test_a_page_of_every_task_starts_and_answers_with_its_classes(task, photograph):
    with serving([asking(task, CLASSES[task])]) as address:
        client = Client(address, verbose=False)
        answer = client.predict(handle_file(str(photograph)), 60, api_name="/predict")
        probabilities = answer["probabilities"]
        described = client.view_api(return_format="dict")["named_endpoints"]["/predict"]
    assert list(probabilities) == list(CLASSES[task])
    assert sum(probabilities.values()) == pytest.approx(1)
    assert ", ".join(CLASSES[task]) in described["description"]


def test_rest_answers_with_custom_classes_and_sums_up_nothing_that_is_not_stated():
    api = rest(asking("custom", CUSTOM))
    said = ask(api, age="60").json()
    assert list(said["probabilities"]) == list(said["contributions"]) == list(CUSTOM)
    assert said["malignancy"] is None
    described = api.get("/api/openapi.json").json()["info"]["description"]
    assert "Nevus_A" in described
    assert not re.search(r"\beight\b", described)


def test_rest_sums_up_as_malignant_against_benign_with_the_stored_figures():
    manifest = read_manifest(RELEASED)
    measured = replace(manifest, metrics={"test": {"operating_points": MEASURED}})
    said = ask(rest(services(manifest=measured)), age="60").json()["malignancy"]
    assert said["malignant"] + said["benign"] + said["precursors"]["AK"] == pytest.approx(1)
    assert said["malignant_codes"] == ["MEL", "BCC", "SCC"]
    assert said["threshold"] == manifest.operating_points["malignant"]["at_90_sensitivity"]
    assert said["sensitivity"] == interval(0.89)


def test_rest_asks_the_first_network_or_the_one_that_is_named():
    api = rest(services(), asking("custom", CUSTOM))
    assert "MEL" in ask(api).json()["probabilities"]
    assert list(ask(api, bundle="network of custom").json()["probabilities"]) == list(CUSTOM)
    refused = ask(api, bundle="nobody")
    assert refused.status_code == 422
    assert refused.json()["error"]["code"] == "bad_bundle"
    assert "'network of custom'" in refused.json()["error"]["message"]


def test_health_lists_the_networks_and_is_ready_when_all_are():
    custom = asking("custom", CUSTOM)
    found = rest(services(), custom).get("/api/health").json()
    assert [one["task"] for one in found["bundles"]] == ["isic2019", "custom"]
    assert found["bundles"][1]["classes"] == CUSTOM
    loading = rest(services(), replace(custom, state=lambda: "loading")).get("/api/health")
    assert (loading.status_code, loading.json()["status"]) == (503, "loading")


def test_networks_of_one_name_are_told_apart_by_their_runs_or_else_numbered():
    first, second = asking("custom", CUSTOM), asking("custom", CUSTOM)
    names = names_of([services(), first, second])
    assert names[1:] == ["network of custom (1)", "network of custom (2)"]
    names = names_of([replace(first, run="monday"), replace(second, run="friday"), services()])
    assert names[:2] == ["network of custom (monday)", "network of custom (friday)"]


@pytest.mark.parametrize("task", ["melanoma", "custom"])
@pytest.mark.parametrize("width", [1280, 360])
def test_every_tab_speaks_of_the_networks_own_classes(window, axe, photograph, task, width):
    names, page = CLASSES[task], window
    resize(page, width)
    with serving([asking(task, names)]) as address:
        open_page(page, address)
        add_photograph(page, photograph)
        page.locator("#age input").fill("80")
        predict(page)
        rows = page.locator("table.bars tbody th").all_inner_texts()
        assert [row.partition(" OTHER")[0].partition(" MEL")[0] for row in rows] == [
            *names.values()
        ]
        assert page.locator("#explained label").count() == len(names)
        assert page.locator(".malignancy").count() == 0
        assert_fits_and_axe_finds_nothing(page, axe, f"task-{task}-predict-{width}")
        for tab in TABS:
            page.get_by_role("tab", name=tab, exact=True).click()
            assert not re.search(r"\beight\b", page.locator("body").inner_text())
            assert_fits_and_axe_finds_nothing(page, axe, f"task-{task}-{tab.lower()}-{width}")
        page.get_by_role("tab", name="Classroom").click()
        assert page.locator("#quiz-guess label").all_inner_texts() == [*names.values()]


@pytest.mark.parametrize("width", [1280, 360])
def test_networks_are_asked_in_turn_of_one_photograph_and_patient(window, axe, photograph, width):
    page = window
    resize(page, width)
    with serving([services(), asking("custom", CUSTOM)]) as address:
        open_page(page, address)
        add_photograph(page, photograph)
        page.locator("#age input").fill("80")
        predict(page)
        assert page.locator("#result tr[data-class]").count() == 8
        page.locator("#network").get_by_label("network of custom").check()
        page.locator('#result tr[data-class="Nevus_A"]').wait_for()
        assert page.locator('#result tr[data-class="Nevus_A"] .value').inner_text() == "40.0 %"
        assert "age 80" in page.locator("#result caption").inner_text()
        assert page.locator("#image img").count() == 1
        page.locator("#why-patient svg").wait_for()
        assert_fits_and_axe_finds_nothing(page, axe, f"networks-{width}")
        page.get_by_role("tab", name="Model").click()
        assert "network of custom" in page.locator("#model").inner_text()
        page.get_by_role("tab", name="Predict").click()
        page.locator("#age input").fill("40")  # which makes the first network's answer old
        page.locator("#network label").first.click()
        page.locator("#result caption", has_text="age 40").wait_for()
        assert page.locator('#result tr[data-class="MEL"] .value').inner_text() == "20.0 %"
        page.get_by_role("button", name="Clear").click()
        page.locator("table.bars").wait_for(state="detached")
