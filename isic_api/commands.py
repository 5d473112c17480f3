"""The commands; each returns the exit code."""

import dataclasses
import json
import os
import sys
from argparse import Namespace
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from isic_api.challenge import Recipe, fetch_isic2019
from isic_api.client import MOST_SIMILAR, SNAPSHOT_URL, IsicClient
from isic_api.download import download_images
from isic_api.errors import BadInputError, NotWritableError
from isic_api.export import export_metadata
from isic_api.image_file import Variant
from isic_api.query import check
from isic_api.records import ImageRecord
from isic_api.report import Progress
from isic_api.selection import Selection, read_ids


def download_command(options: Namespace) -> int:
    """Download images and tables into a folder; 1 if something is missing."""
    _check_ids_alone(options)
    _check_amount(options)
    check(options.query)
    ids = read_ids(options.ids) if options.ids else ()
    _check_folder(options.out)
    progress = Progress()
    client = _client(options, progress)
    selection = Selection(
        query=options.query,
        collections=tuple(client.resolve(one) for one in options.collection),
        ids=ids,
        limit=options.limit,
        sample_per_class=options.sample_per_class,
    )
    if selection == Selection():
        progress.say(f"for the whole Archive, one file is faster: {SNAPSHOT_URL}")
    report = download_images(
        client,
        selection,
        options.out,
        variant=_variant(options),
        workers=options.workers,
        progress=progress,
        check_space=not options.no_space_check,
    )
    for line in report.lines():
        print(line)
    return 0 if report.complete else 1


def isic2019_command(options: Namespace) -> int:
    """Download the parts of the ISIC 2019 challenge; 1 if something is missing."""
    _check_amount(options)
    _check_folder(options.out)
    progress = Progress()
    recipe = Recipe(
        source=options.source,
        labels=options.labels or options.source,
        parts=("train", "test") if options.part == "both" else (options.part,),
        limit=options.limit,
        sample_per_class=options.sample_per_class,
        variant=_variant(options),
        challenge_url=options.challenge_url,
        checksums=not options.no_checksum,
        workers=options.workers,
        check_space=not options.no_space_check,
    )
    complete = True
    for line, ok in fetch_isic2019(
        _client(options, progress), recipe, options.out, progress=progress
    ):
        print(line, flush=True)
        complete = complete and ok
    return 0 if complete else 1


def search_command(options: Namespace) -> int:
    """Print the matching images, their count or their facets; 1 if there is no image."""
    _check_search(options)
    check(options.query)
    client = _client(options, Progress())
    collections = [client.resolve(one).id for one in options.collection]
    if options.count:
        print(client.count(options.query, collections=collections))
        return 0
    if options.facets:
        print(json.dumps(client.facets(options.query, collections=collections), indent=2))
        return 0
    if options.similar:
        found = client.similar(options.similar, limit=options.limit or 10)
        hint = "the Archive knows no image that looks like it"
    else:
        images = client.search(options.query, collections=collections)
        found = ((image, None) for image in islice(images, options.limit))
        hint = "values are case-sensitive, e.g. sex:male"
    if _print_images(found, jsonl=options.jsonl):
        return 0
    print(f"no image matches; {hint}", file=sys.stderr)
    return 1


def _check_search(options: Namespace) -> None:
    """Reject options that would have no effect."""
    modes = [name for name in ("count", "facets", "similar") if getattr(options, name)]
    if len(modes) > 1:
        raise BadInputError(f"--{modes[0]} and --{modes[1]} exclude each other: leave one out.")
    if options.similar and (options.query or options.collection):
        raise BadInputError(
            "--similar searches the whole Archive: leave out the query and --collection."
        )
    if options.similar and (options.limit or 0) > MOST_SIMILAR:
        raise BadInputError(
            f"The Archive gives at most {MOST_SIMILAR} similar images: lower --limit."
        )
    if (options.count or options.facets) and (options.limit or options.jsonl):
        raise BadInputError(f"--{modes[0]} takes neither --limit nor --jsonl: leave them out.")


def collections_command(options: Namespace) -> int:
    """Print all collections, or one by its name or id."""
    client = _client(options, Progress())
    if options.collection:
        found = [client.resolve(options.collection)]
    else:
        found = client.collections(pinned=True if options.pinned else None)
    if not options.jsonl:
        print(f"{'id':>5}  {'public':6}  {'doi':16}  name")
    for one in found:
        if options.jsonl:
            print(json.dumps(dataclasses.asdict(one), ensure_ascii=False))
        else:
            public = "yes" if one.public else "no"
            print(f"{one.id:>5}  {public:6}  {one.doi or '-':16}  {one.name}")
    return 0


