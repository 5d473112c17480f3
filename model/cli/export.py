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
from model.inference.bundle import FINDER_LITERT_FILE, LITERT_FILE, Manifest, write_files
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
        files, difference = _convert(predictor, Path(scratch))
        if options.out:
            for file in files:
                file.replace(out / file.name)
            _write_notes(out / "network.json", predictor.manifest)
        else:
            write_files(out, predictor.manifest, {file.name: file.replace for file in files})
    file = out / LITERT_FILE
    print(f"wrote {file}, {file.stat().st_size / 1e6:.1f} MB")
    print(f"probabilities, Grad-CAMs and outlines differ from Keras' by {difference:.1g} at most")
    return 0


def _convert(predictor: Predictor, folder: Path) -> tuple[list[Path], float]:
    """Write network and finder; gives the files and the largest difference from the predictor."""
    from model.inference.export import TOLERANCE, finder_to_litert, largest_difference, to_litert
    from model.inference.finder import LesionFinder
    from model.inference.litert_backend import LiteRTBackend
    from model.networks.network import open_saved

    manifest = predictor.manifest
    files, finder = [folder / LITERT_FILE], None
    files[0].write_bytes(to_litert(predictor.backend.network, tta_views=manifest.tta_views))
    if predictor.finder:
        files.append(folder / FINDER_LITERT_FILE)
        files[1].write_bytes(finder_to_litert(open_saved(predictor.finder.file)))
        finder = LesionFinder.load(files[1])
    exported = Predictor(LiteRTBackend(files[0]), manifest, finder=finder)
    difference = largest_difference(predictor, exported)
    if not difference <= TOLERANCE:  # NaN is no agreement either
        raise BundleError(
            f"LiteRT differs by up to {difference:.2g} from Keras, more than {TOLERANCE}. Nothing "
            "was written; the bundle keeps using Keras."
        )
    return files, difference


def _write_notes(path: Path, manifest: Manifest) -> None:
    values = manifest.to_dict()
    notes = {name: values[name] for name in _FOR_PHONES}
    notes["network_sha256"] = manifest.network_sha256
    path.write_text(json.dumps(notes, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
