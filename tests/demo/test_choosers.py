"""What the page's file choosers ask the browser for."""

from tests.demo.pages import open_page

CHOOSERS = """[...document.querySelectorAll('input[type=file]')].map(
    chooser => [chooser.parentElement.closest('[id]').id, chooser.accept])"""


def test_choosers_ask_for_images_and_not_for_heic_so_that_iphones_send_jpeg(window, address):
    """WebKit converts a photograph of the library unless its own format is asked for by name."""
    open_page(window, address)
    window.get_by_role("tab", name="Batch").click()
    window.locator("#batch-images").wait_for()
    asked = dict(window.evaluate(CHOOSERS))
    assert {"image", "batch-images"} <= set(asked)
    types = {name: {word.strip() for word in said.split(",")} for name, said in asked.items()}
    assert all("image/*" in types[name] for name in ("image", "batch-images"))
    named = set().union(*types.values())
    assert not {word for word in named if "hei" in word.lower() or word == "*/*"}
