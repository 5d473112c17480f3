"""Calibrate a bundle on held-out images: all of it that is not trained.

This is the temperature, the thresholds of operating points and prediction sets, and the
out-of-distribution detector. A training does it automatically, with at most 2,000 training images;
this command takes all of them, or as many as --images says. DIR must be the data of the training.

example: python -m model calibrate --data DIR --bundle runs/first/bundle
"""

import argparse
import hashlib
from pathlib import Path

from model.cli.options import add_bundle, add_cache, add_data_folders, add_number
from model.data.dataset import read_folders
from model.data.photographs import image_paths, images_folder
from model.data.tables import read_csv
from model.inference.bundle import LITERT_FILE, read_manifest
from model.inference.tta import VIEW_COUNTS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_data_folders(parser)
    add_bundle(parser)
    parser.add_argument(
        "--tta-views",
        type=int,
        choices=VIEW_COUNTS,
        help="test-time augmentation: views to average over (default: unchanged)",
    )
    parser.add_argument(
        "--closeups",
        type=Path,
        metavar="DIR",
        help="photographs taken without a dermatoscope, to learn to tell them apart: "
        "DIR/images, and DIR/lesions.csv with image and lesion_id",
    )
    add_number(parser, "--images", "training images to use at most", default=None)
    add_cache(parser)


def run(options: argparse.Namespace) -> int:
    """Calibrate and print what was found."""
    known = read_manifest(options.bundle)
    dataset = read_folders(
        options.data, task=known.task.name, fields=known.patient.fields, coarse=True
    )
    learned, held_out = closeup_halves(options.closeups) if options.closeups else ([], [])
    from model.training.packaging import calibrate_bundle

    manifest = calibrate_bundle(
        options.bundle,
        dataset,
        cache_dir=options.cache,
        tta_views=options.tta_views,
        most=options.images,
        closeups=learned,
    )
    if held_out:
        _say_how_many_are_told(options.bundle, held_out, options.cache)
    print(f"temperature {manifest.temperature:.3f}; wrote {options.bundle}")
    if LITERT_FILE in known.files.keys() - manifest.files:
        print(
            f"removed {LITERT_FILE}, which averaged over other TTA views; to write it "
            f"again: python -m model export --bundle {options.bundle}"
        )
    return 0


def closeup_halves(folder: Path) -> tuple[list[Path], list[Path]]:
    """Divide a folder of close-ups by lesion: one half to fit on, one to check on."""
    paths = image_paths(images_folder(folder))
    table = read_csv(folder / "lesions.csv", ("image", "lesion_id"))
    lesion = dict(zip(table["image"], table["lesion_id"].astype(str), strict=True))
    halves = ([], [])
    for name, path in paths.items():
        digest = hashlib.sha256(lesion.get(name, name).encode()).digest()
        halves[digest[0] % 2].append(path)
    return halves


def _say_how_many_are_told(bundle: Path, closeups: list[Path], cache_dir: Path) -> None:
    from model.inference.predictor import Predictor
    from model.training.packaging import embeddings_of

    predictor = Predictor.load(bundle)
    scores = predictor.dermoscopy.score(embeddings_of(predictor, closeups, cache_dir=cache_dir))
    print(f"{(scores > 1).mean():.1%} of {len(closeups)} other close-ups are recognised as such")
