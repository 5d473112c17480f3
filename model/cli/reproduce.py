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
from typing import TYPE_CHECKING

from model.cli.options import add_cache, add_data_folders, add_examples, add_out, examples_of
from model.data.dataset import Dataset, read_folders
from model.data.split import ISIC2019_SPLIT, Split
from model.errors import DataError
from model.inference.bundle import MANIFEST_FILE, RELEASED, read_manifest
from model.networks.backbone_names import require_weights
from model.training.settings import TrainConfig, read_config

if TYPE_CHECKING:
    from model.training.examples import Examples


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
    add_examples(parser)
    add_cache(parser)


def run(options: argparse.Namespace) -> int:
    """Train and compare."""
    manifest = read_manifest(RELEASED)
    require_weights(options.weights, manifest.training["backbone"])
    dataset = listed_only(
        read_folders(options.data, task=manifest.task.name, coarse=True), manifest.split
    )
    # Keras takes seconds to load: not before the input is known to be sound.
    from model.evaluation.outcome import compare, compare_text
    from model.evaluation.report import predict_outcome

    bundle = reproduce(
        dataset,
        manifest.split,
        weights=options.weights,
        finder=options.finder,
        out=options.out,
        cache_dir=options.cache,
        **examples_of(options),
    )
    table = manifest.split.part("validation", dataset.table)
    outcomes = {
        name: predict_outcome(table, bundle=place, cache_dir=options.cache)
        for name, place in {"shipped": RELEASED, "reproduced": bundle}.items()
    }
    print(f"wrote {bundle}\n\nvalidation part: {len(table)} images\n")
    print(compare_text(compare(outcomes)))
    return 0


def reproduce(
    dataset: Dataset,
    split: Split,
    *,
    weights: str,
    out: Path,
    cache_dir: Path,
    finder: Path | None = None,
    closeups: "Examples | None" = None,
    other_lesions: "Examples | None" = None,
) -> Path:
    """Train all steps, calibrate, and return the folder of the new bundle.

    Steps that are finished are kept; an interrupted one is resumed. Those on whole photographs
    learn from ISIC 2019 alone, as those of the shipped network did. ``finder`` is a lesion finder
    in place of the project's own; ``closeups`` and ``other_lesions`` are for the calibration.

    Raises:
        ConfigError: ``out`` holds a training with other settings.
    """
    from model.training.packaging import calibrate_bundle, package
    from model.training.train import train

    bundle, isic2019 = None, Split.load(ISIC2019_SPLIT)
    for number, settings in enumerate(released_steps(), start=1):
        step = out / f"step_{number}"
        saved = read_config(settings)
        named = [out / name for name in saved.get("init_from", "").split(",") if name]
        before = named or ([bundle / "network.keras"] if bundle else [])
        paths = {"weights": weights, "finder": str(finder or "")}
        paths["init_from"] = ",".join(map(str, before))
        config = TrainConfig(**saved | paths)
        bundle = step / "bundle"
        if (bundle / MANIFEST_FILE).exists():
            continue
        learned = dataset if config.frame == "lesion" else listed_only(dataset, isic2019)
        parts = split.among(learned.table)
        network, encoder = train(learned, parts, config, out=step, cache_dir=cache_dir)
        where = {"dataset": learned, "split": parts, "out": bundle, "cache_dir": cache_dir}
        package(network, encoder, config, **where)
    tta_views = read_manifest(RELEASED).tta_views
    examples = {"closeups": closeups, "other_lesions": other_lesions}
    calibrate_bundle(bundle, dataset, cache_dir=cache_dir, tta_views=tta_views, **examples)
    return bundle


def released_steps() -> list[Path]:
    """Settings of the trainings that made the shipped bundle.

    Each starts from the one before, or from the mean of those that its ``init_from`` names, such as
    ``step_3/bundle/network.keras``.
    """
    return sorted(RELEASED.glob("train_*.json"))


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
