"""Reading a data folder, in the layout of the ISIC 2019 challenge or by class, into one table.

    DIR/images/*.jpg       or the challenge's own DIR/ISIC_2019_Training_Input/*.jpg
    DIR/*GroundTruth.csv   image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC[,UNK]
    DIR/*Metadata.csv      image,lesion_id and a column per field of model.patient

``isic_api download`` writes the same layout. A folder with one folder of images per label
(:mod:`model.data.class_folders`) is read as well.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from isic_api.vocabulary import UNKNOWN_CLASS, archive_id, is_image_id
from model.data.class_folders import is_by_class, read_class_folders
from model.data.class_table import ClassTable, read_class_table
from model.data.ground_truth import read_truth
from model.data.recorded import fill_from_files
from model.data.tables import find_table, name_rows, name_some, read_csv
from model.diagnosis import COARSE_LABELS, DIAGNOSIS_NAMES, label_of
from model.errors import DataError, PatientError
from model.image import SUFFIXES, stored_size
from model.patient import FIELDS, Field, NumberField, Patient
from model.tasks import CUSTOM, TASKS, Task, custom_task, own_task

SOURCES = ("HAM", "BCN", "MSK")
"""The three collections of ISIC 2019; those of its images without a ``lesion_id`` are from MSK."""

_NUMBERS = {"MSK": (0, 16_072), "HAM": (24_306, 34_320), "BCN": (53_454, 73_254)}
"""First and last number of each collection's images in the training set of ISIC 2019."""


@dataclass(frozen=True)
class Dataset:
    """A validated data folder.

    ``table`` has one row per image, sorted by ``image``, with the columns image, lesion_id,
    one per field of the patient, by its ``column`` (unknown: NaN for a number, None for a choice),
    diagnosis (which may be a coarse label), source, part (of a folder that is divided already, else
    empty), path, width and height (pixels, as stored). An image without a ``lesion_id`` is its own
    lesion: it bears its own name there.
    """

    table: pd.DataFrame
    without_image: int  # rows of the tables that have no file, left out
    of_other_diagnosis: int  # rows labelled UNK, which the network has no class for, left out
    without_label: int = 0  # files that the ground truth does not name, left out
    without_class: int = 0  # rows whose coarse label has no class in the task, left out
    skipped: tuple[str, ...] = ()  # files in class folders that are no image, left out
    classes: ClassTable | None = None  # of a custom task, if stated

    def task(self, name: str) -> Task:
        """The task of a name, whose classes are the table's labels if it is custom.

        Raises:
            DataError: all images are of one class.
        """
        codes = sorted(set(self.table["diagnosis"]))
        if name != CUSTOM:
            task = TASKS[name]
        elif self.classes:
            task = self.classes.task(codes)
        else:
            task = custom_task({code: code for code in codes})
        found = {task.class_of[code] for code in codes if code in task.class_of}
        if len(found) == 1:
            raise DataError(
                f"all {len(self.table):,} images are of one class, {found.pop()}. A network needs "
                "images of two classes or more to learn from: add some of another."
            )
        return task

    def of_task(self, name: str) -> "Dataset":
        """Leave out, and count, the images whose label is too coarse to have a class in a task.

        Raises:
            DataError: no image is left.
        """
        if name == CUSTOM:
            return self
        has_class = TASKS[name].has_class(self.table["diagnosis"])
        coarse = self.table["diagnosis"].isin(list(COARSE_LABELS)).to_numpy()
        kept = self.table[has_class | ~coarse].reset_index(drop=True)
        if kept.empty:
            labels = ", ".join(sorted(set(self.table["diagnosis"])))
            raise DataError(
                f"the images are labelled {labels} only, for which the task {name} has no class. "
                f"Choose another --task, such as {own_task(labels.split(', '))}."
            )
        left_out = len(self.table) - len(kept)
        return replace(self, table=kept, without_class=self.without_class + left_out)

    def summary(self, task: str | None = None) -> str:
        """Say in one line what was read, what was left out, and which classes have no image."""
        text = f"{len(self.table)} images of {self.table['lesion_id'].nunique()} lesions"
        counts = {
            "rows have no image": self.without_image,
            "images of another diagnosis": self.of_other_diagnosis,
            "files have no label": self.without_label,
            "images with a label too coarse for the task": self.without_class,
            f"files are no image ({name_some(self.skipped)})": len(self.skipped),
        }
        left_out = [f"{count} {what}" for what, count in counts.items() if count]
        text += f"; left out: {', '.join(left_out)}" if left_out else ""
        without = self._classes_without_image(task) if task else []
        return f"{text}; no image of {', '.join(without)}" if without else text

    def _classes_without_image(self, task: str) -> list[str]:
        asked = self.task(task)
        found = {asked.class_of.get(label) for label in self.table["diagnosis"]}
        return [code for code in asked.classes if code not in found]


