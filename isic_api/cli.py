"""Command-line options, help texts and examples."""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from isic_api import commands
from isic_api.challenge_files import CHALLENGE_URL
from isic_api.client import BASE_URL

_NEGATED_TERM = re.compile(r"-(?=\s*\w+\s*:)")


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
    _add_download(subparsers)
    _add_isic2019(subparsers)
    _add_search(subparsers)
    _add_collections(subparsers)
    _add_metadata(subparsers)
    _add(
        subparsers,
        "whoami",
        commands.whoami_command,
        help="show whose token ISIC_TOKEN is",
        example="ISIC_TOKEN=... python -m isic_api whoami",
    )
    return top


def _add_download(subparsers: Any) -> None:  # noqa: ANN401
    add = _add(
        subparsers,
        "download",
        commands.download_command,
        help="download images and tables into a folder that `model train` reads",
        example='python -m isic_api download data --collection "Challenge 2019: Training" '
        "--sample-per-class 100",
    ).add_argument
    add("out", type=Path, metavar="OUT", help="the output folder; a second run continues")
    _add_selection(add)
    _add_ids(add)
    _add_amount(add)
    _add_transfer(add)


def _add_isic2019(subparsers: Any) -> None:  # noqa: ANN401
    add = _add(
        subparsers,
        "isic2019",
        commands.isic2019_command,
        help="the ISIC 2019 challenge: 25,331 training and 8,238 test images with labels",
        example="python -m isic_api isic2019 data --part train --max-side 512",
    ).add_argument
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


def _add_search(subparsers: Any) -> None:  # noqa: ANN401
    add = _add(
        subparsers,
        "search",
        commands.search_command,
        help="list matching images as a table or as JSON lines",
        example="python -m isic_api search 'sex:male AND age_approx:[20 TO 40]' --limit 10",
    ).add_argument
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


def _add_collections(subparsers: Any) -> None:  # noqa: ANN401
    add = _add(
        subparsers,
        "collections",
        commands.collections_command,
        help="list the collections, or show one of them",
        example='python -m isic_api collections "Challenge 2019: Test"',
    ).add_argument
    add("collection", nargs="?", metavar="NAME_OR_ID", help="only this one")
    add(
        "--pinned",
        action="store_true",
        help="only pinned collections, which include the challenges",
    )
    add("--jsonl", action="store_true", help="one JSON object per line, all fields")


def _add_metadata(subparsers: Any) -> None:  # noqa: ANN401
    add = _add(
        subparsers,
        "metadata",
        commands.metadata_command,
        help="write the metadata of images as a CSV, without images",
        example="python -m isic_api metadata metadata.csv --collection 65",
    ).add_argument
    add("out", type=Path, metavar="OUT.csv", help="the file to write; - for standard output")
    _add_selection(add)
    _add_ids(add)
    add("--limit", type=_positive, metavar="N", help="the first N images, oldest first")
    _add_requests(add)
    add(
        "--with-collections",
        action="store_true",
        help="a column with the collections that hold the image: the requested and the "
        "pinned ones, which include the challenges",
    )
    add(
        "--with-outcomes",
        action="store_true",
        help="columns with the final diagnosis of the image's lesion, where it is public",
    )


def _add_selection(add: Any) -> None:  # noqa: ANN401
    _add_collection(add)
    add(
        "--query",
        type=str.strip,
        default="",
        help="in the Archive's search language, e.g. 'diagnosis_3:\"Nevus\" AND sex:female'",
    )


def _add_ids(add: Any) -> None:  # noqa: ANN401
    add(
        "--ids",
        type=Path,
        metavar="FILE",
        help="a list or CSV of image ids instead of a search; - for standard input",
    )


def _add_collection(add: Any) -> None:  # noqa: ANN401
    add(
        "--collection",
        action="append",
        default=[],
        metavar="NAME_OR_ID",
        help="only images of this collection; can be repeated",
    )


def _add_amount(add: Any) -> None:  # noqa: ANN401
    add("--limit", type=_positive, metavar="N", help="the first N images, oldest first")
    add(
        "--sample-per-class",
        type=_positive,
        metavar="N",
        help="N images of each challenge class, reproducibly",
    )


def _add_transfer(add: Any) -> None:  # noqa: ANN401
    add("--thumbnails", action="store_true", help="256-pixel thumbnails, about 5 KB each")
    add("--max-side", type=_positive, metavar="PX", help="shrink images to this longer side")
    add(
        "--no-space-check",
        action="store_true",
        help="download even if the disk seems too small",
    )
    add(
        "--workers",
        type=_positive,
        default=16,
        metavar="N",
        help="parallel downloads (default: 16)",
    )
    _add_requests(add)


def _add_requests(add: Any) -> None:  # noqa: ANN401
    add(
        "--attempts",
        type=_positive,
        default=6,
        metavar="N",
        help="attempts per request (default: 6)",
    )
    add(
        "--timeout",
        type=_seconds,
        default=20.0,
        metavar="S",
        help="seconds without data before an attempt fails (default: 20)",
    )
    add("--backoff", type=float, default=0.5, metavar="S", help=argparse.SUPPRESS)


def _add(
    subparsers: Any,  # noqa: ANN401
    name: str,
    run: Any,  # noqa: ANN401
    *,
    help: str,
    example: str,
) -> argparse.ArgumentParser:
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
    return command


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
