"""What ``model`` raises. The command line and the page translate these; nothing else catches them.

ModelError
├── DataError        a data folder, a table or one of its rows
├── ImageError       a file or upload that cannot be read as a photograph
│   └── BoxError     a lesion's box that does not fit its photograph
├── PatientError     a field of the patient outside its range or words
├── SplitError       a split that does not fit its images or would leak
├── ConfigError      an unknown setting, or settings that exclude each other
├── SearchError      a search that cannot start, go on or find anything
└── BundleError      a bundle that is missing, damaged or contradicts itself

Every message names the offender, the rule and the next step.
"""


class ModelError(Exception):
    """Base of all errors that a user of ``model`` can do something about."""


class DataError(ModelError):
    """A data folder, a table or one of its rows breaks a rule."""


class ImageError(ModelError):
    """A file or upload cannot be read as a photograph."""


class BoxError(ImageError):
    """The box of a lesion has no area, lies outside the photograph, or cannot be used."""


class PatientError(ModelError):
    """A field of the patient is outside its range or words."""


class SplitError(ModelError):
    """A split does not fit its images, or would put one lesion into two parts."""


class ConfigError(ModelError):
    """A setting is unknown, out of range or excluded by another one."""


class SearchError(ModelError):
    """A search for settings cannot start, cannot go on, or found nothing."""


class BundleError(ModelError):
    """A bundle is missing, damaged or contradicts itself."""
