"""Set on held-out images, and store in a bundle, all that is not learned: the temperature, the
thresholds of operating points and prediction sets, and the detector of images unlike training.

A training does this by itself; use it for a bundle that came about in another way.

example: python -m model calibrate --data DIR --bundle runs/first/bundle
"""

import argparse
from pathlib import Path

from model.data.dataset import read_folder
from model.prediction.bundle import RELEASED, read_manifest
from model.prediction.views import VIEW_COUNTS
from model.tasks import CUSTOM


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--data", type=Path, required=True, help="folder it was trained on")
    parser.add_argument(
        "--bundle", type=Path, default=RELEASED, help="bundle (default: the shipped one)"
    )
    parser.add_argument(
        "--views",
        type=int,
        choices=VIEW_COUNTS,
        help="flipped and turned copies that a prediction is averaged over (default: as it is)",
    )
    parser.add_argument(
        "--cache", type=Path, default=Path(".cache"), help="prepared images (default .cache)"
    )


def run(options: argparse.Namespace) -> int:
    """Calibrate and print what was found."""
    custom = read_manifest(options.bundle).task.name == CUSTOM
    dataset = read_folder(options.data, any_label=custom)
    from model.training.packaging import calibrate_bundle

    manifest = calibrate_bundle(
        options.bundle, dataset, cache_dir=options.cache, views=options.views
    )
    print(f"temperature {manifest.temperature:.3f}; wrote {options.bundle}")
    return 0
