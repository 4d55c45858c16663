"""UniverseSizeDisplay: its counts against pandas', and what it draws."""

import numpy as np
import pandas as pd
import pytest

from sknumerai.exceptions import MissingErasError
from sknumerai.inspection import UniverseSizeDisplay
from tests.inspection.display_checks import (
    check_axes,
    check_pickle,
    check_without_matplotlib,
)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    eras = rng.permutation(np.repeat(["0001", "0002", "0010", "X"], [5, 7, 6, 4]))
    index = pd.MultiIndex.from_arrays([eras, np.arange(22)], names=["era", "id"])
    target = pd.Series(0.5, index, name="target")
    target[eras == "X"] = np.nan
    models = pd.DataFrame(rng.normal(size=(22, 3)), index, ["a", "b", "c"])
    models.iloc[::3, 1] = np.nan
    return target, models


@pytest.fixture(scope="module")
def display(rows):
    return UniverseSizeDisplay.from_predictions(*rows, plot=False)


def test_sizes_are_pandas_counts(rows, display):
    target, models = rows
    assert list(display.sizes.index) == ["0001", "0002", "0010", "X"]
    assert display.sizes["rows"].to_list() == [5, 7, 6, 4]
    frame = pd.concat([target, models], axis=1)
    expected = frame.groupby(level="era").count()
    pd.testing.assert_frame_equal(
        display.sizes.drop(columns="rows"), expected, check_index_type=False
    )


def test_data_count_alike(rows, display):
    target, models = rows
    X = models.fillna(0)
    found = UniverseSizeDisplay.from_data(X, target, plot=False).sizes
    pd.testing.assert_frame_equal(found, display.sizes[["rows", "target"]])
    eras = X.index.get_level_values("era")
    found = UniverseSizeDisplay.from_data(X.to_numpy(), groups=eras, plot=False).sizes
    pd.testing.assert_frame_equal(found, display.sizes[["rows"]])


def test_what_is_drawn(display, pyplot):
    ax = display.plot().ax_
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    # columns that are the same share a line
    assert texts == ["rows = a = c", "target", "b"]
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [5, 7, 6, 4])
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), [5, 7, 6, 0])
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), [1, 2, 10, 11])
    assert ax.get_ylim()[0] == 0
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("era", "stocks in an era")
    display.figure_.canvas.draw()
    ticks = [text.get_text() for text in ax.get_xticklabels()]
    assert ticks == ["1", "2", "10", "live"]


def test_thousand_eras(pyplot):
    eras = np.append(np.repeat(np.arange(1, 1201), 2), 100_000)
    display = UniverseSizeDisplay.from_data(np.zeros((2401, 1)), groups=eras[:2401])
    display.figure_.canvas.draw()
    live = np.where(eras[:2400] == 1200, "X", eras[:2400].astype(str))
    display = UniverseSizeDisplay.from_predictions(np.zeros(2400), groups=live)
    display.figure_.canvas.draw()
    ticks = [text.get_text() for text in display.ax_.get_xticklabels()]
    assert ticks[-1] == "live" and 5 <= len(ticks) <= 14


def test_one_era(pyplot):
    display = UniverseSizeDisplay.from_predictions([0.5, 0.5], groups=["X", "X"])
    display.figure_.canvas.draw()
    assert [t.get_text() for t in display.ax_.get_xticklabels()] == ["live"]


def test_axes_pickle_and_matplotlib(display, pyplot, monkeypatch):
    check_axes(display, pyplot, 1)
    copy = check_pickle(display)
    pd.testing.assert_frame_equal(copy.sizes, display.sizes)
    check_without_matplotlib(display, monkeypatch)


def test_bad_input_gets_a_sentence(rows):
    make = UniverseSizeDisplay.from_predictions
    with pytest.raises(MissingErasError, match="from_predictions needs the era"):
        make([0.5, 0.5])
    with pytest.raises(MissingErasError, match="from_data needs the era"):
        UniverseSizeDisplay.from_data([[0.5]])
    with pytest.raises(ValueError, match="a column is called 'rows'"):
        make(rows[0].rename("rows"))
    with pytest.raises(ValueError, match="'a' is the name of a target and of a model"):
        make(rows[0].rename("a"), rows[1])
