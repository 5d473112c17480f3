"""Out-of-distribution (OOD) detection: is an image unlike the training images?

Four scores, all higher for images that are further from training:

    mahalanobis   distance of the image embedding to the nearest class mean, in units of the
                  spread within classes (Lee et al. 2018)
    knn           distance of the embedding's direction to its tenth nearest training image (Sun
                  et al. 2022)
    max_softmax   1 minus the highest probability (Hendrycks and Gimpel 2017)
    energy        minus the log of the summed exponentials of the logits (Liu et al. 2020)

The first two are fitted here, on training images. A threshold for each is set on validation images
for a stated false-positive rate.

Of two kinds of photographs there may be examples: close-ups, as a phone takes them without a
dermatoscope, and lesions that are none of the classes. Logistic regressions on embeddings tell them
from the training images. Close-ups have a notice of their own; the other lesions add a score,

    combined      the larger of Mahalanobis distance and the score of other lesions, each in
                  multiples of its limit
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from model.inference.backend import ModelOutputs
from model.inference.embeddings import ArrayFile

FALSE_POSITIVE_RATE = 0.05
MAHALANOBIS, COMBINED = "mahalanobis", "combined"
"""The scores that a study shows: the second where there were examples of other lesions."""

# Distances to neighbours drown in noise when every direction counts; those to means do not.
_NEIGHBOUR_DIRECTIONS = 128  # of the embedding, those with the largest spread
_REFERENCES = 2_000  # training images kept as neighbours: 2,000 x 128 float16 take 0.5 MB
_NEIGHBOUR = 10
_OTHERS = "other_lesions_"  # before the names of their arrays in the file

CLOSE_UP_FALSE_POSITIVE_RATE = 0.03
"""Share of the dermoscopic validation images of any source that may be taken for close-ups."""

CLOSE_UP_PENALTY, OTHER_LESION_PENALTY = 1.0, 1_000.0
"""L2 penalties of the logistic regressions. Other lesions are few and differ less."""

CLOSE_UP_EXPONENT = 0.5
"""Power of the embeddings' entries, see :meth:`ExampleDetector.fit`."""


@dataclass(frozen=True)
class ExampleDetector(ArrayFile):
    """Tells photographs of a kind that there are examples of; scores above 1 are of that kind."""

    centre: np.ndarray  # (width,)
    weights: np.ndarray  # (width,)
    offset: np.ndarray  # scalar
    exponent: np.ndarray | float = 1.0  # scalar: power of the vectors' entries, signs kept

    @classmethod
    def fit(
        cls, examples: np.ndarray, others: np.ndarray, *, penalty: float, exponent: float = 1.0
    ) -> "ExampleDetector":
        """Fit on vectors (N, width) of the kind and of other photographs, without a limit yet.

        An ``exponent`` of 0.5 is the power normalisation of Perronnin et al. 2010 (ECCV, section
        3.2), which evens out activations that are mostly small and seldom large.
        """
        from sklearn.linear_model import LogisticRegression  # only here: it takes a second

        both = _signed_power(np.concatenate([examples, others]).astype(np.float64), exponent)
        centre, spread = both.mean(axis=0), both.std(axis=0) + 1e-6
        truth = np.r_[np.ones(len(examples)), np.zeros(len(others))]
        model = LogisticRegression(C=1 / penalty, class_weight="balanced", max_iter=2_000)
        weights = model.fit((both - centre) / spread, truth).coef_[0] / spread
        arrays = centre.astype(np.float32), weights.astype(np.float32)
        return cls(*arrays, np.float32(0), np.float32(exponent))

    def with_limit(self, limit: float, examples: np.ndarray) -> "ExampleDetector":
        """Scale so that a score of ``limit`` becomes 1, and the mean of the examples 2."""
        unit = float(self.score(examples).mean()) - limit
        unit = unit if unit > 0 else 1.0  # they cannot be told apart: nothing scores high
        offset = np.float32(1 + (self.offset - limit) / unit)
        return replace(self, weights=(self.weights / unit).astype(np.float32), offset=offset)

    def score(self, vectors: np.ndarray) -> np.ndarray:
        """Scores (N,) of vectors (N, width)."""
        return (_signed_power(vectors, self.exponent) - self.centre) @ self.weights + self.offset


