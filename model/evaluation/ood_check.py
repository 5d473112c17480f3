"""How well the out-of-distribution (OOD) scores separate OOD images from test images."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.cbook import get_sample_data
from PIL import Image, ImageDraw, ImageFilter
from scipy.ndimage import gaussian_filter
from sklearn.datasets import load_sample_images

from model.evaluation.intervals import LesionBootstrap, interval
from model.evaluation.metrics import roc_auc
from model.evaluation.outcome import Outcome
from model.inference.backend import ModelOutputs
from model.inference.finder import Framed
from model.inference.ood import ood_scores
from model.inference.predictor import Predictor
from model.patient import Patient

_COUNT = 100  # images of every kind
OOD_IMAGES = 5 * _COUNT
"""Of all kinds."""


def check_ood(predictor: Predictor, outcome: Outcome, outputs: ModelOutputs) -> dict | None:
    """Compare all scores; None if the bundle has no detector.

    - false_alarm_rate: false-positive rate on the outcome's own images, by score
    - kinds: AUC against the outcome's images and sensitivity, by kind of image and score
    - either_notice: by kind, the share that is told to be OOD or not dermoscopic
    - left_out: AUC of each diagnosis against the others after the detector has forgotten it. The
      network itself was trained on it, so a truly new diagnosis may be detected less or more.
    """
    if predictor.detector is None:
        return None
    known = ood_scores(predictor.detector, outputs)
    thresholds = predictor.manifest.ood["thresholds"]
    return {
        "method": predictor.manifest.ood["method"],
        "stated_false_alarm_rate": predictor.manifest.ood["false_positive_rate"],
        "false_alarm_rate": {
            name: _share(scores > thresholds[name], outcome.bootstrap)
            for name, scores in known.items()
        },
        **_kinds(predictor, known, thresholds),
        "left_out": _left_out(predictor, outcome, outputs),
    }


def _kinds(
    predictor: Predictor, known: dict[str, np.ndarray], thresholds: dict[str, float]
) -> dict[str, dict[str, object]]:
    found, either_notice = {}, {}
    for kind, images in ood_images(_COUNT).items():
        framed = [predictor.frame(image) for image in images]
        outputs = _outputs(predictor, [one.squares for one in framed])
        scores = ood_scores(predictor.detector, outputs)
        noticed = {name: scores[name] > thresholds[name] for name in scores}
        either = noticed[predictor.manifest.ood["method"]]
        if predictor.closeups:
            either = either | ~_dermoscopic(predictor, framed, outputs)
        found[kind] = {
            name: {"auc": _auc(scores[name], known[name]), "noticed": float(noticed[name].mean())}
            for name in scores
        }
        either_notice[kind] = float(either.mean())
    return {"kinds": found, "either_notice": either_notice}


def _dermoscopic(
    predictor: Predictor, framed: Sequence[Framed], outputs: ModelOutputs
) -> np.ndarray:
    """Which photographs do not get the notice that they are not dermoscopic: bool (N,)."""
    vectors = outputs.embeddings
    if framed[0].whole is not None:
        whole = _outputs(predictor, [one.whole for one in framed])
        vectors = np.concatenate([vectors, whole.embeddings], axis=1)
    return predictor.closeups.score(vectors) <= 1


def _outputs(predictor: Predictor, prepared: Sequence[np.ndarray]) -> ModelOutputs:
    return predictor.outputs(np.stack(prepared), [Patient()] * len(prepared))


def _left_out(predictor: Predictor, outcome: Outcome, outputs: ModelOutputs) -> dict[str, dict]:
    found = {}
    for number, code in enumerate(outcome.codes):
        new = outcome.labels == number
        scores = ood_scores(predictor.detector.without(number), outputs)
        fitted = ("mahalanobis", "knn")  # the others are not fitted
        found[code] = {name: _auc(scores[name][new], scores[name][~new]) for name in fitted}
    return found


def _auc(ood: np.ndarray, known: np.ndarray) -> float | None:
    """ROC AUC of telling OOD images from known ones; None if either group is empty."""
    positive = np.arange(len(ood) + len(known)) < len(ood)
    area = float(roc_auc(positive, np.r_[ood, known]))
    return None if np.isnan(area) else area


def _share(marked: np.ndarray, bootstrap: LesionBootstrap) -> dict:
    return interval(bootstrap.sums(marked) / bootstrap.sums(np.ones(len(marked))))


SIDE = 200  # pixels
_SKIN = np.array([[236, 200, 180], [215, 170, 145], [180, 130, 100], [120, 80, 60]])


def ood_images(count: int, *, seed: int = 0) -> dict[str, list[Image.Image]]:
    """Make ``count`` RGB images of every kind, by the kind's name."""
    rng = np.random.default_rng(seed)
    pictures = _pictures()
    kinds: dict[str, Callable[[], Image.Image]] = {
        "natural pictures": lambda: _natural(pictures, rng),
        "white noise": lambda: Image.fromarray(
            rng.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
        ),
        "soft noise": lambda: _soft_noise(rng),
        "synthetic clinical photographs": lambda: _clinical(rng),
        "synthetic skin without a lesion": lambda: _skin(rng),
    }
    return {name: [make() for _ in range(count)] for name, make in kinds.items()}


