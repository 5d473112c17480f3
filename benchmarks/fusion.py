"""What the patient's context is worth, by the way it is joined: one table, three seeds each.

    python benchmarks/fusion.py --data DIR --weights FILE --out runs/fusion

Trains every fusion with every seed on the HAM10000 images of the split's training part, all else
equal, and judges the last epoch's weights on those of the validation part, which nothing was chosen
by. Writes benchmarks/fusion.json and docs/fusion.md. Goes on after an interruption; about an hour
on four cores.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import keras  # noqa: E402

from benchmarks.measuring import machine, save  # noqa: E402
from model.data.dataset import Dataset, read_folder  # noqa: E402
from model.data.split import ISIC2019_SPLIT, Split  # noqa: E402
from model.evaluation.intervals import LesionBootstrap, interval  # noqa: E402
from model.evaluation.outcome import task_figures  # noqa: E402
from model.tasks import TASKS  # noqa: E402
from model.training.batches import load_part  # noqa: E402
from model.training.settings import TrainConfig  # noqa: E402
from model.training.train import train  # noqa: E402

FUSIONS = ("none", "concat", "film", "metablock", "add")
SEEDS = (0, 1, 2)
SETTINGS = {
    "backbone": "mobilenet_0.75",
    "image_side": 96,
    "epochs": 6,
    "learning_rate": 1e-3,
    "downscale": 0.0,
    "metadata_dropout_field": 0.05,
    "metadata_dropout_all": 0.05,
    "keep": "last",
}


def main() -> None:
    """Train, judge, print and save."""
    options = parse()

    dataset = read_folder(options.data)
    ham = dataset.table["source"] == "HAM"
    dataset = replace(dataset, table=dataset.table[ham].reset_index(drop=True))
    split = Split.load(ISIC2019_SPLIT)
    rows = split.part("validation", dataset.table)
    bootstrap = LesionBootstrap(rows["lesion_id"])
    draws = {
        fusion: [
            figures(rows, answers(dataset, split, fusion, seed, options), bootstrap)
            for seed in SEEDS
        ]
        for fusion in FUSIONS
    }
    means = {
        fusion: {key: np.mean([one[key] for one in seeds], axis=0) for key in seeds[0]}
        for fusion, seeds in draws.items()
    }
    report = machine() | {
        "settings": SETTINGS,
        "seeds": SEEDS,
        "images": {"train": len(split.part("train", dataset.table)), "validation": len(rows)},
        "cases": rows["diagnosis"].value_counts().to_dict(),
        "classes": list(TASKS["isic2019"].classes),
        "fusions": {
            fusion: judged(fusion, means, draws[fusion], options.out) for fusion in FUSIONS
        },
    }
    save("fusion", report)
    (ROOT / "docs" / "fusion.md").write_text(page(report), encoding="utf-8")


def judged(
    fusion: str, means: dict[str, dict], seeds: list[dict[str, np.ndarray]], out: Path
) -> dict:
    """What the report says of one fusion; each figure is the mean over the seeds."""
    found, alone = means[fusion], means["none"]
    compared = ("balanced_accuracy", "macro_auc")
    return {
        "figures": {key: interval(values) for key, values in found.items()},
        "beside_none": {key: interval(found[key] - alone[key]) for key in compared},
        "by_seed": [float(one["balanced_accuracy"][0]) for one in seeds],
        "training": [learned(out / f"{fusion}_{seed}") for seed in SEEDS],
    }


def answers(
    dataset: Dataset, split: Split, fusion: str, seed: int, options: argparse.Namespace
) -> np.ndarray:
    """Train, or read what an earlier call found: probabilities of the validation part."""

    folder = options.out / f"{fusion}_{seed}"
    file = folder / "probabilities.npy"
    if not file.exists():
        named = {"fusion": fusion, "seed": seed, "weights": str(options.weights)}
        config = TrainConfig(**SETTINGS | named)
        network, encoder = train(dataset, split, config, out=folder, cache_dir=options.cache)
        rows = split.part("validation", dataset.table)
        part = load_part(rows, encoder, config, TASKS["isic2019"], options.cache)
        inputs = {"image": part.images, "patient": part.patients}
        np.save(file, network.predict(inputs, batch_size=64, verbose=0))
        keras.utils.clear_session()
    return np.load(file)


def learned(run: Path) -> float:
    """Balanced accuracy on the augmented training images in a run's last epoch."""
    return float(pd.read_csv(run / "history.csv")["balanced_accuracy"].iloc[-1])


