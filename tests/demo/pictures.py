"""Make README's pictures of the page anew: make pictures

They show the shipped network's answers to drawn examples, and no photograph.
"""

from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Locator, Page

from model.inference.bundle import RELEASED
from model.inference.predictor import Predictor
from tests.demo import chromium
from tests.demo.pages import open_page, served

FOLDER = Path(__file__).parents[2] / "docs" / "images"

_COLOURS = 256  # of a picture, which keeps its file small
_EXAMPLE = 2  # the third: its context changes much


def main() -> None:
    """Write all of them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    predictor = Predictor.load(RELEASED)
    with served(predictor.study) as address, chromium.started() as browser:
        for theme in ("light", "dark"):
            page = answered(browser, address, theme=theme)
            save(page, f"page-{theme}")
        page = answered(browser, address, theme="light")
        for tab, name in (("Why: the patient", "why-patient"), ("What if", "what-if")):
            page.get_by_role("tab", name=tab).click()
            page.wait_for_timeout(300)
            save(page.locator("#reasons"), name)
        save(answered(browser, address, theme="light", size=(360, 760)), "phone")


def answered(
    browser: Browser, address: str, *, theme: str, size: tuple[int, int] = (1280, 800)
) -> Page:
    """Open the page, choose an example and wait for the answer."""
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    open_page(page, f"{address}?__theme={theme}")
    page.locator("#examples button").nth(_EXAMPLE).click()
    page.locator("table.bars").wait_for()
    page.locator("#why-patient svg").wait_for()
    page.locator("#result").scroll_into_view_if_needed()
    page.mouse.move(0, 0)
    page.wait_for_timeout(500)  # until colours have changed
    return page


def save(shown: Page | Locator, name: str) -> None:
    """Write what is shown, in few colours."""
    picture = Image.open(BytesIO(shown.screenshot())).convert("RGB").quantize(_COLOURS)
    picture.save(FOLDER / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