def read_folder(
    data_dir: Path,
    *,
    task: str | None = TASKS["isic2019"].name,
    fields: Sequence[Field] = FIELDS,
) -> Dataset:
    """Read and check a data folder for a task, by its name, with these fields of the patients.

    A custom task takes every label of the folder as a class; the others need labels that
    ``model.diagnosis`` knows, and images with one that is too coarse for the task are left out.
    ``None`` is the task that fits the labels.

    Raises:
        DataError: what :func:`read_tables` refuses, a file that is no image, or no image at all.
    """
    read = _read_by_class if is_by_class(data_dir) else _read_tabled
    dataset = read(data_dir, task, fields)
    fill_from_files(dataset.table, fields)
    sizes = _sizes(dataset.table["path"].tolist())
    dataset.table[["width", "height"]] = sizes
    return dataset.of_task(task or own_task(dataset.table["diagnosis"].unique().tolist()))


def _read_tabled(data_dir: Path, task: str | None, fields: Sequence[Field]) -> Dataset:
    table = read_tables(data_dir, task=task, fields=fields)
    images_dir = images_folder(data_dir)
    paths = image_paths(images_dir)
    table["path"] = table["image"].map(paths)
    with_image = table["path"].notna()
    known = table["diagnosis"] != UNKNOWN_CLASS
    kept = table[with_image & known].reset_index(drop=True)
    if kept.empty:
        raise DataError(
            f"no row of the tables in {data_dir} has an image in {images_dir}. "
            "File names must be the table's names plus .jpg."
        )
    return Dataset(
        kept,
        without_image=int((~with_image).sum()),
        of_other_diagnosis=int((with_image & ~known).sum()),
        without_label=len(paths) - int(with_image.sum()),
        classes=read_class_table(data_dir, _labels(table)),
    )


def _read_by_class(data_dir: Path, task: str | None, fields: Sequence[Field]) -> Dataset:
    table, skipped = read_class_folders(data_dir)
    folders = table["folder"].unique().tolist()
    code_of = {name: label_of(name) for name in folders}
    if task == CUSTOM or (task is None and not any(code_of.values())):
        code_of = {name: name for name in folders}
    unknown = [name for name, code in code_of.items() if code is None]
    if unknown:
        raise DataError(
            f"no diagnosis is called {', '.join(unknown)}, as folders of {data_dir} are. Name them "
            f"by a code ({', '.join((*DIAGNOSIS_NAMES, *COARSE_LABELS))}) or its name, or use "
            f"--task {CUSTOM}, which takes any."
        )
    table["diagnosis"] = table.pop("folder").map(code_of)
    context = _context_beside(data_dir, table["image"], fields)
    table = table.merge(context, on="image", how="left", validate="one_to_one")
    table = table.sort_values("image", ignore_index=True)
    lesion = table["lesion_id"].fillna("")  # unlike the challenge's, such an image is not from MSK
    table["source"] = list(map(image_source, table["image"], lesion))
    table["lesion_id"] = table["lesion_id"].fillna(table["image"])
    context_columns = [field.column for field in fields]
    columns = ["image", "lesion_id", *context_columns, "diagnosis", "source", "part", "path"]
    return Dataset(
        table[columns],
        without_image=int((~context["image"].isin(table["image"])).sum()),
        of_other_diagnosis=0,
        skipped=skipped,
        classes=read_class_table(data_dir, _labels(table)),
    )


