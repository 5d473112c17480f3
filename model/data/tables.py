"""CSV tables whose rows are images, and the names by which rows and files are matched.

What breaks a rule is named by line and image. A table may name ``x.jpg``, ``images/x`` or ``x ``
where the file is called ``x.JPG``: names are normalised and matched in one way everywhere.
"""

import codecs
import csv
import io
import re
import unicodedata
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd

from isic_api.vocabulary import archive_id
from model.data.formats import IDENTITIES, column_names
from model.errors import DataError

_NAMED = 5  # offenders that a message names before it only counts them
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_EDGES = (" \0", "\0 ", "\0\0", "\t", "\n", "\xa0")  # blanks around cells that are joined by \0
_NO_TEXT = {
    b"PK\x03\x04": "a spreadsheet (.xlsx or .ods) or zip file",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet (.xls)",
    b"%PDF": "a PDF",
}


def find_table(data_dir: Path, pattern: str) -> Path:
    """Find the one table of a data folder whose name matches.

    Raises:
        DataError: no such folder, none, or several.
    """
    if not data_dir.is_dir():
        raise DataError(f"{data_dir} is not a folder. Give the folder that holds the tables.")
    found = tables_like(data_dir, pattern)
    if len(found) != 1:
        names = ", ".join(file.name for file in found) or "none"
        raise DataError(
            f"{data_dir} must hold exactly one {pattern}, but it holds: {names}. Give the folder "
            "of such a table, or one with a folder of images per class."
        )
    return found[0]


def tables_like(data_dir: Path, pattern: str) -> list[Path]:
    """The files of a folder whose name matches, without hidden ones; sorted."""
    wanted = pattern.casefold()
    names = (path for path in data_dir.glob("*") if not path.name.startswith("."))
    return sorted(path for path in names if fnmatchcase(path.name.casefold(), wanted))


def columns_of(
    path: Path, columns: Sequence[str] = (), names: Mapping[str, str] | None = None
) -> list[str]:
    """What a table's columns are called here; one of ``columns`` or ``image`` must be there."""
    if not path.is_file():
        raise DataError(f"{path} does not exist. Give the path of a CSV file.")
    header = _header(_decoded(path), path)[0]
    found = _renamed(header, names or column_names(()), path)
    if columns and not {"image", *columns} & set(found):
        raise DataError(
            f"{path.name} lacks the column image; it has {', '.join(filter(None, header))}. Use "
            "the challenge's column names."
        )
    return found


