"""Calibrate a bundle on held-out images: all of it that is not trained.

This is the temperature, the thresholds of operating points and prediction sets, and the
out-of-distribution detector. A training does it automatically, with at most 2,000 training images;
this command takes all of them, or as many as --images says. DIR must be the data of the training.

example: python -m model calibrate --data DIR --bundle runs/first/bundle
"""

import argparse
from pathlib import Path

from model.cli.options import add_bundle, add_cache, add_data_folders, add_number
from model.data.dataset import read_folders
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
    _add_examples(parser, "--closeups", "photographs taken without a dermatoscope")
    _add_examples(parser, "--other-lesions", "dermoscopic photographs of none of the classes")
    add_number(parser, "--images", "training images to use at most", default=None)
    add_cache(parser)


def run(options: argparse.Namespace) -> int:
    """Calibrate and print what was found."""
    known = read_manifest(options.bundle)
    dataset = read_folders(
        options.data, task=known.task.name, fields=known.patient.fields, coarse=True
    )
    from model.training.examples import read_examples

    closeups = read_examples(options.closeups) if options.closeups else None
    others = read_examples(options.other_lesions) if options.other_lesions else None
    from model.training.packaging import calibrate_bundle

    manifest = calibrate_bundle(
        options.bundle,
        dataset,
        cache_dir=options.cache,
        tta_views=options.tta_views,
        most=options.images,
        closeups=closeups,
        other_lesions=others,
    )
    for kind, found in manifest.ood.get("examples", {}).items():
        share = found["recognised"]
        print(
            f"{kind.replace('_', ' ')}: {share['value']:.1%} ({share['low']:.1%} to "
            f"{share['high']:.1%}) of {found['images']} are recognised, in cross-validation"
        )
    print(f"temperature {manifest.temperature:.3f}; wrote {options.bundle}")
    if LITERT_FILE in known.files.keys() - manifest.files:
        print(
            f"removed {LITERT_FILE}, which averaged over other TTA views; to write it "
            f"again: python -m model export --bundle {options.bundle}"
        )
    return 0


def _add_examples(parser: argparse.ArgumentParser, flag: str, what: str) -> None:
    text = f"{what}, to tell them apart: DIR/images, and DIR/lesions.csv with image and lesion_id"
    parser.add_argument(flag, type=Path, metavar="DIR", help=text)
