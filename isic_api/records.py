"""The Archive's JSON and CSV as typed records; no other file knows their keys.

Absent is None. Numbers that the Archive writes as text, and the "True" and "False" of its CSV,
are parsed. An unknown field, or a value that is not of its field's type, is kept
unchanged in ``Metadata.other``: a new field in the Archive must not stop a download.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any, get_type_hints

from isic_api.errors import UnexpectedAnswerError
from isic_api.vocabulary import (
    DEPTH,
    Levels,
    challenge_class,
    challenge_sex,
    challenge_site,
    diagnosis_levels,
    site_levels,
)


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """Acquisition and clinical fields of one image, of all three eras, by the Archive's names."""

    # acquisition
    pixels_x: int | None = None
    pixels_y: int | None = None
    image_type: str | None = None
    dermoscopic_type: str | None = None
    tbp_tile_type: str | None = None
    image_manipulation: str | None = None
    acquisition_day: int | None = None
    # patient
    age_approx: int | None = None  # years, a multiple of 5 up to 85
    sex: str | None = None
    fitzpatrick_skin_type: str | None = None
    family_hx_mm: bool | None = None
    personal_hx_mm: bool | None = None
    lesion_id: str | None = None
    patient_id: str | None = None
    rcm_case_id: str | None = None
    # site
    anatom_site_1: str | None = None
    anatom_site_2: str | None = None
    anatom_site_3: str | None = None
    anatom_site_4: str | None = None
    anatom_site_5: str | None = None
    anatom_site_special: str | None = None
    anatom_site_general: str | None = None  # until May 2026
    # diagnosis
    diagnosis_1: str | None = None
    diagnosis_2: str | None = None
    diagnosis_3: str | None = None
    diagnosis_4: str | None = None
    diagnosis_5: str | None = None
    diagnosis: str | None = None  # until early 2025
    diagnosis_confirm_type: str | None = None
    concomitant_biopsy: bool | None = None
    melanocytic: bool | None = None
    mel_ulcer: bool | None = None
    mel_thick_mm: Decimal | None = None
    mel_mitotic_index: str | None = None
    clin_size_long_diam_mm: Decimal | None = None
    other: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> "Metadata":
        """From the keys and values of the API's JSON or of a CSV row; empty cells are absent."""
        known: dict[str, Any] = {}
        other: dict[str, Any] = {}
        for key, value in values.items():
            if value is None or value == "":
                continue
            try:
                known[key] = _PARSERS[key](value)
            except (KeyError, ValueError, TypeError, InvalidOperation):
                other[key] = value
        return cls(**known, other=other)

    def given(self) -> Iterator[tuple[str, Any]]:
        """The fields that have a value, unknown ones last."""
        for name, value in vars(self).items():
            if value is not None and name != "other":
                yield name, value
        yield from self.other.items()


def _parse_bool(value: bool | str) -> bool:
    return {True: True, False: False, "True": True, "False": False}[value]


def _parse_text(value: str) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


_PARSE_TYPE = {
    int | None: lambda value: int(str(value)),
    Decimal | None: lambda value: Decimal(str(value)),
    bool | None: _parse_bool,
    str | None: _parse_text,
}
_PARSERS = {
    name: _PARSE_TYPE[hint] for name, hint in get_type_hints(Metadata).items() if name != "other"
}


@dataclass(frozen=True)
class FileLink:
    """URL of a file. ``size`` in bytes is the Archive's record, which can be out of date."""

    url: str
    size: int


