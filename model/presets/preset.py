"""Presets: earlier systems by name, each a file of ``model/presets`` that train can start from."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

from model.errors import ConfigError
from model.training.settings import TrainConfig

PRESETS = Path(__file__).parent

PLAIN: dict[str, object] = {
    **{"fusion": "none", "fused_units": 0, "dropout": 0.0, "further_dropout": 0.0},
    **{"crop_border": False, "metadata_dropout_field": 0.0, "metadata_dropout_all": 0.0},
    **{"zoom": 0.0, "shift": 0.0, "rotation": "none", "colour": 0.0, "downscale": 0.0},
    **{"balance": "none", "label_smoothing": 0.0, "optimiser": "adam", "schedule": "constant"},
    "patience": 1000,  # more than the epochs of any of them: no early stopping
}
"""What this project adds by default, switched off: a preset names only what its authors did."""


@dataclass(frozen=True)
class Preset:
    """One earlier system, rebuilt."""

    name: str
    title: str
    source: str
    reported: str  # by its authors, in words
    departs: str  # what the rebuild does otherwise, or had to guess
    differs: str  # why the authors' figure and one of this project cannot be the same
    settings: dict[str, object] = field(repr=False)  # of a TrainConfig, PLAIN among them
    reported_accuracy: float | None = None  # 0 to 1, the best that is reported
    parameters: int | None = None  # weights in all, where they are published
    # Of these those that learn, by the name of the stage, where they are published.
    trainable: dict[str, int] = field(default_factory=dict)
    optimisers: tuple[str, ...] = ()  # others that its authors compared with its own
    teacher: str = ""  # preset whose soft labels this one is trained on

    def config(self, **changed: object) -> TrainConfig:
        """Its settings, some of them changed.

        Raises:
            ConfigError: a change is unknown, out of range or excluded by another setting.
        """
        return TrainConfig(**self.settings | changed)

    def variants(self) -> list["Preset"]:
        """Itself, and itself with each of the optimisers that its authors compared."""
        return [self] + [
            replace(
                self,
                name=f"{self.name}-{name}",
                settings=self.settings | {"optimiser": name},
                reported_accuracy=None,
            )
            for name in self.optimisers
        ]


def preset_names() -> tuple[str, ...]:
    """All presets, in the order of the alphabet."""
    return tuple(sorted(path.stem for path in PRESETS.glob("*.json")))


def load_preset(name: str) -> Preset:
    """Read a preset.

    Raises:
        ConfigError: no such preset.
    """
    if name not in preset_names():
        raise ConfigError(f"no preset is called {name!r}. Use one of: {', '.join(preset_names())}.")
    values = json.loads((PRESETS / f"{name}.json").read_text(encoding="utf-8"))
    return Preset(name, **values | {"settings": PLAIN | values["settings"]})


def presets_text() -> str:
    """Write all presets for readers: name, title, source, what was reported and what differs."""
    blocks = []
    for preset in map(load_preset, preset_names()):
        lines = [
            preset.name,
            f"  {preset.title}",
            f"  from: {preset.source}",
            f"  reported: {preset.reported}",
            f"  rebuilt: {preset.departs}",
        ]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)
