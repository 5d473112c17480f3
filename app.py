"""Start the page: python app.py [--examples DIR]"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from demo.access import Access
from demo.examples import Examples, drawn_examples, examples_of_folder, one_without_context
from demo.interface import build_demo, launch
from demo.loading import Answering, BackgroundPredictor
from demo.services import Example, Services
from isic_api.client import IsicClient
from isic_api.showcase import Showcase
from model.bundle import RELEASED, read_manifest
from model.errors import ModelError
from model.patient import Patient

options = argparse.ArgumentParser(description="Serve the page of Lesion in Context.")
options.add_argument("--examples", type=Path, help="folder of photographs with examples.csv")


def load() -> Answering:
    """Load the shipped network and run it once."""
    from model.predictor import Predictor  # takes seconds: only behind the page

    predictor = Predictor.load(RELEASED)
    predictor.warm_up()
    return predictor


def archive_examples() -> Iterator[Example]:
    """CC-0 photographs that the network was not trained on, credited."""
    folder = Path(tempfile.gettempdir()) / "lesion-in-context-examples"
    trained = set(manifest.split.train)
    found = showcase.photographs(folder, codes=manifest.codes, exclude=trained, count=6)
    for photograph in found:
        fields = photograph.record.metadata
        patient = Patient.parse(fields.age_approx, fields.sex, photograph.record.challenge_site)
        origin = f"{photograph.record.isic_id}, ISIC Archive, {photograph.record.attribution}, CC-0"
        yield Example(photograph.path, patient, photograph.diagnosis, origin, real=True)


def first_examples(folder: Path | None) -> Examples:
    """Those of a folder, or drawn ones until the Archive has given real ones."""
    if folder:
        return Examples(one_without_context(examples_of_folder(folder, manifest.codes)))
    return Examples(drawn_examples(), better=lambda: one_without_context(list(archive_examples())))


try:
    manifest = read_manifest(RELEASED)
    access = Access.from_environment(os.environ)
    arguments = sys.argv[1:] if __name__ == "__main__" else []
    examples = first_examples(options.parse_args(arguments).examples)
except (ModelError, OSError, ValueError) as error:
    sys.exit(f"error: {error}")

showcase = Showcase(IsicClient(attempts=1, timeout=(2.0, 5.0)))
predictor = BackgroundPredictor(load)
demo = build_demo(
    Services(
        study=predictor.study,
        ready=predictor.ready,
        manifest=manifest,
        sexes=manifest.patient.sexes,
        sites=manifest.patient.sites,
        examples=examples,
        thumbnail=showcase.thumbnail,
    )
)

if __name__ == "__main__":
    predictor.start()
    examples.start()
    launch(demo, access)
