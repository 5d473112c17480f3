"""The commands: their options and help texts, and what each does; all return the exit code."""

import argparse
import dataclasses
import json
import os
import re
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from isic_api.challenge import CHALLENGE_URL, Recipe, fetch_isic2019
from isic_api.client import BASE_URL, MOST_SIMILAR, SNAPSHOT_URL, IsicClient
from isic_api.download import Variant, download_images
from isic_api.errors import BadInputError, NotWritableError
from isic_api.metadata import export_metadata
from isic_api.query import check
from isic_api.records import ImageRecord
from isic_api.report import Progress
from isic_api.selection import Selection, read_ids

_NEGATED_TERM = re.compile(r"-(?=\s*\w+\s*:)")

AddOption = Callable[..., Any]
"""``add_argument`` of a command's parser."""

NewCommand = Callable[..., AddOption]
""":func:`_add_command` without its first argument."""


class _Parser(argparse.ArgumentParser):
    """Does not mistake a query that begins with a negated term, like ``-sex:*``, for an option."""

    def parse_known_args(
        self,
        args: Sequence[str] | None = None,
        namespace: Any = None,  # noqa: ANN401
    ) -> tuple[Any, list[str]]:
        words = sys.argv[1:] if args is None else args
        words = [f" {word}" if _NEGATED_TERM.match(word) else word for word in words]
        return super().parse_known_args(words, namespace)


