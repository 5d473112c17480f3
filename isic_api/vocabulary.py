"""The words of the ISIC 2019 challenge, in the order of its files."""

CHALLENGE_CLASSES = ("MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC")
"""The eight diagnoses that have training images, in the column order of the ground truth."""

UNKNOWN_CLASS = "UNK"
"""The ninth column: none of the eight. It has test images only."""

CHALLENGE_SITES = (
    "anterior torso",
    "head/neck",
    "lateral torso",
    "lower extremity",
    "oral/genital",
    "palms/soles",
    "posterior torso",
    "upper extremity",
)
"""The values of ``anatom_site_general``; a missing site is an empty cell."""

CHALLENGE_SEXES = ("female", "male")
"""The values of ``sex``; a missing sex is an empty cell."""
