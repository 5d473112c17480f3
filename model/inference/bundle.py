"""A bundle: a trained network with everything that a prediction needs.

    BUNDLE/bundle.json     the manifest: classes, preprocessing, encoding, split, metrics, licence,
                           and the SHA-256 of each of these files:
    BUNDLE/network.keras   the network, in Keras' own format
    BUNDLE/network.tflite  the same network for LiteRT, which predictions prefer, if exported
    BUNDLE/ood.npz         the detector of out-of-distribution images, if fitted
    BUNDLE/similar.npz     the index of training images, to find similar ones, if fitted
    BUNDLE/closeups.npz    the detector of close-ups, photographs without a dermatoscope, if fitted
    BUNDLE/finder.keras    the lesion finder, of a network that sees frames around lesions
    BUNDLE/finder.tflite   the same for LiteRT, if exported

A picture of the network's architecture, network.svg, may lie beside them. Reading the manifest does
not load Keras.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from isic_api.files import whole_file
from model.data.split import Split
from model.errors import BundleError, ConfigError
from model.image import ImagePreprocessor
from model.inference.embeddings import ArrayFile, Projection
from model.inference.ood import ExampleDetector, OODDetector
from model.inference.similar import CaseIndex
from model.patient import PatientEncoder
from model.tasks import CUSTOM, TASKS, Task, custom_task

if TYPE_CHECKING:
    import keras

    from model.inference.finder import LesionFinder

Arrays = TypeVar("Arrays", bound=ArrayFile)

FORMAT = 2
_READABLE = (1, 2)
MANIFEST_FILE = "bundle.json"
NETWORK_FILE = "network.keras"
LITERT_FILE = "network.tflite"
OOD_FILE = "ood.npz"
OOD_FILE_IN_FORMAT_1 = "unknown.npz"
SIMILAR_FILE = "similar.npz"
CLOSEUPS_FILE = "closeups.npz"
FINDER_FILE = "finder.keras"
FINDER_LITERT_FILE = "finder.tflite"
PICTURE_FILE = "network.svg"
_LITERT_FILES = (LITERT_FILE, FINDER_LITERT_FILE)
_HASHED = {
    *(NETWORK_FILE, LITERT_FILE, OOD_FILE, OOD_FILE_IN_FORMAT_1, SIMILAR_FILE),
    *(CLOSEUPS_FILE, FINDER_FILE, FINDER_LITERT_FILE),
}
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
    tta_views: Literal[1, 2, 4, 8] = 1  # flipped and turned copies that predictions average
    files: dict[str, str] = field(default_factory=dict)  # name → SHA-256
    metrics: dict = field(default_factory=dict)  # by part: validation, test
    history: dict = field(default_factory=dict)  # figure of the training → its value by epoch
    # Fitted on the validation part by model.training.packaging; empty in a bundle without them.
    # Question → point → threshold.
    operating_points: dict[str, dict[str, float]] = field(default_factory=dict)
    prediction_sets: dict = field(default_factory=dict)  # coverage, thresholds by class code
    ood: dict = field(default_factory=dict)  # method, false_positive_rate, thresholds
    # Fitted on the training part; empty in a bundle without them.
    quality: dict[str, float] = field(default_factory=dict)  # problem of a photograph → limit
    # Of embeddings that are too wide for these two; None where they are used as they are.
    projection: Projection | None = None
    versions: dict = field(default_factory=dict)
    licence: str = LICENCE
    intended_use: str = INTENDED_USE
    format: int = FORMAT

    @property
    def network_sha256(self) -> str:
        """SHA-256 of the network's file; empty before that is written."""
        return self.files.get(NETWORK_FILE, "")

    @property
    def codes(self) -> list[str]:
        """Codes of the classes, in the order of the network's outputs."""
        return list(self.classes)

    @property
    def task(self) -> Task:
        """What the network predicts, with the diagnoses that make up each class."""
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

    def without(self, *names: str) -> "Manifest":
        """The manifest of a bundle to which these files no longer belong."""
        kept = {name: sha256 for name, sha256 in self.files.items() if name not in names}
        return replace(self, files=kept)

    def to_dict(self) -> dict:
        """Plain values for JSON."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        del values["split"]
        image = {**asdict(self.image), "range": [0, 255], "colours": "RGB"}
        parts = {"image": image, "patient": self.patient.to_dict()}
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
        parts = {
            "image": ImagePreprocessor(**image),
            "patient": PatientEncoder.from_dict(values["patient"]),
            "split": Split.from_dict(values["split"]),
            "format": FORMAT,
        }
        if values.get("projection"):
            parts["projection"] = Projection(**values["projection"])
        return TypeAdapter(cls).validate_python({**values, **parts})


def _from_format_1(values: dict) -> dict:
    """The manifest in format 2 of one in format 1, in which each file's entry held its SHA-256."""
    values = dict(values)
    ood, similar, litert = (values.pop(name, {}) for name in ("unknown", "similar", "lite"))
    entries = {OOD_FILE_IN_FORMAT_1: ood, SIMILAR_FILE: similar, LITERT_FILE: litert}
    hashes = {name: entry.get("sha256", "") for name, entry in entries.items() if entry}
    renamed = {"false_alarm_rate": "false_positive_rate"}
    return values | {
        "tta_views": values.pop("views", 1),
        "files": {NETWORK_FILE: values.pop("network_sha256", "")} | hashes,
        "ood": {renamed.get(key, key): ood[key] for key in ood if key != "sha256"},
    }