@dataclass(frozen=True)
class ImageRecord:
    """One image. ``attribution`` is the cohort's in the JSON and the image's own in the CSV."""

    isic_id: str
    copyright_license: str
    attribution: str
    metadata: Metadata
    public: bool = True
    full: FileLink | None = None
    thumbnail: FileLink | None = None

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "ImageRecord":
        """From the API's JSON; raises UnexpectedAnswerError if it is not an image."""
        with _expecting("an image", body):
            groups = body["metadata"].values()
            return cls(
                isic_id=body["isic_id"],
                copyright_license=body["copyright_license"],
                attribution=body["attribution"],
                metadata=Metadata.parse({k: v for group in groups for k, v in group.items()}),
                public=body.get("public", False),
                full=_link(body, "full"),
                thumbnail=_link(body, "thumbnail_256"),
            )

    @classmethod
    def from_csv(cls, row: Mapping[str, str]) -> "ImageRecord":
        """From a row of a metadata CSV; the Archive puts a TAB before cells like ``=1``."""
        cells = {key: value.removeprefix("\t") for key, value in row.items() if key and value}
        with _expecting("a metadata row", row):
            return cls(
                isic_id=cells.pop("isic_id"),
                copyright_license=cells.pop("copyright_license"),
                attribution=cells.pop("attribution", ""),
                metadata=Metadata.parse(cells),
            )

    def to_json(self) -> dict[str, Any]:
        """The input of :meth:`from_json` without links: a private image's link is a credential."""
        values = {k: str(v) if isinstance(v, Decimal) else v for k, v in self.metadata.given()}
        return {
            "isic_id": self.isic_id,
            "copyright_license": self.copyright_license,
            "attribution": self.attribution,
            "metadata": {"all": values},
            "public": self.public,
        }

    @cached_property
    def diagnosis(self) -> Levels:
        """The levels of the diagnosis, from general to specific."""
        m = self.metadata
        levels = [getattr(m, f"diagnosis_{level}") for level in range(1, DEPTH + 1)]
        return diagnosis_levels(levels, m.diagnosis)

    @cached_property
    def site(self) -> tuple[Levels, str | None]:
        """The levels of the site, and ``anatom_site_special``."""
        m = self.metadata
        levels = [getattr(m, f"anatom_site_{level}") for level in range(1, DEPTH + 1)]
        return site_levels(levels, m.anatom_site_special, general=m.anatom_site_general)

    @property
    def challenge_class(self) -> str | None:
        """The ISIC 2019 class, UNK, or None without a diagnosis."""
        return challenge_class(self.diagnosis, self.metadata.diagnosis)

    @property
    def challenge_site(self) -> str | None:
        """The ISIC 2019 site, or None if the challenge has no term for it."""
        return challenge_site(*self.site)

    @property
    def challenge_sex(self) -> str | None:
        """The ISIC 2019 word for the sex, or None if the challenge has none for it."""
        return challenge_sex(self.metadata.sex)


@dataclass(frozen=True)
class Collection:
    """A named set of images; the Archive pins some, among them the challenges."""

    id: int
    name: str
    description: str = ""
    public: bool = True
    pinned: bool = False
    locked: bool = False
    doi: str | None = None

    @property
    def doi_url(self) -> str | None:
        """The link of the DOI, if there is one."""
        return f"https://doi.org/{self.doi}" if self.doi else None

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Collection":
        """From the API's JSON; raises UnexpectedAnswerError if it is not a collection."""
        with _expecting("a collection", body):
            return cls(
                id=body["id"],
                name=body["name"],
                description=body.get("description") or "",
                public=body.get("public", True),
                pinned=body.get("pinned", False),
                locked=body.get("locked", False),
                doi=body.get("doi"),
            )


@dataclass(frozen=True)
class Page:
    """One page of a listing. ``count`` is given on the first page only."""

    results: list[dict[str, Any]]
    count: int | None
    next: str | None

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Page":
        """From the API's JSON; raises UnexpectedAnswerError if it is not a page."""
        with _expecting("a page", body):
            return cls(list(body["results"]), body["count"], body["next"])


@dataclass(frozen=True)
class Lesion:
    """A lesion over time; ``outcome`` is its final diagnosis, level by level."""

    id: str
    images: tuple[str, ...]
    outcome: Levels
    longitudinally_monitored: bool = False

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Lesion":
        """From the API's JSON; raises UnexpectedAnswerError if it is not a lesion."""
        with _expecting("a lesion", body):
            levels = (body["outcome_diagnosis"] or "").split(":")
            return cls(
                id=body["id"],
                images=tuple(image["isic_id"] for image in body["images"]),
                outcome=diagnosis_levels([level or None for level in levels]),
                longitudinally_monitored=body["longitudinally_monitored"],
            )


@dataclass(frozen=True)
class User:
    """The owner of a token."""

    full_name: str
    email: str | None

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "User":
        """From the API's JSON; raises UnexpectedAnswerError if it is not a user."""
        with _expecting("a user", body):
            return cls(body["full_name"], body.get("email"))


def _link(body: Mapping[str, Any], kind: str) -> FileLink | None:
    link = body.get("files", {}).get(kind)
    return None if link is None else FileLink(link["url"], link.get("size") or 0)


@contextlib.contextmanager
def _expecting(what: str, body: object) -> Iterator[None]:
    """Raise UnexpectedAnswerError if ``body`` turns out not to be ``what``."""
    try:
        yield
    except (KeyError, TypeError, AttributeError) as cause:
        raise UnexpectedAnswerError(
            f"The Archive's response for {what} lacks {cause}; it may have changed its format. "
            f"Received: {str(body)[:120]}"
        ) from cause
