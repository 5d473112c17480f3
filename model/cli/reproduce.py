"""Train the shipped network again, with the settings and the split stored in its bundle.

DIR are folders with the images that it was trained on, of the sets that its model card names;
images that are not in its split are left out. Its lesion finder is kept, or is that of --finder,
which train-finder writes. At the end both networks are compared on the validation part. It takes
hours on a CPU; the same command resumes an interrupted run.

example: python -m model reproduce --data ISIC2019 MILK10K ACRAL ISIC2020 --out runs/again
"""

import argparse
from dataclasses import replace
from pathlib import Path

from model.cli.options import add_cache, add_data_folders, add_out
from model.data.dataset import Dataset, read_folders
from model.data.split import Split
from model.errors import DataError
from model.inference.bundle import RELEASED, read_manifest
from model.networks.starting_weights import require_weights


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_data_folders(parser)
    add_out(parser, "folder of this run")
    parser.add_argument(
        "--weights",
        default="imagenet",
        help="of the backbone at the start: imagenet (downloaded) or a .weights.h5 file",
    )
    parser.add_argument(
        "--finder", type=Path, metavar="FILE", help="lesion finder (default: the shipped one)"
    )
    add_cache(parser)


def run(options: argparse.Namespace) -> int:
    """Train and compare."""
    manifest = read_manifest(RELEASED)
    require_weights(options.weights, manifest.training["backbone"])
    dataset = listed_only(read_folders(options.data, task=manifest.task.name), manifest.split)
    # Keras takes seconds to load: not before the input is known to be sound.
    from model.evaluation.headline import compare, compare_text
    from model.evaluation.report import predict_outcome
    from model.training.reproduce import reproduce

    bundle = reproduce(
        dataset,
        manifest.split,
        weights=options.weights,
        finder=options.finder,
        out=options.out,
        cache_dir=options.cache,
    )
    table = manifest.split.part("validation", dataset.table)
    outcomes = {
        name: predict_outcome(table, bundle=place, cache_dir=options.cache)
        for name, place in {"shipped": RELEASED, "reproduced": bundle}.items()
    }
    print(f"wrote {bundle}\n\nvalidation part: {len(table)} images\n")
    print(compare_text(compare(outcomes)))
    return 0


def listed_only(dataset: Dataset, split: Split) -> Dataset:
    """Leave out the images that the split does not name, which the network never saw.

    Raises:
        DataError: no image is named by the split.
    """
    listed = split.parts_of(dataset.table).notna()
    if not listed.any():
        raise DataError(
            "no image in the folders is in the split of the shipped network. Give the images of "
            "the ISIC 2019 challenge, under their original names."
        )
    return replace(dataset, table=dataset.table[listed].reset_index(drop=True))
