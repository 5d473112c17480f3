"""A bundle: a trained network with everything that a prediction needs.

    BUNDLE/network.keras   the network, in Keras' own format
    BUNDLE/network.tflite  the same network for LiteRT, which the page prefers, if exported
    BUNDLE/bundle.json     the manifest: classes, preprocessing, encoding, split, metrics, licence
    BUNDLE/unknown.npz     what is needed to notice images unlike training, if fitted
    BUNDLE/similar.npz     what is needed to find similar training images, if fitted
    BUNDLE/network.svg     a picture of the network's architecture, if drawn

Reading the manifest does not load Keras.
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from isic_api.files import whole_file
from model.data.split import Split
from model.diagnosis import DIAGNOSES
from model.errors import BundleError, ConfigError
from model.image import ImagePreprocessor
from model.patient import PatientEncoder
from model.prediction.projection import Projection
from model.prediction.similar import CaseIndex
from model.prediction.unknown import UnknownDetector
from model.tasks import CUSTOM, TASKS, Task, custom_task

if TYPE_CHECKING:
    import keras

FORMAT = 1
NETWORK_FILE = "network.keras"
MANIFEST_FILE = "bundle.json"
UNKNOWN_FILE = "unknown.npz"
SIMILAR_FILE = "similar.npz"
LITE_FILE = "network.tflite"
PICTURE_FILE = "network.svg"
_NOTES = "metadata.json"  # of Keras, inside its file
_NOT_LOADABLE = (ValueError, TypeError, OSError, KeyError, AttributeError, ImportError, BadZipFile)
RELEASED = Path(__file__).parents[1] / "released"
"""The bundle that is shipped with the project."""

LICENCE = "CC BY-NC 4.0"
INTENDED_USE = (
    "Research and teaching on dermoscopic photographs. Not a medical device: not for diagnosis, "
    "triage or treatment decisions."
)


@dataclass(frozen=True)
class Manifest:
    """What ``bundle.json`` holds."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: str
    classes: dict[str, str]  # code → full name, in the order of the network's outputs
    image: ImagePreprocessor
    patient: PatientEncoder
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    split: Split  # names of the images of each part
    training: dict  # the settings of the training
    data: dict  # name, number of images and hash of the data
    malignant: list[str] | None = None  # codes that count as malignant; None = not stated
    precursors: list[str] = field(default_factory=list)  # codes named apart
    views: Literal[1, 2, 4, 8] = 1  # flipped and turned copies that a prediction is averaged over
    network_sha256: str = ""
    metrics: dict = field(default_factory=dict)  # by part: validation, test
    history: dict = field(default_factory=dict)  # figure of the training → its value by epoch
    # Fitted on the validation part by model.training.packaging; empty in a bundle without them.
    # Question → point → threshold.
    operating_points: dict[str, dict[str, float]] = field(default_factory=dict)
    prediction_sets: dict = field(default_factory=dict)  # coverage, thresholds by class code
    unknown: dict = field(default_factory=dict)  # method, false_alarm_rate, thresholds, sha256
    # Fitted on the training part; empty in a bundle without them.
    quality: dict[str, float] = field(default_factory=dict)  # problem of a photograph → limit
    similar: dict = field(default_factory=dict)  # sha256 of the index
    # Of embeddings that are too wide for these two; None where they are used as they are.
    projection: Projection | None = None
    lite: dict = field(default_factory=dict)  # sha256 of the network for LiteRT
    versions: dict = field(default_factory=dict)
    licence: str = LICENCE
    intended_use: str = INTENDED_USE
    format: int = FORMAT

    @property
    def codes(self) -> list[str]:
        """Codes of the classes, in the order of the network's outputs."""
        return list(self.classes)

    @property
    def task(self) -> Task:
        """What the network answers, with the diagnoses that make up each class."""
        # A bundle from before malignancy was stored has that of the table.
        task = TASKS.get(self.training.get("task", "isic2019")) or custom_task(self.classes)
        if self.malignant is None:
            return task
        stated = {"malignant": tuple(self.malignant), "precursors": tuple(self.precursors)}
        return replace(task, **stated)

    @property
    def set_thresholds(self) -> list[float]:
        """Thresholds of the prediction sets, in the order of the codes; empty without them."""
        by_code = self.prediction_sets.get("thresholds")
        return [by_code[code] for code in self.codes] if by_code else []

    def to_dict(self) -> dict:
        """Plain values for JSON."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        del values["split"]
        image = {**asdict(self.image), "range": [0, 255], "colours": "RGB"}
        parts = {"image": image, "patient": asdict(self.patient)}
        parts["projection"] = self.projection and asdict(self.projection)
        # The split comes last, since its lists are long.
        split = self.split.to_dict()
        return {**values, **parts, "split": split}

    @classmethod
    def from_dict(cls, values: dict) -> "Manifest":
        """The inverse of :meth:`to_dict`."""
        # The image entry also says range and colours, which are no settings.
        settings = {f.name for f in fields(ImagePreprocessor)}
        image = {k: v for k, v in values["image"].items() if k in settings}
        patient = dict(values["patient"])
        patient |= {k: tuple(patient[k]) for k in ("sexes", "sites")}
        parts = {
            "image": ImagePreprocessor(**image),
            "patient": PatientEncoder(**patient),
            "split": Split.from_dict(values["split"]),
        }
        if values.get("projection"):
            parts["projection"] = Projection(**values["projection"])
        return TypeAdapter(cls).validate_python({**values, **parts})


def read_manifest(bundle: Path) -> Manifest:
    """Read ``bundle.json``.

    Raises:
        BundleError: it is missing, damaged or of another format.
    """
    path = bundle / MANIFEST_FILE
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values.get("format") != FORMAT:
            raise BundleError(
                f"{path} has format {values.get('format')!r}, but this version reads {FORMAT}. "
                "Use the version of the project that wrote it, or train again."
            )
        manifest = Manifest.from_dict(values)
        _check_codes(manifest)
    except ValidationError as error:
        raise BundleError(
            f"{path} is no sound manifest: {_first_of(error)}. Copy the whole bundle again."
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(
            f"{path} is no readable manifest ({type(error).__name__}: {error}). Give the folder of "
            f"a bundle, which holds {NETWORK_FILE} and {MANIFEST_FILE}."
        ) from error
    task = manifest.training.get("task")
    if task not in (None, CUSTOM, *TASKS):
        raise BundleError(
            f"{path} answers the task {task!r}, which this version does not know; it knows "
            f"{', '.join(TASKS)}, {CUSTOM}. Use the version of the project that wrote it."
        )
    return manifest


def write_manifest(bundle: Path, manifest: Manifest) -> None:
    """Write ``bundle.json``."""
    with whole_file(bundle / MANIFEST_FILE) as partial:
        partial.write_text(_manifest_text(manifest), encoding="utf-8")


def write_bundle(bundle: Path, network: "keras.Model", manifest: Manifest) -> Manifest:
    """Write network and manifest; returns the manifest with hash and versions filled in."""
    import keras

    bundle.mkdir(parents=True, exist_ok=True)
    fresh = bundle / "fresh.keras"
    try:
        network.save(fresh)
        _pack(fresh, manifest.codes)
        versions = {"keras": keras.__version__, "backend": keras.backend.backend()}
        sha256 = file_sha256(fresh)
        manifest = replace(manifest, network_sha256=sha256, lite={}, versions=versions)
        # All is on the disk before anything of an earlier bundle is touched.
        with whole_file(bundle / MANIFEST_FILE) as partial:
            partial.write_text(_manifest_text(manifest), encoding="utf-8")
            (bundle / LITE_FILE).unlink(missing_ok=True)  # of another network
            os.replace(fresh, bundle / NETWORK_FILE)
    finally:
        fresh.unlink(missing_ok=True)
    return manifest


def load_network(bundle: Path, manifest: Manifest) -> "keras.Model":
    """Load the network in safe mode and check that it fits the manifest.

    Raises:
        BundleError: the file is missing, not the one that the manifest was written for, or its
            inputs, outputs or order of classes differ from the manifest's.
    """
    from model.networks.saved import cause_of, open_saved

    path = bundle / NETWORK_FILE
    _check_file(path, manifest.network_sha256)
    try:
        noted = _noted_classes(path)
        network = open_saved(path)
    except _NOT_LOADABLE as error:
        raise BundleError(
            f"{path} cannot be loaded: {cause_of(error)} {_advice(manifest)}"
        ) from error
    _check_fit(network, manifest)
    _check_order(noted, manifest)
    return network


def write_fitted(
    bundle: Path, manifest: Manifest, *, detector: UnknownDetector, cases: CaseIndex
) -> Manifest:
    """Write what was fitted, and the manifest, which is returned with the hashes of both files."""
    unknown, similar = bundle / UNKNOWN_FILE, bundle / SIMILAR_FILE
    # All is on the disk before anything of an earlier calibration is touched.
    with whole_file(unknown) as one, whole_file(similar) as other:
        detector.save(one)
        cases.save(other)
        manifest = replace(
            manifest,
            unknown=manifest.unknown | {"sha256": file_sha256(one)},
            similar={"sha256": file_sha256(other)},
        )
        with whole_file(bundle / MANIFEST_FILE) as partial:
            partial.write_text(_manifest_text(manifest), encoding="utf-8")
    return manifest


def load_detector(bundle: Path, manifest: Manifest) -> UnknownDetector | None:
    """Load the detector of images unlike training; None if the bundle has none.

    Raises:
        BundleError: the file is missing, damaged, or not the one of the manifest.
    """
    if not manifest.unknown:
        return None
    _check_file(bundle / UNKNOWN_FILE, manifest.unknown.get("sha256"))
    return UnknownDetector.load(bundle / UNKNOWN_FILE)


def load_cases(bundle: Path, manifest: Manifest) -> CaseIndex | None:
    """Load the index of training images; None if the bundle has none.

    Raises:
        BundleError: the file is missing, damaged, or not the one of the manifest.
    """
    if not manifest.similar:
        return None
    _check_file(bundle / SIMILAR_FILE, manifest.similar.get("sha256"))
    return CaseIndex.load(bundle / SIMILAR_FILE)


def lite_file(bundle: Path, manifest: Manifest) -> Path | None:
    """Give the network for LiteRT; None if the bundle has none, which Keras' then replaces.

    Raises:
        BundleError: the file is damaged, or not the one of the manifest.
    """
    path = bundle / LITE_FILE
    if not manifest.lite or not path.is_file():
        return None
    _check_file(path, manifest.lite.get("sha256"))
    return path


def check_files(bundle: Path, manifest: Manifest) -> None:
    """Check that the files that a manifest names are there and are those that it was written for.

    Raises:
        BundleError: one is not.
    """
    _check_file(bundle / NETWORK_FILE, manifest.network_sha256)
    for name, entry in ((UNKNOWN_FILE, manifest.unknown), (SIMILAR_FILE, manifest.similar)):
        if entry:
            _check_file(bundle / name, entry.get("sha256"))
    lite_file(bundle, manifest)


def require_no_bundle(folder: Path) -> None:
    """Check that a training may write its bundle into a folder.

    Raises:
        ConfigError: there is a bundle already, or something else.
    """
    if (folder / MANIFEST_FILE).exists():
        raise ConfigError(f"{folder.parent} holds a finished training. Give another --out.")
    if folder.is_dir() and any(folder.iterdir()):
        raise ConfigError(
            f"{folder}, where the bundle would be written, holds other files but no "
            f"{MANIFEST_FILE}. Remove it, or give another --out."
        )


def _advice(manifest: Manifest) -> str:
    """What to do about a network that is the manifest's and yet cannot be loaded."""
    import keras

    written = manifest.versions.get("keras")
    if written in (None, keras.__version__):
        return "Train again, or use the version of the project that wrote it."
    return (
        f"It was written by Keras {written}, and this is Keras {keras.__version__}: install the "
        "versions of requirements.txt."
    )


