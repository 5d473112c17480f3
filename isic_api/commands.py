"""What each command does with its options; returns the exit code."""

import dataclasses
import json
import os
import sys
from argparse import Namespace
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from isic_api.client import IsicClient
from isic_api.download import download
from isic_api.errors import BadInputError, NotWritableError
from isic_api.export import export_metadata
from isic_api.image_file import Variant
from isic_api.isic2019 import Recipe, fetch_isic2019
from isic_api.progress import Progress
from isic_api.query import check
from isic_api.records import ImageRecord
from isic_api.selection import Selection, read_ids


def download_command(options: Namespace) -> int:
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
    report = download(
        client,
        selection,
        options.out,
        variant=_variant(options),
        workers=options.workers,
        progress=progress,
    )
    for line in report.lines():
        print(line)
    return 0 if report.complete else 1


def isic2019_command(options: Namespace) -> int:
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
    )
    complete = True
    for line, ok in fetch_isic2019(
        _client(options, progress), recipe, options.out, progress=progress
    ):
        print(line, flush=True)
        complete = complete and ok
    return 0 if complete else 1


def search_command(options: Namespace) -> int:
    check(options.query)
    client = _client(options, Progress())
    collections = [client.resolve(one).id for one in options.collection]
    if options.count:
        print(client.count(options.query, collections=collections))
    elif options.facets:
        print(json.dumps(client.facets(options.query, collections=collections), indent=2))
    elif options.similar:
        found = client.similar(options.similar, limit=min(options.limit or 10, 50))
        _print_images((image for image, _ in found), jsonl=options.jsonl)
    else:
        found = client.search(options.query, collections=collections)
        if not _print_images(islice(found, options.limit), jsonl=options.jsonl):
            print("no image matches; values are case-sensitive, e.g. sex:male", file=sys.stderr)
            return 1
    return 0


def collections_command(options: Namespace) -> int:
    client = _client(options, Progress())
    if options.collection:
        found = [client.resolve(options.collection)]
    else:
        found = client.collections(pinned=True if options.pinned else None)
    if not options.jsonl:
        print(f"{'id':>5}  {'public':6}  name")
    for one in found:
        if options.jsonl:
            print(json.dumps(dataclasses.asdict(one), ensure_ascii=False))
        else:
            print(f"{one.id:>5}  {'yes' if one.public else 'no':6}  {one.name}")
    return 0


def metadata_command(options: Namespace) -> int:
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
        f"{exported.rows:,} rows in {'standard output' if to_stdout else options.out}",
        file=sys.stderr if to_stdout else sys.stdout,
    )
    for isic_id in exported.unknown:
        progress.warn(f"{isic_id}: the Archive has no such image, or it is private")
    if exported.unattributed:
        progress.warn("run the same command again to get the attributions that are missing")
    return 0 if exported.complete else 1


def whoami_command(options: Namespace) -> int:
    user = _client(options, Progress(), check_token=False).whoami()
    print(f"{user.full_name} <{user.email}>" if user.email else user.full_name)
    return 0


def _print_images(images: Iterable[ImageRecord], *, jsonl: bool) -> int:
    number = 0
    for number, image in enumerate(images, 1):
        if jsonl:
            entry = image.to_json()
            entry["metadata"] = entry["metadata"]["all"]
            print(json.dumps(entry, ensure_ascii=False))
            continue
        if number == 1:
            print(f"{'isic_id':13}  {'class':5}  {'age':>3}  {'sex':6}  {'site':16}  licence")
        cells = (image.challenge_class, image.metadata.age_approx, image.metadata.sex)
        label, age, sex = ("-" if cell is None else cell for cell in cells)
        site = image.challenge_site or "-"
        print(
            f"{image.isic_id:13}  {label:5}  {age:>3}  {sex:6}  {site:16}  "
            f"{image.copyright_license}"
        )
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
    """Before anything is asked of the Archive."""
    taken = out.exists() and not out.is_file()  # by a folder, or a device
    if taken or not os.access(out.absolute().parent, os.W_OK):
        raise NotWritableError(f"{out} cannot be written to: choose another file.")


def _check_folder(out: Path) -> None:
    """Before anything is asked of the Archive."""
    nearest = next(path for path in (out.absolute(), *out.absolute().parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise NotWritableError(
            f"{out} cannot be written to ({nearest} is not a folder of yours): choose another."
        )
