"""Names of images, as the Archive and the challenge give them."""

import numpy as np
import pandas as pd
import pytest

from isic_api.vocabulary import archive_id, is_image_id
from model.inference.similar import CaseIndex
from model.patient import FIELDS


@pytest.mark.parametrize("name", ["ISIC_0000013", "ISIC_0000013_downsampled"])
def test_a_copy_that_the_challenge_reduced_has_the_id_of_its_image(name):
    assert archive_id(name) == "ISIC_0000013"


@pytest.mark.parametrize(
    "text", ["ISIC_000001", "../ISIC_0000001", "ISIC_0000001\n", "isic_0000001"]
)
def test_what_is_no_id_cannot_become_the_name_of_a_file(text):
    assert not is_image_id(text)
    assert is_image_id("ISIC_0000001")


def test_similar_cases_bear_the_ids_that_the_archive_links_to():
    names = ["ISIC_0000013_downsampled", "ISIC_0000017"]
    table = pd.DataFrame({"image": names, "lesion_id": names, "diagnosis": ["MEL", "NV"]})
    table = table.assign(age_approx=[60.0, np.nan], sex=["male", None], anatom_site_general=None)
    index = CaseIndex.fit(np.eye(2, 4, dtype=np.float32), table, FIELDS)
    found = index.nearest(np.array([1, 0, 0, 0], np.float32), 2)
    assert [case.isic_id for case in found] == ["ISIC_0000013", "ISIC_0000017"]
