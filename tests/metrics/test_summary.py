"""Summaries of era scores against pandas and numerai-tools."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numerai_tools import scoring
from numpy.testing import assert_allclose

from sknumerai.metrics import (
    autocorrelation,
    max_drawdown,
    score_summary,
    sharpe_ratio,
)

SCORES = pd.Series([0.02, -0.01, 0.03, -0.04, 0.01], index=[1, 2, 3, 4, 5])


def plain_drawdown(scores, start=None):
    total, top, deepest = 0.0, start, 0.0
    for score in scores:
        total += score
        top = total if top is None else max(top, total)
        deepest = max(deepest, top - total)
    return deepest


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30))
def test_drawdown_equals_a_plain_loop(scores):
    assert_allclose(max_drawdown(scores), plain_drawdown(scores), atol=1e-12)
    from_zero = max_drawdown(scores, from_zero=True)
    assert_allclose(from_zero, plain_drawdown(scores, 0.0), atol=1e-12)
    total = pd.Series(scores).cumsum()
    assert_allclose(max_drawdown(scores), (total.cummax() - total).max(), atol=1e-12)


def test_first_era_counts_in_the_drawdown_only_from_zero():
    assert max_drawdown([-0.5, 0.1]) == 0
    assert max_drawdown([-0.5, 0.1], from_zero=True) == 0.5


def test_sharpe_equals_numerai_tools():
    assert_allclose(sharpe_ratio(SCORES), scoring.sharpe_ratio(SCORES), rtol=1e-12)
    assert_allclose(sharpe_ratio(SCORES, ddof=1), SCORES.mean() / SCORES.std())


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scores", [[], [0.1], [0.1] * 7, [0.1, np.nan]])
def test_sharpe_without_spread_is_nan(scores):
    assert np.isnan(sharpe_ratio(scores))


def test_autocorrelation_equals_pandas():
    for lag in (1, 2):
        got = autocorrelation(SCORES, lag=lag)
        assert_allclose(got, SCORES.autocorr(lag), rtol=1e-12)
    assert np.isnan(autocorrelation([0.1, 0.2]))
    with pytest.raises(ValueError, match="lag must be an integer of at least 1"):
        autocorrelation(SCORES, lag=0)


def test_summary_of_one_and_many_models():
    frame = pd.DataFrame({"a": SCORES, "b": SCORES[::-1].to_numpy()})
    one, many = score_summary(SCORES.rename("a")), score_summary(frame)
    assert one.name == "a" and many.index.tolist() == ["a", "b"]
    pd.testing.assert_series_equal(many.loc["a"], one)
    assert one["mean"] == pytest.approx(SCORES.mean())
    assert one["std"] == pytest.approx(SCORES.std(ddof=0))
    assert one["sharpe"] == sharpe_ratio(SCORES)
    assert one["max_drawdown"] == max_drawdown(SCORES) == pytest.approx(0.04)
    assert one["positive_share"] == 0.6
    assert one["autocorrelation"] == autocorrelation(SCORES)
    assert one["n_eras"] == 5
    from_array = score_summary(frame.to_numpy())
    assert_allclose(from_array, many)


def test_summary_of_models_with_the_same_name():
    frame = pd.DataFrame(np.c_[SCORES, -SCORES], columns=["a", "a"])
    assert_allclose(score_summary(frame)["mean"], [SCORES.mean(), -SCORES.mean()])


def test_summary_says_what_becomes_of_nan():
    scores = pd.DataFrame({"a": SCORES, "b": SCORES})
    scores.loc[2, "b"] = np.nan
    default = score_summary(scores)
    assert default.loc["a"].notna().all()
    assert default.loc["b"].drop("n_eras").isna().all()
    omitted = score_summary(scores, nan_policy="omit")
    assert_allclose(omitted.loc["b"], score_summary(SCORES.drop(2)))
    with pytest.raises(ValueError, match=r"1 of 5 era scores of model 'b' .* era 2"):
        score_summary(scores, nan_policy="raise")
    with pytest.raises(ValueError, match="nan_policy must be"):
        score_summary(scores, nan_policy="drop")


@pytest.mark.filterwarnings("error")
def test_summary_of_nothing_is_nan():
    empty = score_summary([])
    assert empty["n_eras"] == 0 and empty.drop("n_eras").isna().all()
