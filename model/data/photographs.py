"""The photographs of a folder, recognised by content; every other file is reported."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from model.data.formats import IMAGE_FOLDERS
from model.data.tables import image_name
from model.errors import DataError, ImageError
from model.image import FORMATS, SUFFIXES, content_kind, read_image, refuse_other_kinds

_SYSTEM = ("__macosx", "thumbs.db", "desktop.ini")


@dataclass(frozen=True)
class Photographs:
    """The photographs of a folder by name, sorted, and what was skipped."""

    paths: dict[str, Path]
    refused: tuple[ImageError, ...] = ()  # pictures of a kind that is not read
    others: tuple[str, ...] = ()  # files that are no picture
    folders: tuple[str, ...] = ()  # below, which were not looked into

    def passed_over(self) -> list[str]:
        """What was skipped, in sentences for the user."""
        notes = [str(error) for error in self.refused]
        notes += [f"{name} is no photograph: passed over." for name in self.others]
        return notes + [f"{name} is a folder, and not looked into." for name in self.folders]


def list_photographs(folder: Path, *, deep: bool = False) -> Photographs:
    """List a folder; ``deep`` looks into the folders below, too.

    Raises:
        DataError: no such folder, no photograph in it, or two of one name.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder. Give the folder that holds the images.")
    paths: dict[str, Path] = {}
    refused, others, folders = [], [], []
    for entry in _entries(folder, deep=deep):
        path = Path(entry.path)
        if entry.is_dir():
            folders.append(entry.name)
        elif is_photograph(path):
            _add(paths, path, folder)
        elif error := _refusal(path):
            refused.append(error)
        else:
            others.append(entry.name)
    found = Photographs(dict(sorted(paths.items())), tuple(refused), tuple(others), tuple(folders))
    if not paths:
        notes = " ".join(found.passed_over()[:5])
        raise DataError(f"{folder} holds no image ({', '.join(FORMATS)}). {notes}".strip())
    return found


def together(lists: Sequence[Photographs]) -> Photographs:
    """Photographs of several folders as one.

    Raises:
        DataError: two of one name.
    """
    if len(lists) == 1:
        return lists[0]
    paths: dict[str, Path] = {}
    refused, others, folders = [], [], []
    for one in lists:
        for path in one.paths.values():
            _add(paths, path, path.parent)
        refused += one.refused
        others += one.others
        folders += one.folders
    return Photographs(dict(sorted(paths.items())), tuple(refused), tuple(others), tuple(folders))


def is_hidden(name: str) -> bool:
    """Whether a name is that of a hidden file or of one that an operating system leaves behind."""
    return (name.startswith(".") and name != "..") or name.casefold() in _SYSTEM


def is_photograph(path: Path) -> bool:
    """Whether a file is read as a photograph.

    A usual suffix is trusted, to save opening thousands of files; one that is not an image is
    reported when it is read.
    """
    return path.suffix.lower() in SUFFIXES or content_kind(_head(path)) in FORMATS


def require_readable(paths: Iterable[Path]) -> None:
    """Decode each file.

    Raises:
        ImageError: naming all that cannot be read, one a line.
    """
    errors = []
    for path in paths:
        try:
            read_image(path)
        except ImageError as error:
            errors.append(str(error))
    if errors:
        raise ImageError("\n".join(errors))


def _refusal(path: Path) -> ImageError | None:
    try:
        refuse_other_kinds(_head(path), path.name)
    except ImageError as error:
        return error
    if image_name(path.name) != path.name:  # it is called a picture
        return ImageError(
            f"{path.name} cannot be read as an image: it is damaged or not one of "
            f"{', '.join(FORMATS)}. Save the photograph again as JPEG or PNG."
        )
    return None


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(160)


def _entries(folder: Path, *, deep: bool) -> Iterator[os.DirEntry]:
    """What is in a folder and not hidden, sorted; ``deep`` gives files of folders for these."""
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if is_hidden(entry.name):
            continue
        if deep and entry.is_dir():
            yield from _entries(Path(entry.path), deep=True)
        else:
            yield entry


def _add(paths: dict[str, Path], path: Path, folder: Path) -> None:
    name = image_name(path.name)
    if name in paths:
        raise DataError(
            f"{folder} holds {paths[name].name} and {path.name}: names must differ before the dot. "
            "Rename or remove one."
        )
    paths[name] = path


def images_folder(data_dir: Path) -> Path:
    """The folder of a data folder's images: ``images``, or as the publisher calls it."""
    return images_folders(data_dir)[0]


def images_folders(data_dir: Path) -> list[Path]:
    """The folders of a data folder's images; ``images`` if there is none."""
    for pattern in IMAGE_FOLDERS:
        if found := sorted(path for path in data_dir.glob(pattern) if path.is_dir()):
            return found
    return [data_dir / IMAGE_FOLDERS[0]]


def data_photographs(data_dir: Path) -> Photographs:
    """The photographs of a data folder, those in folders below, too."""
    return together([list_photographs(one, deep=True) for one in images_folders(data_dir)])


def image_paths(images_dir: Path) -> dict[str, Path]:
    """Map each image's name (the file's without its suffix) to its file, sorted by name.

    Raises:
        DataError: no such folder, no image in it, or two files of one name.
    """
    return list_photographs(images_dir).paths
