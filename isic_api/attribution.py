"""Who made the images and under which licence: what has to travel with them.

The search gives each image the attribution of its cohort; the image's own is in the metadata
CSVs only. Those are hidden endpoints, so without them the cohort's has to do.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator

from isic_api.client import IsicClient
from isic_api.errors import RequestError
from isic_api.folder import DataFolder
from isic_api.records import ImageRecord
from isic_api.selection import Selection, id_queries

_ASK_BY_ID = 1000  # up to so many images, of a part of a search, are asked for by id

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
"""The challenge asks for these words; the set as a whole is CC BY-NC 4.0."""


def own_attributions(
    client: IsicClient,
    selection: Selection,
    found: dict[str, str | None],
    *,
    warn: Callable[[str], None],
) -> None:
    """Put into ``found``, for the image ids that are its keys, what the Archive tells."""
    texts: dict[str, str] = {}  # of a few texts, one copy each
    try:
        for record in _rows(client, selection, found):
            if record.isic_id in found:
                found[record.isic_id] = texts.setdefault(record.attribution, record.attribution)
    except RequestError as cause:
        warn(f"attributions are the cohorts', not the images' own, for some images: {cause}")


def _rows(client: IsicClient, selection: Selection, ids: Collection[str]) -> Iterator[ImageRecord]:
    if selection.bounded and len(ids) <= _ASK_BY_ID:
        for query in id_queries(sorted(ids)):
            yield from client.zip_metadata(query)
    elif selection.collections and not selection.query:
        for collection in selection.collections:
            yield from client.collection_metadata(collection.id)
    else:
        yield from client.zip_metadata(selection.query, collections=selection.collection_ids)


def attribution_text(counts: Counter[str], *, preface: str = "") -> str:
    """Distinct attributions, the most frequent first and "Anonymous" last, a blank line between."""
    texts = [text for text, _ in counts.most_common() if text]
    texts.sort(key=lambda text: text == "Anonymous")
    return "\n\n".join([*([preface.rstrip()] if preface else []), *texts]) + "\n"


def write_licenses(
    folder: DataFolder,
    names: Iterable[str],
    *,
    client: IsicClient | None,
    warn: Callable[[str], None],
) -> None:
    """``licenses/NAME.txt`` each; without the server's text, the address of the licence."""
    for name in sorted(names):
        path = f"licenses/{name.replace('/', '_')}.txt"
        if (folder.root / path).exists():
            continue
        text = f"{name}\n{LICENSE_ADDRESS.get(name, '')}\n"
        if client is not None:
            try:
                text = client.license_text(name)
            except RequestError as cause:
                warn(f"licenses/{name}.txt holds the licence's address only: {cause}")
        folder.write_text(path, text)
