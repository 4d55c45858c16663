"""Intervals by resampling eras against a plain loop and against known theory."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from sknumerai.metrics import _bootstrap as module
from sknumerai.metrics import bootstrap_interval, score_summary
from sknumerai.metrics._bootstrap import draw_eras, resample
from sknumerai.metrics._statistics import AGGREGATES
from tests.metrics.test_blocks import overlapping


@pytest.mark.parametrize("rows", [1, 2.5, 10])
def test_stationary_blocks_have_their_mean_length_and_go_round(rows):
    index = draw_eras((4000, 50), rows, "stationary", np.random.RandomState(0))
    assert index.min() == 0 and index.max() == 49
    follows = (np.diff(index, axis=1) % 50) == 1
    # a new block begins with 1 / rows, and one of 50 then happens to follow
    assert follows.mean() == pytest.approx(1 - (1 / rows) * 49 / 50, abs=0.005)
    counts = np.bincount(index.ravel(), minlength=50) / index.size
    assert_allclose(counts, 1 / 50, rtol=0.05)
    jumps = (index[:, 1:] == 0) & (index[:, :-1] == 49)
    assert rows == 1 or jumps.mean() > 0.5 / 50 * (1 - 1 / rows)


def test_circular_blocks_all_have_one_length():
    index = draw_eras((500, 23), 5, "circular", np.random.RandomState(0))
    assert index.shape == (500, 23)
    steps = np.diff(index, axis=1) % 23
    inside = np.arange(1, 23) % 5 != 0
    assert (steps[:, inside] == 1).all()
    assert (steps[:, ~inside] != 1).mean() > 0.9
    counts = np.bincount(index.ravel(), minlength=23) / index.size
    assert_allclose(counts, 1 / 23, rtol=0.2)


def plain_pairs(values, index):
    earlier = [values[i] for i in index if i + 1 < len(values)]
    later = [values[i + 1] for i in index if i + 1 < len(values)]
    return np.corrcoef(earlier, later)[0, 1]


@pytest.mark.parametrize("method", ["stationary", "circular"])
def test_resamples_equal_a_plain_loop(method):
    values = overlapping(40, 4, n_models=3).T.copy()
    found = resample(values, AGGREGATES, 5, method, 6, 0)
    index = draw_eras((6, 40), 5, method, np.random.RandomState(0))
    for m in range(3):
        for r in range(6):
            drawn = values[m, index[r]]
            first = plain_pairs(values[m], index[r])
            for name, kernel in AGGREGATES.items():
                expected = kernel(drawn)
                if name == "autocorrelation":
                    expected = first
                elif name == "smart_sharpe":
                    expected = kernel(drawn, first=np.asarray(first))
                assert_allclose(found[name][m, r], expected, rtol=1e-9, atol=1e-12)


def test_chunks_change_nothing(monkeypatch):
    values = np.random.default_rng(0).normal(size=(5, 30))
    kernels = {name: AGGREGATES[name] for name in ("mean", "autocorrelation")}
    monkeypatch.setattr(module, "MAX_INDEX", 30 * 7)
    whole = resample(values, kernels, 3, "stationary", 20, 0)
    monkeypatch.setattr(module, "MAX_DRAWN", 30 * 7 * 2)
    parts = resample(values, kernels, 3, "stationary", 20, 0)
    for name in kernels:
        assert_array_equal(parts[name], whole[name])


def test_standard_error_of_independent_eras_is_the_textbook_one():
    scores = np.random.default_rng(0).normal(0.02, 0.01, size=300)
    found = bootstrap_interval(scores, horizon=0, n_resamples=5000, random_state=0)
    expected = stats.sem(scores)
    assert found["estimate"] == pytest.approx(scores.mean())
    assert found["standard_error"] == pytest.approx(expected, rel=0.03)
    low, high = stats.t.interval(0.95, 299, scores.mean(), expected)
    assert_allclose([found["low"], found["high"]], [low, high], rtol=0.01)


def test_overlap_widens_the_interval():
    scores = overlapping(400, 4)
    naive = bootstrap_interval(scores, horizon=0, random_state=0)
    known = bootstrap_interval(scores, horizon=20, random_state=0)
    assert known["standard_error"] > 1.5 * naive["standard_error"]


@pytest.mark.parametrize(
    "statistic, true, least",
    [
        ("mean", 1, 0.92),
        ("std", 1, 0.90),
        ("sharpe", 1, 0.92),
        ("positive_share", stats.norm.cdf(1), 0.91),
        ("autocorrelation", 0.75, 0.92),
    ],
)
def test_intervals_hold_the_truth_as_often_as_they_say(statistic, true, least):
    scores = 1 + overlapping(100, 4, n_models=300) / 2
    options = {"horizon": 20, "n_resamples": 300, "random_state": 0}
    found = bootstrap_interval(scores, statistic, **options)
    held = ((found["low"] <= true) & (true <= found["high"])).mean()
    assert least <= held <= 0.985
    plain = bootstrap_interval(scores, statistic, interval="percentile", **options)
    assert ((plain["low"] <= true) & (true <= plain["high"])).mean() < 0.9


def test_percentile_and_basic_are_quantiles_of_the_resamples():
    scores = overlapping(60, 4)
    drawn = resample(scores[None], AGGREGATES, 10, "stationary", 500, 1)["sharpe"][0]
    low, high = np.quantile(drawn, [0.05, 0.95])
    options = {"horizon": 20, "n_resamples": 500, "random_state": 1}
    found = {
        kind: bootstrap_interval(
            scores, "sharpe", confidence_level=0.9, interval=kind, **options
        )
        for kind in ("percentile", "basic")
    }
    assert_allclose(found["percentile"][["low", "high"]], [low, high])
    estimate = found["basic"]["estimate"]
    reflected = [2 * estimate - high, 2 * estimate - low]
    assert_allclose(found["basic"][["low", "high"]], reflected)


@pytest.mark.parametrize("statistic", sorted(AGGREGATES))
def test_student_interval_holds_the_estimate_and_stays_in_range(statistic):
    scores = 0.5 + overlapping(60, 4, n_models=4) / 4
    found = bootstrap_interval(scores, statistic, horizon=20, random_state=0)
    assert (found["low"] <= found["estimate"]).all()
    assert (found["estimate"] <= found["high"]).all()
    if statistic in ("std", "max_drawdown", "longest_losing_run", "positive_share"):
        assert (found["low"] >= 0).all()
    if statistic in ("positive_share", "autocorrelation"):
        assert (found["high"] <= 1).all()


def test_function_as_statistic():
    scores = overlapping(60, 4)
    options = {"horizon": 20, "n_resamples": 200, "random_state": 0}
    named = bootstrap_interval(scores, "mean_plus_worst", **options)
    own = bootstrap_interval(scores, lambda s: s.mean() + s.min(), **options)
    assert_allclose(own, named, rtol=1e-12)


@pytest.mark.filterwarnings("error")
def test_model_has_the_same_interval_alone_and_beside_others():
    scores = pd.DataFrame(overlapping(80, 4, n_models=3), columns=list("abc"))
    options = {"horizon": 20, "n_resamples": 100, "random_state": 3}
    many = bootstrap_interval(scores, "sharpe", **options)
    pd.testing.assert_series_equal(
        many.loc["b"], bootstrap_interval(scores["b"], "sharpe", **options)
    )
    scores.loc[:5, "a"] = np.nan
    beside = bootstrap_interval(scores, "sharpe", **options)
    assert beside.loc["a"].drop("n_eras").isna().all()
    pd.testing.assert_frame_equal(beside.drop("a"), many.drop("a"))
    omitted = bootstrap_interval(scores, "sharpe", nan_policy="omit", **options)
    expected = bootstrap_interval(scores["a"].dropna(), "sharpe", **options)
    pd.testing.assert_series_equal(omitted.loc["a"], expected)


def test_random_state_decides_everything_and_global_state_is_left():
    scores = overlapping(60, 4)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    a, b = (bootstrap_interval(scores, horizon=20, random_state=7) for _ in range(2))
    pd.testing.assert_series_equal(a, b)
    assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    state = np.random.RandomState(7)
    c = bootstrap_interval(scores, horizon=20, random_state=state)
    pd.testing.assert_series_equal(a, c)


@pytest.mark.filterwarnings("error")
def test_equal_scores_have_an_interval_without_width():
    found = bootstrap_interval(np.full(40, 0.5), horizon=20, random_state=0)
    assert_allclose(found[["estimate", "low", "high"]], 0.5)
    assert found["standard_error"] == pytest.approx(0, abs=1e-15)
    sharpe = bootstrap_interval(np.full(40, 0.5), "sharpe", horizon=20, random_state=0)
    assert sharpe.drop("n_eras").isna().all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("statistic", sorted(AGGREGATES))
def test_odd_models_warn_of_nothing_and_harm_no_other(statistic):
    scores = np.random.default_rng(0).normal(size=(40, 4))
    scores[3, 0] = np.nan
    scores[:, 1] = 0.1
    scores[:, 2] = np.abs(scores[:, 2])
    scores.flags.writeable = False
    options = {"horizon": 20, "n_resamples": 50, "random_state": 0}
    for method in ("stationary", "circular"):
        for interval in ("student", "percentile", "basic"):
            found = bootstrap_interval(
                scores, statistic, method=method, interval=interval, **options
            )
            assert found.loc[0].drop("n_eras").isna().all()
            assert found.loc[3].notna().all()
            alone = bootstrap_interval(
                scores[:, 3], statistic, method=method, interval=interval, **options
            )
            assert_allclose(found.loc[3], alone, rtol=1e-12)


def test_every_fourth_era_makes_blocks_of_fewer_rows():
    scores = pd.Series(
        overlapping(100, 4), index=pd.Index(range(1, 401, 4), name="era")
    )
    options = {"horizon": 60, "random_state": 0}
    expected = bootstrap_interval(scores.to_numpy(), block_size=6.5, random_state=0)
    pd.testing.assert_series_equal(
        bootstrap_interval(scores, **options), expected, check_names=False
    )


@pytest.mark.parametrize(
    "params, message",
    [
        ({"statistic": "calmar"}, "statistic must be one of"),
        ({"confidence_level": 1.0}, "confidence_level must be between 0 and 1"),
        ({"method": "moving"}, "method must be one of"),
        ({"interval": "bca"}, "interval must be one of"),
        ({"n_resamples": 1}, "n_resamples must be an integer of at least 2"),
        ({"n_resamples": 10.0}, "n_resamples must be an integer of at least 2"),
        ({"nan_policy": "raise"}, "1 of 40 era scores of model None are NaN"),
    ],
)
def test_bad_parameters(params, message):
    scores = np.r_[overlapping(39, 4), np.nan]
    with pytest.raises(ValueError, match=message):
        bootstrap_interval(scores, **{"horizon": 20, **params})


@pytest.mark.slow
def test_many_models_stay_in_bounded_memory():
    import tracemalloc

    scores = np.random.default_rng(0).normal(size=(600, 400))
    tracemalloc.start()
    score_summary(scores, confidence_level=0.95, horizon=20, n_resamples=1000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # drawn eras of all models at once would be 1.9 GB
    assert peak < 150e6
