"""Figures and contact sheets of a data folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont, ImageOps

from isic_api.vocabulary import UNKNOWN_CLASS
from model.data.context import table_patients
from model.diagnosis import DIAGNOSIS_NAMES
from model.explore.summary import diagnoses_in, sources_in, unknown_fields
from model.image import read_image
from model.patient import FIELDS, UNKNOWN, NumberField, describe

_INK, _FILL, _MARK, _GRID = "#222222", "#4477aa", "#cc3311", "#dddddd"
_SOURCE_MARKS = {
    "HAM": ("#4477aa", "o"),
    "BCN": ("#ee7733", "s"),
    "MSK": ("#009988", "^"),
    "other": ("#888888", "D"),
}
"""Colours that any kind of colour vision tells apart (Paul Tol's), and forms for print."""
_NAMES = {**DIAGNOSIS_NAMES, UNKNOWN_CLASS: "none of these"}


def class_figure(table: pd.DataFrame) -> Figure:
    """Images and lesions of each diagnosis."""
    codes = diagnoses_in(table)
    images = table["diagnosis"].value_counts().reindex(codes, fill_value=0)
    lesions = table.groupby("diagnosis")["lesion_id"].nunique().reindex(codes, fill_value=0)
    figure, axes = _panel(8.5, 0.55 * len(codes) + 1.2)
    places = np.arange(len(codes))
    axes.barh(places - 0.2, images, 0.38, color=_FILL, label="images")
    axes.barh(places + 0.2, lesions, 0.38, color="#bbccdd", label="lesions")
    for place, count in zip(places, images, strict=True):
        text = f" {count:,} ({count / len(table):.1%})"
        axes.text(count, place - 0.2, text, va="center", color=_INK)
    names = [f"{_NAMES[code]}  {code}" if code in _NAMES else code for code in codes]
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.set_xlim(0, images.max() * 1.2)
    axes.legend(loc="lower right", frameon=False)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    return figure


def number_figure(table: pd.DataFrame, field: NumberField) -> Figure:
    """How many images there are of each value of a field, and the values of each diagnosis."""
    values = table[field.column].dropna()
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    _plain(left)
    _plain(right)
    highest = max(field.cap + field.step, values.max())
    bins = np.arange(-field.step / 2, highest + field.step, field.step)
    left.hist(values, bins=bins, color=_FILL, edgecolor="white")
    summary = f"mean {values.mean():.1f}, sd {values.std():.1f}"
    left.axvline(values.mean(), color=_MARK, label=summary)
    left.legend(frameon=False, loc="upper left")
    left.yaxis.set_major_formatter("{x:,.0f}")
    axis = f"{field.name} in {field.unit}"
    left.set(xlabel=f"{axis}, in steps of {field.step:g}", ylabel="images")
    groups = {
        code: values[table["diagnosis"][values.index] == code] for code in diagnoses_in(table)
    }
    groups = {code: group for code, group in groups.items() if len(group)}
    right.boxplot(
        list(groups.values()),
        tick_labels=list(groups),
        showfliers=False,
        medianprops={"color": _MARK, "linewidth": 2},
        widths=0.6,
    )
    right.set(ylabel=axis, ylim=(0, None))
    return figure


def shares_figure(shares: pd.DataFrame) -> Figure:
    """Share of each diagnosis within each group, of :func:`model.explore.summary.share_by`."""
    figure = Figure(figsize=(8.5, 0.42 * len(shares) + 1.1), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), share in np.ndenumerate(shares.to_numpy()):
        colour = "white" if share > 0.55 else _INK
        text = "" if share == 0 else "<1" if share < 0.01 else f"{share:.0%}".rstrip("%")
        axes.text(column, row, text, ha="center", va="center", color=colour)
    axes.set_xticks(range(shares.shape[1]), shares.columns)
    axes.set_yticks(range(len(shares)), shares.index)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("per cent of the row's images")
    return figure


def unknown_figure(table: pd.DataFrame) -> Figure:
    """Share of the images of each source whose fields are not known."""
    sources = sources_in(table)
    figure, axes = _panel(8.5, 3.6)
    unknown = pd.DataFrame(unknown_fields(table))
    places, width = np.arange(unknown.shape[1]), 0.8 / len(sources)
    for number, source in enumerate(sources):
        shares = unknown[table["source"] == source].mean() * 100
        at = places + (number - (len(sources) - 1) / 2) * width
        axes.bar(at, shares, width * 0.92, color=_SOURCE_MARKS[source][0], label=source)
        for place, share in zip(at, shares, strict=True):
            axes.text(place, share, f"{share:.1f}", ha="center", va="bottom", fontsize=9)
    axes.set_xticks(places, unknown.columns)
    axes.set_ylabel("per cent not known")
    axes.legend(frameon=False)
    return figure


def sizes_figure(table: pd.DataFrame) -> Figure:
    """Width and height of the images by source; larger marks stand for more images."""
    figure, axes = _panel(7.5, 5.2)
    for source in sources_in(table):
        rows = table[table["source"] == source]
        sizes = rows.groupby(["width", "height"]).size().reset_index(name="images")
        colour, form = _SOURCE_MARKS[source]
        area = 40 + 360 * sizes["images"] / len(table)
        axes.scatter(
            sizes["width"],
            sizes["height"],
            area,
            marker=form,
            facecolors="none",
            edgecolors=colour,
            linewidths=1.8,
            label=f"{source}: {len(rows):,} images of {len(sizes):,} size{'s' * (len(sizes) > 1)}",
        )
    longest = table[["width", "height"]].to_numpy().max() * 1.12
    axes.plot([0, longest], [0, longest], color=_GRID, zorder=0)
    axes.set(xlabel="width, pixels", ylabel="height, pixels", xlim=(0, longest), ylim=(0, longest))
    axes.legend(frameon=False, loc="upper left", markerscale=0.8)
    return figure


def duplicates_figure(table: pd.DataFrame, pairs: np.ndarray) -> Figure:
    """Pairs of duplicates by how much their perceptual hashes differ."""
    lesion = table["lesion_id"].to_numpy()
    same = lesion[pairs[:, 0]] == lesion[pairs[:, 1]]
    figure, axes = _panel(8.5, 3.8)
    bins = np.arange(-3, pairs[:, 2].max(initial=0) + 3, 2)
    # Identical pixels stand one bin to the left of 0.
    bits = [np.where(chosen < 0, -2, chosen) for chosen in (pairs[same, 2], pairs[~same, 2])]
    labels = [f"of one lesion ({same.sum():,})", f"of two lesions ({(~same).sum():,})"]
    axes.hist(bits, bins, stacked=True, color=["#bbccdd", _MARK], edgecolor="white", label=labels)
    ticks = list(range(0, int(bins[-1]), 4))
    axes.set_xticks([-2, *ticks], ["identical", *map(str, ticks)])
    axes.set(xlabel="differing bits of 256", ylabel="pairs of images")
    axes.legend(frameon=False)
    return figure


def _panel(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    _plain(axes)
    return figure, axes


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)


_TILE = 150  # pixels, of the square that a photograph is fitted into
_LINE = 15  # pixels, of a line of text
_GAP = 8
_CHARACTERS = 24  # of a line of text
_FONT = ImageFont.load_default(12)


@dataclass(frozen=True)
class Tile:
    """One photograph of a sheet, with the lines of text under it."""

    path: Path
    lines: tuple[str, ...]


def class_tiles(table: pd.DataFrame, diagnosis: str, *, count: int, seed: int) -> list[Tile]:
    """Choose photographs of a diagnosis at random, each of another lesion."""
    rows = table[table["diagnosis"] == diagnosis]
    rows = rows.sample(frac=1, random_state=seed).drop_duplicates("lesion_id").head(count)
    contexts = [describe(patient, FIELDS) or UNKNOWN for patient in table_patients(rows)]
    return [
        Tile(row.path, (row.image, *wrap(f"{row.source}, {context}", _CHARACTERS)))
        for row, context in zip(rows.itertuples(), contexts, strict=True)
    ]


def pair_tiles(table: pd.DataFrame, pairs: np.ndarray, *, count: int) -> list[Tile]:
    """Choose duplicates, two tiles per pair: those of two diagnoses, then of two lesions, first."""
    lesion, diagnosis = table["lesion_id"].to_numpy(), table["diagnosis"].to_numpy()
    left, right, bits = pairs.T
    order = np.lexsort((bits, lesion[left] == lesion[right], diagnosis[left] == diagnosis[right]))
    tiles = []
    for pair in pairs[order[:count]]:
        apart = "identical pixels" if pair[2] < 0 else f"{pair[2]} of 256 bits differ"
        for row in table.iloc[pair[:2]].itertuples():
            tiles.append(Tile(row.path, (row.image, f"{row.diagnosis} {row.lesion_id}", apart)))
    return tiles


def contact_sheet(tiles: Sequence[Tile], *, across: int = 8) -> Image.Image:
    """Lay photographs out in rows, each whole and in its proportions, its text below it."""
    across = min(across, len(tiles))
    step = _TILE + _GAP, _TILE + _LINE * max(len(tile.lines) for tile in tiles) + _GAP
    down = -(-len(tiles) // across)
    sheet = Image.new("RGB", (across * step[0] + _GAP, down * step[1] + _GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for number, tile in enumerate(tiles):
        left, top = _GAP + number % across * step[0], _GAP + number // across * step[1]
        photograph = ImageOps.contain(read_image(tile.path), (_TILE, _TILE))
        sheet.paste(photograph, (left, top + _TILE - photograph.height))
        for line, text in enumerate(tile.lines):
            place = left, top + _TILE + 1 + line * _LINE
            draw.text(place, _fitting(text), fill="black", font=_FONT)
    return sheet


def _fitting(text: str) -> str:
    """Shorten a line to the width of a tile."""
    while _FONT.getlength(text) > _TILE:
        text = text[:-2].rstrip("…") + "…"
    return text
