"""Opening the photographs that the page asks about; holds no Keras."""

from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from model.image import read_image
from model.inference.loaded_bundle import LoadedBundle
from model.inference.seen import MAP_VIEWS, Seen
from model.inference.study import Study
from model.inference.tta import views
from model.patient import Patient


class Examiner(LoadedBundle):
    """Opens photographs, one at a time. Safe to use from many threads."""

    def warm_up(self) -> None:
        """Run once on nothing, so that the first visitor does not wait for the compilation."""
        side = self.manifest.image.side
        study = self._study(Image.new("RGB", (side, side)))
        study.activation(Patient(), self.manifest.codes[0])
        for field in self.manifest.patient.fields:
            study.what_if(Patient(), field, self.manifest.codes[0])

    def study(self, image: Path | BinaryIO | bytes) -> Study:
        """Open one photograph, of which any patient's context can then be asked cheaply.

        Raises:
            ImageError: the file cannot be read as a photograph.
        """
        return self._study(read_image(image))

    def _study(self, photograph: Image.Image) -> Study:
        prepared = self.manifest.image(photograph)
        turned = views(prepared[None], max(MAP_VIEWS, self.manifest.views))
        seen = self.opened.look(np.concatenate(list(turned)))
        embeddings = seen.embeddings[: self.manifest.views]
        return Study(self, photograph, prepared, Seen(embeddings, seen.features))
