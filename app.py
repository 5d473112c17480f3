"""Start the page: python app.py [--examples DIR]

MODEL_ID and MODEL_REVISION choose a bundle of the Hugging Face Hub, see ``model.prediction.hub``.
"""

import argparse
import os
import sys
from pathlib import Path

from threadpoolctl import threadpool_limits

from demo.access import Access
from demo.drawing import drawn_examples
from demo.examples import Examples, examples_of_folder, one_without_context, with_a_miss
from demo.interface import build_demo, launch
from demo.loading import Answering, BackgroundPredictor
from demo.present import most_probable
from demo.rest import rest_routes
from demo.services import Example, Services
from isic_api.client import IsicClient
from isic_api.showcase import Photograph, Showcase
from isic_api.vocabulary import archive_id
from model.errors import ModelError
from model.patient import Patient
from model.prediction.bundle import read_manifest
from model.prediction.hub import chosen_bundle

EXAMPLES = Path(__file__).parent / ".cache" / "examples"
"""Where photographs from the Archive are kept, to be fetched once."""

SHOWN = 6  # examples

options = argparse.ArgumentParser(description="Serve the page of Lesion in Context.")
options.add_argument("--examples", type=Path, help="folder of photographs with examples.csv")


def load() -> Answering:
    """Load the network and run it once."""
    from model.prediction.loading import load_examiner  # takes seconds: only behind the page

    # One photograph's vectors are short: threads would only wait for each other.
    threadpool_limits(1, user_api="blas")
    examiner = load_examiner(bundle)
    examiner.warm_up()
    return examiner


def archive_example(photograph: Photograph, credit: str | None) -> Example:
    """A photograph of the Archive with its patient and its origin."""
    record, fields = photograph.record, photograph.record.metadata
    patient = Patient.parse(fields.age_approx, fields.sex, record.challenge_site)
    words = (record.isic_id, "ISIC Archive", credit, record.copyright_license)
    origin = ", ".join(word for word in words if word)
    return Example(photograph.path, patient, photograph.diagnosis, origin, real=True)


def archive_examples() -> list[Example]:
    """CC-0 photographs of different diagnoses that the network was not trained on."""
    trained = {archive_id(name) for name in manifest.split.train}
    wanted = {"codes": manifest.codes, "exclude": trained, "count": len(manifest.codes)}
    found = {one.record.isic_id: one for one in showcase.photographs(EXAMPLES, **wanted)}
    credits = showcase.credits(found)
    examples = [archive_example(one, credits.get(isic_id)) for isic_id, one in found.items()]
    return with_a_miss(one_without_context(examples), answer, count=SHOWN)


def answer(example: Example) -> str:
    """The class that the network finds most probable; waits until it is loaded."""
    return most_probable(predictor.study(example.image).probabilities(example.patient))


def first_examples(folder: Path | None) -> Examples:
    """Those of a folder, or drawn ones until the Archive has given real ones."""
    if folder is None:
        return Examples(drawn_examples(), better=archive_examples)
    found = one_without_context(examples_of_folder(folder, manifest.codes))
    return Examples(found, better=lambda: with_a_miss(found, answer))


try:
    bundle = chosen_bundle(os.environ)
    manifest = read_manifest(bundle)
    access = Access.from_environment(os.environ)
    arguments = sys.argv[1:] if __name__ == "__main__" else []
    examples = first_examples(options.parse_args(arguments).examples)
except (ModelError, OSError, ValueError) as error:
    sys.exit(f"error: {error}")

showcase = Showcase(IsicClient(attempts=1, timeout=(2.0, 5.0)))
predictor = BackgroundPredictor(load)
services = Services(
    study=predictor.study,
    ready=predictor.ready,
    manifest=manifest,
    examples=examples,
    thumbnail=showcase.thumbnail,
    state=predictor.state,
)
demo = build_demo(services)

if __name__ == "__main__":
    predictor.start()
    examples.start()
    # Gradio's own words would suggest a public link.
    settings = {"quiet": True, "prevent_thread_lock": True}
    _, address, _ = launch(demo, access, routes=rest_routes(services, access), **settings)
    print(f"The page answers at {address} (Ctrl+C ends it).", flush=True)
    demo.block_thread()
