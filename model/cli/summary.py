"""Show a network without training it: parameters, trainable layers, multiply-adds, a picture.

The network is built with random weights from a config, a preset or single settings, or loaded from
a bundle. --picture draws both branches, their shapes, the fusion and the head.

example: python -m model summary --backbone efficientnet_b0 --fusion film --picture network.svg
"""

import argparse
from pathlib import Path

from model.cli.options import add_preset, add_settings, settings_of
from model.errors import ConfigError
from model.inference.bundle import check_files, read_manifest
from model.patient import Field, PatientEncoder
from model.tasks import CUSTOM, task_of
from model.training.settings import TrainConfig, current_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--bundle", type=Path, metavar="DIR", help="a trained network, instead of settings"
    )
    parser.add_argument(
        "--picture", type=Path, metavar="FILE", help="draw into this .svg, .png or .pdf"
    )
    add_preset(parser)
    add_settings(parser)


def run(options: argparse.Namespace) -> int:
    """Build or load, count, draw."""
    settings = settings_of(options)
    if options.bundle and settings:
        raise ConfigError(
            f"--bundle {options.bundle} has its own settings: leave out {', '.join(settings)}."
        )
    network, config, fields, classes = (
        _of_bundle(options.bundle) if options.bundle else _of_settings(settings)
    )
    from model.training.stages import summarise, summary_text

    side = network.input["image"].shape[1]
    print(f"{config.backbone}, {side} px, fusion {config.fusion}, {len(classes)} classes\n")
    print(summary_text(summarise(network, config)))
    if options.picture:
        from model.networks.figure import Architecture, draw_network

        draw_network(Architecture.of(network, fields), classes, options.picture)
        print(f"\nwrote {options.picture}")
    return 0


def _of_bundle(bundle: Path) -> tuple[object, TrainConfig, tuple[Field, ...], list[str]]:
    manifest = read_manifest(bundle)
    check_files(bundle, manifest)
    from model.inference.keras_backend import load_network  # Keras takes seconds to load

    config = TrainConfig(**current_settings(manifest.training))
    return load_network(bundle, manifest), config, manifest.patient.fields, manifest.codes


def _of_settings(settings: dict) -> tuple[object, TrainConfig, tuple[Field, ...], list[str]]:
    """Build the network with random weights, which the counts do not depend on."""
    config = TrainConfig(**settings | {"weights": "none", "init_from": ""})
    if config.task == CUSTOM:
        raise ConfigError(
            f"task {CUSTOM} takes its classes from the data, which a summary does not read. Choose "
            "another task, or a trained bundle with --bundle."
        )
    task = task_of(config.task, [])
    from model.training.train import build_of

    encoder = PatientEncoder.fit([])
    return build_of(config, encoder, task), config, encoder.fields, list(task.classes)
