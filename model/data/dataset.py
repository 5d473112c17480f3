"""Reading data folders, in the layout of the ISIC 2019 challenge or by class, into one table.

    DIR/images/*.jpg       or the challenge's own DIR/ISIC_2019_Training_Input/*.jpg
    DIR/*GroundTruth.csv   image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC[,UNK]
    DIR/*Metadata.csv      image,lesion_id and a column per field of model.patient

``isic_api download`` writes the same layout. A folder with one folder of images per label
(:mod:`model.data.labels`) is read as well.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from isic_api.vocabulary import UNKNOWN_CLASS
from model.data.context import (
    context_columns,
    fill_from_files,
    names_of_fields,
    read_metadata,
    require_match,
)
from model.data.formats import CONTEXT, WITH_LABELS, collection_of, image_source
from model.data.labels import (
    ClassTable,
    is_by_class,
    read_class_folders,
    read_class_table,
    read_labelled,
    read_truth,
)
from model.data.photographs import data_photographs, images_folder
from model.data.split import ISIC2019_SPLIT, Split
from model.data.tables import find_table, match_names, name_some, read_csv, tables_like
from model.diagnosis import COARSE_LABELS, DIAGNOSIS_NAMES, label_of
from model.errors import DataError
from model.image import stored_size
from model.patient import FIELDS, Field, NumberField, Patient
from model.tasks import CUSTOM, TASKS, Task, custom_task, own_task

_SAME = 0.95  # share of a folder's known values that makes a field say nothing but the folder


@dataclass(frozen=True)
class Dataset:
    """A validated data folder.

    ``table`` has one row per image, sorted by ``image``, with the columns image, lesion_id,
    patient_id (only of tables that have one), one per field of the patient, by its ``column``
    (unknown: NaN for a number, None for a choice), diagnosis (which may be a coarse label), source,
    part (of a folder that is divided already, else empty), path, width and height (pixels, as
    stored). An image without a ``lesion_id`` is its own lesion: its own name stands there.
    """

    table: pd.DataFrame
    without_image: int  # rows of the tables that have no file, left out
    of_other_diagnosis: int  # rows labelled UNK, which the network has no class for, left out
    without_label: int = 0  # files that the ground truth does not name, left out
    without_class: int = 0  # rows whose coarse label has no class in the task, left out
    skipped: tuple[str, ...] = ()  # files in class folders that are no image, left out
    classes: ClassTable | None = None  # of a custom task, if stated
    notes: tuple[str, ...] = ()  # how the tables were joined, and what nothing read

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
        text += f"; no image of {', '.join(without)}" if without else ""
        return "\n".join((text, *self.notes))

    def _classes_without_image(self, task: str) -> list[str]:
        asked = self.task(task)
        found = {asked.class_of.get(label) for label in self.table["diagnosis"]}
        return [code for code in asked.classes if code not in found]


def read_folder(
    data_dir: Path,
    *,
    task: str | None = TASKS["isic2019"].name,
    fields: Sequence[Field] = FIELDS,
    coarse: bool = False,
) -> Dataset:
    """Read and check a data folder for a task, by its name, with these fields of the patients.

    A custom task takes every label of the folder as a class; the others need labels that
    ``model.diagnosis`` knows, and images with one that is too coarse for the task are left out.
    ``None`` is the task that fits the labels. With ``coarse`` they stay in.

    Raises:
        DataError: what :func:`read_tables` refuses, a file that is no image, or no image at all.
    """
    read = _read_by_class if is_by_class(data_dir) else _read_tabled
    dataset = read(data_dir, task, fields)
    fill_from_files(dataset.table, fields)
    sizes = _sizes(dataset.table["path"].tolist())
    dataset.table[["width", "height"]] = sizes
    if coarse:
        return dataset
    return dataset.of_task(task or own_task(dataset.table["diagnosis"].unique().tolist()))


def _read_tabled(data_dir: Path, task: str | None, fields: Sequence[Field]) -> Dataset:
    table, close_ups, notes = _read_joined(data_dir, task, fields)
    found = data_photographs(data_dir)
    names, paths = list(found.paths), list(found.paths.values())
    rows = match_names(table["image"].tolist(), names)
    accounted = {*rows, *match_names(close_ups, names)} - {-1}
    table["path"] = [paths[row] if row >= 0 else None for row in rows]
    with_image = table["path"].notna()
    known = table["diagnosis"] != UNKNOWN_CLASS
    kept = table[with_image & known].reset_index(drop=True)
    if kept.empty:
        raise DataError(
            f"no row of the tables in {data_dir} has an image in {images_folder(data_dir)}. "
            "File names must be the table's names plus .jpg."
        )
    return Dataset(
        kept,
        without_image=int((~with_image).sum()),
        of_other_diagnosis=int((with_image & ~known).sum()),
        without_label=len(names) - len(accounted),
        classes=read_class_table(data_dir, _labels(table)),
        notes=(*notes, *found.passed_over()),
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
    context, context_notes = _context_beside(data_dir, table["image"], fields)
    table, notes = _with_context(table, context, fields)
    matched = match_names(context["image"].tolist(), table["image"].tolist())
    table = table.sort_values("image", ignore_index=True)
    lesion = table["lesion_id"].fillna("")  # unlike the challenge's, such an image is not from MSK
    table["source"] = list(map(image_source, table["image"], lesion))
    table["lesion_id"] = table["lesion_id"].fillna(table["image"])
    context_columns = [field.column for field in fields]
    patient = ["patient_id"] if "patient_id" in table else []
    columns = ["image", "lesion_id", *patient, *context_columns]
    columns += ["diagnosis", "source", "part", "path"]
    return Dataset(
        table[columns],
        without_image=matched.count(-1),
        of_other_diagnosis=0,
        skipped=skipped,
        classes=read_class_table(data_dir, _labels(table)),
        notes=(*context_notes, *notes) if _context_file(data_dir) else (),
    )


def _context_beside(
    data_dir: Path, images: pd.Series, fields: Sequence[Field]
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Read the table of context if there is one; all is unknown without it."""
    file = _context_file(data_dir)
    if file is not None:
        context = read_metadata(file, fields=fields)
        notes = context.attrs.pop("notes")
    else:
        unknown = context_columns([Patient()] * len(images), fields)
        context = pd.DataFrame({"image": images.to_numpy()} | unknown)
        named = names_of_fields(fields)
        notes = (f"no table of context ({CONTEXT[0]}): {named} and lesions are unknown",)
    return context if "lesion_id" in context else context.assign(lesion_id=None), notes


