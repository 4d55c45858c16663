"""Blocks of eras and the number of independent eras."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import toeplitz

from sknumerai.exceptions import UnknownHorizonError
from sknumerai.metrics import effective_n_eras
from sknumerai.metrics._blocks import block_rows, correction, freedom
from sknumerai.metrics._bootstrap import resample
from sknumerai.metrics._statistics import mean


def overlapping(n_eras, width, seed=0, n_models=None):
    """Moving sums of noise: scores of targets that reach over `width` eras."""
    shape = n_eras + width - 1 if n_models is None else (n_eras + width - 1, n_models)
    total = np.cumsum(np.random.default_rng(seed).normal(size=shape), axis=0)
    return total[width - 1 :] - np.concatenate([total[:1] * 0, total[:-width]])


def frame(eras, name="target_ender_20"):
    index = pd.Index(eras, name="era")
    return pd.DataFrame({name: np.zeros(len(eras))}, index=index)


@pytest.mark.parametrize(
    "horizon, step, expected",
    [(20, 1, 10), (60, 1, 26), (20, 4, 2.5), (60, 4, 6.5), (0, 1, 1), (0, 4, 1)],
)
def test_block_is_counted_in_era_numbers(horizon, step, expected):
    table = frame([f"{era:04d}" for era in range(1, 80, step)])
    assert block_rows(table, horizon, None, "f") == expected
    by_row = table.reset_index(drop=True)
    assert block_rows(by_row, horizon, None, "f") == expected * (step if horizon else 1)


def test_one_missing_era_does_not_change_the_block():
    eras = [era for era in range(1, 80) if era != 40]
    assert block_rows(frame(eras), 20, None, "f") == 10


def test_horizon_is_read_from_names_of_targets_only():
    eras = range(30)
    assert block_rows(frame(eras, "target_ender_20"), None, None, "f") == 10
    assert block_rows(frame(eras, "target_cyrusd_60"), None, None, "f") == 26
    both = pd.concat([frame(eras), frame(eras, "target_ender_60")], axis=1)
    assert block_rows(both, None, None, "f") == 26
    for name in ("lgbm_20", "v53_lgbm_ender20", "target", None):
        with pytest.raises(UnknownHorizonError, match="f: how long neighbouring"):
            block_rows(frame(eras, name), None, None, "f")


@pytest.mark.parametrize(
    "eras, message", [([1, 3, 2], "era 2 follows 3"), ([1, 2, 2], "era 2 follows 2")]
)
def test_eras_out_of_order_raise(eras, message):
    with pytest.raises(ValueError, match=message):
        block_rows(frame(eras), 20, None, "f")


@pytest.mark.parametrize(
    "params, message",
    [
        ({"horizon": 20.5}, "horizon must be an integer"),
        ({"horizon": True}, "horizon must be an integer"),
        ({"horizon": -1}, "horizon must not be negative"),
        ({"block_size": 0.5}, "block_size must be a number of eras"),
        ({"block_size": "long"}, "block_size must be a number of eras"),
        ({"horizon": 60}, "40 era scores hold fewer than two blocks of 26 rows"),
        ({"horizon": 20, "nan_policy": "drop"}, "nan_policy must be"),
    ],
)
def test_bad_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        effective_n_eras(np.arange(40.0), **params)


@pytest.mark.parametrize("width, horizon", [(1, 0), (4, 20), (13, 60)])
def test_effective_eras_of_overlapping_scores(width, horizon):
    scores = overlapping(2000, width, n_models=20)
    effective = effective_n_eras(scores, horizon=horizon)
    assert effective.mean() == pytest.approx(2000 / width, rel=0.15)
    assert (effective <= 2000).all()


def test_effective_eras_are_those_of_the_resamples():
    scores, rows = overlapping(200, 4), 10
    drawn = resample(scores[None], {"mean": mean}, rows, "stationary", 20_000, 0)
    variance = drawn["mean"].var() * correction(200, rows, "stationary") ** 2
    expected = 1 + scores.var() / variance
    assert_allclose(effective_n_eras(scores, horizon=20), expected, rtol=0.03)


def test_effective_eras_of_scores_that_take_turns_are_their_number():
    assert effective_n_eras([0.1, -0.1] * 50, horizon=20) == 100


def test_effective_eras_without_spread_or_with_nan_are_nan():
    assert np.isnan(effective_n_eras(np.full(50, 0.1), horizon=20))
    scores = np.r_[np.nan, overlapping(60, 4)]
    assert np.isnan(effective_n_eras(scores, horizon=20))
    expected = effective_n_eras(scores[1:], horizon=20)
    assert effective_n_eras(scores, horizon=20, nan_policy="omit") == expected


@pytest.mark.parametrize("method", ["stationary", "circular"])
@pytest.mark.parametrize(
    "n_eras, rows", [(20, 10), (60, 10), (500, 10), (60, 26), (100, 26), (500, 26)]
)
def test_correction_and_freedom_are_those_of_the_quadratic_form(n_eras, rows, method):
    """The bootstrap's variance of a mean is x'Ax; its moments by plain matrices."""
    lag = np.arange(n_eras)
    together = np.zeros(n_eras)
    for k in lag:
        if method == "circular":
            together[k] = max(0, 1 - k / rows) + max(0, 1 - (n_eras - k) / rows)
        else:
            keep = 1 - 1 / rows
            together[k] = (n_eras - k) * keep**k + k * keep ** (n_eras - k)
            together[k] /= n_eras
    together[0] = 1
    centre = np.eye(n_eras) - 1 / n_eras
    form = centre @ toeplitz(together) @ centre / n_eras**2
    covariance = toeplitz(np.maximum(0, 1 - lag / (rows / 2)))
    expected = np.trace(form @ covariance)
    true = covariance.sum() / n_eras**2
    assert_allclose(
        correction(n_eras, rows, method), np.sqrt(true / expected), rtol=1e-9
    )
    product = form @ covariance
    satterthwaite = expected**2 / (product * product.T).sum()
    if method == "stationary" or n_eras > 2 * rows:
        tolerance = 0.12
    else:
        tolerance = 0.25
    assert freedom(n_eras, rows, method) == pytest.approx(satterthwaite, rel=tolerance)


def test_single_eras_are_corrected_as_any_variance():
    for method in ("stationary", "circular"):
        assert correction(50, 1, method) == pytest.approx(np.sqrt(50 / 49))
        assert freedom(50, 1, method) == 49


@pytest.mark.parametrize("method", ["stationary", "circular"])
def test_correction_makes_the_standard_error_of_overlapping_scores_right(method):
    n_eras, width = 60, 5
    scores = overlapping(n_eras, width, n_models=1000)
    drawn = resample(
        np.ascontiguousarray(scores.T), {"mean": mean}, 10, method, 300, 0
    )["mean"]
    plain = drawn.std(axis=1, ddof=1)
    true = scores.mean(axis=0).std()
    assert np.sqrt((plain**2).mean()) < 0.9 * true
    corrected = correction(n_eras, 10, method) * plain
    assert np.sqrt((corrected**2).mean()) == pytest.approx(true, rel=0.06)
