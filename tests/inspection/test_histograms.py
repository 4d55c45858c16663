"""Histograms as tables and panels."""

import numpy as np
import pytest

from sknumerai.inspection._histograms import (
    count_values,
    draw_histogram,
    edges_of,
    table_of_bins,
)


def test_shares_are_numpys():
    values = np.random.default_rng(0).normal(size=500).astype(np.float32)
    table = count_values(values, 7)
    counts, edges = np.histogram(values.astype(np.float64), 7)
    np.testing.assert_array_equal(table["share"], counts / 500)
    np.testing.assert_array_equal(edges_of(table), edges)
    assert list(table) == ["lower", "upper", "share"]


def test_no_values_have_no_bins(pyplot):
    table = count_values(np.empty(0), 7)
    assert len(table) == 0 and list(table) == ["lower", "upper", "share"]
    axis = pyplot.figure().add_subplot()
    draw_histogram(axis, table, ("layer", "nothing"))
    assert not axis.patches and axis.get_title() == "layer\nnothing"


def test_what_is_drawn_is_the_table(pyplot):
    axis = pyplot.figure().add_subplot()
    table = table_of_bins(np.array([0.0, 1.0, 3.0]), np.array([0.25, 0.75]))
    draw_histogram(axis, table, ("model", "mean 1"), color="red", alpha=0.5)
    (area,) = axis.patches
    values, edges, _ = area.get_data()
    assert values.tolist() == [0.25, 0.75] and edges.tolist() == [0, 1, 3]
    assert area.get_alpha() == 0.5 and area.get_fill()
    # what is drawn later may be higher
    axis.plot([0, 3], [2, 2])
    axis.set_ylim(bottom=0)
    assert axis.get_ylim()[1] == pytest.approx(2.1, abs=0.2)
