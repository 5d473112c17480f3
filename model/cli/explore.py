"""Show what is in a data folder: one HTML page, its figures as PNG files, its numbers as JSON.

It covers diagnoses, patient fields, sources and missing values and, where there are images, their
sizes, duplicates and a contact sheet per diagnosis. Contact sheets, and so the page, show
photographs: the licence of the data folder applies to them.

example: python -m model explore --data DIR --out report/
"""

import argparse

from model.cli.options import add_cache, add_data, add_number, add_out, add_task


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_data(parser)
    add_out(parser, "folder to write into")
    add_number(parser, "--seed", "of the choice of photographs", default=0)
    add_task(parser)
    add_cache(parser, "hashes of images")


def run(options: argparse.Namespace) -> int:
    """Explore and print where the page is."""
    # Diagrams take a second to load: not before the options are known to be right.
    from model.explore.report import explore, introduction

    how = {"task": options.task, "cache_dir": options.cache, "seed": options.seed}
    summary = explore(options.data, options.out, **how)
    print(introduction(summary))
    print(f"wrote {options.out / 'index.html'}")
    return 0
