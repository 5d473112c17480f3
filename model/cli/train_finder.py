"""Train the lesion finder on photographs with outlined lesions.

Outlines are PNG files in DIR/masks, NAME.png or NAME_segmentation.png, white where the lesion is.
Only the training part of the split is trained on. The same command resumes an interrupted training,
and only evaluates a finished one.
At the end it prints the intersection over union (IoU) with the outlines, over all photographs and
by lesion size, with 95 % confidence intervals (bootstrap by lesion).

example: python -m model train-finder --data DIR --out runs/finder
"""

import argparse
import sys
from pathlib import Path

import pandas as pd

from model.cli.options import add_cache, add_data, add_number, add_out, add_split, split_of
from model.data.dataset import read_folder
from model.data.lesion_masks import mask_file
from model.errors import DataError
from model.networks.backbone_names import FINDER_BACKBONE, require_weights


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_data(parser)
    add_out(parser, "folder of the training", default="runs/finder")
    add_split(parser)
    parser.add_argument(
        "--weights",
        default="imagenet",
        help="of its encoder: imagenet (default, downloaded), none, or a .weights.h5 file",
    )
    add_number(parser, "--epochs", "passes over the training part", default=12)
    add_number(parser, "--seed", "of weights, order and augmentation", default=0)
    parser.add_argument(
        "--part",
        choices=("validation", "test"),
        action="append",
        help="parts to evaluate on (default: validation); may be given twice",
    )
    add_cache(parser)


def run(options: argparse.Namespace) -> int:
    """Train, evaluate and print."""
    require_weights(options.weights, FINDER_BACKBONE)
    dataset = read_folder(options.data)
    split = split_of(dataset, options)
    outlined = _outlined(dataset.table, options.data / "masks")
    tables = {part: split.part(part, outlined) for part in ("train", "validation", "test")}
    for part in ("train", "validation"):
        if tables[part].empty:
            raise DataError(
                f"no {part} image has an outline in {options.data / 'masks'}. Outlines are called "
                "NAME.png or NAME_segmentation.png."
            )
    print(", ".join(f"{len(t)} {part}" for part, t in tables.items()), file=sys.stderr)
    # Keras takes seconds to load: not before the input is known to be sound.
    import keras

    from model.evaluation.finder import finder_figures, finder_text
    from model.networks.network import open_saved
    from model.training.finder import OutlineBatches, build_finder, fit_finder

    finished = options.out / "finder.keras"
    if finished.exists():
        print(f"{finished} is trained already: evaluating it", file=sys.stderr)
        finder = open_saved(finished)
    else:
        keras.utils.set_random_seed(options.seed)
        finder = build_finder(weights=options.weights)
        pairs = {part: (t["path"].tolist(), t["mask"].tolist()) for part, t in tables.items()}
        fit_finder(
            finder,
            OutlineBatches(*pairs["train"], seed=options.seed, workers=2, max_queue_size=8),
            OutlineBatches(*pairs["validation"]),
            epochs=options.epochs,
            out=options.out,
        )
    for part in options.part or ["validation"]:
        print(finder_text(part, finder_figures(finder, tables[part])))
    return 0


def _outlined(table: pd.DataFrame, masks_dir: Path) -> pd.DataFrame:
    """The rows that have an outline, with its file in the column ``mask``."""
    files = [mask_file([masks_dir], name) for name in table["image"]]
    return table.assign(mask=files)[[file is not None for file in files]]
