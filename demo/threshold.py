"""What a threshold means for patients, as natural frequencies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PATIENTS = 1_000


@dataclass(frozen=True)
class Outcomes:
    """What happens to a thousand patients, rounded to people."""

    found: int  # have it and are called
    missed: int  # have it and are not called
    false_alarms: int  # do not have it and are called
    cleared: int  # do not have it and are not called

    @property
    def called(self) -> int:
        """All who are called."""
        return self.found + self.false_alarms


def outcomes(sensitivity: float, specificity: float, *, prevalence: float) -> Outcomes:
    """Apply the two shares to a thousand patients, of whom ``prevalence`` (0 to 1) have it."""
    ill = round(PATIENTS * prevalence)
    found = round(ill * sensitivity)
    cleared = round((PATIENTS - ill) * specificity)
    return Outcomes(found, ill - found, PATIENTS - ill - cleared, cleared)


def at_threshold(stored: Mapping[str, Sequence[float]], threshold: float) -> tuple[float, float]:
    """Sensitivity and specificity at the stored threshold that is nearest."""
    distances = [abs(value - threshold) for value in stored["threshold"]]
    nearest = distances.index(min(distances))
    return stored["sensitivity"][nearest], stored["specificity"][nearest]
