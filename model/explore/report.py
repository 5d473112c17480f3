"""A picture of what is in a data folder: one page, its figures as files, its numbers as JSON."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from model.data.dataset import Dataset, read_folder, read_tables
from model.data.duplicates import duplicate_pairs
from model.data.labels import is_by_class
from model.data.photographs import images_folder
from model.data.tables import name_some
from model.diagnosis import DIAGNOSIS_NAMES
from model.explore.figures import (
    class_figure,
    class_tiles,
    contact_sheet,
    duplicates_figure,
    number_figure,
    pair_tiles,
    shares_figure,
    sizes_figure,
    unknown_figure,
)
from model.explore.summary import (
    diagnoses_in,
    pairs_across_lesions,
    share_by,
    share_by_field,
    sources_in,
    summarize_duplicates,
    summarize_images,
    summarize_tables,
)
from model.html_page import Section, Table, html_page
from model.patient import FIELDS

PHOTOGRAPHS = 24
"""Of each diagnosis on its contact sheet."""

_PAIRS = 24  # on the sheet of duplicates


@dataclass(frozen=True)
class Images:
    """The photographs of a data folder and the duplicates among them."""

    dataset: Dataset
    pairs: np.ndarray  # of duplicate_pairs


def explore(
    data_dir: Path, out: Path, *, cache_dir: Path, seed: int = 0, task: str | None = None
) -> dict:
    """Write index.html, PNG figures, contact sheets and summary.json into ``out``.

    Works on the tables alone where the folder has no images. ``seed`` chooses the photographs on
    the contact sheets. ``task`` is as in :func:`model.data.dataset.read_folder`. Returns the
    summary.

    Raises:
        DataError: what :func:`model.data.dataset.read_folder` refuses.
        ImageError: an image cannot be read.
    """
    images = read_images(data_dir, cache_dir=cache_dir, task=task)
    by_class = is_by_class(data_dir)
    table = images.dataset.table if by_class else read_tables(data_dir, task=task)
    summary = summarize_tables(table)
    out.mkdir(parents=True, exist_ok=True)
    sections = list(table_sections(table, summary, out))
    if images:
        known = images.dataset.table
        summary["images"] = summarize_images(images.dataset)
        summary["duplicates"] = summarize_duplicates(known, images.pairs)
        sections += image_sections(images, summary, out)
        sections += sheet_sections(images, out, seed=seed)
    title = f"What is in {data_dir.resolve().name}"
    html = html_page(title, [Section(texts=[introduction(summary)]), *sections])
    (out / "index.html").write_text(html, encoding="utf-8")
    text = json.dumps(summary, indent=1) + "\n"
    (out / "summary.json").write_text(text, encoding="utf-8")
    return summary


def read_images(data_dir: Path, *, cache_dir: Path, task: str | None = None) -> Images | None:
    """Read the images of a data folder and find the duplicates; None if it has no images."""
    folder = images_folder(data_dir)
    if not is_by_class(data_dir) and not (folder.is_dir() and any(folder.iterdir())):
        return None
    dataset = read_folder(data_dir, task=task)
    pairs = duplicate_pairs(dataset.table["path"].tolist(), cache_dir=cache_dir)
    return Images(dataset, pairs)


def introduction(summary: dict) -> str:
    """The folder in two sentences."""
    text = f"The tables have {summary['rows']:,} images of {summary['lesions']:,} lesions."
    for field in FIELDS:
        found = summary["numbers"].get(field.key, {"known": 0})
        if found["known"] > 1:
            text += (
                f" The mean {field.name} is {found['mean']:.1f} {field.unit} (sd {found['sd']:.1f})"
                f", known for {found['known']:,} images."
            )
    if "images" not in summary:
        return f"{text} The folder holds no images, so all figures are of the tables."
    found = summary["images"]
    return (
        f"{text} Files of {found['images']:,} images are here; {found['rows_without_image']:,} rows"
        f" have none, {found['images_without_label']:,} files have no label, and "
        f"{found['images_labelled_unk']:,} have a label (UNK) that is not trained on."
        f"{_left_out(found)}"
    )


def _left_out(found: dict) -> str:
    """Counts of what few folders have: labels too coarse for the task, files that are no image."""
    text = ""
    if found["images_without_class"]:
        count = found["images_without_class"]
        text += f" {count:,} more images have a label too coarse for the task."
    if found["files_no_image"]:
        text += f" No image, and skipped: {name_some(found['files_no_image'])}."
    return text


def table_sections(table: pd.DataFrame, summary: dict, out: Path) -> Iterator[Section]:
    """Figures of the tables, of all rows, with or without images."""
    counts = summary["diagnoses"]
    common, rare = max(counts, key=counts.get), min(counts, key=counts.get)
    text = (
        f"From {counts[rare]:,} images of {rare} to {counts[common]:,} of {common}. Several images "
        "may show one lesion, so a split must keep lesions, not images, apart."
    )
    yield _figure("Diagnoses", text, class_figure(table), out / "diagnoses.png")
    by = "How often each diagnosis is among the images of a row; each row sums to 100."
    for field in FIELDS:
        found = summary["numbers"].get(field.key)
        if found and found["known"]:
            text = (
                f"From {found['lowest']:g} to {found['highest']:g} {field.unit}, in steps of "
                f"{field.step:g}. Boxes hold the middle half of a diagnosis, the red line is its "
                "median."
            )
            figure, file = number_figure(table, field), out / f"{field.key}.png"
            yield _figure(field.name.capitalize(), text, figure, file)
        yield _shares(f"Diagnosis by {field.name}", by, share_by_field(table, field), out)
    text = f"{by} Where sources differ in their mix, a network can learn the source instead."
    shares = share_by(table, table["source"], sources_in(table))
    yield _shares("Diagnosis by source", text, shares, out)
    lacking = ", ".join(f"{name} {count:,}" for name, count in summary["unknown"].items())
    text = f"Images whose field is empty: {lacking}. Empty stays unknown; nothing is filled in."
    yield _figure("Unknown fields", text, unknown_figure(table), out / "unknown.png")


def image_sections(images: Images, summary: dict, out: Path) -> Iterator[Section]:
    """Sizes and duplicates of the files."""
    table, pairs = images.dataset.table, images.pairs
    sizes = summary["images"]["sizes"]
    frequent = ", ".join(f"{size} ({count:,})" for size, count in list(sizes.items())[:5])
    text = f"As stored, before black borders are cut off. Most frequent: {frequent} pixels."
    yield _figure("Sizes of the images", text, sizes_figure(table), out / "sizes.png")
    found = summary["duplicates"]
    text = (
        f"{found['identical_pairs']:,} pairs of files have identical pixels, "
        f"{found['near_pairs']:,} more look the same to a perceptual hash; where many bits differ, "
        f"they may be merely similar. {found['pairs_across_lesions']:,} of all bear two lesion_id "
        f"and {found['pairs_of_two_diagnoses']:,} two diagnoses. Splits keep all of them on one "
        "side, and no label is changed."
    )
    if not len(pairs):
        yield Section("Duplicates", [text])
        return
    figure = duplicates_figure(table, pairs)
    across = pairs_across_lesions(table, pairs)
    yield _figure("Duplicates", text, figure, out / "duplicates.png", table=across.head(100))


def sheet_sections(images: Images, out: Path, *, seed: int) -> Iterator[Section]:
    """Contact sheets of duplicates and of each diagnosis."""
    table = images.dataset.table
    if len(images.pairs):
        tiles = pair_tiles(table, images.pairs, count=_PAIRS)
        text = "Pairs side by side; those of two diagnoses and of two lesions come first."
        yield _sheet("Duplicates side by side", text, tiles, out / "sheet_duplicates.jpg")
    for code in diagnoses_in(table):
        tiles = class_tiles(table, code, count=PHOTOGRAPHS, seed=seed)
        if tiles:
            text = f"{len(tiles)} photographs drawn at random, each of another lesion."
            title = f"{DIAGNOSIS_NAMES[code]} ({code})" if code in DIAGNOSIS_NAMES else code
            yield _sheet(title, text, tiles, out / f"sheet_{code}.jpg")


def _shares(title: str, text: str, shares: pd.DataFrame, out: Path) -> Section:
    file = out / f"{title.lower().replace(' ', '_')}.png"
    return _figure(title, text, shares_figure(shares), file)


def _figure(
    title: str, text: str, figure: Figure, file: Path, *, table: pd.DataFrame | None = None
) -> Section:
    figure.savefig(file, dpi=110)
    tables = [] if table is None else [Table.of(table)]
    return Section(title, [text], file, tables=tables)


def _sheet(title: str, text: str, tiles: list, file: Path) -> Section:
    contact_sheet(tiles).save(file, quality=88)
    return Section(title, [text], file, alt=f"Photographs: {title}")
