"""How much a split by image instead of by lesion inflates a network's figures.

Both networks are trained on equally many images of each diagnosis and evaluated on the same ones.
The first was trained on other photographs of some of the evaluated lesions, the second on none.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from model.data.split import Split
from model.data.splitters import HELD_OUT
from model.evaluation.intervals import LesionBootstrap, interval, two_sided_p
from model.evaluation.outcome import FIGURES, task_figures
from model.evaluation.report_text import text_table, with_ci
from model.presets.bench import Bench
from model.presets.preset import Preset
from model.tasks import Task

BY_IMAGE, BY_LESION = "by_image", "by_lesion"


@dataclass(frozen=True)
class LeakagePair:
    """Two splits with the same validation images and equally many training images."""

    by_image: Split
    by_lesion: Split
    seen: frozenset[str]  # validation images of lesions that by_image trains on


def draw_pair(table: pd.DataFrame, groups: np.ndarray, *, seed: int = 0) -> LeakagePair:
    """Draw 15 % of the images, whatever their lesions, and two training parts of the others.

    Args:
        table: with the columns image and diagnosis.
        groups: of images of one lesion, int (N,).
        seed: of the drawing.
    """
    images, rng = table["image"].to_numpy(str), np.random.default_rng(seed)
    held_out = np.zeros(len(images), bool)
    held_out[rng.choice(len(images), round(HELD_OUT * len(images)), replace=False)] = True
    sibling = ~held_out & np.isin(groups, groups[held_out])
    clean = np.flatnonzero(~held_out & ~sibling)
    # Melanomas recur more than others: without this, the clean part would have fewer of them.
    diagnosis, leaky = table["diagnosis"].to_numpy(str), []
    for code, count in zip(*np.unique(diagnosis[clean], return_counts=True), strict=True):
        alike = np.flatnonzero(~held_out & (diagnosis == code))
        leaky += sorted(rng.choice(alike, count, replace=False))
    seen = held_out & np.isin(groups, groups[leaky])
    judged = tuple(images[held_out])
    return LeakagePair(
        Split(tuple(images[leaky]), judged, (), rule="15 % of the images at random", seed=seed),
        Split(tuple(images[clean]), judged, (), rule="as by image, less their lesions", seed=seed),
        frozenset(images[seen]),
    )


def some_lesions(groups: np.ndarray, limit: int | None, *, seed: int = 0) -> np.ndarray:
    """Choose whole lesions of at most so many images: bool (N,).

    Of single images, the fewer are drawn, the fewer would share a lesion.
    """
    if limit is None or limit >= len(groups):
        return np.ones(len(groups), bool)
    _, number, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(sizes))
    return np.isin(number, order[np.cumsum(sizes[order]) <= limit])


def measure_leakage(bench: Bench, preset: Preset, pair: LeakagePair) -> dict:
    """Train the preset on both splits, in two folders of the bench's, and compare the figures.

    Returns plain values: for ``all`` evaluated images and those of ``seen`` lesions the figures of
    both networks, and the inflation, by how much the first seems better, with paired intervals.
    """
    answers = {}
    for name, split in ((BY_IMAGE, pair.by_image), (BY_LESION, pair.by_lesion)):
        one = replace(bench, split=split, part="validation", out=bench.out / name)
        answers[name] = one.predict(one.trained(preset), preset, "validation")
    rows, config = one.rows("validation"), one.config(preset)
    task = bench.dataset.task(config.task)
    seen = rows["image"].isin(pair.seen).to_numpy()
    chosen = {"all": np.ones(len(rows), bool), "seen": seen}
    return {
        "preset": preset.name,
        "image_side": config.image_side,
        "epochs": config.epochs,
        "training_images": len(pair.by_image.train),
        "judged": {name: int(mask.sum()) for name, mask in chosen.items()},
        "figures": {
            name: _compared(task, rows[mask], {key: a[mask] for key, a in answers.items()})
            for name, mask in chosen.items()
            if mask.any()
        },
    }


def leakage_text(found: dict) -> str:
    """Write what was found as plain text, one table for all and one for seen lesions."""
    judged = found["judged"]
    lines = [
        f"{found['preset']}, {found['image_side']} px, at most {found['epochs']} epochs, twice on "
        f"{found['training_images']:,} images; 95 % intervals by lesion, paired",
    ]
    titles = {
        "all": f"all {judged['all']:,} evaluated images, the same for both",
        "seen": f"the {judged['seen']:,} of them with a photograph of the lesion in the training "
        "part by image",
    }
    for name, figures in found["figures"].items():
        rows = [("", "split by image", "split by lesion", "inflation")]
        for key, text in FIGURES.items():
            found_by = (figures[key][of] for of in (BY_IMAGE, BY_LESION, "inflation"))
            rows.append((text, *map(with_ci, found_by)))
        lines += ["", titles[name], *text_table(rows)]
    return "\n".join(lines)


def _compared(task: Task, rows: pd.DataFrame, answers: dict[str, np.ndarray]) -> dict:
    bootstrap = LesionBootstrap(rows["lesion_id"])
    drawn = {name: task_figures(task, rows, a, bootstrap) for name, a in answers.items()}
    compared = {}
    for key in FIGURES:
        more = drawn[BY_IMAGE][key] - drawn[BY_LESION][key]
        compared[key] = {name: interval(figures[key]) for name, figures in drawn.items()}
        compared[key]["inflation"] = interval(more) | {"p": two_sided_p(more)}
    return compared
