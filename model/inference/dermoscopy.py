"""Whether a photograph was taken through a dermatoscope.

A logistic regression on the image embedding tells close-ups, as a phone takes them, from
dermoscopic photographs. The network has never learned from close-ups, and its probabilities mean
nothing there.
"""

from dataclasses import dataclass

import numpy as np

from model.inference.array_file import ArrayFile

FALSE_POSITIVE_RATE = 0.03
"""Share of the dermoscopic validation images of any source that may be taken for close-ups."""

_C = 0.01  # inverse strength of the L2 penalty: there are fewer close-ups than embedding values


@dataclass(frozen=True)
class DermoscopyCheck(ArrayFile):
    """The fitted regression; scores above 1 are of close-ups."""

    centre: np.ndarray  # (embedding,)
    weights: np.ndarray  # (embedding,)
    offset: np.ndarray  # scalar

    @classmethod
    def fit(
        cls, closeups: np.ndarray, dermoscopic: np.ndarray, *, held_out: np.ndarray, sources: list
    ) -> "DermoscopyCheck":
        """Fit on embeddings (N, embedding) of both kinds.

        The threshold is set on dermoscopic ``held_out`` images (N, embedding), of so many
        ``sources`` (N,): of none more than :data:`FALSE_POSITIVE_RATE` are above it.
        """
        from sklearn.linear_model import LogisticRegression  # only here: it takes a second

        both = np.concatenate([closeups, dermoscopic]).astype(np.float64)
        centre, spread = both.mean(axis=0), both.std(axis=0) + 1e-6
        truth = np.r_[np.ones(len(closeups)), np.zeros(len(dermoscopic))]
        model = LogisticRegression(C=_C, class_weight="balanced", max_iter=2_000)
        weights = model.fit((both - centre) / spread, truth).coef_[0] / spread
        scores = (held_out - centre) @ weights
        groups = [scores[np.asarray(sources) == source] for source in set(sources)]
        limit = max(np.quantile(group, 1 - FALSE_POSITIVE_RATE) for group in groups)
        unit = float((closeups - centre).mean(axis=0) @ weights) - limit
        unit = unit if unit > 0 else 1.0  # close-ups cannot be told apart: nothing scores high
        offset = np.float32(1 - limit / unit)
        return cls(centre.astype(np.float32), (weights / unit).astype(np.float32), offset)

    def score(self, embeddings: np.ndarray) -> np.ndarray:
        """Scores (N,) of embeddings (N, embedding); above 1 the image is taken for a close-up."""
        return (embeddings - self.centre) @ self.weights + self.offset
