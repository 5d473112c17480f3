"""Write the figures of a bundle into documents, between their marker lines.

    <!-- metrics:begin -->
    <!-- metrics:end -->

example: python -m model card README.md docs/model_card.md
"""

import argparse
from pathlib import Path

from model.cli.options import add_bundle, add_part
from model.evaluation.card import metrics_markdown, with_metrics
from model.inference.bundle import read_manifest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("documents", type=Path, nargs="*", help="Markdown files; none: print")
    add_bundle(parser)
    add_part(parser, "test")


def run(options: argparse.Namespace) -> int:
    """Render and write."""
    tables = metrics_markdown(read_manifest(options.bundle), options.part)
    if not options.documents:
        print(tables)
    for document in options.documents:
        text = with_metrics(document.read_text(encoding="utf-8"), tables)
        document.write_text(text, encoding="utf-8")
        print(f"wrote the figures into {document}")
    return 0
