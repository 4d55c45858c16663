"""Probabilistic and deflated Sharpe ratios against the papers' formulas."""

from math import e, sqrt

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from sknumerai.exceptions import UnknownHorizonError
from sknumerai.metrics import (
    deflated_sharpe,
    effective_n_eras,
    probabilistic_sharpe,
    sharpe_ratio,
)
from sknumerai.metrics._deflated import expected_max
from tests.metrics.test_blocks import overlapping

SCORES = 0.01 + 0.02 * (np.random.default_rng(0).gamma(2, size=90) - 1.9)


def by_hand(scores, benchmark, n):
    s = scores.mean() / scores.std()
    skew, kurtosis = stats.skew(scores), stats.kurtosis(scores, fisher=False)
    z = (s - benchmark) * sqrt(n - 1) / sqrt(1 - skew * s + (kurtosis - 1) / 4 * s**2)
    return stats.norm.cdf(z)


@pytest.mark.parametrize("benchmark", [0.0, 0.3, -0.2])
def test_probabilistic_sharpe_by_hand(benchmark):
    found = probabilistic_sharpe(
        SCORES, benchmark_sharpe=benchmark, block_size=1, nan_policy="raise"
    )
    n = effective_n_eras(SCORES, horizon=0)
    assert n == pytest.approx(90)
    assert_allclose(found, by_hand(SCORES, benchmark, n), rtol=1e-10)


def test_example_of_the_paper():
    # Bailey & Lopez de Prado (2014), "A numerical example": 100 trials, a variance of
    # 1/2 among annual Sharpe ratios, 1,250 days, 250 a year
    assert expected_max(100, 0.5 / 250) == pytest.approx(0.1132, abs=5e-5)


@pytest.mark.parametrize("n_trials", [2, 10, 1000])
def test_expected_maximum_is_that_of_normal_trials(n_trials):
    drawn = np.random.default_rng(0).normal(0, 0.1, size=(2000, n_trials))
    expected = drawn.max(axis=1).mean()
    assert expected_max(n_trials, 0.01) == pytest.approx(expected, rel=0.08)


def test_deflated_sharpe_by_hand():
    found = deflated_sharpe(SCORES, n_trials=25, sharpe_variance=0.02, horizon=20)
    g = 0.5772156649015329
    q = stats.norm.ppf
    benchmark = sqrt(0.02) * ((1 - g) * q(1 - 1 / 25) + g * q(1 - 1 / (25 * e)))
    n = effective_n_eras(SCORES, horizon=20)
    assert_allclose(found["expected_max_sharpe"], benchmark, rtol=1e-10)
    assert_allclose(found["probability"], by_hand(SCORES, benchmark, n), rtol=1e-9)
    assert_allclose(found["sharpe"], sharpe_ratio(SCORES))
    assert found["n_effective"] == n
    same = probabilistic_sharpe(SCORES, benchmark_sharpe=benchmark, horizon=20)
    assert_allclose(found["probability"], same)


def test_variance_of_the_trials():
    trials = np.random.default_rng(1).normal(0.3, 0.1, size=12)
    found = deflated_sharpe(SCORES, n_trials=40, trial_sharpes=trials, horizon=0)
    expected = expected_max(40, trials.var(ddof=1))
    assert_allclose(found["expected_max_sharpe"], expected)
    default = deflated_sharpe(SCORES, n_trials=40, horizon=0)
    assert_allclose(default["expected_max_sharpe"], expected_max(40, 1 / 89), rtol=1e-6)


def test_one_trial_is_the_probabilistic_ratio():
    found = deflated_sharpe(SCORES, n_trials=1, horizon=20)
    assert found["expected_max_sharpe"] == 0
    assert found["probability"] == probabilistic_sharpe(SCORES, horizon=20)


def test_more_trials_are_worth_less():
    found = [
        deflated_sharpe(SCORES, n_trials=n, horizon=20)["probability"]
        for n in (1, 2, 5, 50, 10**6)
    ]
    assert found == sorted(found, reverse=True) and found[0] > found[-1]


@pytest.mark.parametrize("width, horizon", [(1, 0), (4, 20)])
def test_best_of_models_without_skill_is_seldom_called_significant(width, horizon):
    n_trials, best, naive = 20, [], []
    for seed in range(200):
        scores = overlapping(200, width, seed=seed, n_models=n_trials)
        chosen = scores[:, np.argmax(sharpe_ratio(scores))]
        found = deflated_sharpe(chosen, n_trials=n_trials, horizon=horizon)
        best.append(found["probability"])
        naive.append(probabilistic_sharpe(chosen, horizon=horizon))
    assert np.mean(np.array(best) > 0.95) <= 0.05
    assert 0.35 < np.mean(best) < 0.65
    assert np.mean(np.array(naive) > 0.95) > 0.4


def test_overlap_counts():
    scores = 0.4 + overlapping(200, 4, seed=3)
    alone = probabilistic_sharpe(scores, horizon=0)
    known = probabilistic_sharpe(scores, horizon=20)
    assert 0.5 < known < alone


def test_many_models():
    scores = pd.DataFrame({"a": SCORES, "b": SCORES[::-1] - 0.01, "c": SCORES})
    scores.loc[3, "c"] = np.nan
    found = deflated_sharpe(scores, n_trials=3, horizon=20)
    assert found.index.tolist() == ["a", "b", "c"]
    one = deflated_sharpe(scores["b"], n_trials=3, horizon=20)
    assert_allclose(found.loc["b"], one)
    assert found.loc["c"].isna().all()
    omitted = probabilistic_sharpe(scores, horizon=20, nan_policy="omit")
    assert omitted.notna().all() and omitted.index.tolist() == ["a", "b", "c"]


@pytest.mark.filterwarnings("error")
def test_equal_scores_have_no_probability():
    found = deflated_sharpe(np.full(40, 0.1), n_trials=5, horizon=20)
    assert found.isna().all()


@pytest.mark.parametrize(
    "params, message",
    [
        ({"n_trials": 0}, "n_trials must be the number of models tried"),
        ({"n_trials": 2.5}, "n_trials must be the number of models tried"),
        ({"sharpe_variance": -1}, "sharpe_variance must not be negative"),
        ({"sharpe_variance": "x"}, "sharpe_variance must be a finite number"),
        ({"trial_sharpes": [0.1]}, "at least two trials"),
        ({"trial_sharpes": [0.1, np.nan]}, "with 1 finite numbers"),
        ({"trial_sharpes": [1, 2], "sharpe_variance": 1}, "not both"),
        ({"horizon": 60, "scores": SCORES[:30]}, "fewer than two blocks of 26"),
    ],
)
def test_bad_input(params, message):
    params = {"scores": SCORES, "n_trials": 5, "horizon": 20, **params}
    with pytest.raises(ValueError, match=message):
        deflated_sharpe(**params)


def test_unknown_horizon_and_benchmark():
    with pytest.raises(UnknownHorizonError, match="probabilistic_sharpe"):
        probabilistic_sharpe(SCORES)
    with pytest.raises(ValueError, match="benchmark_sharpe must be a finite number"):
        probabilistic_sharpe(SCORES, benchmark_sharpe=np.nan, horizon=20)
