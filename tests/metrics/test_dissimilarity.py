"""Exposure dissimilarity and its product with FNC against plain loops."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from sknumerai.metrics import (
    exposure_dissimilarity,
    fnc_dissimilarity_score,
    fnc_score,
)
from tests.metrics.eras_of_models import make_rows


def loop(p, example, X, method="pearson"):
    correlate = stats.pearsonr if method == "pearson" else stats.spearmanr
    U, E = (
        np.array([correlate(a, X[:, j])[0] for j in range(X.shape[1])])
        for a in (p, example)
    )
    return 1 - U @ E / (E @ E)


@pytest.mark.parametrize("method", ["pearson", "spearman"])
@pytest.mark.parametrize("dtype", [np.int8, float])
def test_eras_and_models_equal_a_plain_loop(method, dtype):
    y, p, X = make_rows(np.random.default_rng(0))
    example = X["feature_0"] + 0.5 * X["feature_3"] + y
    got = exposure_dissimilarity(
        y, p, X.astype(dtype), example, aggregate=None, method=method
    )
    for era in got.index:
        for model in p:
            expected = loop(
                p.loc[era, model].to_numpy(),
                example.loc[era].to_numpy(),
                X.loc[era].to_numpy(dtype=float),
                method,
            )
            assert_allclose(got.loc[era, model], expected, atol=1e-12)
    mean = exposure_dissimilarity(None, p, X, example, method=method)
    assert_allclose(mean, got.mean(), atol=1e-12)
    one = exposure_dissimilarity(None, p["model_2"], X, example, method=method)
    assert_allclose(one, mean["model_2"], atol=1e-14)


def test_values_of_a_small_fixture():
    i = np.arange(20)
    p, e = np.sin(1.7 * i) + 0.1 * i, np.cos(1.3 * i)
    X = np.stack([(3 * i) % 5, (7 * i + 2) % 5, (i * i) % 5], axis=1)
    for features in (X.astype(np.int8), X / 4):
        got = exposure_dissimilarity(None, p, features, e)
        assert_allclose(got, 0.91644494, atol=5e-9)


def test_same_opposite_and_no_exposure():
    rng = np.random.default_rng(1)
    X = rng.integers(0, 5, (300, 4)).astype(np.int8)
    example = X[:, 0] + 2 * rng.normal(size=300)
    E = np.column_stack([X, np.ones(300)])
    noise = rng.normal(size=300)
    neutral = noise - E @ np.linalg.lstsq(E, noise)[0]
    p = np.column_stack([3 * example - 1, -example, neutral, X[:, 0]])
    same, opposite, none, larger = exposure_dissimilarity(None, p, X, example)
    assert_allclose([same, opposite, none], [0, 2, 1], atol=1e-9)
    assert larger < -0.5
    # a neutralized example has exposures of rounding, which are no pattern
    assert exposure_dissimilarity(None, p, X, neutral).isna().all()


@pytest.mark.filterwarnings("error")
def test_constants_are_nan_and_constant_features_are_left_out():
    y, p, X = make_rows(np.random.default_rng(2))
    example = X["feature_0"] + 0.1 * y
    expected = exposure_dissimilarity(y, p, X.iloc[:, :4], example)
    X = X.assign(feature_4=np.int8(2), feature_5=np.int8(2))
    p = p.assign(model_2=0.5)
    got = exposure_dissimilarity(y, p, X, example)
    assert_allclose(got[:2], expected[:2], atol=1e-14)
    assert np.isnan(got["model_2"])
    assert exposure_dissimilarity(y, p, X, 0 * example).isna().all()
    assert exposure_dissimilarity(y, p, X[["feature_4"]], example).isna().all()
    unexposed = X[["feature_0"]].assign(feature_0=np.tile([0, 1], len(X) // 2))
    flat = np.tile([0, 0, 1, 1], len(X) // 4)
    arrays = (None, p.to_numpy()[:, 0], unexposed.to_numpy(), flat)
    assert np.isnan(exposure_dissimilarity(*arrays))


def test_nan_in_one_model_or_in_the_example():
    y, p, X = make_rows(np.random.default_rng(3))
    example = X["feature_0"] + 0.1 * y
    whole = exposure_dissimilarity(y, p, X, example, aggregate=None)
    holes = p.copy()
    holes.iloc[:10, 0] = np.nan
    got = exposure_dissimilarity(y, holes, X, example, aggregate=None)
    assert_allclose(got.iloc[:, 1:], whole.iloc[:, 1:], atol=1e-14)
    some = example.copy()
    some.iloc[:5] = np.nan
    got = exposure_dissimilarity(y, p, X, some, aggregate=None)
    known = some.notna()
    expected = exposure_dissimilarity(None, p[known], X[known], some[known])
    assert_allclose(got.mean(), expected, atol=1e-14)


def test_bad_input_gets_a_sentence():
    X, p = np.eye(4), np.arange(4.0)
    with pytest.raises(ValueError, match=r"must be one column of predictions\. Got 2"):
        exposure_dissimilarity(None, p, X, np.ones((4, 2)))
    with pytest.raises(ValueError, match="method must be one of"):
        exposure_dissimilarity(None, p, X, p, method="numerai")
    with pytest.raises(ValueError, match="y_pred has 4 rows and example_predictions"):
        exposure_dissimilarity(None, p, X, p[:3])


def test_product_with_fnc():
    y, p, X = make_rows(np.random.default_rng(4), n=80)
    y, example = y.copy(), X["feature_1"] + y
    y.iloc[:7] = np.nan
    p.iloc[3:9, 1] = np.nan
    known = y.notna()
    for top_bottom in (None, 10):
        kwargs = {"aggregate": None}
        got = fnc_dissimilarity_score(y, p, X, example, top_bottom=top_bottom, **kwargs)
        fnc = fnc_score(y, p, X, top_bottom=top_bottom, **kwargs)
        unlike = exposure_dissimilarity(None, p[known], X, example, **kwargs)
        assert_allclose(got, fnc * unlike, atol=1e-13)
    one = fnc_dissimilarity_score(y, p["model_0"], X, example, method="spearman")
    assert isinstance(one, float)
    with pytest.raises(ValueError, match="method must be one of"):
        fnc_dissimilarity_score(y, p, X, example, method="numerai")
    with pytest.raises(ValueError, match="top_bottom must be an integer"):
        fnc_dissimilarity_score(y, p, X, example, top_bottom=-1)
