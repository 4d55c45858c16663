"""DistributionDisplay: its counts against numpy's, and what it draws."""

import numpy as np
import pandas as pd
import pytest

from sknumerai.inspection import DistributionDisplay
from tests.inspection.display_checks import (
    check_axes,
    check_pickle,
    check_without_matplotlib,
)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    index = pd.MultiIndex.from_product([range(1, 21), range(50)], names=["era", "id"])
    values = rng.choice(
        [0, 0.25, 0.5, 0.75, 1], size=1000, p=[0.05, 0.2, 0.5, 0.2, 0.05]
    )
    target = pd.Series(values, index, name="target_a")
    target.loc[[20]] = np.nan
    return target, pd.DataFrame(rng.normal(size=(1000, 2)), index, ["m", "n"])


@pytest.fixture(scope="module")
def display(rows):
    return DistributionDisplay.from_predictions(*rows, plot=False)


def test_few_values_have_a_bin_each(rows, display):
    table = display.histograms["target_a"]
    np.testing.assert_allclose(table["lower"], [-0.125, 0.125, 0.375, 0.625, 0.875])
    np.testing.assert_allclose(table["upper"], [0.125, 0.375, 0.625, 0.875, 1.125])
    shares = rows[0].value_counts(normalize=True).sort_index()
    np.testing.assert_allclose(table["share"], shares)
    by_era = rows[0].groupby(level="era").value_counts(normalize=True).unstack()
    by_era = by_era.dropna(how="all").fillna(0)
    np.testing.assert_allclose(table["low"], by_era.quantile(0.05))
    np.testing.assert_allclose(table["high"], by_era.quantile(0.95))


def test_many_values_have_bins_of_equal_width(rows):
    display = DistributionDisplay.from_predictions(*rows, bins=13, plot=False)
    table = display.histograms["n"]
    counts, edges = np.histogram(rows[1]["n"], 13)
    np.testing.assert_allclose(table["share"], counts / 1000)
    np.testing.assert_allclose(table["lower"], edges[:-1])
    np.testing.assert_allclose(table["upper"], edges[1:])


def test_summary(rows, display):
    summary = display.summary
    assert summary["kind"].to_list() == ["target", "prediction", "prediction"]
    assert summary.loc["target_a", "n_missing"] == 50
    assert summary["n_eras"].to_list() == [19, 20, 20]
    for name, values in {"target_a": rows[0], **rows[1]}.items():
        found = summary.loc[name]
        assert found["mean"] == pytest.approx(values.mean())
        assert found["std"] == pytest.approx(values.std(ddof=0))
        assert (found["min"], found["max"]) == (values.min(), values.max())


@pytest.mark.parametrize("values", [[0.5] * 4, [3, 3, 3], np.full(3, 7, np.int8)])
def test_a_constant_has_one_bin(values, pyplot):
    display = DistributionDisplay.from_predictions(None, values)
    table = display.histograms["prediction"]
    assert len(table) == 1 and table["share"].iloc[0] == 1
    assert table["lower"].iloc[0] < values[0] < table["upper"].iloc[0]
    display.figure_.canvas.draw()


def test_rare_values_behind_the_first_rows_count():
    values = np.zeros(12_000)
    values[-30:] = np.arange(30) / 30
    table = DistributionDisplay.from_predictions(values, plot=False).histograms
    assert len(table["target"]) == 50
    assert table["target"]["share"].sum() == pytest.approx(1)


def test_what_is_drawn(rows, display, pyplot):
    axes = display.plot().axes_
    assert [axis.get_xlabel() for axis in axes] == [
        "target",
        "prediction",
        "prediction",
    ]
    assert axes[0].get_title().startswith("target_a\nmean 0.5")
    assert axes[0].get_title().endswith("5.0% missing")
    steps = axes[0].patches[0].get_data()
    np.testing.assert_allclose(steps.values, display.histograms["target_a"]["share"])
    assert len(axes[1].collections[0].get_segments()) == 50
    ticks = [text.get_text() for text in axes[0].get_xticklabels()]
    assert ticks == ["0", "0.25", "0.5", "0.75", "1"]
    alone = DistributionDisplay.from_predictions(rows[0].to_numpy())
    assert not alone.ax_.collections
    assert alone.ax_.get_ylabel() == "share of rows"


def test_axes_pickle_and_matplotlib(display, pyplot, monkeypatch):
    check_axes(display, pyplot, 3)
    copy = check_pickle(display)
    pd.testing.assert_frame_equal(copy.summary, display.summary)
    check_without_matplotlib(display, monkeypatch)


def test_bad_input_gets_a_sentence(rows):
    make = DistributionDisplay.from_predictions
    with pytest.raises(ValueError, match=r"pass y_true, y_pred, or both"):
        make(None)
    with pytest.raises(ValueError, match="bins must be an integer of at least 1"):
        make(*rows, bins=0)
    with pytest.raises(ValueError, match="'target' has 2 rows and no value"):
        make([np.nan, np.nan])
    with pytest.raises(ValueError, match="1 values of y_pred are infinite"):
        make(None, [1.0, np.inf])
    with pytest.raises(ValueError, match="'m' is the name of a target and of a model"):
        make(rows[0].rename("m"), rows[1])
    with pytest.raises(ValueError, match=r"Got \(2, 1, 1\)"):
        make(np.zeros((2, 1, 1)))


def test_values_at_edges_count_as_numpys():
    values = np.arange(61.0)
    display = DistributionDisplay.from_predictions(values, bins=6, plot=False)
    counts, _ = np.histogram(values, 6)
    np.testing.assert_allclose(display.histograms["target"]["share"] * 61, counts)
