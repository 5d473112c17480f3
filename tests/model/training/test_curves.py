"""Curves of a training: what they show of a history."""

import pandas as pd
import pytest
from matplotlib.lines import Line2D

from model.training.history import curves_figure, draw_curves, figures_by_epoch

HISTORY = pd.DataFrame(
    {
        "epoch": [0, 1, 1, 2, 3],
        "loss": [2.0, 9.0, 1.5, 1.0, 0.9],
        "val_loss": [2.1, 9.0, 1.6, 1.2, 1.3],
        "balanced_accuracy": [0.2, 0.0, 0.4, 0.6, 0.7],
        "val_balanced_accuracy": [0.2, 0.9, 0.3, 0.5, 0.45],
    }
)
STAGED = HISTORY.assign(stage=[0, 0, 0, 1, 1], learning_rate=[1e-3, 1e-3, 1e-3, 1e-4, 1e-5])


def line(axes, label) -> Line2D:
    return next(found for found in axes.lines if found.get_label() == label)


def test_an_epoch_that_was_run_again_counts_once_with_its_later_figures():
    loss, accuracy = curves_figure(HISTORY).axes
    assert line(loss, "training").get_xydata().tolist() == [[1, 2], [2, 1.5], [3, 1], [4, 0.9]]
    assert line(accuracy, "validation").get_ydata().tolist() == [0.2, 0.3, 0.5, 0.45]


def test_a_bundle_keeps_the_figures_of_each_epoch_once(tmp_path):
    path = tmp_path / "history.csv"
    assert figures_by_epoch(path) == {}
    HISTORY.to_csv(path, index=False)
    kept = figures_by_epoch(path)
    assert kept["val_loss"] == [2.1, 1.6, 1.2, 1.3]
    assert list(kept) == ["loss", "val_loss", "balanced_accuracy", "val_balanced_accuracy"]


@pytest.mark.parametrize(("keep", "epoch", "loss"), [("best", 3, 1.2), ("last", 4, 1.3)])
def test_the_epoch_whose_weights_are_kept_is_marked_in_both_panels(keep, epoch, loss):
    panels = curves_figure(HISTORY, keep=keep).axes
    assert line(panels[0], "chosen epoch").get_xydata().tolist() == [[epoch, loss]]
    assert line(panels[1], "chosen epoch").get_xdata()[0] == epoch


def test_the_best_epoch_is_that_of_the_monitored_figure():
    panels = curves_figure(HISTORY, monitor="val_loss").axes
    assert line(panels[0], "chosen epoch").get_xydata().tolist() == [[3, 1.2]]
    more = HISTORY.assign(val_loss=[0.1, 0.2, 0.2, 0.3, 0.4])
    assert line(curves_figure(more, monitor="val_loss").axes[0], "chosen epoch").get_xdata()[0] == 1


def test_stages_and_the_learning_rate_are_shown_if_they_were_kept():
    panels = curves_figure(STAGED).axes
    assert [axes.get_title() for axes in panels] == ["loss", "balanced accuracy", "learning rate"]
    for axes in panels:
        assert [2.5, 2.5] in [list(found.get_xdata()) for found in axes.lines]
    assert len(curves_figure(HISTORY).axes) == 2


def test_one_epoch_is_enough_for_a_picture(tmp_path):
    STAGED[:1].to_csv(tmp_path / "history.csv", index=False)
    draw_curves(tmp_path / "history.csv", tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
