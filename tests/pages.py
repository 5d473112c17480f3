"""Pages served for the tests, with a made-up network behind them."""

from contextlib import contextmanager

from demo.drawing import drawn_examples
from demo.interface import build_demo, launch
from demo.rest import rest_routes
from demo.services import Services
from isic_api.vocabulary import CHALLENGE_SEXES, CHALLENGE_SITES
from model.bundle import RELEASED, read_manifest
from tests.fake_study import made_up


def services(study=made_up, ready=lambda: True, **others):
    """What a page is built on, with the shipped bundle's facts."""
    return Services(
        study=study,
        ready=ready,
        manifest=read_manifest(RELEASED),
        sexes=CHALLENGE_SEXES,
        sites=CHALLENGE_SITES,
        **others,
    )


@contextmanager
def served(study=made_up, ready=lambda: True, access=None, **others):
    """Serve the page on a free port; gives its address."""
    examples = drawn_examples()
    given = {"examples": lambda: examples} | others
    built_on = services(study, ready, **given)
    demo = build_demo(built_on)
    _, address, _ = launch(
        demo, access, routes=rest_routes(built_on), prevent_thread_lock=True, quiet=True
    )
    try:
        yield address
    finally:
        demo.close()