def _check_codes(manifest: Manifest) -> None:
    """What is said of classes must be said of those that there are."""
    named = {"malignant": manifest.malignant or [], "precursors": manifest.precursors}
    thresholds = manifest.prediction_sets.get("thresholds") or manifest.classes
    faults = [
        f"{entry} names {code}, which is not in classes"
        for entry, codes in named.items()
        for code in codes
        if code not in manifest.classes
    ]
    faults += [
        f"prediction_sets has no threshold for {code}"
        for code in manifest.classes
        if code not in thresholds
    ]
    if faults:
        raise BundleError(
            f"{MANIFEST_FILE} is no sound manifest: {faults[0]}. Copy the whole bundle again."
        )


def _first_of(error: ValidationError) -> str:
    """The first violated rule in one line, naming entry and value."""
    found = error.errors(include_url=False)[0]
    entry = ".".join(map(str, found["loc"]))
    return f"{entry} is {found['input']!r}; {found['msg']}"


def _manifest_text(manifest: Manifest) -> str:
    return json.dumps(manifest.to_dict(), indent=1, ensure_ascii=False) + "\n"


def _check_file(path: Path, sha256: str | None) -> None:
    if not path.is_file():
        raise BundleError(
            f"{path} is missing, but {MANIFEST_FILE} names it. Copy the whole bundle again."
        )
    if file_sha256(path) != sha256:
        raise BundleError(
            f"{path} is not the file that {MANIFEST_FILE} was written for (its SHA-256 differs). "
            "Copy the whole bundle again."
        )


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _pack(archive: Path, codes: list[str]) -> None:
    """Compress a Keras file, which is a zip archive, and note the order of its outputs inside."""
    partial = archive.with_suffix(".part")
    with ZipFile(archive) as plain, ZipFile(partial, "w", ZIP_DEFLATED) as compressed:
        for member in plain.infolist():
            content = plain.read(member)
            if member.filename == _NOTES:
                content = json.dumps(json.loads(content) | {"classes": codes})
            compressed.writestr(member.filename, content)
    os.replace(partial, archive)


