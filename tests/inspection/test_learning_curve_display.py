"""LearningCurveDisplay: where it finds histories, and what it draws of them."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sknumerai.datasets import make_numerai
from sknumerai.ensemble import RankAveragingRegressor
from sknumerai.inspection import LearningCurveDisplay
from sknumerai.model_selection import GroupTimeSeriesSplit, WarmStartWalkForward
from sknumerai.neural_network import MLPRegressor
from tests.inspection.display_checks import (
    check_axes,
    check_pickle,
    check_without_matplotlib,
)


@pytest.fixture(scope="module")
def data():
    return make_numerai(30, n_samples_per_era=20, n_features=10, random_state=0)


@pytest.fixture(scope="module")
def network(data):
    net = MLPRegressor(4, max_epochs=4, patience=9, random_state=0)
    return net.fit(data.data, data.target)


def history(n, *, best=None, phases=None, slope=1.0):
    rows = []
    for i in range(n):
        row = {"epoch": i + 1, "phase": "fit", "dur": 0.1, "lr": 0.01}
        row |= {"train_loss": slope / (i + 1), "valid_loss": 2 * slope / (i + 1)}
        row |= {"valid_corr": 0.01 * i, "best": best is not None and i < best}
        rows.append(row)
    for row, phase in zip(rows, phases or []):
        row["phase"] = phase
    return rows


def curves(ax):
    return {line.get_label(): line for line in ax.lines if len(line.get_xdata()) > 2}


def test_a_network_is_its_history(network, pyplot):
    display = LearningCurveDisplay.from_estimator(network)
    assert display.histories == {"MLPRegressor": network.history_}
    losses, scores = display.axes_
    assert [axis.get_ylabel() for axis in display.axes_] == ["loss", "score"]
    assert curves(losses).keys() == {"train_loss", "valid_loss"}
    assert curves(scores).keys() == {"valid_corr"}
    for axis in display.axes_:
        for name, line in curves(axis).items():
            expected = [row[name] for row in network.history_]
            np.testing.assert_array_equal(line.get_ydata(), expected)
            np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3, 4])
    assert display.best_epochs["MLPRegressor"] == network.best_epoch_
    best = [line for line in losses.lines if line.get_label() == "best epoch"]
    assert list(best[0].get_xdata()) == [network.best_epoch_] * 2
    assert display.axes_[-1].get_xlabel() == "epoch"
    table = display.table
    assert table.index.names == ["fit", "epoch"] and len(table) == 4
    assert table["train_loss"].to_list() == [r["train_loss"] for r in network.history_]


def test_members_steps_and_wrapped_ones_are_found(data, network):
    find = LearningCurveDisplay.from_estimator
    net = MLPRegressor(4, max_epochs=2, random_state=0)
    pipe = make_pipeline(FunctionTransformer(), net).fit(data.data, data.target)
    assert list(find(pipe, plot=False).histories) == ["mlpregressor"]
    both = RankAveragingRegressor([("a", net), ("ridge", Ridge()), ("b", pipe)])
    both.fit(data.data, data.target)
    assert list(find(both, plot=False).histories) == ["a", "b, mlpregressor"]


def test_folds_of_a_walk_forward_follow_each_other(data, pyplot):
    cv = GroupTimeSeriesSplit(3, test_size=4, valid_size=4, embargo=2)
    net = MLPRegressor(4, max_epochs=3, random_state=0)
    walk = WarmStartWalkForward(net, cv, verbose=0).fit(data.data, data.target)
    display = LearningCurveDisplay.from_estimator(walk)
    assert list(display.histories) == ["fold 0", "fold 1", "fold 2"]
    for fitted, rows in zip(walk.estimators_, display.histories.values()):
        assert rows == fitted.history_
    axis = display.axes_[0]
    lines = [line for line in axis.lines if line.get_label() == "train_loss"]
    lengths = [len(rows) for rows in display.histories.values()]
    starts = np.cumsum([0, *lengths])
    assert [line.get_xdata()[0] - 1 for line in lines] == starts[:-1].tolist()
    assert [text.get_text() for text in axis.texts] == ["fold 0", "fold 1", "fold 2"]
    assert display.axes_[-1].get_xlabel() == "epoch, one fit after the other"
    names = [text.get_text() for text in axis.get_legend().get_texts()]
    assert names.count("train_loss") == 1
    over = display.plot(arrange="overlay").axes_[0]
    lines = [line for line in over.lines if line.get_label() == "train_loss"]
    assert [line.get_xdata()[0] for line in lines] == [1, 1, 1]


def test_phases_have_ground_and_names(pyplot):
    rows = history(6, best=5, phases=["pretrain"] * 2 + ["fit"] * 4)
    display = LearningCurveDisplay.from_history(rows)
    for axis in display.axes_:
        assert [text.get_text() for text in axis.texts] == ["pretrain", "fit"]
        (ground,) = axis.patches
        assert (ground.get_x(), ground.get_x() + ground.get_width()) == (2.5, 6.5)
    assert display.axes_[0].get_xlim() == display.axes_[1].get_xlim()
    display.figure_.canvas.draw()


def test_overlaid_fits_have_rings_at_their_best(pyplot):
    several = {
        "a": history(5, best=3),
        "b": history(4, best=2, slope=2.0),
        "c": history(3),
    }
    display = LearningCurveDisplay.from_history(several)
    assert display.best_epochs.to_list()[:2] == [3, 2]
    assert display.best_epochs.isna().to_list() == [False, False, True]
    rings = [line for line in display.axes_[1].lines if len(line.get_xdata()) == 1]
    at = [(line.get_xdata()[0], line.get_ydata()[0]) for line in rings]
    assert at == [(3, 0.02), (2, 0.01)]


def test_fields_are_chosen(pyplot):
    display = LearningCurveDisplay.from_history(history(3), names="lr")
    assert len(display.axes_) == 1
    np.testing.assert_array_equal(curves(display.ax_)["lr"].get_ydata(), [0.01] * 3)
    with pytest.raises(ValueError, match=r"no epoch has any of \['bmc'\]"):
        display.plot(names=["bmc"])


def test_axes_pickle_and_matplotlib(network, pyplot, monkeypatch):
    display = LearningCurveDisplay.from_estimator(network, plot=False)
    check_axes(display, pyplot, 2)
    assert check_pickle(display).histories == display.histories
    check_without_matplotlib(display, monkeypatch)


def test_bad_input_gets_a_sentence():
    with pytest.raises(ValueError, match="Ridge holds no network with a history_"):
        LearningCurveDisplay.from_estimator(Ridge())
    for given in ([], [1, 2], {"a": 3}):
        with pytest.raises(ValueError, match="must be a list of dicts"):
            LearningCurveDisplay.from_history(given)
    with pytest.raises(ValueError, match="history is empty"):
        LearningCurveDisplay.from_history({})
    display = LearningCurveDisplay.from_history(history(2), plot=False)
    with pytest.raises(ValueError, match="arrange must be one of"):
        display.plot(arrange="grid")