def _context_beside(data_dir: Path, images: pd.Series, fields: Sequence[Field]) -> pd.DataFrame:
    """Read the table of context if there is one; all is unknown without it."""
    if any(data_dir.glob("*Metadata.csv")):
        context = read_metadata(find_table(data_dir, "*Metadata.csv"), fields=fields)
    else:
        unknown = _columns([Patient()] * len(images), fields)
        context = pd.DataFrame({"image": images.to_numpy()} | unknown)
    return context if "lesion_id" in context else context.assign(lesion_id=None)


def _labels(table: pd.DataFrame) -> list[str]:
    return sorted(set(table["diagnosis"]) - {UNKNOWN_CLASS})


def read_tables(
    data_dir: Path,
    *,
    task: str | None = TASKS["isic2019"].name,
    fields: Sequence[Field] = FIELDS,
) -> pd.DataFrame:
    """Read and check the two tables of a data folder, with or without its images.

    Gives one row per labelled image, sorted by ``image``, with the columns of :class:`Dataset` as
    far as ``part``; ``diagnosis`` may be UNK. ``task`` and ``fields`` are as in
    :func:`read_folder`.

    Raises:
        DataError: a missing file, column or label, a row given twice, two labels in one row, or a
            field of the patient outside its range or words.
    """
    truth = read_truth(find_table(data_dir, "*GroundTruth.csv"), task)
    file = find_table(data_dir, "*Metadata.csv")
    metadata = read_metadata(file, require=("image", "lesion_id"), fields=fields)
    table = truth.merge(metadata, on="image", how="left", validate="one_to_one")
    table = table.sort_values("image", ignore_index=True)
    table["source"] = list(map(image_source, table["image"], table["lesion_id"]))
    table["lesion_id"] = table["lesion_id"].fillna(table["image"])
    return table.assign(part="")


def read_metadata(
    path: Path, *, require: tuple[str, ...] = ("image",), fields: Sequence[Field] = FIELDS
) -> pd.DataFrame:
    """Read patient context: image, then lesion_id if present, then a column per field.

    A field may be headed by its column's name or its key. One whose column or cell is absent is
    unknown.

    Raises:
        DataError: no such file, not a table, a column of ``require`` missing, an image named twice,
            or a value outside its range or words.
    """
    words = [name for f in fields if not isinstance(f, NumberField) for name in (f.column, f.key)]
    table = read_csv(path, require, text=("lesion_id", *words))
    patients = _parse_rows(table, path.name, fields)
    lesion = ["lesion_id"] if "lesion_id" in table else []
    return table[["image", *lesion]].assign(**_columns(patients, fields))


def find_patients(
    path: Path, images: Sequence[str], fields: Sequence[Field] = FIELDS
) -> list[Patient | None]:
    """Read the context of images, in their order; None for one without a row.

    A row of an image stands for the challenge's reduced copy of it, and the other way round, unless
    each has one. Raises as :func:`read_metadata`.
    """
    table = read_metadata(path, fields=fields)
    by_name = dict(zip(table["image"], table_patients(table, fields), strict=True))
    by_id = {archive_id(name): patient for name, patient in by_name.items()}
    return [by_name.get(image, by_id.get(archive_id(image))) for image in images]


def table_patients(table: pd.DataFrame, fields: Sequence[Field] = FIELDS) -> list[Patient]:
    """The context of each row of a table that :func:`read_metadata` or ``read_folder`` checked."""
    return [Patient.parse(row, fields) for row in _raw(table, [f.column for f in fields])]


