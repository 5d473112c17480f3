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

Close-ups, as a phone takes them without a dermatoscope, are a distribution of their own, from which
the network has never learned. A logistic regression on the image embedding tells them from
dermoscopic photographs.
"""

from dataclasses import dataclass

import numpy as np

from model.inference.backend import ModelOutputs
from model.inference.embeddings import ArrayFile

FALSE_POSITIVE_RATE = 0.05
METHOD = "mahalanobis"
"""The score that a study shows."""

# Distances to neighbours drown in noise when every direction counts; those to means do not.
_NEIGHBOUR_DIRECTIONS = 128  # of the embedding, those with the largest spread
_REFERENCES = 2_000  # training images kept as neighbours: 2,000 x 128 float16 take 0.5 MB
_NEIGHBOUR = 10

CLOSE_UP_FALSE_POSITIVE_RATE = 0.03
"""Share of the dermoscopic validation images of any source that may be taken for close-ups."""

_C = 0.01  # inverse strength of the L2 penalty: there are fewer close-ups than embedding values


@dataclass(frozen=True)
class OODDetector(ArrayFile):
    """The fitted detector: training embeddings in whitened coordinates."""

    centre: np.ndarray  # (embedding,)
    whitening: np.ndarray  # (embedding, directions), largest spread first
    class_means: np.ndarray  # (classes, directions); NaN for a class without an image
    references: np.ndarray  # (images, first directions), unit length
    reference_labels: np.ndarray  # (images,)

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


def ood_scores(detector: OODDetector, outputs: ModelOutputs) -> dict[str, np.ndarray]:
    """All four scores of N images, by name, (N,) each.

    The probabilities are to be calibrated, the logits not.
    """
    return {
        "mahalanobis": detector.mahalanobis(outputs.embeddings),
        "knn": detector.knn(outputs.embeddings),
        "max_softmax": 1 - outputs.probabilities.max(axis=1),
        "energy": -_log_sum_exp(outputs.logits),
    }


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


@dataclass(frozen=True)
class DermoscopyCheck(ArrayFile):
    """Tells close-ups from dermoscopic photographs; scores above 1 are of close-ups."""

    centre: np.ndarray  # (embedding,)
    weights: np.ndarray  # (embedding,)
    offset: np.ndarray  # scalar

    @classmethod
    def fit(
        cls, closeups: np.ndarray, dermoscopic: np.ndarray, *, held_out: np.ndarray, sources: list
    ) -> "DermoscopyCheck":
        """Fit on embeddings (N, embedding) of both kinds.

        The threshold is set on dermoscopic ``held_out`` images (N, embedding), of so many
        ``sources`` (N,): of none more than :data:`CLOSE_UP_FALSE_POSITIVE_RATE` are above it.
        """
        from sklearn.linear_model import LogisticRegression  # only here: it takes a second

        both = np.concatenate([closeups, dermoscopic]).astype(np.float64)
        centre, spread = both.mean(axis=0), both.std(axis=0) + 1e-6
        truth = np.r_[np.ones(len(closeups)), np.zeros(len(dermoscopic))]
        model = LogisticRegression(C=_C, class_weight="balanced", max_iter=2_000)
        weights = model.fit((both - centre) / spread, truth).coef_[0] / spread
        scores = (held_out - centre) @ weights
        groups = [scores[np.asarray(sources) == source] for source in set(sources)]
        limit = max(np.quantile(group, 1 - CLOSE_UP_FALSE_POSITIVE_RATE) for group in groups)
        unit = float((closeups - centre).mean(axis=0) @ weights) - limit
        unit = unit if unit > 0 else 1.0  # close-ups cannot be told apart: nothing scores high
        offset = np.float32(1 - limit / unit)
        return cls(centre.astype(np.float32), (weights / unit).astype(np.float32), offset)

    def score(self, embeddings: np.ndarray) -> np.ndarray:
        """Scores (N,) of embeddings (N, embedding); above 1 the image is taken for a close-up."""
        return (embeddings - self.centre) @ self.weights + self.offset
