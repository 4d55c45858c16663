"""CorrelationDisplay: its figures against the metric and scipy, and what it draws."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from sknumerai.inspection import CorrelationDisplay
from sknumerai.metrics import prediction_correlation_score
from tests.inspection.display_checks import (
    check_axes,
    check_pickle,
    check_without_matplotlib,
)


@pytest.fixture(scope="module")
def models():
    rng = np.random.default_rng(0)
    index = pd.MultiIndex.from_product([range(1, 8), range(40)], names=["era", "id"])
    base = rng.normal(size=(280, 2))
    # a and c say the same, b and d do
    values = {
        name: base[:, j % 2] + rng.normal(size=280) for j, name in enumerate("abcd")
    }
    return pd.DataFrame(values, index).round(1)


@pytest.fixture(scope="module")
def display(models):
    return CorrelationDisplay.from_predictions(None, models, plot=False)


@pytest.mark.parametrize("method", ["spearman", "pearson", "numerai"])
@pytest.mark.parametrize("gaps", [False, True])
def test_correlations_are_those_of_the_metric(models, method, gaps):
    models = models.copy()
    if gaps:
        models.iloc[::9, 1] = np.nan
        models.iloc[4::11, 2] = np.nan
    display = CorrelationDisplay.from_predictions(
        None, models, method=method, plot=False
    )
    for i in models:
        for j in models:
            by_era = prediction_correlation_score(
                None, models[i], models[j], method=method, aggregate=None
            )
            assert display.correlation.loc[i, j] == pytest.approx(by_era.mean())
            assert display.std.loc[i, j] == pytest.approx(by_era.std(ddof=0), abs=1e-12)
    assert (display.n_eras == 7).all(axis=None)


def test_one_era_is_scipys():
    values = np.random.default_rng(1).normal(size=(50, 3)).round(1)
    display = CorrelationDisplay.from_predictions(None, values, plot=False)
    np.testing.assert_allclose(display.correlation, spearmanr(values).statistic)
    assert list(display.correlation.columns) == ["model_0", "model_1", "model_2"]


def test_constants_and_absent_models_have_no_correlation(models, pyplot):
    models = models.copy()
    models.loc[[2], "a"] = 0.5
    models.loc[[3, 4], "b"] = np.nan
    models["none"] = np.nan
    models["constant"] = 1.0
    display = CorrelationDisplay.from_predictions(None, models)
    n = display.n_eras
    assert n.loc["a", "a"] == 6 and n.loc["b", "c"] == 5 and n.loc["a", "b"] == 4
    assert (n[["none", "constant"]] == 0).all(axis=None)
    assert display.correlation[["none", "constant"]].isna().all(axis=None)
    assert display.correlation.loc["c", "d"] == pytest.approx(
        CorrelationDisplay.from_predictions(
            None, models[["c", "d"]], plot=False
        ).correlation.loc["c", "d"]
    )
    assert sorted(display.order) == sorted(models)
    texts = [text.get_text() for text in display.ax_.texts]
    assert texts.count("") == 6 * 6 - 16
    display.figure_.canvas.draw()


def test_models_that_say_the_same_are_neighbours(display):
    order = display.order
    assert abs(order.index("a") - order.index("c")) == 1
    assert abs(order.index("b") - order.index("d")) == 1
    some = CorrelationDisplay(*(t.iloc[:2, :2] for t in vars(display).values()))
    assert some.order == ["a", "b"]


def test_what_is_drawn(display, pyplot):
    ax = display.plot().ax_
    names = display.order
    values = display.correlation.loc[names, names].to_numpy()
    np.testing.assert_allclose(ax.collections[0].get_array().ravel(), values.ravel())
    for ticks in (ax.get_xticklabels(), ax.get_yticklabels()):
        assert [text.get_text() for text in ticks] == names
    said = [float(text.get_text()) for text in ax.texts]
    np.testing.assert_allclose(said, values.ravel(), atol=0.005)
    assert not any(text.get_text() == "-0.00" for text in ax.texts)
    assert ax.get_title() == "mean over 7 eras"
    bar = next(axis for axis in display.figure_.axes if axis is not ax)
    assert bar.get_ylabel() == "correlation of predictions"
    ax = display.plot(cluster=False, numbers=False).ax_
    assert [text.get_text() for text in ax.get_yticklabels()] == list("abcd")
    assert not ax.texts


def test_many_models_have_no_numbers(pyplot):
    values = np.random.default_rng(0).normal(size=(60, 30))
    display = CorrelationDisplay.from_predictions(None, values)
    assert not display.ax_.texts
    assert max(display.figure_.get_size_inches()) < 20
    display.figure_.canvas.draw()


def test_axes_pickle_and_matplotlib(display, pyplot, monkeypatch):
    check_axes(display, pyplot, 1)
    copy = check_pickle(display)
    pd.testing.assert_frame_equal(copy.correlation, display.correlation)
    check_without_matplotlib(display, monkeypatch)


def test_bad_input_gets_a_sentence(models):
    make = CorrelationDisplay.from_predictions
    with pytest.raises(ValueError, match=r"method must be one of.*'kendall'"):
        make(None, models, method="kendall")
    with pytest.raises(ValueError, match="several columns of y_pred are called 'a'"):
        make(None, models.set_axis(list("abca"), axis=1))
    with pytest.raises(ValueError, match="1 values of y_pred are infinite"):
        make(None, [[1.0, 2], [2, np.inf]])
    with pytest.raises(ValueError, match="must be numbers"):
        make(None, [["a", "b"]])
