"""An untrained bundle of a few layers, calibrated on a drawn folder; for tests that need one."""

import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from isic_api.vocabulary import CHALLENGE_CLASSES
from model.data.dataset import read_folder
from model.data.split import Split
from model.diagnosis import DIAGNOSIS_NAMES
from model.frame import FINDER_SIDE
from model.image import ImagePreprocessor
from model.inference.bundle import (
    FINDER_FILE,
    LITERT_FILE,
    MANIFEST_FILE,
    NETWORK_FILE,
    OOD_FILE,
    OOD_FILE_IN_FORMAT_1,
    SIMILAR_FILE,
    Manifest,
    file_sha256,
    read_manifest,
    write_bundle,
    write_files,
    write_manifest,
)
from model.networks.network import build_network
from model.patient import Patient, PatientEncoder
from model.training.packaging import calibrate_bundle
from tests.fakes.lesions import DARK

SIDE = 32


def build_toy_network(encoder: PatientEncoder, *, seed: int = 0) -> keras.Model:
    """Two convolutions and the project's head."""
    keras.utils.set_random_seed(seed)
    image = keras.Input((SIDE, SIDE, 3))
    features = keras.layers.Conv2D(8, 5, strides=2, activation="relu")(image)
    features = keras.layers.Conv2D(16, 3, strides=2, activation="relu")(features)
    backbone = keras.Model(image, features, name="toy")
    return build_network(
        backbone, patient_width=encoder.width, classes=8, patient_units=4, fused_units=16
    )


def toy_split(data: Path) -> Split:
    """Deal out the lesions of a drawn folder: of every class four, one and one."""
    table = read_folder(data).table
    place = table["lesion_id"].str[-1].astype(int)
    parts = {"train": place > 1, "validation": place == 0, "test": place == 1}
    names = {part: tuple(table["image"][rows]) for part, rows in parts.items()}
    return Split(**names, rule="by the lesion's number", seed=0)


def write_toy_bundle(folder: Path, data: Path, *, seed: int = 0) -> Path:
    """Write and calibrate the bundle; ``data`` is from ``draw_folder``."""
    encoder = PatientEncoder.fit([Patient(age=40.0), Patient(age=60.0)])
    manifest = Manifest(
        name="toy",
        classes={code: DIAGNOSIS_NAMES[code] for code in CHALLENGE_CLASSES},
        image=ImagePreprocessor(SIDE),
        patient=encoder,
        temperature=1.0,
        split=toy_split(data),
        training={},
        data={},
    )
    write_bundle(folder, build_toy_network(encoder, seed=seed), manifest)
    calibrate_bundle(folder, read_folder(data), cache_dir=folder.parent / "cache")
    return folder


def add_dark_finder(bundle: Path) -> Path:
    """Let the bundle's network see frames, around what :mod:`tests.fakes.lesions` finds."""
    image = keras.Input((FINDER_SIDE, FINDER_SIDE, 3))
    outline = keras.layers.Conv2D(1, 2, strides=2)
    finder = keras.Model(image, outline(image))
    outline.set_weights([np.full((2, 2, 3, 1), -1 / 12), np.array([DARK])])
    manifest = read_manifest(bundle)
    manifest = replace(manifest, image=replace(manifest.image, frame_scales=(1.2, 2.0)))
    finder.save(bundle.parent / FINDER_FILE)  # Keras wants the suffix
    write_files(bundle, manifest, {FINDER_FILE: (bundle.parent / FINDER_FILE).rename})
    return bundle


def store_hash(bundle: Path, name: str) -> None:
    """Write a file's hash into the manifest, as one who may write the whole bundle could."""
    files = read_manifest(bundle).files | {name: file_sha256(bundle / name)}
    change_manifest(bundle, files=files)


def change_manifest(bundle: Path, **values: object) -> None:
    """Write values into the manifest's file, sound or not."""
    path = bundle / MANIFEST_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def strip_optional_fields(bundle: Path) -> None:
    """Make the bundle one that was never calibrated."""
    manifest = read_manifest(bundle)
    files = {NETWORK_FILE: manifest.network_sha256}
    bare = replace(manifest, operating_points={}, prediction_sets={}, ood={}, files=files)
    write_manifest(bundle, bare)


def as_format_1(bundle: Path) -> None:
    """Make the bundle one of the first format."""
    path = bundle / MANIFEST_FILE
    values = json.loads(path.read_text())
    files, ood = values.pop("files"), values.pop("ood")
    (bundle / OOD_FILE).rename(bundle / OOD_FILE_IN_FORMAT_1)
    ood["false_alarm_rate"] = ood.pop("false_positive_rate")
    values |= {
        "format": 1,
        "views": values.pop("tta_views"),
        "network_sha256": files[NETWORK_FILE],
        "unknown": ood | {"sha256": files[OOD_FILE]},
        "similar": {"sha256": files[SIMILAR_FILE]},
        "lite": {"sha256": files[LITERT_FILE]} if LITERT_FILE in files else {},
    }
    path.write_text(json.dumps(values))
