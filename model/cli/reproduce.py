"""Train the shipped network again, with the settings and the split stored in its bundle.

DIR holds images of the ISIC 2019 challenge; those that are not in the split are left out.
Full-size photographs are first reduced, by area averaging, to the sizes that the shipped network
was trained on. At the end both networks are compared on the validation part. It takes hours on a
CPU; the same command resumes an interrupted run.

example: python -m model reproduce --data DIR --out runs/again
"""

import argparse
from dataclasses import replace

from model.cli.options import add_cache, add_data, add_out
from model.data.dataset import Dataset, read_folder
from model.data.shrink import is_full_size, shrink_folder
from model.data.split import Split
from model.errors import DataError
from model.inference.bundle import RELEASED, read_manifest
from model.networks.starting_weights import require_weights


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_data(parser)
    add_out(parser, "folder of this run")
    parser.add_argument(
        "--weights",
        default="imagenet",
        help="of the backbone at the start: imagenet (downloaded) or a .weights.h5 file",
    )
    add_cache(parser)


def run(options: argparse.Namespace) -> int:
    """Reduce, train, compare."""
    require_weights(options.weights, read_manifest(RELEASED).training["backbone"])
    split = read_manifest(RELEASED).split
    dataset = listed_only(read_folder(options.data), split)
    if is_full_size(dataset):
        small = shrink_folder(dataset, options.data, out=options.out / "data")
        dataset = read_folder(small)
    # Keras takes seconds to load: not before the input is known to be sound.
    from model.evaluation.headline import compare, compare_text
    from model.evaluation.report import predict_outcome
    from model.training.reproduce import reproduce

    bundle = reproduce(
        dataset, split, weights=options.weights, out=options.out, cache_dir=options.cache
    )
    table = split.part("validation", dataset.table)
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
            "no image in the folder is in the split of the shipped network. Give the images of "
            "the ISIC 2019 challenge, under their original names."
        )
    return replace(dataset, table=dataset.table[listed].reset_index(drop=True))