def table_groups(table: pd.DataFrame, field: Field) -> pd.Series:
    """Each row's subgroup by a field of its patient: categories, in the field's order."""
    values = [patient.get(field.key) for patient in table_patients(table, [field])]
    return pd.Series(pd.Categorical([field.group(value) for value in values], field.groups))


def images_folder(data_dir: Path) -> Path:
    """The folder of a data folder's images: ``images``, or the one that ends in ``_Input``."""
    unpacked = [path for path in sorted(data_dir.glob("*_Input")) if path.is_dir()]
    own = data_dir / "images"
    return unpacked[0] if len(unpacked) == 1 and not own.is_dir() else own


def image_paths(images_dir: Path) -> dict[str, Path]:
    """Map each image's name (the file's stem, unchanged) to its file, sorted by name.

    Raises:
        DataError: no such folder, no image in it, or two files of one name.
    """
    if not images_dir.is_dir():
        raise DataError(f"{images_dir} is not a folder. Give the folder that holds the images.")
    files = sorted(p for p in images_dir.iterdir() if p.suffix.lower() in SUFFIXES)
    if not files:
        raise DataError(f"{images_dir} holds no image ({', '.join(SUFFIXES)}).")
    paths = {file.stem: file for file in files}
    if len(paths) < len(files):
        twice = next(file for file in files if paths[file.stem] != file)
        raise DataError(
            f"{images_dir} holds {twice.name} and {paths[twice.stem].name}: names must differ "
            "before the dot. Rename or remove one."
        )
    return paths


def image_source(image: str, lesion_id: object) -> str:
    """Tell the collection an image is from, by the prefix of its challenge ``lesion_id``.

    The Archive gives lesions names of its own (IL_0000000): there the image's number tells.
    """
    name = archive_id(image)
    if not isinstance(lesion_id, str):
        return "MSK" if is_image_id(name) else "other"
    if lesion_id[:3] in SOURCES:
        return lesion_id[:3]
    number = int(name.removeprefix("ISIC_")) if is_image_id(name) else -1
    found = (source for source, (first, last) in _NUMBERS.items() if first <= number <= last)
    return next(found, "other")


def _parse_rows(table: pd.DataFrame, name: str, fields: Sequence[Field]) -> list[Patient]:
    given = [n for field in fields for n in dict.fromkeys((field.column, field.key)) if n in table]
    patients, errors = [], {}
    for row, values in enumerate(_raw(table, given)):
        try:
            patients.append(Patient.parse(values, fields))
        except PatientError as error:
            errors[row] = error
    if errors:
        wrong = np.isin(np.arange(len(table)), list(errors))
        first = next(iter(errors.values()))
        raise DataError(f"{name}, {name_rows(table, wrong)}: {first}") from first
    return patients


def _sizes(paths: list[Path]) -> np.ndarray:
    """Width and height of each file: int, shape (N, 2)."""
    sizes = np.array([stored_size(path) for path in paths])
    empty = [path.name for path, size in zip(paths, sizes, strict=True) if not size.all()]
    if empty:
        raise DataError(
            f"{paths[0].parent} holds {len(empty)} files that are empty or no image: "
            f"{name_some(empty)}. Replace or remove them; rows without a file are skipped."
        )
    return sizes


def _raw(table: pd.DataFrame, names: Sequence[str]) -> Iterator[dict[str, object]]:
    """The cells of these columns, by name, of each row."""
    columns = [table[name].tolist() for name in names]
    return ({n: c[row] for n, c in zip(names, columns, strict=True)} for row in range(len(table)))


def _columns(patients: Sequence[Patient], fields: Sequence[Field]) -> dict[str, pd.Series]:
    """The fields' values as columns of a table."""
    return {
        field.column: pd.Series(
            [patient.get(field.key) for patient in patients],
            dtype="float64" if isinstance(field, NumberField) else "object",
        )
        for field in fields
    }
