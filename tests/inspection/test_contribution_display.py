"""ContributionDisplay: its table and figures."""

import numpy as np
import pandas as pd
import pytest

from sknumerai.inspection import explain_contribution
from tests.inspection.display_checks import (
    check_axes,
    check_pickle,
    check_without_matplotlib,
)

pytest.importorskip("interpret.glassbox")


@pytest.fixture(scope="module")
def display():
    rng = np.random.default_rng(0)
    metrics = pd.DataFrame(rng.normal(size=(600, 3)), columns=["fnc", "corr", "ed"])
    tc = 2 * metrics["fnc"] + metrics["corr"] * metrics["ed"]
    metrics.iloc[::7, 2] = np.nan
    return explain_contribution(
        tc + 0.1 * rng.normal(size=600),
        metrics,
        missing="separate",
        interactions=[("corr", "ed")],
        ebm_params={"max_rounds": 40},
        random_state=0,
    )


@pytest.fixture
def pyplot():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    pyplot.close("all")
    yield pyplot
    pyplot.close("all")


def test_it_prints_a_table(display):
    head, columns, *rows = str(display).splitlines()
    assert head.startswith("600 rows, 1 rounds, R2 0.")
    assert columns.split() == list(display.importances.columns)
    assert len(rows) == 4
    assert any(row.startswith("corr & ed") for row in rows)


def test_plot_draws_importances_and_shapes(display, pyplot):
    assert display.plot() is display
    assert [a.get_xlabel() for a in display.axes_] == [
        "mean size of the score",
        *[term for term in display.importances.index if term in display.shapes],
    ]
    bars = display.axes_[0].patches
    widths = [bar.get_width() for bar in bars]
    np.testing.assert_allclose(widths[::-1], display.importances["importance"])
    assert len({axis.get_ylim() for axis in display.axes_[1:]}) == 1
    shape = display.shapes["fnc"]
    steps = display.axes_[1].patches[1].get_data()
    np.testing.assert_allclose(steps.values, shape["score"])
    np.testing.assert_allclose(steps.edges[:-1], shape["lower"])
    assert display.figure_ in map(pyplot.figure, pyplot.get_fignums())
    display.figure_.canvas.draw()


def test_missing_values_are_a_line(display, pyplot):
    (axis,) = display.plot("ed").axes_
    assert axis.get_legend().get_texts()[0].get_text() == "missing"
    shape = display.shapes["ed"]
    assert axis.lines[0].get_ydata()[0] == shape["score"].iloc[-1]


@pytest.mark.parametrize("pair", [("corr", "ed"), ("ed", "corr"), "corr & ed"])
def test_pairs_are_maps(display, pyplot, pair):
    (axis,) = display.plot(pair).axes_
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("corr", "ed")
    drawn = np.asarray(axis.collections[0].get_array()).ravel()
    scores = display.interactions["corr", "ed"].to_numpy()
    np.testing.assert_allclose(drawn, scores.T.ravel())
    display.figure_.canvas.draw()


def test_given_axes_are_used(display, pyplot):
    figure, axes = pyplot.subplots(1, 2)
    display.plot(["fnc", "importances"], ax=axes)
    assert display.figure_ is figure
    assert list(display.axes_) == list(axes)
    assert pyplot.get_fignums() == [figure.number]
    display.plot("fnc", ax=axes[1])
    assert list(display.axes_) == [axes[1]]


def test_axes_pickle_and_matplotlib(display, pyplot, monkeypatch):
    check_axes(display, pyplot, 4)
    check_pickle(display)
    check_without_matplotlib(display, monkeypatch)


def test_unknown_terms_are_named(display, pyplot):
    with pytest.raises(ValueError, match=r"no term 'mmc'.*\['fnc', 'corr', 'ed'\]"):
        display.plot("mmc")
    with pytest.raises(ValueError, match="terms is empty"):
        display.plot([])
