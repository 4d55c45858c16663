"""ShrunkAverage: equal weights unless the data tell models apart."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LinearRegression

from sknumerai.ensemble._shrunk_average import ShrunkAverage


def rows(n, skill, noise=1.0, seed=0):
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(n, len(skill)))
    return Z, Z @ np.asarray(skill) + noise * rng.normal(size=n)


def test_alike_models_have_equal_weights():
    equal = 0
    for seed in range(40):
        Z, y = rows(2000, [0.05, 0.05, 0.05], seed=seed)
        model = ShrunkAverage().fit(Z, y)
        assert (model.coef_ >= 0).all()
        equal += np.ptp(model.coef_) == 0
    # by chance the test finds one in about 25 to be different
    assert equal > 34


def test_clear_differences_are_learned():
    Z, y = rows(20_000, [0.8, 0.3, 0.0])
    model = ShrunkAverage().fit(Z, y)
    ols = LinearRegression().fit(Z, y)
    assert model.shrinkage_ < 0.1
    assert_allclose(model.coef_, np.maximum(ols.coef_, 0), atol=0.03)
    assert_allclose(model.predict(Z).mean(), y.mean(), atol=1e-9)


def test_small_predictions_are_not_lost_in_rounding():
    """Deviations from the mean sum to 0: an inverse along that was noise of any size."""
    for seed in range(20):
        Z, y = rows(2000, [0.9, 0.5, 0.7], seed=seed)
        large = ShrunkAverage().fit(Z, y)
        small = ShrunkAverage().fit(0.5 + Z * 1e-2, y)
        slope = LinearRegression().fit(Z.mean(axis=1, keepdims=True), y).coef_[0]
        assert_allclose(large.coef_.sum(), slope)
        assert_allclose(small.coef_, 100 * large.coef_, rtol=1e-6)


def test_a_mean_without_skill_keeps_its_sign():
    Z, y = rows(500, [-0.5, -0.5])
    assert_allclose(ShrunkAverage().fit(Z, y).coef_, 0.5)


def test_weights_are_repeated_rows():
    Z, y = rows(400, [0.8, 0.0, 0.0])
    weight = np.tile([1, 3], 200)
    one = ShrunkAverage().fit(Z, y, sample_weight=weight)
    many = ShrunkAverage().fit(np.repeat(Z, weight, axis=0), np.repeat(y, weight))
    assert_allclose(one.coef_, many.coef_, atol=1e-2)


def test_order_of_time_is_that_of_the_eras():
    Z, y = rows(400, [0.8, 0.1, 0.0])
    eras = np.repeat(np.arange(40), 10)
    mixed = np.random.default_rng(1).permutation(400)
    one = ShrunkAverage().fit(Z, y, groups=eras)
    two = ShrunkAverage().fit(Z[mixed], y[mixed], groups=eras[mixed])
    assert_allclose(one.coef_, two.coef_)


@pytest.mark.parametrize("Z", [np.ones((50, 3)), np.arange(50.0)[:, None], np.eye(4)])
def test_degenerate_input(Z):
    model = ShrunkAverage().fit(Z, np.arange(len(Z), dtype=float))
    assert np.isfinite(model.predict(Z)).all()
