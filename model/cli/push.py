"""Push a bundle and its model card to the Hugging Face Hub.

The token is taken from HF_TOKEN or `hf auth login`. Nothing else of the project is uploaded.

example: python -m model push OWNER/NAME --bundle runs/first/bundle
"""

import argparse
from pathlib import Path

from model.cli.options import add_bundle
from model.inference.hub import MODEL_ID, MODEL_REVISION, push_bundle

CARD = Path(__file__).parents[2] / "docs" / "model_card.md"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("repository", metavar="OWNER/NAME", help="on the Hub; created if missing")
    add_bundle(parser)
    parser.add_argument(
        "--card",
        type=Path,
        metavar="FILE",
        default=CARD,
        help="Markdown file (default: docs/model_card.md)",
    )
    parser.add_argument("--private", action="store_true", help="make a new repository private")


def run(options: argparse.Namespace) -> int:
    """Push, and say how to configure a Space."""
    commit = push_bundle(
        options.bundle, options.repository, card=options.card, private=options.private
    )
    print("pushed; to serve this bundle, set:")
    print(f"{MODEL_ID}={options.repository}")
    print(f"{MODEL_REVISION}={commit}")
    return 0
