"""Contact sheets: photographs of a data folder side by side. They stay with the data's user."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont, ImageOps

from model.data.dataset import table_patients
from model.image import read_image
from model.patient import FIELDS, UNKNOWN, describe

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
    said = [describe(patient, FIELDS) or UNKNOWN for patient in table_patients(rows)]
    return [
        Tile(row.path, (row.image, *wrap(f"{row.source}, {context}", _CHARACTERS)))
        for row, context in zip(rows.itertuples(), said, strict=True)
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