def figures(
    rows: pd.DataFrame, probabilities: np.ndarray, bootstrap: LesionBootstrap
) -> dict[str, np.ndarray]:
    """Balanced accuracy, macro AUC and the recall of each class, in every draw of lesions."""

    task = TASKS["isic2019"]
    found = task_figures(task, rows, probabilities, bootstrap)
    kept = {key: found[key] for key in ("balanced_accuracy", "macro_auc")}
    labels = task.labels(rows["diagnosis"].tolist())
    case = np.eye(len(task.classes))[labels]
    hit = case * (probabilities.argmax(axis=1) == labels)[:, None]
    cases, hits = bootstrap.sums(case), bootstrap.sums(hit)
    recalls = np.divide(hits, cases, out=np.full(cases.shape, np.nan), where=cases > 0)
    return kept | dict(zip(task.classes, recalls.T, strict=True))


def page(report: dict) -> str:
    """The table as a Markdown page."""
    lines = [
        "# What the patient's context is worth, by the way it is joined",
        "",
        "Made by `python benchmarks/fusion.py --data DIR --weights FILE --out runs/fusion`.",
        "",
        about(report),
        "",
        *figure_table(report),
        "",
        "Difference to the image alone, on the same draws of lesions; each seed's balanced "
        "accuracy; and the mean of that on the training images in the last epoch:",
        "",
        *difference_table(report),
        "",
        "The fusions are those of [model/networks/fusion.py](../model/networks/fusion.py): `none` "
        "is the image alone, `concat` joins both vectors, `film` scales and shifts image features, "
        "`metablock` gates them, and `add` adds the logits of two heads.",
        "",
        "How to read it: where the interval of a difference holds 0, these epochs and images do "
        "not tell the fusion from the image alone. A fusion that is far behind in training, too, "
        "has not had enough epochs, which says nothing of where it would end: MetaBlock squeezes "
        "the embedding through a sigmoid and was trained for up to 150 epochs by its authors.",
    ]
    return "\n".join(lines) + "\n"


def about(report: dict) -> str:
    """What was trained and how it was judged."""
    counts = report["images"]
    return (
        f"HAM10000 images, {report['settings']['image_side']} px, {report['settings']['epochs']} "
        f"epochs, {report['settings']['backbone']} from ImageNet, at most {report['cores']} CPU "
        "cores. "
        f"{counts['train']} training images; judged on {counts['validation']} validation images of "
        "other lesions, by which nothing was chosen. Each figure is the mean over seeds "
        f"{', '.join(map(str, report['seeds']))}; in brackets 95 % intervals, bootstrap by lesion. "
        "They leave out the spread between seeds, which the second table shows."
    )


def figure_table(report: dict) -> list[str]:
    """One line per fusion, one column per figure."""
    keys = ["balanced_accuracy", "macro_auc", *report["classes"]]
    heads = ["balanced accuracy", "macro AUC", *(f"recall {c}" for c in report["classes"])]
    return [
        f"| fusion | {' | '.join(heads)} |",
        f"| --- |{' --- |' * len(heads)}",
        *(
            f"| {' | '.join([name, *(shown(fusion['figures'][key]) for key in keys)])} |"
            for name, fusion in report["fusions"].items()
        ),
    ]


def difference_table(report: dict) -> list[str]:
    """One line per fusion: how far it is from the image alone, and its seeds."""
    return [
        "| fusion | balanced accuracy | macro AUC | by seed | in training |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| {name} | {shown(fusion['beside_none']['balanced_accuracy'], sign=True)} | "
            f"{shown(fusion['beside_none']['macro_auc'], sign=True)} | "
            f"{', '.join(f'{value:.3f}' for value in fusion['by_seed'])} | "
            f"{np.mean(fusion['training']):.3f} |"
            for name, fusion in report["fusions"].items()
        ),
    ]


def shown(figure: dict, *, sign: bool = False) -> str:
    """A figure with its interval, as 0.xxx."""
    if figure["value"] is None:
        return "-"
    form = "+.3f" if sign else ".3f"
    return f"{figure['value']:{form}} ({figure['low']:{form}} to {figure['high']:{form}})"


def parse() -> argparse.Namespace:
    """Options."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of ISIC 2019")
    parser.add_argument("--weights", default="imagenet", help="of mobilenet_0.75 (.weights.h5)")
    parser.add_argument("--out", type=Path, required=True, help="folder of the trainings")
    parser.add_argument("--cache", type=Path, default=Path(".cache"), help="prepared images")
    return parser.parse_args()


if __name__ == "__main__":
    main()
