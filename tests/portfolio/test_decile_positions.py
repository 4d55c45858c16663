"""Positions in deciles."""

import numpy as np
import pandas as pd
import pytest

from sknumerai.portfolio import decile_positions


def test_against_quantiles():
    scores = np.random.default_rng(0).normal(size=(500, 2))
    groups = np.repeat([2, 1], 250)
    positions = decile_positions(scores, groups=groups)
    for era in (1, 2):
        for j in range(2):
            x, p = scores[groups == era, j], positions[groups == era, j]
            low, high = np.sort(x)[[24, -25]]
            np.testing.assert_array_equal(p, (x >= high) * 1.0 - (x <= low) * 1.0)
    np.testing.assert_array_equal(
        decile_positions(scores, groups=groups, long_only=True), positions == 1
    )
    weights = decile_positions(scores, groups=groups, normalize=True)
    np.testing.assert_allclose(weights, positions / 50)


def test_fraction_of_binary_floats():
    # 0.29 * 100 is a little less than 29
    positions = decile_positions(np.arange(100), fraction=0.29)
    assert (positions == 1).sum() == (positions == -1).sum() == 29


def test_missing_scores_are_not_selected():
    scores = pd.Series(
        [0.1, np.nan, 0.9, 0.5, -3.0], index=pd.Index([1] * 5, name="era")
    )
    positions = decile_positions(scores)
    assert positions.tolist() == [0, 0, 1, 0, -1]
    pd.testing.assert_index_equal(positions.index, scores.index)


def test_half_of_an_odd_number():
    assert decile_positions([1, 2, 3], fraction=0.5).tolist() == [-1, 0, 1]


@pytest.mark.parametrize(
    "scores, params, match",
    [
        ([1, 2], {"fraction": 0.6}, "fraction"),
        ([1, 1], {}, "all the same"),
        ([1.0, np.nan], {}, "too few"),
        ([1.0, np.inf], {}, "finite"),
    ],
)
def test_errors(scores, params, match):
    with pytest.raises(ValueError, match=match):
        decile_positions(scores, **params)
