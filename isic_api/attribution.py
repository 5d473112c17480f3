"""Attributions and licences, which have to be passed on with the images.

The search gives each image the attribution of its cohort; the image's own attribution is only in
the Archive's metadata CSV. What cannot be fetched is recorded as missing, never replaced
silently, so that the next run fetches it.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator

from isic_api.client import IsicClient
from isic_api.errors import RequestError
from isic_api.folder import DataFolder
from isic_api.query import covering_queries
from isic_api.records import Collection as ArchiveCollection
from isic_api.records import ImageRecord

LICENSE_ADDRESS = {
    "CC-0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "CC-BY": "https://creativecommons.org/licenses/by/4.0/",
    "CC-BY-NC": "https://creativecommons.org/licenses/by-nc/4.0/",
}

CHALLENGE_2019 = """\
ISIC 2019 data is provided courtesy of the following sources:
BCN_20000 Dataset: (c) Department of Dermatology, Hospital Clínic de Barcelona
HAM10000 Dataset: (c) by ViDIR Group, Department of Dermatology, Medical University of Vienna; \
https://doi.org/10.1038/sdata.2018.161
MSK Dataset: (c) Anonymous; https://arxiv.org/abs/1710.05006; https://arxiv.org/abs/1902.03368
"""
"""The wording that the challenge asks for; the set as a whole is CC BY-NC 4.0."""


def own_attributions(
    client: IsicClient,
    ids: Collection[str],
    *,
    collections: Iterable[ArchiveCollection] = (),
    warn: Callable[[str], None],
) -> Iterator[tuple[str, str]]:
    """Yield image id and own attribution for each of ``ids`` that the Archive has.

    The API's CSV comes first, since it accepts the token. The website's CSV of a collection is
    the fallback; it accepts no token, so it is used for public ``collections`` only.
    """
    missing = set(ids)
    cause = ""
    for rows in (_api_rows, _site_rows):
        if not missing:
            return
        try:
            for record in rows(client, tuple(sorted(missing)), collections):
                if record.isic_id in missing:
                    missing.remove(record.isic_id)
                    yield record.isic_id, record.attribution
        except RequestError as error:
            cause = cause or f": {error}"
    if missing:
        warn(f"the attributions of {len(missing):,} images are missing{cause}")


def _api_rows(client: IsicClient, ids: tuple[str, ...], _: object) -> Iterator[ImageRecord]:
    for query in covering_queries(ids):
        yield from client.zip_metadata(query)


def _site_rows(
    client: IsicClient, _: object, collections: Iterable[ArchiveCollection]
) -> Iterator[ImageRecord]:
    for collection in collections:
        if collection.public:
            yield from client.collection_metadata(collection.id)


def attribution_text(
    own: Counter[str],
    *,
    preface: str = "",
    cohorts: Counter[str] | None = None,
    collections: Iterable[ArchiveCollection] = (),
) -> str:
    """Distinct attributions, separated by blank lines.

    The most frequent comes first and "Anonymous" last. ``cohorts`` are those of images whose own
    attribution is missing. The DOIs of ``collections`` come last.
    """
    paragraphs = [preface.rstrip()] if preface else []
    paragraphs += _ordered(own)
    if cohorts:
        paragraphs.append(
            f"For {cohorts.total():,} images only the attribution of their cohort is known, which "
            "need not be the image's own:"
        )
        paragraphs += _ordered(cohorts)
    paragraphs += [f"{one.name}: {one.doi_url}" for one in collections if one.doi_url]
    return "\n\n".join(paragraphs) + "\n"


def _ordered(counts: Counter[str]) -> list[str]:
    texts = [text for text, _ in counts.most_common() if text]
    return sorted(texts, key=lambda text: text == "Anonymous")


def write_licenses(
    folder: DataFolder,
    names: Iterable[str],
    *,
    client: IsicClient | None,
    warn: Callable[[str], None],
) -> list[str]:
    """Write ``licenses/NAME.txt`` for each; returns the names whose text is missing.

    A file without its text contains the licence's address, and is replaced by the next run.
    """
    missing = []
    for name in sorted(names):
        path = f"licenses/{name.replace('/', '_')}.txt"
        address = f"{name}\n{LICENSE_ADDRESS.get(name, '')}\n"
        file = folder.root / path
        if file.exists() and file.read_text(encoding="utf-8") != address:
            continue
        try:
            text = None if client is None else client.license_text(name)
        except RequestError as cause:
            warn(f"licenses/{name}.txt contains the licence's address only: {cause}")
            text = None
        if text is None:
            missing.append(name)
        folder.write_text(path, address if text is None else text)
    return missing