def read_csv(
    path: Path,
    columns: Sequence[str],
    *,
    key: str = "image",
    text: Sequence[str] = (),
    names: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Read a table that has at least these columns and one row per value of ``key``.

    Exports of spreadsheets are read as they are: commas, semicolons or tabs between columns,
    decimal commas, UTF-8, UTF-16 or cp1252, blanks around headings and cells, empty rows and
    columns. The index is that of the rows in the file, from 0.

    Args:
        path: the file.
        columns: those that must be there.
        key: the column whose values name the rows; images are named as ``image_names`` does.
        text: further columns whose cells stay text; an empty cell is NaN.
        names: headings in small letters → what the columns are called here.

    Raises:
        DataError: no such file, not a table, a column missing or given twice, or an image unnamed
            or repeated.
    """
    if not path.is_file():
        raise DataError(f"{path} does not exist. Give the path of a CSV file.")
    content = _decoded(path)
    header, separator, first = _header(content, path)
    ours = {name.casefold(): name for name in (*columns, *text, key)}
    renamed = _renamed(header, {**ours, **column_names(()), **(names or {})}, path)
    if missing := [column for column in columns if column not in renamed]:
        raise DataError(
            f"{path.name} lacks the column {', '.join(missing)}; it has "
            f"{', '.join(name for name in header if name)}. Use the challenge's column names."
        )
    table = _cells(content[first:], renamed, separator, (key, *IDENTITIES, *text), path)
    table.index += content.count("\n", 0, first) - 1
    if key in table:
        _require_names(table, path.name, key)
    if "image" in table and key == "image":
        names = table["image"].tolist()
        if (normal := image_names(names)) != names:
            table["image"] = normal
            _require_names(table, path.name, key)
    return table


def _decoded(path: Path) -> str:
    raw = path.read_bytes()
    for start, kind in _NO_TEXT.items():
        if raw.startswith(start):
            raise DataError(
                f"{path} is {kind}, not a CSV table. Save it from the spreadsheet as CSV UTF-8."
            )
    text = _text(raw, path)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(f"{path}, line {line}: not a CSV table: not text. Save it as CSV UTF-8.")
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _text(raw: bytes, path: Path) -> str:
    encodings = ("utf-8-sig", "cp1252")
    if raw[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        encodings = ("utf-16",)
    elif b"\0" in raw[:200]:
        encodings = ("utf-16-le" if raw[1:2] == b"\0" else "utf-16-be",)
    for encoding in encodings:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError as error:
            line = raw[: error.start].count(b"\n") + 1
    raise DataError(
        f"{path}, line {line}: its encoding is not UTF-8, UTF-16 or cp1252, so this is not a CSV "
        "table. Save it as CSV UTF-8."
    )


def _header(content: str, path: Path) -> tuple[list[str], str, int]:
    """Headings, separator, and where the rows begin."""
    start, separator = 0, None
    while True:
        end = content.find("\n", start)
        end = len(content) if end < 0 else end
        line = content[start:end]
        if line.lower().startswith("sep=") and len(line) == 5:  # as Excel writes it
            separator = line[4]
        elif line.strip(" \t,;") or end == len(content):
            break
        start = end + 1
    outside = re.sub(r'"[^"]*"', "", line)
    separator = separator or max(",;\t", key=outside.count)
    header = next(csv.reader([line], delimiter=separator), [])
    if not any(name.strip() for name in header):
        raise DataError(f"{path} is not a CSV table: it is empty. Give one with a row of headings.")
    names = [unicodedata.normalize("NFC", name).strip() for name in header]
    return names, separator, min(end + 1, len(content))


def _renamed(header: list[str], names: Mapping[str, str], path: Path) -> list[str]:
    renamed = [names.get(" ".join(name.casefold().split()), name) for name in header]
    for name in filter(None, renamed):
        if renamed.count(name) > 1:
            given = [h for h, ours in zip(header, renamed, strict=True) if ours == name]
            raise DataError(
                f"{path.name} has the column {name} {len(given)} times: {', '.join(given)}. Keep "
                "one of them."
            )
    return renamed


def _cells(
    rows: str, header: list[str], separator: str, text: Sequence[str], path: Path
) -> pd.DataFrame:
    unnamed = [f"\0{number}" for number in range(len(header) + 1)]  # the last is of longer rows
    names = [name or blank for name, blank in zip(header, unnamed, strict=False)] + unnamed[-1:]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                io.StringIO(rows),
                sep=separator,
                names=names,
                header=None,
                index_col=False,
                dtype=dict.fromkeys((*text, *unnamed), str),
                skipinitialspace=True,
                skip_blank_lines=False,
                decimal="." if separator == "," else ",",
            )
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise DataError(
            f"{path} is not a CSV table: {error}. Give every row as many cells as headings."
        ) from error
    except pd.errors.EmptyDataError:
        table = pd.DataFrame({name: pd.Series(dtype=object) for name in names})
    for name in table.columns:
        if not pd.api.types.is_numeric_dtype(table[name]):
            table[name] = _plain_cells(table[name], is_text=name in text)
    if table.iloc[:, 0].isna().any():
        table = table.dropna(how="all")
    for blank in [name for name in table if name in unnamed]:
        if table[blank].notna().any() and not _is_row_numbers(table[blank]):
            row = table[blank].first_valid_index()
            raise DataError(
                f"{path.name}, line {row + 2}: the cell {table[blank][row]!r} is in a column "
                "without a heading. Give the column a name, or empty it."
            )
    return table.drop(columns=[name for name in table if name in unnamed])


def _is_row_numbers(cells: pd.Series) -> bool:
    """Whether a column only counts the rows, as pandas writes its index."""
    return any(cells.tolist() == [str(n + first) for n in range(len(cells))] for first in (0, 1))


def _plain_cells(cells: pd.Series, *, is_text: bool) -> pd.Series:
    """Without blanks around, and with decimal points in numbers."""
    found = cells.dropna().tolist()
    if all(type(cell) is str for cell in found):
        together = "\0".join(("", *found, ""))
        edges = bool(found) and any(edge in together for edge in _EDGES)
        if not edges and (is_text or "," not in together):
            return cells  # nothing to do, as in most files: a look at each takes longer
    table = {}
    for cell in cells.dropna().unique():
        plain = cell.strip() if isinstance(cell, str) else cell
        if not is_text and isinstance(plain, str) and _DECIMAL_COMMA.fullmatch(plain):
            plain = plain.replace(",", ".")
        table[cell] = np.nan if plain == "" else plain
    return cells if all(k == v for k, v in table.items()) else cells.map(table)


def name_rows(table: pd.DataFrame, mask: np.ndarray | pd.Series, key: str = "image") -> str:
    """Name the marked rows of a table as read from its file, and count those not named."""
    rows = np.flatnonzero(mask)
    named = [f"line {table.index[row] + 2} ({key} {table[key].iloc[row]})" for row in rows[:_NAMED]]
    return name_some(named, len(rows))


def name_some(names: Sequence[str], count: int | None = None) -> str:
    """Join the first few names and count the rest; ``count`` is of all, by default the names'."""
    count = len(names) if count is None else count
    more = f" and {count - _NAMED:,} more" if count > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _require_names(table: pd.DataFrame, name: str, key: str) -> None:
    unnamed = table[key].isna()
    if unnamed.any():
        lines = name_some([f"line {row + 2}" for row in table.index[unnamed]])
        raise DataError(f"{name}, {lines}: the {key}'s name is empty. Fill it in.")
    repeated = table[key].duplicated(keep=False)
    if repeated.any():
        raise DataError(
            f"{name} names {table[key][repeated].nunique()} {key}s more than once: "
            f"{name_rows(table, repeated, key)}. Keep one row per {key}."
        )


_SUFFIX = re.compile(
    r"\.(jpe?g|jpe|jfif|png|webp|bmp|tiff?|heic|heif|avif|gif|dcm|dng|cr2|cr3|nef|arw)$", re.I
)


def image_name(text: str) -> str:
    """A name without blanks around it and without an image's suffix; folders stay, with ``/``."""
    name = unicodedata.normalize("NFC", text).strip().replace("\\", "/")
    while name.startswith("./"):
        name = name[2:]
    while (shorter := _SUFFIX.sub("", name).rstrip()) != name:
        name = shorter
    return name


def image_names(texts: Sequence[str]) -> list[str]:
    """:func:`image_name` of each, without folders where the names differ without them."""
    if _are_plain(texts):
        return list(texts)
    names = [image_name(text) for text in texts]
    bare = [_bare(name) for name in names]
    return bare if len(set(bare)) == len(set(names)) else names


def match_names(wanted: Sequence[str], given: Sequence[str]) -> list[int]:
    """For each wanted name the position of the given one that means the same image, else -1.

    The same name comes first, then one that differs by a folder that only one of them states, then
    the challenge's reduced copy (``_downsampled``) or its original. What could be two is none.
    """
    if not _are_plain(wanted):
        wanted = [image_name(name) for name in wanted]
    if not _are_plain(given):
        given = [image_name(name) for name in given]
    times = Counter(given)
    row_of = {name: row for row, name in enumerate(given)}
    found = [row_of[name] if times[name] == 1 else -1 for name in wanted]
    every = " ".join((*wanted, *given)) if -1 in found else ""
    if "/" in every:
        found = _matched(wanted, given, _bare, found)
    if "/" in every or "_downsampled" in every:
        found = _matched(wanted, given, lambda name: archive_id(_bare(name)), found)
    return found


def _are_plain(texts: Sequence[str]) -> bool:
    """Whether all names are normal already; much faster than normalising each."""
    together = "".join(texts)
    return together.isascii() and not any(mark in together for mark in "./\\ \t\r\n\v\f")


def _matched(
    wanted: list[str], given: list[str], key: Callable[[str], str], found: list[int]
) -> list[int]:
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(given):
        rows.setdefault(key(name), []).append(row)
    times = Counter(map(_bare, wanted))
    result = []
    for name, row in zip(wanted, found, strict=True):
        candidates = rows.get(key(name), []) if row < 0 else [row]
        if row < 0 and len(candidates) == 1 and name != given[candidates[0]]:
            other = given[candidates[0]]
            in_two_folders = "/" in name and "/" in other and _folder(name) != _folder(other)
            if in_two_folders or ("/" in name and times[_bare(name)] > 1):
                candidates = []
        result.append(candidates[0] if len(candidates) == 1 else -1)
    return result


def _bare(name: str) -> str:
    return name.rpartition("/")[2]


def _folder(name: str) -> str:
    return name.rpartition("/")[0]
