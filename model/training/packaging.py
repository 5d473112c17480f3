"""From a finished training to a bundle, with all that is set on held-out images."""

import functools
import hashlib
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from model.data.context import table_patients
from model.data.dataset import Dataset
from model.data.split import Split
from model.diagnosis import DIAGNOSES
from model.errors import ConfigError, DataError
from model.inference.backend import ModelOutputs
from model.inference.bundle import (
    CLOSEUPS_FILE,
    FINDER_FILE,
    LITERT_FILE,
    OOD_FILE,
    OOD_FILE_IN_FORMAT_1,
    PICTURE_FILE,
    SIMILAR_FILE,
    Manifest,
    load_finder,
    read_manifest,
    write_bundle,
    write_files,
)
from model.inference.calibration import (
    apply_temperature,
    fit_operating_points,
    fit_temperature,
)
from model.inference.conformal import COVERAGE, fit_set_thresholds
from model.inference.embeddings import projection_for
from model.inference.export import halve
from model.inference.ood import (
    COMBINED,
    FALSE_POSITIVE_RATE,
    MAHALANOBIS,
    ExampleDetector,
    OODDetector,
    fit_closeup_detector,
    ood_scores,
)
from model.inference.predictor import Predictor, load_backend
from model.inference.quality import fit_limits
from model.inference.similar import CaseIndex
from model.networks.figure import Architecture, draw_network
from model.patient import Patient, PatientEncoder
from model.training.examples import Examples, Recognise, cross_validated
from model.training.history import figures_by_epoch
from model.training.resume import HISTORY_FILE
from model.training.settings import TrainConfig

_MOST_TRAINING = 2_000
"""Training images that packaging predicts at most."""

