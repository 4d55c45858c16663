"""Features: exact quintiles, correlations, and the binning behind them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sknumerai.datasets._codes import FeatureModel, cut_positions, exact_bins
from sknumerai.datasets._layout import GROUPS, make_layout
from sknumerai.datasets._targets import BIN_EDGES

QUINTILES = (0.2, 0.4, 0.6, 0.8)


def plain_bins(row, quantiles):
    """What exact_bins does, said with a sort of the 16-bit levels."""
    scale = np.float32(65535) / np.maximum(row.max() - row.min(), np.float32(1e-30))
    level = ((row - row.min()) * scale).astype(np.uint16)
    bins = np.empty(len(row), dtype=np.int8)
    order = np.argsort(level, kind="stable")
    cuts = cut_positions(len(row), quantiles)
    bins[order] = np.searchsorted(cuts, np.arange(len(row)), side="right")
    return bins


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(5, 60), st.sampled_from([1, 2, 5, 1000]))
def test_exact_bins_is_a_stable_ranking(seed, n, n_levels):
    # few levels: almost all values tie
    rng = np.random.default_rng(seed)
    z = rng.integers(0, n_levels, (4, n)).astype(np.float32)
    for quantiles in (QUINTILES, BIN_EDGES):
        expected = np.stack([plain_bins(row, quantiles) for row in z])
        np.testing.assert_array_equal(exact_bins(z, quantiles), expected)


@pytest.mark.parametrize("n", [100, 5592, 7309])
def test_bins_are_those_of_qcut(n):
    z = np.random.default_rng(n).permutation(n).astype(np.float32)
    expected = pd.qcut(z, [0, *QUINTILES, 1], labels=False)
    np.testing.assert_array_equal(exact_bins(z[None], QUINTILES)[0], expected)


@pytest.fixture(scope="module")
def small():
    layout = make_layout(42)
    return [FeatureModel(layout, seed, 5000).codes(30, 5000) for seed in range(6)]


def correlations(codes):
    return np.corrcoef(codes)[np.triu_indices(len(codes), 1)]


def test_correlations_of_features_are_as_in_the_small_set(small):
    # era 575 of the official small set: mean |r| .066, median .030, top eigenvalue 5
    r = [np.abs(correlations(codes)) for codes in small]
    assert 0.04 < np.mean(r) < 0.08
    assert 0.02 < np.median(r) < 0.05
    top = [np.linalg.eigvalsh(np.corrcoef(codes))[-1] for codes in small]
    assert 3 < np.mean(top) < 6


def test_groups_are_blocks():
    layout = make_layout(400)
    R = np.abs(np.corrcoef(FeatureModel(layout, 0, 3000).codes(5, 3000)))
    group = layout.group_of()
    off = ~np.eye(400, dtype=bool)
    within = R[(group[:, None] == group) & off].mean()
    between = R[group[:, None] != group].mean()
    assert within > 1.5 * between
    agility = group == GROUPS.index("agility")
    assert R[np.ix_(agility, agility)].mean() > within


def test_stocks_keep_their_codes_for_a_while():
    model = FeatureModel(make_layout(20), 0, 2000)
    a, b, c = (model.codes(era, 2000) for era in (40, 41, 100))
    same = [np.corrcoef(a.ravel(), x.ravel())[0, 1] for x in (b, c)]
    assert same[0] > 0.9
    assert abs(same[1]) < 0.05


def test_order_only_reorders():
    model = FeatureModel(make_layout(300), 0, 50)
    order = np.random.default_rng(0).permutation(50)
    expected = model.codes(7, 50)[:, order]
    np.testing.assert_array_equal(model.codes(7, 50, order), expected)
