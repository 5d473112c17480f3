"""From a finished training to a bundle, with all that is set on held-out images."""

import hashlib
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from model.data.cache import cached_images
from model.data.dataset import Dataset, table_patients
from model.data.split import Split
from model.diagnosis import DIAGNOSES
from model.errors import ConfigError, DataError
from model.networks.figure import draw_network
from model.networks.outline import Outline
from model.patient import PatientEncoder
from model.prediction.bundle import (
    PICTURE_FILE,
    Manifest,
    load_network,
    read_manifest,
    write_bundle,
    write_fitted,
)
from model.prediction.calibrate import apply_temperature, fit_temperature
from model.prediction.half_precision import halve
from model.prediction.operating_points import fit_operating_points
from model.prediction.prediction_sets import COVERAGE, fit_set_thresholds
from model.prediction.predictor import Inside, Predictor
from model.prediction.projection import projection_for
from model.prediction.quality import fit_limits
from model.prediction.similar import CaseIndex
from model.prediction.unknown import FALSE_ALARM_RATE, METHOD, UnknownDetector, unknown_scores
from model.training.config import TrainConfig
from model.training.curves import figures_by_epoch
from model.training.fit_callbacks import HISTORY_FILE

_MOST_LEARNED = 2_000
"""Training images that a packaging asks the network about."""


def package(
    network: keras.Model,
    encoder: PatientEncoder,
    config: TrainConfig,
    *,
    dataset: Dataset,
    split: Split,
    out: Path,
    cache_dir: Path,
    teachers: Sequence[str] = (),
) -> None:
    """Calibrate a bundle and write it into the folder ``out``, which appears when it is complete.

    It holds the learning curves, if ``history.csv`` of the training lies beside ``out``. Where the
    config says so, the network's weights are first rounded to half as many bits. Detector and case
    index are fitted on 2,000 training images; :func:`calibrate_bundle` takes all. ``teachers`` are
    the hashes of the networks that the training learned from.
    """
    _say("writing the network and a summary of the data")
    partial = out.with_name(f"{out.name}.part")
    shutil.rmtree(partial, ignore_errors=True)  # of a packaging that was interrupted
    if config.stored == "float16":
        halve(network)
    task = dataset.task(config.task)
    manifest = Manifest(
        name=f"dual-branch {config.backbone}, {config.image_side} px",
        classes=task.classes,
        malignant=None if task.malignant is None else list(task.malignant),
        precursors=list(task.precursors),
        image=config.preprocessor,
        patient=encoder,
        temperature=1.0,
        split=split,
        # The name of a weights file says what it was; its folder is nobody else's concern.
        training=asdict(config)
        | {"weights": Path(config.weights).name, "start": Path(config.start).name},
        data=describe_data(dataset) | ({"teachers": list(teachers)} if teachers else {}),
        history=figures_by_epoch(out.parent / HISTORY_FILE),
    )
    write_bundle(partial, network, manifest)
    draw_network(Outline.of(network), manifest.codes, partial / PICTURE_FILE)
    calibrate_bundle(partial, dataset, cache_dir=cache_dir, most=_MOST_LEARNED)
    partial.replace(out)


def calibrate_bundle(
    bundle: Path,
    dataset: Dataset,
    *,
    cache_dir: Path,
    views: int | None = None,
    most: int | None = None,
) -> Manifest:
    """Fit and store in a bundle what is set on held-out images; returns its new manifest.

    On the validation part of the bundle's split: the temperature, the thresholds of the operating
    points, of the prediction sets and of the unknown scores. On the training part: the detector of
    unknowns, the index of similar cases and the limits of a photograph's quality. The metrics are
    emptied, since they were measured with other values. ``views`` sets how many views a prediction
    is averaged over; None leaves the number as it is. ``most`` is the largest number of training
    images to use, as many of each class as of the others while there are any; None for all.

    Raises:
        BundleError: the bundle is missing or damaged.
        DataError: the data lacks images of the bundle's split.
    """
    manifest = replace(read_manifest(bundle), temperature=1.0)
    manifest = replace(manifest, views=views or manifest.views)
    network = load_network(bundle, manifest)
    width = network.get_layer("image_embedding").output.shape[-1]
    manifest = replace(manifest, projection=projection_for(width))
    predictor = Predictor(network, manifest)
    learned = _learned(predictor, dataset, cache_dir, most)
    fitted = _fitted(predictor, learned.detector, dataset, cache_dir)
    manifest = replace(manifest, **fitted, quality=learned.limits, metrics={})
    return write_fitted(bundle, manifest, detector=learned.detector, cases=learned.cases)


