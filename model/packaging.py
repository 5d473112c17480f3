"""From a finished training to a bundle."""

import hashlib
from dataclasses import asdict, replace
from pathlib import Path

import keras
import pandas as pd

from model.bundle import Manifest, write_bundle
from model.cache import cached_images
from model.calibrate import fit_temperature
from model.config import TrainConfig
from model.dataset import Dataset, table_patients
from model.diagnosis import DIAGNOSES, DIAGNOSIS_NAMES
from model.image import ImagePreprocessor
from model.patient import PatientEncoder
from model.predictor import Predictor
from model.split import Split


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
    """Fit the temperature on the validation part and write a bundle into the folder ``out``."""
    manifest = Manifest(
        name=f"dual-branch {config.backbone}, {config.image_side} px",
        classes={code: DIAGNOSIS_NAMES[code] for code in DIAGNOSES},
        image=ImagePreprocessor(config.image_side, config.crop_border),
        patient=encoder,
        temperature=1.0,
        split=split,
        # The name of a weights file says what it was; its folder is nobody else's concern.
        training=asdict(config) | {"weights": Path(config.weights).name},
        data=describe_data(dataset),
    )
    table = split.part("validation", dataset.table)
    images = cached_images(table["path"].tolist(), manifest.image, cache_dir=cache_dir)
    raw = Predictor(network, manifest).probabilities(images, table_patients(table))
    labels = table["diagnosis"].map(DIAGNOSES.index).to_numpy()
    temperature = fit_temperature(raw, labels)
    return write_bundle(out, network, replace(manifest, temperature=temperature))


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
        "diagnoses": {code: int(counts.get(code, 0)) for code in DIAGNOSES},
        "sha256": digest.hexdigest(),
    }