@dataclass(frozen=True)
class OODDetector(ArrayFile):
    """The fitted detector: training embeddings in whitened coordinates."""

    centre: np.ndarray  # (embedding,)
    whitening: np.ndarray  # (embedding, directions), largest spread first
    class_means: np.ndarray  # (classes, directions); NaN for a class without an image
    references: np.ndarray  # (images, first directions), unit length
    reference_labels: np.ndarray  # (images,)
    other_lesions: ExampleDetector | None = None  # where there were examples
    limit: float = 1.0  # of the Mahalanobis distance, beside the examples

    @classmethod
    def fit(
        cls, embeddings: np.ndarray, labels: np.ndarray, *, classes: int, seed: int = 0
    ) -> "OODDetector":
        """Fit on the training images' embeddings (N, embedding) and class numbers (N,)."""
        embeddings = embeddings.astype(np.float64)
        centre = embeddings.mean(axis=0)
        means = np.stack([_mean(embeddings[labels == c]) for c in range(classes)])
        whitening = _whitening(embeddings - means[labels])
        kept = np.random.default_rng(seed).permutation(len(labels))[:_REFERENCES]
        return cls(
            centre.astype(np.float32),
            whitening.astype(np.float32),
            ((means - centre) @ whitening).astype(np.float32),
            _direction((embeddings[kept] - centre) @ whitening).astype(np.float16),
            labels[kept].astype(np.int16),
        )

    def without(self, label: int) -> "OODDetector":
        """The detector with one class forgotten, to see whether its images then stand out."""
        means = self.class_means.copy()
        means[label] = np.nan
        kept = self.reference_labels != label
        references = self.references[kept], self.reference_labels[kept]
        return OODDetector(self.centre, self.whitening, means, *references)

    def with_examples(
        self, examples: np.ndarray, others: np.ndarray, held_out: np.ndarray
    ) -> "OODDetector":
        """Also learn from lesions that are none of the classes.

        ``examples``, ``others`` (training images) and ``held_out`` (validation images) are
        embeddings (N, embedding). Both limits are exceeded by equally many of the last, and one or
        the other by :data:`FALSE_POSITIVE_RATE` of them.
        """
        detector = ExampleDetector.fit(examples, others, penalty=OTHER_LESION_PENALTY)
        distances, scores = self.mahalanobis(held_out), detector.score(held_out)
        for share in np.linspace(1 - FALSE_POSITIVE_RATE, 1, 101):
            limits = np.quantile(distances, share), np.quantile(scores, share)
            exceeded = (distances > limits[0]) | (scores > limits[1])
            if exceeded.mean() <= FALSE_POSITIVE_RATE:
                break
        learned = detector.with_limit(float(limits[1]), examples)
        return replace(self, other_lesions=learned, limit=float(limits[0]))

    def combined(self, embeddings: np.ndarray) -> np.ndarray:
        """The larger of both scores (N,), each in multiples of its limit."""
        distance = self.mahalanobis(embeddings) / self.limit
        return np.maximum(distance, self.other_lesions.score(embeddings))

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays to save, by name; those of the examples only where there were any."""
        arrays = super().arrays()
        detector = arrays.pop("other_lesions")
        return arrays | (
            {f"{_OTHERS}{name}": values for name, values in detector.arrays().items()}
            if detector
            else {}
        )

    @classmethod
    def of_arrays(cls, arrays: dict[str, np.ndarray]) -> "OODDetector":
        """The inverse of :meth:`arrays`."""
        examples = {name: arrays.pop(name) for name in list(arrays) if name.startswith(_OTHERS)}
        if examples:
            named = {name.removeprefix(_OTHERS): values for name, values in examples.items()}
            arrays["other_lesions"] = ExampleDetector.of_arrays(named)
        return cls(**arrays)

    def mahalanobis(self, embeddings: np.ndarray) -> np.ndarray:
        """Distance (N,) to the nearest class mean."""
        apart = self._whitened(embeddings)[:, None] - self.class_means
        return np.sqrt(np.nanmin(np.square(apart).sum(axis=2), axis=1))

    def knn(self, embeddings: np.ndarray) -> np.ndarray:
        """Distance (N,) to the tenth nearest reference, or the farthest of fewer."""
        similar = _direction(self._whitened(embeddings)) @ self.references.astype(np.float32).T
        rank = min(_NEIGHBOUR, similar.shape[1])
        nearest = -np.partition(-similar, rank - 1, axis=1)[:, rank - 1]
        return np.sqrt(np.maximum(2 - 2 * nearest, 0.0))

    def _whitened(self, embeddings: np.ndarray) -> np.ndarray:
        return (embeddings - self.centre) @ self.whitening


def _signed_power(values: np.ndarray, exponent: np.ndarray | float) -> np.ndarray:
    return values if exponent == 1 else np.sign(values) * np.abs(values) ** exponent


def ood_scores(detector: OODDetector, outputs: ModelOutputs) -> dict[str, np.ndarray]:
    """All scores of N images, by name, (N,) each.

    The probabilities are to be calibrated, the logits not.
    """
    scores = {
        "mahalanobis": detector.mahalanobis(outputs.embeddings),
        "knn": detector.knn(outputs.embeddings),
        "max_softmax": 1 - outputs.probabilities.max(axis=1),
        "energy": -_log_sum_exp(outputs.logits),
    }
    if detector.other_lesions:
        scores[COMBINED] = detector.combined(outputs.embeddings)
    return scores


def _log_sum_exp(logits: np.ndarray) -> np.ndarray:
    highest = logits.max(axis=1)
    return highest + np.log(np.exp(logits - highest[:, None]).sum(axis=1))


def _whitening(deviations: np.ndarray) -> np.ndarray:
    """Directions from the largest spread to the smallest, each divided by its deviation."""
    values, vectors = np.linalg.eigh(deviations.T @ deviations / len(deviations))
    # Directions that hardly vary would turn rounding into distance.
    floor = 1e-3 * values.mean() + 1e-12
    return (vectors / np.sqrt(np.maximum(values, floor)))[:, ::-1]


def _mean(rows: np.ndarray) -> np.ndarray:
    return rows.mean(axis=0) if len(rows) else np.full(rows.shape[1], np.nan)


def _direction(whitened: np.ndarray) -> np.ndarray:
    """The first directions, scaled to unit length."""
    first = whitened[:, :_NEIGHBOUR_DIRECTIONS]
    return first / np.maximum(np.linalg.norm(first, axis=1, keepdims=True), 1e-12)


def fit_closeup_detector(
    closeups: np.ndarray, dermoscopic: np.ndarray, *, held_out: np.ndarray, sources: Sequence[str]
) -> ExampleDetector:
    """Fit on vectors (N, width) of close-ups and of dermoscopic photographs.

    The limit is set on dermoscopic ``held_out`` images (N, width), of so many ``sources`` (N,): of
    none more than :data:`CLOSE_UP_FALSE_POSITIVE_RATE` are above it.
    """
    how = {"penalty": CLOSE_UP_PENALTY, "exponent": CLOSE_UP_EXPONENT}
    detector = ExampleDetector.fit(closeups, dermoscopic, **how)
    scores = detector.score(held_out)
    groups = [scores[np.asarray(sources) == source] for source in set(sources)]
    limit = max(np.quantile(group, 1 - CLOSE_UP_FALSE_POSITIVE_RATE) for group in groups)
    return detector.with_limit(float(limit), closeups)