def parser() -> argparse.ArgumentParser:
    """All commands; each sets ``run``, a function of the options that returns the exit code."""
    top = _Parser(
        prog="python -m isic_api",
        description="Images and metadata from the ISIC Archive.",
        epilog="ISIC_API_URL: another base URL. ISIC_TOKEN: a bearer token, for private data.\n\n"
        "example: python -m isic_api download --help",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subparsers = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    new = partial(_add_command, subparsers)
    _add_download(new)
    _add_isic2019(new)
    _add_search(new)
    _add_collections(new)
    _add_metadata(new)
    example = "ISIC_TOKEN=... python -m isic_api whoami"
    new("whoami", whoami_command, help="show whose token ISIC_TOKEN is", example=example)
    return top


# === download ===


def _add_download(new: NewCommand) -> None:
    add = new(
        "download",
        download_command,
        help="download images and tables into a folder that `model train` reads",
        example='python -m isic_api download data --collection "Challenge 2019: Training" '
        "--sample-per-class 100",
    )
    add("out", type=Path, metavar="OUT", help="the output folder; a second run continues")
    _add_selection(add)
    _add_amount(add)
    _add_transfer(add)


def download_command(options: Namespace) -> int:
    """Download images and tables into a folder; 1 if something is missing."""
    _check_amount(options)
    ids = _checked_ids(options)
    _check_folder(options.out)
    progress = Progress()
    client = _client(options, progress)
    selection = _selection(options, client, ids)
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


# === isic2019 ===


def _add_isic2019(new: NewCommand) -> None:
    add = new(
        "isic2019",
        isic2019_command,
        help="the ISIC 2019 challenge: 25,331 training and 8,238 test images with labels",
        example="python -m isic_api isic2019 data --part train --max-side 512",
    )
    add("out", type=Path, metavar="OUT", help="the output folder: OUT/train and OUT/test")
    add("--part", choices=("train", "test", "both"), default="both")
    add(
        "--source",
        choices=("api", "challenge"),
        default="api",
        help="the Archive's API, or the challenge's zip files (default: api)",
    )
    add(
        "--labels",
        choices=("api", "challenge"),
        help="whose diagnoses go into the ground truth (default: those of the source)",
    )
    add(
        "--challenge-url",
        default=os.environ.get("ISIC_CHALLENGE_URL") or CHALLENGE_URL,
        metavar="URL",
        help="where the challenge files are (ISIC_CHALLENGE_URL; default: %(default)s)",
    )
    add(
        "--no-checksum",
        action="store_true",
        help="accept challenge files whose SHA-256 is not the known one",
    )
    _add_amount(add)
    _add_transfer(add)


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


# === search ===


def _add_search(new: NewCommand) -> None:
    add = new(
        "search",
        search_command,
        help="list matching images as a table or as JSON lines",
        example="python -m isic_api search 'sex:male AND age_approx:[20 TO 40]' --limit 10",
    )
    add("query", nargs="?", type=str.strip, default="", metavar="QUERY", help="empty: everything")
    _add_collection(add)
    add("--limit", type=_positive, metavar="N", help="the first N (default: all)")
    add(
        "--jsonl",
        action="store_true",
        help="one JSON object per line, all fields except the attribution (see `metadata`)",
    )
    add("--count", action="store_true", help="print only the number of images")
    add("--facets", action="store_true", help="print only how often each value occurs")
    add("--similar", metavar="ID", help="images similar to this one instead; requires a token")


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
        hint = "the Archive has no image similar to it"
    else:
        images = client.search(options.query, collections=collections)
        found = ((image, None) for image in islice(images, options.limit))
        hint = "values are case-sensitive, e.g. sex:male"
    if (_print_json_lines if options.jsonl else _print_table)(found):
        return 0
    print(f"no image matches; {hint}", file=sys.stderr)
    return 1


def _check_search(options: Namespace) -> None:
    """Reject options that would have no effect."""
    modes = [name for name in ("count", "facets", "similar") if getattr(options, name)]
    if len(modes) > 1:
        raise BadInputError(f"--{modes[0]} and --{modes[1]} cannot be combined: leave one out.")
    if options.similar and (options.query or options.collection):
        raise BadInputError(
            "--similar searches the whole Archive: leave out the query and --collection."
        )
    if options.similar and (options.limit or 0) > MOST_SIMILAR:
        raise BadInputError(
            f"The Archive returns at most {MOST_SIMILAR} similar images: lower --limit."
        )
    if (options.count or options.facets) and (options.limit or options.jsonl):
        raise BadInputError(f"--{modes[0]} takes neither --limit nor --jsonl: leave them out.")


def _print_json_lines(images: Iterable[tuple[ImageRecord, float | None]]) -> bool:
    """Whether there was an image; one with a distance is the result of a similarity search."""
    found = False
    for image, distance in images:
        found = True
        entry = image.to_json()
        entry["metadata"] = entry["metadata"]["all"]
        del entry["attribution"]  # the cohort's, which need not be the image's own
        if distance is not None:
            entry["distance"] = distance
        print(json.dumps(entry, ensure_ascii=False))
    return found


def _print_table(images: Iterable[tuple[ImageRecord, float | None]]) -> bool:
    """As :func:`_print_json_lines`, with a header before the first image."""
    row = "{:13}  {:5}  {:>3}  {:6}  {:16}  {:7}".format
    found = False
    for image, distance in images:
        if not found:
            header = row("isic_id", "class", "age", "sex", "site", "licence")
            print(header if distance is None else f"{header}  distance")
        found = True
        cells = (image.challenge_class, image.metadata.age_approx, image.metadata.sex)
        known = ("-" if cell is None else cell for cell in (*cells, image.challenge_site))
        line = row(image.isic_id, *known, image.copyright_license)
        print(line.rstrip() if distance is None else f"{line}  {distance:.4f}")
    return found


# === collections ===


def _add_collections(new: NewCommand) -> None:
    add = new(
        "collections",
        collections_command,
        help="list the collections, or show one of them",
        example='python -m isic_api collections "Challenge 2019: Test"',
    )
    add("collection", nargs="?", metavar="NAME_OR_ID", help="only this one")
    add("--pinned", action="store_true", help="only pinned collections, such as the challenges")
    add("--jsonl", action="store_true", help="one JSON object per line, all fields")


def collections_command(options: Namespace) -> int:
    """Print all collections, or one by its name or id."""
    client = _client(options, Progress())
    if options.collection:
        found = [client.resolve(options.collection)]
    else:
        found = client.collections(pinned=True if options.pinned else None)
    if options.jsonl:
        for one in found:
            print(json.dumps(dataclasses.asdict(one), ensure_ascii=False))
        return 0
    row = "{:>5}  {:6}  {:16}  {}".format
    print(row("id", "public", "doi", "name"))
    for one in found:
        print(row(one.id, "yes" if one.public else "no", one.doi or "-", one.name))
    return 0


# === metadata ===


def _add_metadata(new: NewCommand) -> None:
    add = new(
        "metadata",
        metadata_command,
        help="write the metadata of images as a CSV, without images",
        example="python -m isic_api metadata metadata.csv --collection 65",
    )
    add("out", type=Path, metavar="OUT.csv", help="the file to write; - for standard output")
    _add_selection(add)
    add("--limit", type=_positive, metavar="N", help="the first N images, oldest first")
    _add_requests(add)
    add(
        "--with-collections",
        action="store_true",
        help="a column with the collections that contain the image: the requested and the "
        "pinned ones, which include the challenges",
    )
    add(
        "--with-outcomes",
        action="store_true",
        help="columns with the final diagnosis of the image's lesion, where it is public",
    )


def metadata_command(options: Namespace) -> int:
    """Write the metadata of a selection as CSV; 1 if something is missing."""
    ids = _checked_ids(options)
    to_stdout = str(options.out) == "-"
    if not to_stdout:
        _check_file(options.out)
    progress = Progress()
    client = _client(options, progress)
    selection = _selection(options, client, ids)
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


# === whoami ===


def whoami_command(options: Namespace) -> int:
    """Print whose token is used; raises TokenRefusedError for an invalid one."""
    user = _client(options, Progress(), check_token=False).whoami()
    print(f"{user.full_name} <{user.email}>" if user.email else user.full_name)
    return 0


# === Options of several commands ===


def _add_selection(add: AddOption) -> None:
    _add_collection(add)
    add(
        "--query",
        type=str.strip,
        default="",
        help="in the Archive's search language, e.g. 'diagnosis_3:\"Nevus\" AND sex:female'",
    )
    add(
        "--ids",
        type=Path,
        metavar="FILE",
        help="a list or CSV of image ids instead of a search; - for standard input",
    )


def _add_collection(add: AddOption) -> None:
    add(
        "--collection",
        action="append",
        default=[],
        metavar="NAME_OR_ID",
        help="only images of this collection; can be repeated",
    )


def _add_amount(add: AddOption) -> None:
    add("--limit", type=_positive, metavar="N", help="the first N images, oldest first")
    sample = "N images of each challenge class, drawn reproducibly"
    add("--sample-per-class", type=_positive, metavar="N", help=sample)


def _add_transfer(add: AddOption) -> None:
    add("--thumbnails", action="store_true", help="256-pixel thumbnails, about 5 KB each")
    add("--max-side", type=_positive, metavar="PX", help="shrink images to this longer side")
    add("--no-space-check", action="store_true", help="download even if the disk seems too small")
    parallel = "parallel downloads (default: 16)"
    add("--workers", type=_positive, default=16, metavar="N", help=parallel)
    _add_requests(add)


def _add_requests(add: AddOption) -> None:
    attempts = "attempts per request (default: 6)"
    add("--attempts", type=_positive, default=6, metavar="N", help=attempts)
    add(
        "--timeout",
        type=_seconds,
        default=20.0,
        metavar="S",
        help="seconds without data before an attempt fails (default: 20)",
    )
    add("--backoff", type=float, default=0.5, metavar="S", help=argparse.SUPPRESS)


def _add_command(
    subparsers: Any,  # noqa: ANN401
    name: str,
    run: Any,  # noqa: ANN401
    *,
    help: str,
    example: str,
) -> AddOption:
    command = subparsers.add_parser(
        name,
        help=help,
        description=help[0].upper() + help[1:] + ".",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "--base-url",
        default=os.environ.get("ISIC_API_URL") or BASE_URL,
        metavar="URL",
        help="of the API, /api/v2/ included (ISIC_API_URL; default: %(default)s)",
    )
    command.set_defaults(run=run, attempts=6, timeout=20.0, backoff=0.5)
    return command.add_argument


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return seconds


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


# === What several commands do ===


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
        raise BadInputError("--limit and --sample-per-class cannot be combined: leave one out.")


def _checked_ids(options: Namespace) -> tuple[str, ...]:
    """The ids of --ids; raises BadInputError for an invalid query or option."""
    others = (options.collection, options.query, options.limit)
    if options.ids and (any(others) or getattr(options, "sample_per_class", None)):
        raise BadInputError(
            "--ids cannot be combined with --collection, --query, --limit or --sample-per-class: "
            "leave them out."
        )
    check(options.query)
    return read_ids(options.ids) if options.ids else ()


def _selection(options: Namespace, client: IsicClient, ids: tuple[str, ...]) -> Selection:
    return Selection(
        query=options.query,
        collections=tuple(client.resolve(one) for one in options.collection),
        ids=ids,
        limit=options.limit,
        sample_per_class=getattr(options, "sample_per_class", None),
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