def _pictures() -> list[Image.Image]:
    """A temple, a flower and a portrait."""
    with get_sample_data("grace_hopper.jpg") as file:
        portrait = Image.open(file).convert("RGB")
    return [*(Image.fromarray(image) for image in load_sample_images().images), portrait]


def _natural(pictures: list[Image.Image], rng: np.random.Generator) -> Image.Image:
    picture = pictures[rng.integers(len(pictures))]
    side = int(rng.integers(120, 400))
    left = int(rng.integers(picture.width - side))
    top = int(rng.integers(picture.height - side))
    return picture.crop((left, top, left + side, top + side))


def _soft_noise(rng: np.random.Generator) -> Image.Image:
    noise = gaussian_filter(rng.normal(0, 1, (SIDE, SIDE, 3)), (8, 8, 0))
    return Image.fromarray((noise / noise.std() * 50 + 128).clip(0, 255).astype(np.uint8))


def _skin(rng: np.random.Generator) -> Image.Image:
    """Skin in one of four tones under light that falls off to one side."""
    tone = _SKIN[rng.integers(len(_SKIN))] * rng.uniform(0.9, 1.1)
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    light = 1 + rng.uniform(0.05, 0.3) * (np.cos(angle) * x + np.sin(angle) * y)
    texture = gaussian_filter(rng.normal(0, 1, (SIDE, SIDE)), 1.5) * 12
    skin = tone * light[..., None] + texture[..., None]
    return Image.fromarray(skin.clip(0, 255).astype(np.uint8))


def _clinical(rng: np.random.Generator) -> Image.Image:
    """A limb from afar, before a dull ground, with a lesion of a few pixels."""
    image = Image.new("RGB", (SIDE, SIDE), tuple(int(v) for v in rng.integers(30, 220, 3)))
    mask = Image.new("L", image.size)
    width = int(rng.integers(50, 110))
    ImageDraw.Draw(mask).rounded_rectangle(
        (SIDE // 2 - width, -SIDE, SIDE // 2 + width, 2 * SIDE), radius=width, fill=255
    )
    mask = mask.rotate(float(rng.uniform(0, 180))).filter(ImageFilter.GaussianBlur(2))
    image.paste(_skin(rng), mask=mask)
    x, y = rng.uniform(0.35, 0.65, 2) * SIDE
    radius = rng.uniform(3, 9)
    colour = tuple(int(v) for v in rng.integers((50, 25, 20), (130, 75, 65)))
    ImageDraw.Draw(image).ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    return image.filter(ImageFilter.GaussianBlur(0.8))
