"""Convert a bundle's network to LiteRT, compared with Keras.

Without --out network.tflite goes into the bundle, and the page answers through it from then on:
faster, and without loading TensorFlow. With --out it goes into a folder, beside network.json: what
a program on a phone needs to prepare a photograph and a patient and to name the answers.

example: python -m model export --out phone
"""

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path

from model.commands.options import add_bundle
from model.errors import BundleError
from model.inference.bundle import LITE_FILE, Manifest, file_sha256, write_manifest

_FOR_PHONES = ("name", "classes", "image", "patient", "temperature", "views", "network_sha256")
_FOR_PHONES += ("licence", "intended_use")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_bundle(parser)
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder to write (default: the bundle itself)"
    )


def run(options: argparse.Namespace) -> int:
    """Convert, compare, write."""
    from model.inference.predictor import Predictor

    predictor = Predictor.load(options.bundle)
    out = options.out or options.bundle
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        file = Path(scratch) / LITE_FILE
        difference = _convert(predictor, file)
        file = file.replace(out / LITE_FILE)
    if options.out:
        _write_notes(out / "network.json", predictor.manifest)
    else:
        lite = {"sha256": file_sha256(file)}
        write_manifest(options.bundle, replace(predictor.manifest, lite=lite))
    print(f"wrote {file}, {file.stat().st_size / 1e6:.1f} MB")
    print(f"probabilities and maps differ from Keras' by {difference:.1g} at most")
    return 0


def _convert(predictor: "Predictor", file: Path) -> float:  # noqa: F821
    """Write the file, and give the largest difference between it and the predictor."""
    from model.inference.examiner import Examiner
    from model.inference.export import TOLERANCE, largest_difference, to_lite
    from model.inference.lite import LiteNetwork

    file.write_bytes(to_lite(predictor.network, views=predictor.manifest.views))
    examiner = Examiner(LiteNetwork(file), predictor.manifest)
    difference = largest_difference(predictor, examiner)
    if difference > TOLERANCE:
        raise BundleError(
            f"LiteRT answers up to {difference:.2g} from Keras, more than {TOLERANCE}. Nothing was "
            "written; the page goes on with Keras."
        )
    return difference


def _write_notes(path: Path, manifest: Manifest) -> None:
    notes = manifest.to_dict()
    chosen = {name: notes[name] for name in _FOR_PHONES}
    path.write_text(json.dumps(chosen, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
