"""Calibrate a bundle on held-out images: all of it that is not trained.

This is the temperature, the thresholds of operating points and prediction sets, and the
out-of-distribution detector. A training does it automatically, with at most 2,000 training images;
this command takes all of them, or as many as --images says. DIR must be the data of the training.

example: python -m model calibrate --data DIR --bundle runs/first/bundle
"""

import argparse

from model.cli.options import (
    add_bundle,
    add_cache,
    add_data_folders,
    add_examples,
    add_number,
    examples_of,
)
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
    add_examples(parser)
    add_number(parser, "--images", "training images to use at most", default=None)
    add_cache(parser)


def run(options: argparse.Namespace) -> int:
    """Calibrate and print what was found."""
    known = read_manifest(options.bundle)
    dataset = read_folders(
        options.data, task=known.task.name, fields=known.patient.fields, coarse=True
    )
    examples = examples_of(options)
    from model.training.packaging import calibrate_bundle

    manifest = calibrate_bundle(
        options.bundle,
        dataset,
        cache_dir=options.cache,
        tta_views=options.tta_views,
        most=options.images,
        **examples,
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
