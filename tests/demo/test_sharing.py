"""What a shared link shows, and the panels that Gradio adds to the page."""

import re
from io import BytesIO

import pytest
import requests
from PIL import Image

from tests.demo.pages import open_page, resize

META = re.compile(r'<meta (?:property|name)="([a-z:]+)" content="([^"]*)"')


def test_a_shared_link_describes_the_page_with_a_drawn_picture_of_this_server(address):
    page = requests.get(address, timeout=10).text
    found = META.findall(page)
    said = dict(found)
    assert len(found) == len(said), "a tag stands twice"
    assert said["og:title"] == "Lesion in Context"
    assert "dermoscopic photograph" in said["og:description"]
    assert "gradio" not in "".join(said.values()).lower()
    assert said["og:image"].startswith(address.rstrip("/"))
    picture = requests.get(said["og:image"], timeout=10)
    assert Image.open(BytesIO(picture.content)).size == (1200, 630)
    assert 'href="/manifest.json"' not in page  # which a page below a path does not have


@pytest.fixture
def page(window, address):
    resize(window, 1280)
    open_page(window, address)
    return window


def test_the_panel_on_the_api_shows_a_file_and_nothing_that_is_not_served(page):
    failed = []
    page.on("response", lambda found: found.status >= 400 and failed.append(found.url))
    with (
        page.expect_response("**/monitoring/summary"),
        page.expect_response("**/mcp/schema"),
    ):
        page.get_by_role("button", name="Use via API").first.click()
    page.get_by_text("image=handle_file('photograph.jpg')").wait_for()
    assert page.get_by_text("cURL", exact=True).first.is_visible()
    assert not any(one.is_visible() for one in page.get_by_text("MCP", exact=True).all())
    assert page.get_by_text("float | str | None", exact=True).count() == 1
    assert failed == []


def test_settings_offer_theme_and_language_and_no_recording(page):
    page.get_by_role("button", name="Settings").first.click()
    page.get_by_text("Display Theme").wait_for()
    for words in ("Screen Studio", "Progressive Web App"):
        assert not page.get_by_text(words, exact=False).first.is_visible()