def metadata_command(options: Namespace) -> int:
    """Write the metadata of a selection as CSV; 1 if something is missing."""
    _check_ids_alone(options)
    check(options.query)
    ids = read_ids(options.ids) if options.ids else ()
    to_stdout = str(options.out) == "-"
    if not to_stdout:
        _check_file(options.out)
    progress = Progress()
    client = _client(options, progress)
    selection = Selection(
        query=options.query,
        collections=tuple(client.resolve(one) for one in options.collection),
        ids=ids,
        limit=options.limit,
    )
    exported = export_metadata(
        client,
        selection,
        sys.stdout if to_stdout else options.out,
        collections=options.with_collections,
        outcomes=options.with_outcomes,
        progress=progress,
    )
    print(
        f"{exported.rows:,} {'row' if exported.rows == 1 else 'rows'} in "
        f"{'standard output' if to_stdout else options.out}",
        file=sys.stderr if to_stdout else sys.stdout,
    )
    for isic_id in exported.unknown:
        progress.warn(f"{isic_id}: the Archive has no such image, or it is private")
    if exported.unattributed:
        progress.warn("run the same command again to get the attributions that are missing")
    return 0 if exported.complete else 1


def whoami_command(options: Namespace) -> int:
    """Print whose token is used; raises TokenRefusedError for an invalid one."""
    user = _client(options, Progress(), check_token=False).whoami()
    print(f"{user.full_name} <{user.email}>" if user.email else user.full_name)
    return 0


def _print_images(images: Iterable[tuple[ImageRecord, float | None]], *, jsonl: bool) -> int:
    """Print images, with their distances if they are results of a similarity search."""
    number = 0
    for number, (image, distance) in enumerate(images, 1):
        if jsonl:
            entry = image.to_json()
            entry["metadata"] = entry["metadata"]["all"]
            del entry["attribution"]  # the cohort's, which need not be the image's own
            if distance is not None:
                entry["distance"] = distance
            print(json.dumps(entry, ensure_ascii=False))
            continue
        if number == 1:
            header = f"{'isic_id':13}  {'class':5}  {'age':>3}  {'sex':6}  {'site':16}  licence"
            print(header if distance is None else f"{header:62}  distance")
        cells = (image.challenge_class, image.metadata.age_approx, image.metadata.sex)
        label, age, sex = ("-" if cell is None else cell for cell in cells)
        site = image.challenge_site or "-"
        line = (
            f"{image.isic_id:13}  {label:5}  {age:>3}  {sex:6}  {site:16}  "
            f"{image.copyright_license}"
        )
        print(line if distance is None else f"{line:62}  {distance:.4f}")
    return number


def _client(options: Namespace, progress: Progress, *, check_token: bool = True) -> IsicClient:
    client = IsicClient(
        options.base_url,
        token=os.environ.get("ISIC_TOKEN") or None,
        attempts=options.attempts,
        backoff=options.backoff,
        timeout=(min(5.0, options.timeout), options.timeout),
        connections=getattr(options, "workers", 4),
        on_wait=progress.wait,
    )
    if check_token:
        client.require_valid_token(progress.warn)
    return client


def _variant(options: Namespace) -> Variant:
    return Variant(options.thumbnails, options.max_side)


def _check_amount(options: Namespace) -> None:
    if options.limit and options.sample_per_class:
        raise BadInputError("--limit and --sample-per-class exclude each other: leave one out.")


def _check_ids_alone(options: Namespace) -> None:
    others = (options.collection, options.query, options.limit)
    if options.ids and (any(others) or getattr(options, "sample_per_class", None)):
        raise BadInputError(
            "--ids stands alone: leave out --collection, --query, --limit and --sample-per-class."
        )


def _check_file(out: Path) -> None:
    """Check before the first request."""
    taken = out.exists() and not out.is_file()  # a folder or a device
    if taken or not os.access(out.absolute().parent, os.W_OK):
        raise NotWritableError(f"{out} cannot be written to: choose another file.")


def _check_folder(out: Path) -> None:
    """Check before the first request."""
    nearest = next(path for path in (out.absolute(), *out.absolute().parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise NotWritableError(
            f"{out} cannot be written to ({nearest} is not a writable folder): choose another."
        )
