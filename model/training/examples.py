"""Examples of photographs that the network is not for: close-ups, and lesions of no class.

Few as they are, all of them are fitted on; how many of such photographs are recognised is estimated
by cross-validation, by lesion.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.data.photographs import image_paths, images_folder
from model.data.tables import read_csv
from model.errors import DataError

_FOLDS = 5

Recognise = Callable[[np.ndarray], np.ndarray]
"""From vectors (N, width) to whether each is recognised, bool (N,)."""


@dataclass(frozen=True)
class Examples:
    """Photographs of one kind."""

    paths: Sequence[Path] = ()
    lesions: Sequence[str] = ()  # the lesion of each


def read_examples(folder: Path) -> Examples:
    """Read a folder with ``images/`` and ``lesions.csv``, which has ``image`` and ``lesion_id``.

    An image that the table does not name is its own lesion.

    Raises:
        DataError: no image, images of one lesion only, or no such table.
    """
    paths = image_paths(images_folder(folder))
    table = read_csv(folder / "lesions.csv", ("image", "lesion_id"))
    lesion = dict(zip(table["image"], table["lesion_id"].astype(str), strict=True))
    lesions = [lesion.get(name, name) for name in paths]
    if len(set(lesions)) < 2:
        raise DataError(
            f"{folder} has photographs of {len(set(lesions))} lesions. To learn from one and check "
            "on another takes two at least: add some."
        )
    return Examples(list(paths.values()), lesions)


def cross_validated(
    vectors: np.ndarray, lesions: Sequence[str], fit: Callable[[np.ndarray], Recognise]
) -> dict:
    """Count how many examples are recognised by what was fitted on those of other lesions.

    Takes their vectors (N, width). Gives ``images`` and ``recognised``: ``value``, ``low`` and
    ``high``, a share with its 95 % interval (Wilson 1927), as if each were of another lesion.
    """
    from scipy.stats import binomtest
    from sklearn.model_selection import GroupKFold  # these two take a second

    folds = GroupKFold(min(_FOLDS, len(set(lesions))), shuffle=True, random_state=0)
    recognised = np.zeros(len(vectors), bool)
    for learned, checked in folds.split(vectors, groups=lesions):
        recognised[checked] = fit(vectors[learned])(vectors[checked])
    found = binomtest(int(recognised.sum()), len(vectors))
    ends = found.proportion_ci(method="wilson")
    share = {"value": found.statistic, "low": float(ends.low), "high": float(ends.high)}
    return {"images": len(vectors), "recognised": share}
