"""Convert a bundle's network to LiteRT, and check it against Keras.

Without --out, network.tflite goes into the bundle, which then predicts with it: faster, and without
loading TensorFlow. With --out it goes into a folder, together with network.json: what a program on
a phone needs to preprocess a photograph and a patient and to name the classes.

example: python -m model export --out phone
"""

import argparse
import json
import tempfile
from pathlib import Path

from model.cli.options import add_bundle
from model.errors import BundleError
from model.inference.bundle import LITERT_FILE, Manifest, write_files
from model.inference.predictor import Predictor

_FOR_PHONES = ("name", "classes", "image", "patient", "temperature", "tta_views")
_FOR_PHONES += ("licence", "intended_use")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_bundle(parser)
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder to write (default: the bundle itself)"
    )


def run(options: argparse.Namespace) -> int:
    """Convert, compare, write."""
    predictor = Predictor.load(options.bundle, backend="keras")
    out = options.out or options.bundle
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        file = Path(scratch) / LITERT_FILE
        difference = _convert(predictor, file)
        if options.out:
            file.replace(out / LITERT_FILE)
            _write_notes(out / "network.json", predictor.manifest)
        else:
            write_files(out, predictor.manifest, {LITERT_FILE: file.replace})
    file = out / LITERT_FILE
    print(f"wrote {file}, {file.stat().st_size / 1e6:.1f} MB")
    print(f"probabilities and Grad-CAMs differ from Keras' by {difference:.1g} at most")
    return 0


def _convert(predictor: Predictor, file: Path) -> float:
    """Write the file, and give the largest difference between it and the predictor."""
    from model.inference.export import TOLERANCE, largest_difference, to_litert
    from model.inference.litert_backend import LiteRTBackend

    manifest = predictor.manifest
    file.write_bytes(to_litert(predictor.backend.network, tta_views=manifest.tta_views))
    exported = Predictor(LiteRTBackend(file), manifest)
    difference = largest_difference(predictor, exported)
    if not difference <= TOLERANCE:  # NaN is no agreement either
        raise BundleError(
            f"LiteRT differs by up to {difference:.2g} from Keras, more than {TOLERANCE}. Nothing "
            "was written; the bundle keeps using Keras."
        )
    return difference


def _write_notes(path: Path, manifest: Manifest) -> None:
    values = manifest.to_dict()
    notes = {name: values[name] for name in _FOR_PHONES}
    notes["network_sha256"] = manifest.network_sha256
    path.write_text(json.dumps(notes, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