_MOST_OF_SOURCES = 8_000
"""Training images that close-ups are told from, as many of each source as of the others."""


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
    the hashes of the networks whose soft labels the training used.
    """
    _report("writing the network and a summary of the data")
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
        tta_views=8 if config.frame == "lesion" else 1,  # frames are to look alike however turned
        temperature=1.0,
        split=split,
        # File names only: a bundle must not leak local paths.
        training=config.model_dump()
        | {name: Path(getattr(config, name)).name for name in ("weights", "finder")}
        | {"init_from": ",".join(file.name for file in config.init_files)},
        data=describe_data(dataset) | ({"teachers": list(teachers)} if teachers else {}),
        history=figures_by_epoch(out.parent / HISTORY_FILE),
    )
    manifest = write_bundle(partial, network, manifest)
    if config.finder_file:
        copy = functools.partial(shutil.copyfile, config.finder_file)
        write_files(partial, manifest, {FINDER_FILE: copy})
    draw_network(Architecture.of(network, encoder.fields), manifest.codes, partial / PICTURE_FILE)
    calibrate_bundle(partial, dataset, cache_dir=cache_dir, most=_MOST_TRAINING)
    partial.replace(out)


def calibrate_bundle(
    bundle: Path,
    dataset: Dataset,
    *,
    cache_dir: Path,
    tta_views: int | None = None,
    most: int | None = None,
    closeups: Examples | None = None,
    other_lesions: Examples | None = None,
) -> Manifest:
    """Calibrate a bundle on held-out images and store the result; returns its new manifest.

    On the validation part of the bundle's split: the temperature, the thresholds of the operating
    points, of the prediction sets and of the OOD scores. On the training part: the OOD detector,
    the index of similar cases and the limits of a photograph's quality. The metrics are
    emptied, since they were measured with other values.

    Args:
        bundle: its folder.
        dataset: what it was trained on.
        cache_dir: for prepared images.
        tta_views: TTA views that a prediction is averaged over, for which the network must be
            exported again; None leaves the number as it is.
        most: training images to use at most, as many of each class as of the others while there
            are any; None for all.
        closeups: photographs taken without a dermatoscope, to learn to tell them apart.
        other_lesions: lesions that are none of the classes, for the OOD detector to learn from.

    Raises:
        BundleError: the bundle is missing or damaged.
        DataError: the data lacks images of the bundle's split.
    """
    manifest = replace(read_manifest(bundle), temperature=1.0)
    manifest = _with_tta_views(manifest, tta_views or manifest.tta_views)
    backend = load_backend(bundle, manifest)
    square = np.zeros((manifest.image.side, manifest.image.side, 3), np.uint8)
    width = backend.embed(square).embeddings.shape[-1]
    manifest = replace(manifest, projection=projection_for(width))
    predictor = Predictor(backend, manifest, finder=load_finder(bundle, manifest, backend.name))
    training = _fit_on_train(predictor, dataset, cache_dir, most)
    validation = _predict_validation(predictor, dataset, cache_dir)
    detector, checked = training.detector, {}
    if other_lesions:
        _report(f"predicting {len(other_lesions.paths)} other lesions")
        detector, checked["other_lesions"] = _fit_other_lesions(
            embeddings_of(predictor, other_lesions.paths, cache_dir=cache_dir),
            other_lesions.lesions,
            training,
            validation,
        )
    saves = {}
    if closeups:
        _report(f"predicting {len(closeups.paths)} close-ups, and whole photographs to compare")
        fitted, checked["closeups"] = _fit_closeups(
            predictor, closeups, training, validation, cache_dir
        )
        saves[CLOSEUPS_FILE] = fitted.save
    thresholds = _fit_on_validation(manifest, detector, validation)
    if checked:
        thresholds["ood"]["examples"] = checked
    manifest = replace(manifest, **thresholds, quality=training.limits, metrics={})
    saves |= {OOD_FILE: detector.save, SIMILAR_FILE: training.cases.save}
    # What an earlier calibration learned was fitted to other embeddings.
    outdated = manifest.without(OOD_FILE_IN_FORMAT_1, CLOSEUPS_FILE)
    return write_files(bundle, outdated, saves)


def embeddings_of(predictor: Predictor, paths: Sequence[Path], *, cache_dir: Path) -> np.ndarray:
    """Image embeddings (N, width) of files, whoever the patients are."""
    return _embedded(predictor, predictor.prepared(paths, cache_dir=cache_dir))


def _embedded(predictor: Predictor, images: np.ndarray) -> np.ndarray:
    return predictor.outputs(images, [Patient()] * len(images)).embeddings


def _fit_other_lesions(
    examples: np.ndarray, lesions: Sequence[str], training: "_Training", validation: "_Validation"
) -> tuple[OODDetector, dict]:
    """The detector that has learned from other lesions, and how many such ones it recognises."""
    held_out = validation.outputs.embeddings

    def fit(vectors: np.ndarray) -> OODDetector:
        return training.detector.with_examples(vectors, training.embeddings, held_out)

    def recognise(vectors: np.ndarray) -> Recognise:
        detector = fit(vectors)
        threshold = np.quantile(detector.combined(held_out), 1 - FALSE_POSITIVE_RATE)
        return lambda others: detector.combined(others) > threshold

    return fit(examples), cross_validated(examples, lesions, recognise)


def _fit_closeups(
    predictor: Predictor,
    closeups: Examples,
    training: "_Training",
    validation: "_Validation",
    cache_dir: Path,
) -> tuple[ExampleDetector, dict]:
    """The detector of close-ups, and how many other ones it recognises.

    Its vectors are the embeddings of the frames, and beside them those of whole photographs.
    """

    def beside(embeddings: np.ndarray, paths: Sequence[Path]) -> np.ndarray:
        if predictor.finder is None:
            return embeddings
        whole = predictor.whole_photographs(paths, cache_dir=cache_dir)
        return np.concatenate([embeddings, _embedded(predictor, whole)], axis=1)

    rows = even_rows(training.table["source"].to_numpy(str), _MOST_OF_SOURCES)
    known = beside(training.embeddings[rows], training.table["path"].iloc[rows].tolist())
    held_out = beside(validation.outputs.embeddings, validation.table["path"].tolist())
    sources = validation.table["source"].tolist()
    paths = list(closeups.paths)
    vectors = beside(embeddings_of(predictor, paths, cache_dir=cache_dir), paths)

    def fit(examples: np.ndarray) -> ExampleDetector:
        return fit_closeup_detector(examples, known, held_out=held_out, sources=sources)

    def recognise(examples: np.ndarray) -> Recognise:
        detector = fit(examples)
        return lambda others: detector.score(others) > 1

    return fit(vectors), cross_validated(vectors, closeups.lesions, recognise)


def _with_tta_views(manifest: Manifest, count: int) -> Manifest:
    """Set the number of TTA views; an exported network has its own, and no longer fits."""
    if count == manifest.tta_views:
        return manifest
    return replace(manifest.without(LITERT_FILE), tta_views=count)


@dataclass(frozen=True)
class _Validation:
    """The validation part with what is not yet calibrated."""

    table: pd.DataFrame
    outputs: ModelOutputs


def _predict_validation(predictor: Predictor, dataset: Dataset, cache_dir: Path) -> _Validation:
    manifest = predictor.manifest
    table = _rows("validation", dataset, manifest)
    images = predictor.prepared(table["path"].tolist(), cache_dir=cache_dir)
    _report(f"predicting {len(table)} validation images")
    patients = table_patients(table, manifest.patient.fields)
    return _Validation(table, predictor.outputs(images, patients))


def _fit_on_validation(
    manifest: Manifest, detector: OODDetector, validation: _Validation
) -> dict[str, Any]:
    """Entries of the manifest that are set on the validation part."""
    labels, outputs = _labels(validation.table, manifest), validation.outputs
    temperature = fit_temperature(outputs.probabilities, labels)
    probabilities = apply_temperature(outputs.probabilities, temperature)
    calibrated = replace(outputs, probabilities=probabilities)
    sets = fit_set_thresholds(calibrated.probabilities, labels)
    return {
        "temperature": temperature,
        "operating_points": fit_operating_points(calibrated.probabilities, labels, manifest.task),
        "prediction_sets": {
            "coverage": COVERAGE,
            "thresholds": dict(zip(manifest.codes, sets.tolist(), strict=True)),
        },
        "ood": _describe(detector, calibrated),
    }


@dataclass(frozen=True)
class _Training:
    """The training part, and what is fitted on it."""

    table: pd.DataFrame
    detector: OODDetector
    cases: CaseIndex
    limits: dict[str, float]
    embeddings: np.ndarray


def _fit_on_train(
    predictor: Predictor, dataset: Dataset, cache_dir: Path, most: int | None
) -> _Training:
    manifest = predictor.manifest
    table = _rows("train", dataset, manifest)
    rows = np.arange(len(table))
    if most is not None and most < len(table):
        rows = even_rows(_labels(table, manifest), most)
    paths = table["path"].tolist()
    if predictor.finder is None:  # all of them, since these are what the training has prepared
        images = predictor.prepared(paths, cache_dir=cache_dir)[rows]
    else:
        images = predictor.prepared([paths[row] for row in rows], cache_dir=cache_dir)
    table = table.iloc[rows]
    labels = _labels(table, manifest)
    _report(f"predicting {len(table)} training images")
    outputs = predictor.outputs(images, table_patients(table, manifest.patient.fields))
    # Both, since an activation may turn a NaN into 0.
    if not (np.isfinite(outputs.embeddings).all() and np.isfinite(outputs.probabilities).all()):
        raise ConfigError(
            "the network predicts no numbers, since its training diverged. Lower learning_rate, "
            "and give another --out."
        )
    return _Training(
        table,
        OODDetector.fit(outputs.embeddings, labels, classes=len(manifest.codes)),
        CaseIndex.fit(outputs.embeddings, table, manifest.patient.fields),
        fit_limits(images if images.ndim == 4 else images[:, 0], table["source"].to_numpy(str)),
        outputs.embeddings,
    )


def even_rows(labels: np.ndarray, most: int, *, seed: int = 0) -> np.ndarray:
    """Draw at most so many rows, sorted; of each label as many while there are any."""
    drawn = np.random.default_rng(seed).permutation(len(labels))
    place = pd.Series(labels[drawn]).groupby(labels[drawn]).cumcount()
    return np.sort(drawn[np.argsort(place, kind="stable")[:most]])


def _report(what: str) -> None:
    """Report the work after the last epoch, which may take minutes."""
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
    has_class = manifest.task.has_class(table["diagnosis"])
    return table[has_class].reset_index(drop=True)


def _labels(table: pd.DataFrame, manifest: Manifest) -> np.ndarray:
    return manifest.task.labels(table["diagnosis"].tolist())


def _describe(detector: OODDetector, outputs: ModelOutputs) -> dict[str, object]:
    """Method and thresholds: each score's, for the stated false-positive rate."""
    scores = ood_scores(detector, outputs)
    thresholds = {
        # Never 0, which a score could not be divided by: where all embeddings are the same.
        name: float(np.quantile(values, 1 - FALSE_POSITIVE_RATE)) or 1e-9
        for name, values in scores.items()
    }
    rate = {"false_positive_rate": FALSE_POSITIVE_RATE}
    method = COMBINED if detector.other_lesions else MAHALANOBIS
    return {"method": method, **rate, "thresholds": thresholds}


def describe_data(dataset: Dataset) -> dict[str, object]:
    """Count and hash the data: SHA-256 over names, diagnoses and files, in order of name.

    ``sources`` counts the images of each collection, or of each of several folders.
    """
    digest = hashlib.sha256()
    for row in dataset.table.itertuples(index=False):
        content = hashlib.sha256(Path(row.path).read_bytes()).hexdigest()
        digest.update(f"{row.image},{row.diagnosis},{content}\n".encode())
    counts: pd.Series = dataset.table["diagnosis"].value_counts()
    return {
        "images": len(dataset.table),
        "lesions": int(dataset.table["lesion_id"].nunique()),
        "diagnoses": {code: int(counts.get(code, 0)) for code in _in_order(counts.index)},
        "sources": dataset.table["source"].value_counts().sort_index().to_dict(),
        "sha256": digest.hexdigest(),
    }


def _in_order(diagnoses: Iterable[str]) -> list[str]:
    """The challenge's diagnoses, and after them the labels of other data."""
    return [*DIAGNOSES, *sorted(set(diagnoses) - set(DIAGNOSES))]