def _noted_classes(network: Path) -> list[str] | None:
    with ZipFile(network) as archive:
        return json.loads(archive.read(_NOTES)).get("classes")


def _check_order(noted: list[str] | None, manifest: Manifest) -> None:
    """A melanoma must not be shown as a nevus because somebody sorted the manifest."""
    if noted is None and set(manifest.codes) == set(DIAGNOSES):
        noted = list(DIAGNOSES)  # of networks from before there were notes
    if noted not in (None, manifest.codes):
        raise BundleError(
            f"{MANIFEST_FILE} has the classes in the order {', '.join(manifest.codes)}, but "
            f"{NETWORK_FILE} answers in the order {', '.join(noted)}. Copy the bundle again."
        )


def _check_fit(network: "keras.Model", manifest: Manifest) -> None:
    side = manifest.image.side
    expected = {
        "image": (side, side, 3),
        "patient": (manifest.patient.width,),
        "output": (len(manifest.classes),),
    }
    tensors = {**network.input, "output": network.output}
    found = {name: tuple(tensor.shape[1:]) for name, tensor in tensors.items()}
    if found != expected:
        raise BundleError(
            f"{NETWORK_FILE} has shapes {found}, but {MANIFEST_FILE} needs {expected}. "
            "The two files are not of one bundle: copy it again."
        )
