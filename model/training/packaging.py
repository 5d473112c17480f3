"""From a finished training to a bundle, with all that is set on held-out images."""

import hashlib
from collections.abc import Iterable
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
from model.errors import DataError
from model.networks.figure import draw_network
from model.networks.outline import Outline
from model.patient import PatientEncoder
from model.prediction.bundle import (
    PICTURE_FILE,
    Manifest,
    load_network,
    read_manifest,
    write_bundle,
    write_cases,
    write_detector,
    write_manifest,
)
from model.prediction.calibrate import apply_temperature, fit_temperature
from model.prediction.half_precision import halve
from model.prediction.operating_points import fit_operating_points
from model.prediction.prediction_sets import COVERAGE, fit_set_thresholds
from model.prediction.predictor import Inside, Predictor
from model.prediction.quality import fit_limits
from model.prediction.similar import CaseIndex
from model.prediction.unknown import FALSE_ALARM_RATE, METHOD, UnknownDetector, unknown_scores
from model.tasks import task_of
from model.training.config import TrainConfig
from model.training.curves import figures_by_epoch
from model.training.fit_callbacks import HISTORY_FILE


def package(
    network: keras.Model,
    encoder: PatientEncoder,
    config: TrainConfig,
    *,
    dataset: Dataset,
    split: Split,
    out: Path,
    cache_dir: Path,
) -> Manifest:
    """Write a bundle into the folder ``out`` and calibrate it.

    It holds the learning curves, if ``history.csv`` of the training lies beside ``out``.
    Where the config says so, the network's weights are first rounded to half as many bits.
    """
    if config.stored == "float16":
        halve(network)
    manifest = Manifest(
        name=f"dual-branch {config.backbone}, {config.image_side} px",
        classes=task_of(config.task, dataset.table["diagnosis"]).classes,
        image=config.preprocessor,
        patient=encoder,
        temperature=1.0,
        split=split,
        # The name of a weights file says what it was; its folder is nobody else's concern.
        training=asdict(config)
        | {"weights": Path(config.weights).name, "start": Path(config.start).name},
        data=describe_data(dataset),
        history=figures_by_epoch(out.parent / HISTORY_FILE),
    )
    write_bundle(out, network, manifest)
    draw_network(Outline.of(network), manifest.codes, out / PICTURE_FILE)
    return calibrate_bundle(out, dataset, cache_dir=cache_dir)


def calibrate_bundle(
    bundle: Path, dataset: Dataset, *, cache_dir: Path, views: int | None = None
) -> Manifest:
    """Fit and store in a bundle what is set on held-out images; returns its new manifest.

    On the validation part of the bundle's split: the temperature, the thresholds of the operating
    points, of the prediction sets and of the unknown scores. On the training part: the detector of
    unknowns, the index of similar cases and the limits of a photograph's quality. The metrics are
    emptied, since they were measured with other values. ``views`` sets how many views a prediction
    is averaged over; None leaves the number as it is.

    Raises:
        BundleError: the bundle is missing or damaged.
        DataError: the data lacks images of the bundle's split.
    """
    manifest = replace(read_manifest(bundle), temperature=1.0)
    manifest = replace(manifest, views=views or manifest.views)
    predictor = Predictor(load_network(bundle, manifest), manifest)
    learned = _learned(predictor, dataset, cache_dir)
    fitted = _fitted(predictor, learned.detector, dataset, cache_dir)
    fitted["unknown"] |= {"sha256": write_detector(bundle, learned.detector)}
    similar = {"sha256": write_cases(bundle, learned.cases)}
    manifest = replace(manifest, **fitted, similar=similar, quality=learned.limits, metrics={})
    write_manifest(bundle, manifest)
    return manifest


def _fitted(
    predictor: Predictor, detector: UnknownDetector, dataset: Dataset, cache_dir: Path
) -> dict[str, Any]:
    """Entries of the manifest that are set on the validation part."""
    manifest = predictor.manifest
    table = _rows("validation", dataset, manifest)
    labels = _labels(table, manifest)
    _, seen = _look(predictor, table, cache_dir)
    temperature = fit_temperature(seen.probabilities, labels)
    calibrated = replace(seen, probabilities=apply_temperature(seen.probabilities, temperature))
    sets = fit_set_thresholds(calibrated.probabilities, labels)
    return {
        "temperature": temperature,
        "operating_points": fit_operating_points(calibrated.probabilities, labels, manifest.codes),
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


def _learned(predictor: Predictor, dataset: Dataset, cache_dir: Path) -> _Learned:
    manifest = predictor.manifest
    table = _rows("train", dataset, manifest)
    images, seen = _look(predictor, table, cache_dir)
    labels = _labels(table, manifest)
    return _Learned(
        UnknownDetector.fit(seen.embeddings, labels, classes=len(manifest.codes)),
        CaseIndex.fit(seen.embeddings, table),
        fit_limits(images, table["source"].to_numpy(str)),
    )


def _look(predictor: Predictor, table: pd.DataFrame, cache_dir: Path) -> tuple[np.ndarray, Inside]:
    """Prepared images of a table's rows and what the network makes of them."""
    images = cached_images(table["path"].tolist(), predictor.manifest.image, cache_dir=cache_dir)
    return images, predictor.look_inside(images, table_patients(table))


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
        name: float(np.quantile(values, 1 - FALSE_ALARM_RATE)) for name, values in scores.items()
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
