"""Numbers and names as people read them."""

import base64
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO

from markupsafe import Markup, escape
from PIL import Image

_REFERENCE = re.compile(r"(?P<kind>doi|arXiv):(?P<number>[\w./-]*\w)")

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


@dataclass(frozen=True)
class Numbers:
    """How a language writes figures; by default as English does."""

    decimal: str = "."
    thousands: str = ","
    percent_sign: str = " %"  # with the space before it

    def write(self, value: float, how: str = ".1f") -> str:
        """A figure by a format of Python's."""
        marks = {".": self.decimal, ",": self.thousands, "-": "−"}
        return f"{value:{how}}".translate(str.maketrans(marks))

    def count(self, number: int) -> str:
        """A whole number, as "25,331"."""
        return self.write(number, ",d")

    def plain(self, value: float, *, decimals: int = 1) -> str:
        """A figure with its thousands set apart."""
        return self.write(value, f"z,.{decimals}f")

    def of_hundred(self, value: float, *, decimals: int = 1) -> str:
        """A percentage, as "3.2 %"."""
        return f"{self.write(value, f'.{decimals}f')}{self.percent_sign}"

    def percent(self, share: float, *, decimals: int = 1) -> str:
        """A share from 0 to 1, as "3.2 %"."""
        return self.of_hundred(100 * share, decimals=decimals)

    def signed(self, points: float, *, decimals: int = 1) -> str:
        """A difference, as "+3.2"; one that is shown as zero has no sign."""
        return self.write(points, f"{'+' if round(points, decimals) else 'z'}.{decimals}f")

    def interval(self, figure: Mapping[str, float | None] | None, *, signed: bool = False) -> str:
        """A figure with its confidence interval; a dash where the data cannot give it."""
        if figure is None or figure["value"] is None:
            return "–"
        value, low, high = (
            self.signed(figure[key], decimals=3) if signed else self.write(figure[key], ".3f")
            for key in ("value", "low", "high")
        )
        # A dash beside a minus would be read as one.
        return f"{value} ({low}; {high})" if signed else f"{value} ({low}–{high})"

    def percent_interval(self, figure: Mapping[str, float]) -> str:
        """A share with its confidence interval, as "89 % (84–94 %)"."""
        value, high = (self.percent(figure[key], decimals=0) for key in ("value", "high"))
        return f"{value} ({self.write(100 * figure['low'], '.0f')}–{high})"


ENGLISH = Numbers()


def linked(text: str) -> Markup:
    """A text whose "doi:…" and "arXiv:…" are links."""

    def link(found: re.Match) -> str:
        host = "doi.org" if found["kind"] == "doi" else "arxiv.org/abs"
        away = 'target="_blank" rel="noopener noreferrer"'
        return f'<a href="https://{host}/{found["number"]}" {away}>{found[0]}</a>'

    return Markup(_REFERENCE.sub(link, str(escape(text))))


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
