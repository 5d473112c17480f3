"""Start the page: ``python app.py [--bundle DIR ...] [--examples DIR]``.

Without --bundle it shows the shipped network, or the one of the Hugging Face Hub that MODEL_ID and
MODEL_REVISION name, see ``model.inference.hub``.
"""

import argparse
import os
import sys
from functools import cache, partial
from pathlib import Path
from threading import Lock

from threadpoolctl import threadpool_limits

from demo.access import Access
from demo.examples import (
    Examples,
    drawn_examples,
    examples_of_folder,
    known_to,
    mark_misclassified,
    of_task,
    one_without_context,
)
from demo.formatting import most_probable
from demo.page import build_demo, launch
from demo.rest import rest_routes
from demo.services import BackgroundPredictor, Example, LoadedPredictor, Services
from isic_api.client import IsicClient
from isic_api.metadata import METADATA_COLUMNS
from isic_api.showcase import Photograph, Showcase
from isic_api.vocabulary import archive_id
from model.diagnosis import DIAGNOSES
from model.environment import reach_directly, require_port
from model.errors import ModelError
from model.inference.bundle import PICTURE_FILE
from model.inference.hub import chosen_bundle, read_whole
from model.patient import FIELDS, Patient

EXAMPLES = Path(__file__).parent / ".cache" / "examples"
"""Where photographs from the Archive are kept, to be fetched once."""

SHOWN = 6  # examples

options = argparse.ArgumentParser(description="Serve the page of Lesion in Context.")
options.add_argument(
    "--bundle",
    type=Path,
    action="append",
    metavar="DIR",
    help="folder of a network's bundle; may be given several times, to choose on the page",
)
options.add_argument("--examples", type=Path, help="folder of photographs with examples.csv")

loading, fetching = Lock(), Lock()  # one network at a time, and one search of the Archive


class Offer:
    """One bundle: its network, loaded behind the page, its facts and its examples."""

    def __init__(self, bundle: Path) -> None:
        """Read and check the manifest.

        Raises:
            BundleError: the bundle is missing, damaged, of another format or an unknown task.
        """
        self.bundle, self.manifest = bundle, read_whole(bundle)
        self.predictor = BackgroundPredictor(self.load)

    def load(self) -> LoadedPredictor:
        """Load the network and run it once."""
        from model.inference.predictor import Predictor  # only behind the page

        # One photograph's vectors are short: threads would only wait for each other.
        threadpool_limits(1, user_api="blas")
        with loading:
            predictor = Predictor.load(self.bundle)
            predictor.warm_up()
        return predictor

    def answer(self, example: Example) -> str:
        """The class that the network finds most probable; waits until it is loaded."""
        study = self.predictor.study(example.image)
        return most_probable(study.probabilities(example.patient))

    def examples(self, given: list[Example] | None) -> Examples:
        """Those that are given, or drawn ones until the Archive has given real ones."""
        if given is None:
            drawn = of_task(drawn_examples(), self.manifest.task)
            return Examples(drawn, better=self.archive_examples)
        found = of_task(given, self.manifest.task)
        return Examples(found, better=partial(mark_misclassified, found, self.answer))

    def archive_examples(self) -> list[Example]:
        """CC-0 photographs of different diagnoses that no network here was trained on."""
        with fetching:
            found = of_task(archive_photographs(), self.manifest.task)
        return mark_misclassified(one_without_context(found), self.answer, count=SHOWN)

    def services(self, examples: Examples) -> Services:
        """What the page is built on."""
        picture = self.bundle / PICTURE_FILE
        return Services(
            study=self.predictor.study,
            ready=self.predictor.ready,
            manifest=self.manifest,
            examples=examples,
            thumbnail=showcase.thumbnail,
            state=self.predictor.state,
            architecture=picture.read_bytes() if picture.is_file() else None,
            run=self.bundle.parent.name if self.bundle.name == "bundle" else self.bundle.name,
        )


def archive_example(photograph: Photograph, credit: str | None) -> Example:
    """A photograph of the Archive with its patient and its origin."""
    record = photograph.record
    known = {f.column: METADATA_COLUMNS[f.column] for f in FIELDS if f.column in METADATA_COLUMNS}
    patient = Patient.parse({column: value(record) for column, value in known.items()})
    words = (record.isic_id, "ISIC Archive", credit, record.copyright_license)
    origin = ", ".join(word for word in words if word)
    return Example(photograph.path, patient, photograph.diagnosis, origin, real=True)


@cache
def archive_photographs() -> list[Example]:
    """CC-0 photographs of the eight diagnoses, as far as the Archive has them."""
    trained = {archive_id(name) for offer in offers for name in offer.manifest.split.train}
    wanted = {"codes": DIAGNOSES, "exclude": trained, "count": len(DIAGNOSES)}
    found = {one.record.isic_id: one for one in showcase.photographs(EXAMPLES, **wanted)}
    credits = showcase.credits(found)
    return [archive_example(one, credits.get(isic_id)) for isic_id, one in found.items()]


try:
    require_port("GRADIO_SERVER_PORT")
    access = Access.from_environment(os.environ)
    arguments = options.parse_args(sys.argv[1:] if __name__ == "__main__" else [])
    bundles = arguments.bundle or [chosen_bundle(os.environ)]
    offers = [Offer(bundle) for bundle in bundles]
    given = None
    if arguments.examples:
        known = known_to(offer.manifest.task for offer in offers)
        given = examples_of_folder(arguments.examples, known)
    examples = [offer.examples(given) for offer in offers]
except (ModelError, OSError, ValueError) as error:
    sys.exit(f"error: {error}")

showcase = Showcase(IsicClient(attempts=1, timeout=(2.0, 5.0)))
offered = [offer.services(shown) for offer, shown in zip(offers, examples, strict=True)]
demo = build_demo(offered)

if __name__ == "__main__":
    for offer, shown in zip(offers, examples, strict=True):
        offer.predictor.start()
        shown.start()
    reach_directly(os.environ.get("GRADIO_SERVER_NAME", ""))  # Gradio asks its own page
    # Gradio's own words would suggest a public link.
    settings = {"quiet": True, "prevent_thread_lock": True}
    _, address, _ = launch(demo, access, routes=rest_routes(offered, access), **settings)
    print(f"The page answers at {address} (Ctrl+C ends it).", flush=True)
    demo.block_thread()
