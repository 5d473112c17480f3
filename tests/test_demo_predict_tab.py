"""What the tab Predict does when it is asked, without a browser."""

import pytest

from demo.predict_tab import _Answers
from demo.texts import load_texts
from model.patient import FIELDS
from tests.drawings import draw_lesion
from tests.pages import services


@pytest.mark.parametrize(("age", "begins"), [(0, 5), (None, 55), (53, 55), (100, 85)])
def test_what_if_begins_at_the_patients_age_as_far_as_the_slider_goes(
    age, begins, tmp_path, monkeypatch
):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))  # where uploads lie
    file = tmp_path / "lesion.jpg"
    draw_lesion(0, seed=1).save(file)
    answers = _Answers(services(), FIELDS, load_texts())
    answered = answers.answer(str(file), age, "male", "head/neck", 50)
    assert answered[4] == begins
