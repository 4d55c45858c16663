"""Summaries of era scores against pandas and numerai-tools."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numerai_tools import scoring
from numpy.testing import assert_allclose
from scipy import stats

from sknumerai.exceptions import UnknownHorizonError
from sknumerai.metrics import (
    adjusted_sharpe,
    autocorrelation,
    bootstrap_interval,
    longest_losing_run,
    make_era_scorer,
    max_drawdown,
    numerai_corr_score,
    positive_share,
    score_summary,
    sharpe_ratio,
    smart_sharpe,
)
from sknumerai.metrics._aggregates import aggregate_scores
from sknumerai.metrics._statistics import AGGREGATES

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


def plain_losing_run(scores):
    longest = current = 0
    for score in scores:
        current = current + 1 if score < 0 else 0
        longest = max(longest, current)
    return longest


def plain_smart_sharpe(scores):
    n = len(scores)
    r = np.corrcoef(scores[:-1], scores[1:])[0, 1]
    penalty = np.sqrt(1 + 2 * sum((n - i) / n * r**i for i in range(1, n)))
    return np.mean(scores) / (np.std(scores, ddof=1) * penalty)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from([-0.1, 0.0, 0.1]), min_size=1, max_size=30))
def test_losing_run_and_positive_share_equal_plain_loops(scores):
    assert longest_losing_run(scores) == plain_losing_run(scores)
    assert_allclose(positive_share(scores), sum(s > 0 for s in scores) / len(scores))


@pytest.mark.parametrize("seed", range(3))
def test_adjusted_and_smart_sharpe_equal_the_formulas(seed):
    scores = np.random.default_rng(seed).gamma(2, 0.01, size=60) - 0.01
    for cost in (0.0, 0.010415154):
        s = (scores.mean() - cost) / scores.std()
        skew, excess = stats.skew(scores), stats.kurtosis(scores)
        expected = s * (1 + skew * s / 6 - excess * s**2 / 24)
        assert_allclose(adjusted_sharpe(scores, cost=cost), expected, rtol=1e-12)
    assert_allclose(smart_sharpe(scores), plain_smart_sharpe(scores), rtol=1e-12)
    trend = np.cumsum(scores)
    assert_allclose(smart_sharpe(trend), plain_smart_sharpe(trend), rtol=1e-10)


def test_cost_alone_does_not_turn_the_correction_off():
    assert adjusted_sharpe(SCORES, cost=SCORES.mean()) == pytest.approx(0)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("function", [adjusted_sharpe, smart_sharpe, sharpe_ratio])
@pytest.mark.parametrize("scores", [[], [0.1], [0.1, 0.1, 0.1], [0.1, np.nan, 0.2]])
def test_ratios_without_spread_are_nan(function, scores):
    assert np.isnan(function(scores))


@pytest.mark.filterwarnings("error")
def test_nan_reaches_every_statistic_but_no_other_model():
    scores = pd.DataFrame({"a": SCORES, "b": SCORES})
    scores.loc[2, "b"] = np.nan
    summary = score_summary(scores, statistics="all")
    assert summary.loc["b"].drop("n_eras").isna().all()
    expected = score_summary(SCORES.rename("a"), statistics="all")
    assert_allclose(summary.loc["a"], expected, rtol=1e-12)
    assert expected.notna().all()


@pytest.mark.parametrize("name", sorted(AGGREGATES))
def test_aggregates_by_name(name):
    frame = pd.DataFrame({"a": SCORES, "b": SCORES[::-1].to_numpy()})
    many = aggregate_scores(frame, name)
    assert isinstance(many, pd.Series) and many.index.tolist() == ["a", "b"]
    assert type(aggregate_scores(SCORES, name)) is float
    assert_allclose(many["a"], aggregate_scores(SCORES, name), rtol=1e-12)
    assert np.isnan(aggregate_scores(pd.Series([0.1, np.nan, 0.3]), name))


def test_worst_era_and_mean_plus_worst():
    assert aggregate_scores(SCORES, "worst") == aggregate_scores(SCORES, "min") == -0.04
    assert aggregate_scores(SCORES, "mean_plus_worst") == pytest.approx(0.002 - 0.04)


@pytest.mark.parametrize("name", ["adjusted_sharpe", "longest_losing_run", "worst"])
def test_new_aggregates_make_scorers(name):
    assert make_era_scorer(numerai_corr_score, aggregate=name).aggregate == name


def test_statistics_are_chosen_by_name():
    assert score_summary(SCORES, statistics="worst").index.tolist() == [
        "worst",
        "n_eras",
    ]
    chosen = score_summary(SCORES, statistics=["median", "mean"])
    assert chosen.index.tolist() == ["median", "mean", "n_eras"]
    assert len(score_summary(SCORES, statistics="all")) == 13
    with pytest.raises(ValueError, match=r"names of .* Got \['calmar'\]"):
        score_summary(SCORES, statistics=["mean", "calmar"])
    with pytest.raises(ValueError, match="Got none"):
        score_summary(SCORES, statistics=[])


def test_intervals_stand_beside_their_statistics():
    scores = np.random.default_rng(0).normal(0.02, 0.02, size=(80, 2))
    scores = pd.DataFrame(scores, columns=["a", "b"])
    options = {"horizon": 20, "confidence_level": 0.9, "random_state": 0}
    summary = score_summary(scores, **options)
    names = summary.columns[:-1:3]
    assert summary.columns[:3].tolist() == ["mean", "mean_low", "mean_high"]
    assert summary.shape == (2, 19)
    for name in names:
        expected = bootstrap_interval(scores, name, **options)
        assert_allclose(summary[name], expected["estimate"], rtol=1e-12)
        assert_allclose(summary[f"{name}_low"], expected["low"], rtol=1e-12)
        assert_allclose(summary[f"{name}_high"], expected["high"], rtol=1e-12)
        assert (summary[f"{name}_low"] < summary[name]).all()
        assert (summary[f"{name}_high"] > summary[name]).all()
    alone = score_summary(scores["b"], **options)
    assert_allclose(alone, summary.loc["b"], rtol=1e-12)


def test_interval_of_ddof_one_is_of_ddof_one():
    scores = np.random.default_rng(0).normal(size=24)
    options = {"horizon": 0, "confidence_level": 0.9, "random_state": 0}
    zero, one = (score_summary(scores, ddof=d, **options) for d in (0, 1))
    assert_allclose(one["std_low"] / zero["std_low"], np.sqrt(24 / 23), rtol=1e-9)


def test_model_left_with_too_few_eras_has_no_interval():
    scores = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 2)))
    scores.iloc[:15, 1] = np.nan
    summary = score_summary(
        scores, nan_policy="omit", confidence_level=0.95, horizon=20, random_state=0
    )
    assert summary.loc[0].notna().all()
    assert summary.loc[1, ["mean", "n_eras"]].notna().all()
    assert np.isnan(summary.loc[1, "mean_low"])


def test_intervals_ask_for_a_horizon():
    scores = pd.Series(np.arange(40.0), name="lgbm_20")
    with pytest.raises(UnknownHorizonError, match="horizon=20 or horizon=60"):
        score_summary(scores, confidence_level=0.95)
    with pytest.raises(ValueError, match="confidence_level must be between 0 and 1"):
        score_summary(scores, confidence_level=95, horizon=20)
    assert "mean_low" not in score_summary(scores, horizon=20)