def read_manifest(bundle: Path) -> Manifest:
    """Read ``bundle.json``.

    Raises:
        BundleError: it is missing, damaged or of another format.
    """
    path = bundle / MANIFEST_FILE
    if not path.exists():
        _refuse_run_folder(bundle)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values.get("format") not in _READABLE:
            raise BundleError(
                f"{path} has format {values.get('format')!r}, but this version reads "
                f"{' and '.join(map(str, _READABLE))}. "
                "Use the version of the project that wrote it, or train again."
            )
        values = _from_format_1(values) if values["format"] == 1 else values
        manifest = Manifest.from_dict(values)
        _check_codes(manifest)
    except ValidationError as error:
        raise BundleError(
            f"{path} is not a valid manifest: {_first_of(error)}. Copy the whole bundle again."
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(
            f"{path} is not a readable manifest ({type(error).__name__}: {error}). Give the "
            f"folder of a bundle, which holds {NETWORK_FILE} and {MANIFEST_FILE}."
        ) from error
    task = manifest.training.get("task")
    if task not in (None, CUSTOM, *TASKS):
        raise BundleError(
            f"{path} answers the task {task!r}, which this version does not know; it knows "
            f"{', '.join(TASKS)}, {CUSTOM}. Use the version of the project that wrote it."
        )
    return manifest


def _refuse_run_folder(folder: Path) -> None:
    """Say what to do where a training's folder is given, or the bundle that it has not written.

    Raises:
        BundleError: the folder is one of the two.
    """
    for run in (folder, folder.parent):
        if not all((run / name).exists() for name in ("config.json", "split.json")):
            continue
        if (run / "bundle" / MANIFEST_FILE).exists():
            raise BundleError(
                f"{folder} is no bundle, but {run} is the folder of a training that wrote one. "
                f"Give {run / 'bundle'}."
            )
        raise BundleError(
            f"the training in {run} is not finished, so there is no bundle yet. Run the command "
            f"that started it again: it resumes and writes {run / 'bundle'}."
        )


def write_manifest(bundle: Path, manifest: Manifest) -> None:
    """Write ``bundle.json``."""
    with whole_file(bundle / MANIFEST_FILE) as partial:
        text = json.dumps(manifest.to_dict(), indent=1, ensure_ascii=False)
        partial.write_text(f"{text}\n", encoding="utf-8")


def write_bundle(bundle: Path, network: "keras.Model", manifest: Manifest) -> Manifest:
    """Write network and manifest; returns the manifest with hash and versions filled in."""
    import keras

    from model.networks.network import pack_saved

    def save(path: Path) -> None:
        with TemporaryDirectory(dir=bundle) as folder:
            network.save(Path(folder) / NETWORK_FILE)
            pack_saved(Path(folder) / NETWORK_FILE, path, classes=manifest.codes)

    versions = {"keras": keras.__version__, "backend": keras.backend.backend()}
    manifest = replace(manifest.without(LITERT_FILE), versions=versions)
    return write_files(bundle, manifest, {NETWORK_FILE: save})


def write_files(
    bundle: Path, manifest: Manifest, saves: Mapping[str, Callable[[Path], None]]
) -> Manifest:
    """Write files and the manifest, which is returned with their hashes.

    Everything is on the disk before any earlier file is touched; those that the manifest no longer
    names are then removed. ``saves`` maps the name of each file to what writes it.
    """
    files = dict(manifest.files)
    bundle.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        for name, save in saves.items():
            path = stack.enter_context(whole_file(bundle / name))
            save(path)
            files[name] = file_sha256(path)
        manifest = replace(manifest, files=files)
        write_manifest(bundle, manifest)
        for name in _HASHED - set(files):
            (bundle / name).unlink(missing_ok=True)
    return manifest


def load_detector(bundle: Path, manifest: Manifest) -> OODDetector | None:
    """Load the out-of-distribution detector; None if the bundle has none.

    Raises:
        BundleError: the file is missing, damaged, or not the one of the manifest.
    """
    return _load_arrays(OODDetector, bundle, manifest, OOD_FILE, OOD_FILE_IN_FORMAT_1)


def load_cases(bundle: Path, manifest: Manifest) -> CaseIndex | None:
    """Load the index of training images, as :func:`load_detector`."""
    return _load_arrays(CaseIndex, bundle, manifest, SIMILAR_FILE)


def load_closeup_detector(bundle: Path, manifest: Manifest) -> ExampleDetector | None:
    """Load the detector of close-ups, as :func:`load_detector`."""
    return _load_arrays(ExampleDetector, bundle, manifest, CLOSEUPS_FILE)


def _load_arrays(
    kind: type[Arrays], bundle: Path, manifest: Manifest, *names: str
) -> Arrays | None:
    """Load the first of these files that the manifest names."""
    found = next((name for name in names if name in manifest.files), None)
    return found and kind.load(checked_file(bundle, manifest, found))


def litert_file(bundle: Path, manifest: Manifest, name: str = LITERT_FILE) -> Path | None:
    """Path of a network for LiteRT; None if the bundle has none and Keras is used.

    Raises:
        BundleError: the file is damaged, or not the one of the manifest.
    """
    if name not in manifest.files or not (bundle / name).is_file():
        return None
    return checked_file(bundle, manifest, name)


def load_finder(bundle: Path, manifest: Manifest, backend: str) -> "LesionFinder | None":
    """Load the lesion finder; None if the bundle has none, as its network sees whole photographs.

    Raises:
        BundleError: the file is missing, damaged, or not the one of the manifest.
    """
    if not manifest.image.frame_scales:
        return None
    from model.inference.finder import LesionFinder  # SciPy takes a second: only behind the page

    exported = litert_file(bundle, manifest, FINDER_LITERT_FILE) if backend == "litert" else None
    return LesionFinder.load(exported or checked_file(bundle, manifest, FINDER_FILE))


def check_files(bundle: Path, manifest: Manifest) -> None:
    """Check that the files of a manifest are there and are those that it was written for.

    Raises:
        BundleError: one is not.
    """
    for name in {NETWORK_FILE: "", **manifest.files}:
        if name not in _LITERT_FILES:
            checked_file(bundle, manifest, name)
    for name in _LITERT_FILES:
        litert_file(bundle, manifest, name)


def checked_file(bundle: Path, manifest: Manifest, name: str) -> Path:
    """Give the path of a file of the bundle.

    Raises:
        BundleError: it is missing, or not the one that the manifest was written for.
    """
    path = bundle / name
    if not path.is_file():
        raise BundleError(
            f"{path} is missing, but {MANIFEST_FILE} names it. Copy the whole bundle again."
        )
    if file_sha256(path) != manifest.files.get(name):
        raise BundleError(
            f"{path} is not the file that {MANIFEST_FILE} was written for (its SHA-256 differs). "
            "Copy the whole bundle again."
        )
    return path


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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


def _check_codes(manifest: Manifest) -> None:
    """Check that entries about classes name those of the bundle, and all where they must."""
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
            f"{MANIFEST_FILE} is not a valid manifest: {faults[0]}. Copy the whole bundle again."
        )


def _first_of(error: ValidationError) -> str:
    """The first violated rule in one line, naming entry and value."""
    found = error.errors(include_url=False)[0]
    entry = ".".join(map(str, found["loc"]))
    return f"{entry} is {found['input']!r}; {found['msg']}"
