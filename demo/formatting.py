"""Numbers and names as people read them."""

import base64
import math
from collections.abc import Mapping
from io import BytesIO

from PIL import Image

_PERSONS = ("Bowen", "Clark", "Kaposi", "Merkel", "Paget", "Reed", "Spitz", "Sutton")
"""After whom lesions of the skin are called."""


def percentages(probabilities: Mapping[str, float], *, decimals: int = 1) -> dict[str, float]:
    """Round to percent so that the shown values sum to exactly 100 (largest remainder method)."""
    units = 100 * 10**decimals
    exact = {code: p * units for code, p in probabilities.items()}
    shown = {code: math.floor(value) for code, value in exact.items()}
    missing = round(sum(exact.values())) - sum(shown.values())
    for code in sorted(exact, key=lambda code: shown[code] - exact[code])[:missing]:
        shown[code] += 1
    return {code: value / 10**decimals for code, value in shown.items()}


def percent(share: float, *, decimals: int = 1) -> str:
    """A share from 0 to 1, as "3.2 %"."""
    return f"{100 * share:.{decimals}f} %"


def signed(points: float) -> str:
    """A difference in percentage points, as "+3.2"; one that is shown as zero has no sign."""
    return "0.0" if abs(points) < 0.05 else f"{points:+.1f}".replace("-", "−")


def interval(figure: Mapping[str, float | None] | None) -> str:
    """A figure with its confidence interval; a dash where the data cannot give it."""
    if figure is None or figure["value"] is None:
        return "–"
    return f"{figure['value']:.3f} ({figure['low']:.3f}–{figure['high']:.3f})"


def percent_interval(figure: Mapping[str, float]) -> str:
    """A share with its confidence interval, as "89 % (84–94 %)"."""
    value, low, high = (100 * figure[key] for key in ("value", "low", "high"))
    return f"{value:.0f} % ({low:.0f}–{high:.0f} %)"


def in_sentence(name: str) -> str:
    """A class's name within a sentence: "Melanoma" as "melanoma", but "MEL" as it is.

    So is what begins with the name of a person, as "Bowen's disease" and "Spitz nevus".
    """
    first = name.partition(" ")[0]
    of_person = first.endswith(("'s", "’s")) or first in _PERSONS
    return name.lower() if name[1:].islower() and not of_person else name


def code_key(names: Mapping[str, str]) -> str:
    """What the codes stand for, as in "MEL melanoma, NV melanocytic nevus."; those that differ."""
    known = [f"{code} {in_sentence(name)}" for code, name in names.items() if name != code]
    return ", ".join(known) + "." if known else ""


def most_probable(probabilities: Mapping[str, float]) -> str:
    """The code of the highest probability."""
    return max(probabilities, key=probabilities.get)


def data_uri(content: bytes, kind: str) -> str:
    """Content as an address, so that the server keeps no file of it."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def jpeg_uri(image: Image.Image) -> str:
    """An image as the address of a JPEG without any metadata."""
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=88)
    return data_uri(buffer.getvalue(), "image/jpeg")
