"""Realized returns of portfolios."""

import numpy as np
import pandas as pd
import pytest

from sknumerai.portfolio import portfolio_return_score


def test_against_a_loop():
    rng = np.random.default_rng(0)
    weights, returns = rng.normal(size=(60, 3)), rng.normal(size=60)
    groups = rng.permutation(np.repeat([4, 2, 9], 20))
    table = portfolio_return_score(weights, returns, groups=groups, aggregate=None)
    assert table.index.tolist() == [2, 4, 9]
    for era in table.index:
        rows = groups == era
        np.testing.assert_allclose(table.loc[era], returns[rows] @ weights[rows])
    mean = portfolio_return_score(weights, returns, groups=groups)
    np.testing.assert_allclose(mean, table.mean())
    one = portfolio_return_score(
        weights[:, 0], returns, groups=groups, aggregate="sharpe"
    )
    assert one == pytest.approx(table[0].mean() / table[0].std(ddof=0))


def test_missing_returns():
    groups = [1, 1, 2, 2]
    returns = [0.1, np.nan, np.nan, np.nan]
    assert portfolio_return_score([2, 0, 1, -1], returns, groups=groups) == 0.2
    with pytest.raises(ValueError, match="1 stocks of era 1 have a position"):
        portfolio_return_score([2, 1, 1, -1], returns, groups=groups)
    with pytest.raises(ValueError, match="no era has any returns"):
        portfolio_return_score([1.0], [np.nan])


def test_pandas_rows_must_agree():
    index = pd.MultiIndex.from_tuples([(1, "a"), (1, "b")], names=["era", "id"])
    weights = pd.DataFrame({"m": [0.5, -0.5]}, index=index)
    returns = pd.Series([0.2, 0.1], index=index)
    assert portfolio_return_score(weights, returns)["m"] == pytest.approx(0.05)
    with pytest.raises(ValueError, match="returns"):
        portfolio_return_score(weights, returns[::-1])


def test_errors():
    with pytest.raises(ValueError, match="weights must be finite"):
        portfolio_return_score([np.nan], [1.0])
    with pytest.raises(ValueError, match="infinite"):
        portfolio_return_score([1.0], [np.inf])
    with pytest.raises(ValueError, match="aggregate"):
        portfolio_return_score([1.0], [1.0], aggregate="nonsense")
