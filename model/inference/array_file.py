"""Plain arrays of a bundle as one compressed file that holds no code."""

from dataclasses import fields
from pathlib import Path
from typing import Self

import numpy as np

from model.errors import BundleError


class ArrayFile:
    """What a dataclass whose fields are arrays inherits to be kept in a file."""

    def save(self, path: Path) -> None:
        """Write the fields by their names."""
        with path.open("wb") as file:  # NumPy would add its own ending to another path
            np.savez_compressed(file, **self.arrays())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what :meth:`save` wrote.

        Raises:
            BundleError: the file is missing, damaged, or holds something else.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return cls.of_arrays(dict(arrays))
        except (OSError, ValueError, TypeError, EOFError, KeyError) as error:
            raise BundleError(
                f"{path} cannot be read ({type(error).__name__}: {error}). Copy the whole bundle "
                "again, or run: python -m model calibrate"
            ) from error

    def arrays(self) -> dict[str, np.ndarray]:
        """What is kept, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def of_arrays(cls, arrays: dict[str, np.ndarray]) -> Self:
        """The inverse of :meth:`arrays`."""
        return cls(**arrays)
