"""Loading what answers the page: by LiteRT where the bundle is exported to it, else by Keras.

See :mod:`model.inference.export`. LiteRT answers several times as fast and starts without
TensorFlow.
"""

from pathlib import Path

from model.inference.bundle import RELEASED, lite_file, load_cases, load_detector, read_manifest
from model.inference.examiner import Examiner


def load_examiner(bundle: Path = RELEASED) -> Examiner:
    """Load a bundle from its folder, by its LiteRT file if it has one.

    Raises:
        BundleError: the bundle is missing, damaged or contradicts itself.
    """
    manifest = read_manifest(bundle)
    file = lite_file(bundle, manifest)
    if file is None:
        from model.inference.predictor import Predictor  # takes seconds

        return Predictor.load(bundle)
    from model.inference.lite import LiteNetwork

    detector, cases = load_detector(bundle, manifest), load_cases(bundle, manifest)
    return Examiner(LiteNetwork(file), manifest, detector, cases)
