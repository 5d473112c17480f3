"""Train the shipped network again, from its own settings and split."""

from pathlib import Path

from model.data.dataset import Dataset
from model.data.split import Split
from model.inference.bundle import MANIFEST_FILE, RELEASED, read_manifest
from model.training.packaging import calibrate_bundle, package
from model.training.settings import TrainConfig, read_config
from model.training.train import train


def released_steps(bundle: Path = RELEASED) -> list[Path]:
    """Settings of the trainings that made a bundle, each starting from the one before."""
    return sorted(bundle.glob("train_*.json"))


def reproduce(
    dataset: Dataset,
    split: Split,
    *,
    weights: str,
    out: Path,
    cache_dir: Path,
    finder: Path | None = None,
) -> Path:
    """Train all steps, calibrate, and return the folder of the new bundle.

    Steps that are finished are kept; an interrupted one is resumed. ``finder`` is a lesion finder
    in place of the project's own.

    Raises:
        ConfigError: ``out`` holds a training with other settings.
    """
    bundle = None
    for number, settings in enumerate(released_steps(), start=1):
        step = out / f"step_{number}"
        config = _settings(settings, weights=weights, finder=finder, before=bundle)
        bundle = step / "bundle"
        if (bundle / MANIFEST_FILE).exists():
            continue
        network, encoder = train(dataset, split, config, out=step, cache_dir=cache_dir)
        where = {"dataset": dataset, "split": split, "out": bundle, "cache_dir": cache_dir}
        package(network, encoder, config, **where)
    views = read_manifest(RELEASED).tta_views
    calibrate_bundle(bundle, dataset, cache_dir=cache_dir, tta_views=views)
    return bundle


def _settings(path: Path, *, weights: str, finder: Path | None, before: Path | None) -> TrainConfig:
    """Read a step's settings, with the paths of this run."""
    init_from = str(before / "network.keras") if before else ""
    paths = {"weights": weights, "init_from": init_from, "finder": str(finder or "")}
    return TrainConfig(**read_config(path) | paths)