def _context_file(data_dir: Path) -> Path | None:
    combined = [path for name in WITH_LABELS for path in tables_like(data_dir, name)]
    if combined and not tables_like(data_dir, "*GroundTruth.csv"):
        return combined[0]
    for pattern in (*CONTEXT, WITH_LABELS[0]):
        if tables_like(data_dir, pattern):
            return find_table(data_dir, pattern)
    return None


def _with_context(
    table: pd.DataFrame, context: pd.DataFrame, fields: Sequence[Field]
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Join rows of context to those of images, and say what has none.

    Raises:
        DataError: there is context, and none of it is of these images.
    """
    rows = np.array(match_names(table["image"].tolist(), context["image"].tolist()), int)
    require_match(int((rows >= 0).sum()), table["image"].tolist(), context["image"].tolist())
    beside = context.drop(columns="image")
    beside = beside.reindex(rows).set_axis(table.index)  # a row of -1 is unknown
    words = [field.column for field in fields if not isinstance(field, NumberField)]
    beside[words] = beside[words].astype(object).where(beside[words].notna(), None)
    notes = []
    if missing := int((rows < 0).sum()):
        notes.append(f"{missing:,} images have no row of context: theirs is unknown")
    if unused := len(context) - len(np.unique(rows[rows >= 0])):
        notes.append(f"{unused:,} rows of context are of no image")
    return pd.concat([table, beside], axis=1), tuple(notes)


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
    return _read_joined(data_dir, task, fields)[0]


def _read_joined(
    data_dir: Path, task: str | None, fields: Sequence[Field]
) -> tuple[pd.DataFrame, list[str], tuple[str, ...]]:
    """The table of :func:`read_tables`, close-ups that it leaves out, how it was put together."""
    combined = [path for name in WITH_LABELS for path in tables_like(data_dir, name)]
    if combined and not tables_like(data_dir, "*GroundTruth.csv"):
        truth = read_labelled(combined[0])
    else:
        truth = read_truth(find_table(data_dir, "*GroundTruth.csv"), task)
    if "image" not in truth:
        truth, lesion_notes = _by_image(truth, data_dir)
    else:
        lesion_notes = ()
    context, context_notes = _context_beside(data_dir, truth["image"], fields)
    table, notes = _with_context(truth, context, fields)
    table = table.sort_values("image", ignore_index=True)
    close_ups = []
    if "close_up" in table:
        close_ups = table["image"][table["close_up"]].tolist()
        table = table[~table["close_up"]].reset_index(drop=True)
    if not table["lesion_id"].notna().any() and combined:
        table["source"] = [collection_of(image) for image in table["image"]]
    else:
        table["source"] = list(map(image_source, table["image"], table["lesion_id"]))
    table["lesion_id"] = table["lesion_id"].fillna(table["image"])
    patient = ["patient_id"] if "patient_id" in table else []
    columns = ["image", "lesion_id", *patient, *(field.column for field in fields)]
    table = table[[*columns, "diagnosis", "source"]].assign(part="")
    return table, close_ups, (*lesion_notes, *context_notes, *notes)


def _by_image(truth: pd.DataFrame, data_dir: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Labels of lesions as labels of their photographs, which the context names.

    A column ``close_up`` marks those that are not dermoscopic.
    """
    file = find_table(data_dir, CONTEXT[0])
    context = read_csv(file, ("image", "lesion_id"))
    known = context["lesion_id"].isin(truth["lesion_id"])
    require_match(int(known.sum()), truth["lesion_id"].tolist(), context["lesion_id"].tolist())
    labels = dict(zip(truth["lesion_id"], truth["diagnosis"], strict=True))
    kept = context[known].reset_index(drop=True)
    close_up = pd.Series(False, kept.index)
    if "image_type" in kept:
        close_up = kept["image_type"].astype(str).str.contains("clinical|close", case=False)
    counts = {
        "close-up photographs, which are no dermoscopic ones, left out": int(close_up.sum()),
        "rows of context are of a lesion without a label": int((~known).sum()),
        "labelled lesions have no photograph": len(set(labels) - set(kept["lesion_id"][~close_up])),
    }
    table = kept[["image"]].assign(diagnosis=kept["lesion_id"].map(labels), close_up=close_up)
    return table, tuple(f"{count:,} {what}" for what, count in counts.items() if count)


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


def read_folders(
    folders: Sequence[Path],
    *,
    task: str | None = TASKS["isic2019"].name,
    fields: Sequence[Field] = FIELDS,
    coarse: bool = False,
) -> Dataset:
    """Read and check data folders; the arguments are those of :func:`read_folder`.

    Of several folders, one that holds no image of the released split is a source of its own, by its
    name; a field that has one value nearly everywhere in such a folder is unknown there, since it
    would identify the folder, not the patient.

    Raises:
        DataError: what ``read_folder`` refuses, two folders of one name, or an image in two.
    """
    read = {
        folder.resolve(): read_folder(folder, task=task, fields=fields, coarse=coarse)
        for folder in folders
    }
    if len(read) == 1:
        return next(iter(read.values()))
    names = [folder.name for folder in read]
    if len(set(names)) < len(names):
        raise DataError(f"two folders are called {max(names, key=names.count)}. Rename one.")
    listed = Split.load(ISIC2019_SPLIT)
    tables = []
    for folder, dataset in read.items():
        table = dataset.table
        if not listed.covers(table):
            table = _hide_constant_fields(table.assign(source=folder.name), fields)
        tables.append(table.assign(folder=folder.name))
    together = pd.concat(tables, ignore_index=True).sort_values("image", ignore_index=True)
    twice = together["image"][together["image"].duplicated()]
    if len(twice):
        raise DataError(
            f"{name_some(twice.tolist())} are in two folders. Remove them from one of them."
        )
    counts = ("without_image", "of_other_diagnosis", "without_label", "without_class")
    sums = {name: sum(getattr(one, name) for one in read.values()) for name in counts}
    first = next(iter(read.values()))
    notes = tuple(note for one in read.values() for note in one.notes)
    return replace(first, table=together, notes=notes, **sums)


def _hide_constant_fields(table: pd.DataFrame, fields: Sequence[Field]) -> pd.DataFrame:
    for field in fields:
        known = table[field.column].dropna()
        if len(known) and known.value_counts(normalize=True).iloc[0] >= _SAME:
            source = table["source"].iloc[0]
            print(
                f"{source}: {field.column} is always {known.iloc[0]}, and left out", file=sys.stderr
            )
            table = table.assign(**{field.column: None})
    return table
