"""Paired comparison of models on the same eras."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from sknumerai.exceptions import UnknownHorizonError
from sknumerai.metrics import (
    bootstrap_interval,
    compare_scores,
    effective_n_eras,
    sharpe_ratio,
)
from sknumerai.metrics._comparison import holm
from tests.metrics.test_blocks import overlapping

ERAS = pd.Index([f"{era:04d}" for era in range(1, 121)], name="era")
MARKET = overlapping(120, 4, seed=1)
OWN = overlapping(120, 4, seed=2, n_models=3)
SCORES = pd.DataFrame(
    0.02 + 0.01 * MARKET[:, None] + 0.002 * OWN + [0.0, 0.004, 0.0],
    index=ERAS,
    columns=["old", "new", "same"],
)
OPTIONS = {"horizon": 20, "n_resamples": 400, "random_state": 0}


def test_difference_of_means_is_the_interval_of_the_difference():
    found = compare_scores(SCORES["new"], SCORES["old"], **OPTIONS)
    one = bootstrap_interval(SCORES["new"] - SCORES["old"], **OPTIONS)
    expected = one[["estimate", "standard_error", "low", "high"]]
    assert_allclose(
        found[["difference", "standard_error", "low", "high"]], expected, rtol=1e-9
    )
    assert found["n_eras"] == 120 and found["n_left_out"] == 0
    assert found["n_effective"] == pytest.approx(
        effective_n_eras(SCORES["new"] - SCORES["old"], horizon=20)
    )


def test_independent_eras_give_the_paired_t_test():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.02, 0.02, size=(2, 400))
    b = 0.5 * a + 0.5 * b
    found = compare_scores(a, b, horizon=0, n_resamples=20_000, random_state=0)
    expected = stats.ttest_rel(a, b)
    assert found["p_value"] == pytest.approx(expected.pvalue, rel=0.05)
    low, high = expected.confidence_interval()
    assert_allclose([found["low"], found["high"]], [low, high], rtol=0.03, atol=1e-5)


def test_pairs_tell_more_than_models_apart():
    found = compare_scores(SCORES["new"], SCORES["old"], **OPTIONS)
    apart = bootstrap_interval(SCORES["new"], **OPTIONS)["standard_error"]
    assert found["standard_error"] < 0.7 * apart


def test_p_value_and_interval_say_the_same():
    rng = np.random.default_rng(0)
    for seed in range(20):
        a, b = rng.normal(size=(2, 60)) + [[0.4], [0]]
        options = {**OPTIONS, "random_state": seed}
        found = compare_scores(a, b, **options)
        assert (found["p_value"] < 0.05) == (found["low"] * found["high"] > 0)


@pytest.mark.parametrize("statistic", ["mean", "sharpe"])
def test_equal_models_are_called_different_as_often_as_said(statistic):
    called = []
    for seed in range(150):
        market, a, b = overlapping(100, 4, seed=seed, n_models=3).T
        a, b = 4 + 2 * market + a, 4 + 2 * market + b
        options = {**OPTIONS, "n_resamples": 200, "statistic": statistic}
        called.append(compare_scores(a, b, **options)["p_value"] < 0.05)
    # 5 % of 150, give or take three standard errors
    assert 0.0 < np.mean(called) < 0.11


def test_sharpe_and_functions():
    found = compare_scores(SCORES["new"], SCORES["old"], statistic="sharpe", **OPTIONS)
    expected = sharpe_ratio(SCORES["new"]) - sharpe_ratio(SCORES["old"])
    assert found["difference"] == pytest.approx(expected)
    own = compare_scores(
        SCORES["new"], SCORES["old"], statistic=lambda s: s.mean() / s.std(), **OPTIONS
    )
    assert_allclose(own, found, rtol=1e-9)


def test_turning_the_models_round_turns_the_sign():
    ab = compare_scores(SCORES["new"], SCORES["old"], **OPTIONS)
    ba = compare_scores(SCORES["old"], SCORES["new"], **OPTIONS)
    assert ab["difference"] == -ba["difference"]
    assert_allclose([ab["low"], ab["high"]], [-ba["high"], -ba["low"]])
    assert ab["p_value"] == pytest.approx(ba["p_value"])


def test_many_models_against_a_baseline():
    found = compare_scores(SCORES, baseline="old", **OPTIONS)
    assert found.index.tolist() == ["new", "same"]
    assert found.columns[:6].tolist() == [
        "difference",
        "standard_error",
        "low",
        "high",
        "p_value",
        "p_adjusted",
    ]
    assert found.loc["new", "p_adjusted"] < 0.05 < found.loc["same", "p_adjusted"]
    single = compare_scores(SCORES["new"], SCORES["old"], **OPTIONS)
    assert_allclose(found.loc["new"].drop("p_adjusted"), single, rtol=1e-12)
    other = compare_scores(SCORES[["new", "same"]], SCORES["old"], **OPTIONS)
    pd.testing.assert_frame_equal(other, found)


def test_holm_by_hand():
    p = np.array([0.01, 0.04, np.nan, 0.03, 0.5])
    assert_allclose(holm(p), [0.04, 0.09, np.nan, 0.09, 0.5])
    assert_allclose(holm(np.array([0.6, 0.7])), [1, 1])
    assert holm(np.array([])).shape == (0,)


def test_eras_are_matched_by_number_and_put_in_order():
    expected = compare_scores(SCORES["new"], SCORES["old"], **OPTIONS)
    shuffled = SCORES["old"].sample(frac=1, random_state=0)
    as_numbers = shuffled.set_axis(pd.Index(shuffled.index.astype(int), name="era"))
    found = compare_scores(SCORES["new"][::-1], as_numbers, **OPTIONS)
    assert_allclose(found, expected, rtol=1e-12)


def test_eras_that_one_lacks_are_left_out_and_counted():
    found = compare_scores(SCORES["new"].iloc[5:], SCORES["old"].iloc[:110], **OPTIONS)
    expected = compare_scores(SCORES["new"][5:110], SCORES["old"][5:110], **OPTIONS)
    assert found["n_left_out"] == 15 and found["n_eras"] == 105
    assert_allclose(found.drop("n_left_out"), expected.drop("n_left_out"))
    with pytest.raises(ValueError, match=r"60 are in both, less than 80%"):
        compare_scores(SCORES["new"].iloc[60:], SCORES["old"], **OPTIONS)
    few = compare_scores(
        SCORES["new"].iloc[60:], SCORES["old"], min_overlap=0.5, **OPTIONS
    )
    assert few["n_eras"] == 60
    with pytest.raises(ValueError, match="0 are in both"):
        compare_scores(SCORES["new"][:60], SCORES["old"][60:], min_overlap=0, **OPTIONS)


def test_arrays_are_matched_by_position():
    expected = compare_scores(SCORES["new"], SCORES["old"], **OPTIONS)
    a, b = SCORES["new"].to_numpy(), SCORES["old"].tolist()
    assert_allclose(compare_scores(a, b, **OPTIONS), expected, rtol=1e-12)
    assert_allclose(compare_scores(SCORES["new"], b, **OPTIONS), expected, rtol=1e-12)
    with pytest.raises(ValueError, match="120 eras and scores_b 119"):
        compare_scores(a, b[1:], **OPTIONS)


def test_rows_are_matched_before_eras_are_sorted():
    expected = compare_scores(SCORES["new"], SCORES["old"], **OPTIONS)
    order = np.random.default_rng(0).permutation(120)
    shuffled = SCORES.iloc[order]
    for a, b in (
        (shuffled["new"], shuffled["old"].to_numpy()),
        (shuffled["new"].to_numpy(), shuffled["old"]),
    ):
        assert_allclose(compare_scores(a, b, **OPTIONS), expected, rtol=1e-12)
    whole = compare_scores(shuffled, baseline="old", **OPTIONS)
    assert_allclose(whole.loc["new"].drop("p_adjusted"), expected, rtol=1e-12)


@pytest.mark.filterwarnings("error")
def test_nan_eras():
    scores = SCORES.copy()
    scores.iloc[7, 2] = np.nan
    found = compare_scores(scores, baseline="old", **OPTIONS)
    assert found.loc["same", ["difference", "p_value", "p_adjusted"]].isna().all()
    single = compare_scores(SCORES["new"], SCORES["old"], **OPTIONS)
    assert found.loc["new", "p_adjusted"] == pytest.approx(single["p_value"])
    omitted = compare_scores(scores, baseline="old", nan_policy="omit", **OPTIONS)
    assert omitted["n_eras"].tolist() == [120, 119]
    assert omitted.notna().all(axis=None)
    with pytest.raises(ValueError, match="model 'same' are NaN"):
        compare_scores(scores, baseline="old", nan_policy="raise", **OPTIONS)


@pytest.mark.filterwarnings("error")
def test_a_model_does_not_differ_from_itself():
    found = compare_scores(SCORES["new"], SCORES["new"], **OPTIONS)
    assert found["difference"] == found["standard_error"] == 0
    assert found["p_value"] == 1
    # better in each era by the same: no doubt is left
    found = compare_scores(SCORES["new"] + 0.5, SCORES["new"], **OPTIONS)
    assert found["difference"] == pytest.approx(0.5) and found["p_value"] < 1e-12


@pytest.mark.parametrize(
    "args, params, message",
    [
        ((SCORES,), {}, "pass either scores_b.*Got neither"),
        ((SCORES, SCORES["old"]), {"baseline": "old"}, "Got both"),
        ((SCORES,), {"baseline": "older"}, "baseline='older' must be one of"),
        ((SCORES["old"],), {"baseline": "old"}, "baseline='old' must be one of"),
        ((SCORES["old"], SCORES), {}, "scores_b must be of one model, got 3"),
        ((SCORES["old"], SCORES["new"]), {"min_overlap": 80}, "min_overlap must be"),
        (
            (SCORES["old"], pd.concat([SCORES["new"], SCORES["new"][:1]])),
            {},
            "era 1 is in scores_b more than once",
        ),
        ((SCORES[:15],), {"baseline": "old"}, "fewer than two blocks of 10"),
        ((SCORES,), {"baseline": "old", "statistic": "median_"}, "statistic must be"),
    ],
)
def test_bad_input(args, params, message):
    with pytest.raises(ValueError, match=message):
        compare_scores(*args, **OPTIONS, **params)


def test_unknown_horizon():
    with pytest.raises(UnknownHorizonError, match="compare_scores"):
        compare_scores(SCORES, baseline="old")