def _fitted(
    predictor: Predictor, detector: UnknownDetector, dataset: Dataset, cache_dir: Path
) -> dict[str, Any]:
    """Entries of the manifest that are set on the validation part."""
    manifest = predictor.manifest
    table = _rows("validation", dataset, manifest)
    labels = _labels(table, manifest)
    images = cached_images(table["path"].tolist(), manifest.image, cache_dir=cache_dir)
    _say(f"asking the network about {len(table)} validation images")
    seen = predictor.look_inside(images, table_patients(table))
    temperature = fit_temperature(seen.probabilities, labels)
    calibrated = replace(seen, probabilities=apply_temperature(seen.probabilities, temperature))
    sets = fit_set_thresholds(calibrated.probabilities, labels)
    return {
        "temperature": temperature,
        "operating_points": fit_operating_points(calibrated.probabilities, labels, manifest.task),
        "prediction_sets": {
            "coverage": COVERAGE,
            "thresholds": dict(zip(manifest.codes, sets.tolist(), strict=True)),
        },
        "unknown": _describe(detector, calibrated),
    }


@dataclass(frozen=True)
class _Learned:
    """What is kept of the training part."""

    detector: UnknownDetector
    cases: CaseIndex
    limits: dict[str, float]


def _learned(predictor: Predictor, dataset: Dataset, cache_dir: Path, most: int | None) -> _Learned:
    manifest = predictor.manifest
    table = _rows("train", dataset, manifest)
    # All of them, since these are what the training has prepared.
    images = cached_images(table["path"].tolist(), manifest.image, cache_dir=cache_dir)
    if most is not None and most < len(table):
        rows = even_rows(_labels(table, manifest), most)
        table, images = table.iloc[rows], images[rows]
    labels = _labels(table, manifest)
    _say(f"asking the network about {len(table)} training images")
    seen = predictor.look_inside(images, table_patients(table))
    # Both, since an activation may turn a NaN into 0.
    if not (np.isfinite(seen.embeddings).all() and np.isfinite(seen.probabilities).all()):
        raise ConfigError(
            "the network's answers are not numbers, since its training diverged. Lower "
            "learning_rate, and give another --out."
        )
    return _Learned(
        UnknownDetector.fit(seen.embeddings, labels, classes=len(manifest.codes)),
        CaseIndex.fit(seen.embeddings, table),
        fit_limits(images, table["source"].to_numpy(str)),
    )


def even_rows(labels: np.ndarray, most: int, *, seed: int = 0) -> np.ndarray:
    """Draw so many rows, as many of each class as of the others while there are any; sorted."""
    drawn = np.random.default_rng(seed).permutation(len(labels))
    place = pd.Series(labels[drawn]).groupby(labels[drawn]).cumcount()
    return np.sort(drawn[np.argsort(place, kind="stable")[:most]])


def _say(what: str) -> None:
    """Tell what is done after the last epoch, which may take minutes."""
    print(what, file=sys.stderr, flush=True)


def _rows(part: str, dataset: Dataset, manifest: Manifest) -> pd.DataFrame:
    """The rows of a part, all of which must be there."""
    table = manifest.split.part(part, dataset.table)
    missing = len(getattr(manifest.split, part)) - len(table)
    if missing:
        raise DataError(
            f"{missing} {part} images of the bundle's split are not in the data folder. "
            "Give the folder that the bundle was trained on."
        )
    return table


def _labels(table: pd.DataFrame, manifest: Manifest) -> np.ndarray:
    return manifest.task.labels(table["diagnosis"].tolist())


def _describe(detector: UnknownDetector, seen: Inside) -> dict[str, object]:
    """Method and thresholds: each score's, of which the stated share of images is above."""
    scores = unknown_scores(detector, **vars(seen))
    thresholds = {
        # Never 0, which a score could not be divided by: where all embeddings are the same.
        name: float(np.quantile(values, 1 - FALSE_ALARM_RATE)) or 1e-9
        for name, values in scores.items()
    }
    return {"method": METHOD, "false_alarm_rate": FALSE_ALARM_RATE, "thresholds": thresholds}


def describe_data(dataset: Dataset) -> dict[str, object]:
    """Count and hash the data: SHA-256 over names, diagnoses and files, in order of name."""
    digest = hashlib.sha256()
    for row in dataset.table.itertuples(index=False):
        content = hashlib.sha256(Path(row.path).read_bytes()).hexdigest()
        digest.update(f"{row.image},{row.diagnosis},{content}\n".encode())
    counts: pd.Series = dataset.table["diagnosis"].value_counts()
    return {
        "images": len(dataset.table),
        "lesions": int(dataset.table["lesion_id"].nunique()),
        "diagnoses": {code: int(counts.get(code, 0)) for code in _in_order(counts.index)},
        "sha256": digest.hexdigest(),
    }


def _in_order(diagnoses: Iterable[str]) -> list[str]:
    """The challenge's diagnoses, and after them the labels of other data."""
    return [*DIAGNOSES, *sorted(set(diagnoses) - set(DIAGNOSES))]
