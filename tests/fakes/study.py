"""A study without a network: melanoma, or the first class, grows with age by known rules."""

import numpy as np
from PIL import Image

from model.diagnosis import DIAGNOSES
from model.image import read_image
from model.inference.finder import Framed
from model.inference.similar import SimilarCase
from model.patient import FIELDS, Patient, vary


class FakeStudy:
    """Of any classes, in the shape of :class:`model.inference.study.Study`."""

    def __init__(self, photograph, *, codes=DIAGNOSES, quality=(), ood_score=0.5):
        self.codes = tuple(codes)
        self.photograph = photograph
        self.size = photograph.size
        self.quality = quality
        self.ood_score = ood_score
        self.is_dermoscopic = True
        self.framed = Framed(None)

    @property
    def warnings(self):
        """Without those of a lesion finder."""
        return ("ood",) * (self.ood_score > 1) + ("poor_quality",) * bool(self.quality)

    def ranges(self, patient):
        """A tenth of each probability to either side."""
        return {code: (0.9 * p, 1.1 * p) for code, p in self.probabilities(patient).items()}

    def change_ranges(self, patient):
        """A tenth of each change to either side: context moves every view the same way."""
        alone, whole = self.probabilities(Patient()), self.probabilities(patient)
        moved = {code: whole[code] - alone[code] for code in self.codes}
        return {code: tuple(sorted((0.9 * by, 1.1 * by))) for code, by in moved.items()}

    def probabilities(self, patient):
        melanoma = patient.get("age", 0) / 200
        rest = (1 - melanoma) / (len(self.codes) - 1)
        return {code: melanoma if code == self._growing else rest for code in self.codes}

    def prediction_set(self, patient):
        return self.codes[:2] if patient.get("age") else self.codes[1:2]

    @property
    def _growing(self):
        return "MEL" if "MEL" in self.codes else self.codes[0]

    def contributions(self, patient):
        none, alone = {field.key: 0.0 for field in FIELDS}, self.probabilities(Patient())
        return {
            code: none | {"age": whole - alone[code]}
            for code, whole in self.probabilities(patient).items()
        }

    def what_if(self, patient, field, code):
        supposed = vary(patient, field)
        return {value: self.probabilities(one)[code] for value, one in supposed.items()}

    def grad_cam(self, patient, code):
        map_ = np.zeros((4, 4), np.float32)
        map_[1:3, 1:3] = 1
        return map_

    def similar(self, count):
        case = SimilarCase("ISIC_0000001", "MEL", Patient(age=60.0, sex="male"), 0.97)
        return [case][:count]


def made_up(image, codes=DIAGNOSES, *, box=None):
    """Read the image and make its study."""
    photograph = read_image(image)
    photograph.thumbnail((600, 600), Image.Resampling.BOX)
    return FakeStudy(photograph, codes=codes)
