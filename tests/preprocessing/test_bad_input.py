"""Bad and extreme input of whatever neutralizes: an error that says, or a result.

Absent features, an era in which all is the same, more features than rows, NaN, and
shares outside [0, 1], each for every way to neutralize.
"""

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import Ridge

from sknumerai.datasets import make_numerai
from sknumerai.ensemble import NeutralizedRegressor, ResidualTargetRegressor
from sknumerai.preprocessing import (
    FeatureNeutralizer,
    neutralize,
    reduce_exposure,
    residualize_target,
)

N_ERAS, N_ROWS, N_FEATURES = 3, 40, 5


@pytest.fixture
def data():
    return make_numerai(
        N_ERAS, n_samples_per_era=N_ROWS, n_features=N_FEATURES, random_state=0
    )


def predictions(X):
    rng = np.random.default_rng(0)
    values = rng.normal(size=len(X)) + X.sum(axis=1)
    return pd.Series(values, index=X.index, name="prediction")


def by_transformer(X, p, **params):
    table = X.assign(prediction=p)
    model = FeatureNeutralizer(["prediction"], list(X), **params).fit(table)
    return model.transform(table)["prediction"]


def by_regressor(X, p, **params):
    model = NeutralizedRegressor(Ridge(), **params).fit(X, p)
    model.estimator_ = Given(p)
    return pd.Series(model.predict(X), index=X.index)


class Given:
    """Predicts what it was given."""

    def __init__(self, values):
        self.values = values

    def predict(self, X):
        return self.values.to_numpy()


WAYS = {
    "function": lambda X, p, **params: neutralize(p, X, **params),
    "torch": lambda X, p, **params: neutralize(p, X, device="cpu", **params),
    "transformer": by_transformer,
    "regressor": by_regressor,
    "target": lambda X, p, **params: residualize_target(p, X, **params),
}


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("share", [-0.1, 1.01, float("nan"), "half"])
def test_a_share_outside_0_and_1_raises(data, name, share):
    X = data.data
    with pytest.raises(ValueError, match="proportion"):
        WAYS[name](X, predictions(X), proportion=share)


@pytest.mark.parametrize("name", WAYS)
def test_an_era_in_which_all_features_are_the_same(data, name):
    X, p = data.data.copy(), predictions(data.data)
    X.loc["0002"] = 2
    found = WAYS[name](X, p)
    # its constant is fitted, and the mean goes or comes back
    left = found.loc["0002"]
    assert_allclose(left - left.mean(), p.loc["0002"] - p.loc["0002"].mean())
    assert_allclose(found.drop("0002"), WAYS[name](X.drop("0002"), p.drop("0002")))
    # nothing can be said of such an era's predictions but their mean
    p.loc["0002"] = 0.5
    left = WAYS[name](X, p).loc["0002"]
    assert_allclose(left, left.mean(), atol=1e-12)
    assert np.isfinite(left).all()


@pytest.mark.parametrize("name", WAYS)
def test_more_features_than_rows_leave_nothing_but_the_mean(data, name):
    rows = data.data.groupby(level="era").head(N_FEATURES)
    found = WAYS[name](rows, predictions(rows))
    left = found - found.groupby(level="era").transform("mean")
    assert_allclose(left, 0, atol=1e-9)


@pytest.mark.parametrize("name", ["function", "torch", "transformer", "regressor"])
def test_a_feature_that_is_missing_is_named(data, name):
    X = data.data.astype(float)
    X.iloc[3, 2] = np.nan
    p = predictions(data.data)
    if name == "regressor":
        # a regressor that takes NaN is asked for what it predicts
        model = NeutralizedRegressor(Ridge()).fit(data.data, p)
        model.estimator_ = Given(p)
        with pytest.raises(ValueError, match=f"NaN or infinite.*{X.columns[2]}"):
            model.predict(X)
        return
    with pytest.raises(ValueError, match=f"NaN or infinite.*{X.columns[2]}"):
        WAYS[name](X, p)


def test_rows_of_a_target_that_features_do_not_explain_for_nan_are_nan(data):
    X, p = data.data.astype(float), predictions(data.data)
    X.iloc[3, 2] = np.nan
    found = residualize_target(p, X)
    assert np.isnan(found.iloc[3])
    others = np.arange(len(X)) != 3
    assert_allclose(found[others], residualize_target(p[others], X[others]))


@pytest.mark.parametrize("name", WAYS)
def test_a_prediction_that_is_missing_stays_so_and_changes_no_era_but_its_own(
    data, name
):
    X, p = data.data, predictions(data.data)
    whole = WAYS[name](X, p)
    holes = p.copy()
    holes.iloc[[1, 7]] = np.nan
    found = (
        by_regressor_of(X, p, holes) if name == "regressor" else WAYS[name](X, holes)
    )
    assert np.flatnonzero(found.isna()).tolist() == [1, 7]
    assert_allclose(found.drop("0001"), whole.drop("0001"))


def by_regressor_of(X, p, predicted):
    model = NeutralizedRegressor(Ridge()).fit(X, p)
    model.estimator_ = Given(predicted)
    return pd.Series(model.predict(X), index=X.index)


def test_columns_that_are_absent_later_are_named(data):
    X, y = data.data, data.target
    gone = X.columns[1]
    without = X.drop(columns=gone)
    residual = ResidualTargetRegressor(Ridge(), by=[gone]).fit(X, y)
    neutral = NeutralizedRegressor(Ridge(), features=[gone]).fit(X, y)
    transformer = FeatureNeutralizer(features=[gone]).fit(X)
    for method in (residual.predict, neutral.predict, transformer.transform):
        with pytest.raises(ValueError, match=f"missing:?\n- {gone}"):
            method(without)


def test_limits_of_exposure_on_bad_eras(data):
    X, p = data.data.copy(), predictions(data.data)
    X.loc["0002"] = 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = reduce_exposure(p, X, max_exposure=0.1)
    assert_allclose(found.loc["0002"], p.loc["0002"])
    p.loc["0001"] = 0.5
    found = reduce_exposure(p, X, max_exposure=0.1)
    assert_allclose(found.loc["0001"], 0.5)
    holes = X.astype(float)
    holes.iloc[0, 0] = np.nan
    with pytest.raises(ValueError, match=f"NaN or infinite.*{X.columns[0]}"):
        reduce_exposure(p, holes)
