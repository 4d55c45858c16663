"""reduce_exposure: the least change within the limit."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from sknumerai.metrics import max_feature_exposure
from sknumerai.preprocessing import neutralize, reduce_exposure


def make(seed=0, n=200, k=6, n_eras=1):
    rng = np.random.default_rng(seed)
    F = rng.normal(size=(n * n_eras, 2)) @ rng.normal(size=(2, k))
    F = np.digitize(F + rng.normal(size=F.shape), [-1.5, -0.5, 0.5, 1.5])
    p = F @ rng.normal(size=k) + 2 * rng.normal(size=n * n_eras)
    eras = np.repeat(np.arange(1, n_eras + 1), n)
    index = pd.MultiIndex.from_arrays([eras, np.arange(len(p))], names=["era", "id"])
    F = pd.DataFrame(F.astype(np.int8), index=index)
    return pd.Series(p, index=index, name="p"), F


def exposures(p, F):
    return np.array([np.corrcoef(p, F[name])[0, 1] for name in F])


@pytest.mark.parametrize("limit", [0.3, 0.1, 0.02])
def test_no_exposure_exceeds_the_limit(limit):
    p, F = make(n_eras=3)
    found = reduce_exposure(p, F, max_exposure=limit)
    for era in (1, 2, 3):
        size = np.abs(exposures(found[era], F.loc[era]))
        assert size.max() <= limit
        # as little as possible is changed, so the limit is met
        assert size.max() >= limit * (1 - 1e-4)
        assert found[era].mean() == pytest.approx(p[era].mean())


@pytest.mark.parametrize("seed", range(3))
def test_no_smaller_change_reaches_the_limit(seed):
    p, F = make(seed, n=60, k=4)
    limit = 0.1
    found = reduce_exposure(p, F, max_exposure=limit).to_numpy()
    centered = p.to_numpy() - p.mean()
    Z = F.to_numpy() - F.to_numpy().mean(axis=0)
    Z = Z / np.sqrt((Z**2).sum(axis=0))

    def slack(w):
        rest = centered - Z @ w
        return limit * np.sqrt(rest @ rest) - np.abs(Z.T @ rest)

    start = np.linalg.lstsq(Z, centered, rcond=None)[0]
    best = minimize(
        lambda w: (Z @ w) @ (Z @ w),
        start,
        constraints={"type": "ineq", "fun": slack},
        method="SLSQP",
        options={"maxiter": 500, "ftol": 1e-12},
    )
    change = ((p.to_numpy() - found) ** 2).sum()
    assert change <= best.fun * (1 + 1e-4)


def test_predictions_within_the_limit_are_not_touched():
    p, F = make()
    limit = np.abs(exposures(p, F)).max() * 1.001
    assert_allclose(reduce_exposure(p, F, max_exposure=limit), p, rtol=0, atol=0)


def test_a_limit_of_zero_is_neutralization():
    p, F = make(n_eras=2)
    found = reduce_exposure(p, F, max_exposure=0)
    means = p.groupby(level="era").transform("mean")
    assert_allclose(found, neutralize(p, F) + means, atol=1e-9)
    near = reduce_exposure(p, F, max_exposure=1e-6)
    assert_allclose(near, found, atol=1e-3)


def test_features_that_depend_on_each_other_or_are_missing():
    p, F = make(n_eras=2)
    F[6] = F[0]
    F[7] = 2
    F[8] = F[1] + F[2]
    found = reduce_exposure(p, F, max_exposure=0.05)
    rest = F.drop(columns=7)
    assert max(np.abs(exposures(found[e], rest.loc[e])).max() for e in (1, 2)) <= 0.05
    F.loc[:, :] = 2
    assert_allclose(reduce_exposure(p, F), p, rtol=0, atol=0)


def test_the_metric_says_the_same_for_many_columns():
    p, F = make(n_eras=2)
    P = pd.DataFrame({"a": p, "b": -2 * p + 5, "c": F[0] * 1.0})
    P.iloc[:5, 1] = np.nan
    found = reduce_exposure(P[["a", "b"]], F, max_exposure=0.1)
    assert found["b"].isna().sum() == 5
    known = found["b"].notna()
    for name, rows in (("a", slice(None)), ("b", known)):
        eras = max_feature_exposure(
            None, found.loc[rows, name], F.loc[rows], aggregate=None
        )
        assert (eras <= 0.1 + 1e-9).all()


def test_more_features_than_rows_say_that_the_limit_is_out_of_reach():
    rng = np.random.default_rng(0)
    p, F = rng.normal(size=12), rng.integers(0, 5, size=(12, 40))
    with pytest.warns(ConvergenceWarning, match="12 rows"):
        reduce_exposure(p, F, max_exposure=0.1)


@pytest.mark.parametrize("limit", [-0.1, 1.1, "a", None])
def test_limits_that_are_none_are_named(limit):
    with pytest.raises(ValueError, match="max_exposure must be a correlation"):
        reduce_exposure([1.0, 2.0], [[0], [1]], max_exposure=limit)


@pytest.mark.parametrize("scale", [1e200, 1e-200, 1e-300])
@pytest.mark.parametrize("limit", [0.1, 0])
def test_the_scale_of_predictions_does_not_matter(scale, limit):
    rng = np.random.default_rng(0)
    F = rng.integers(0, 5, size=(200, 3))
    y = F[:, 0] + 0.2 * F[:, 1] + rng.normal(size=200)
    found = reduce_exposure(y * scale, F, max_exposure=limit) / scale
    assert_allclose(found, reduce_exposure(y, F, max_exposure=limit), atol=1e-9)
