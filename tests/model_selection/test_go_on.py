"""Fitting a fitted estimator further."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknumerai.datasets import make_numerai
from sknumerai.model_selection import go_on
from sknumerai.neural_network import MLPRegressor


@pytest.fixture(scope="module")
def rows():
    data = make_numerai(n_eras=12, n_samples_per_era=30, random_state=0)
    X, y = data.data, data.target
    return X.loc[:"0008"], y.loc[:"0008"], X.loc["0009":], y.loc["0009":]


def test_a_network(rows):
    X, y, X_new, y_new = rows
    net = MLPRegressor(4, max_epochs=2, random_state=0)
    by_hand = clone(net).set_params(warm_start=True).fit(X, y).fit(X_new, y_new)
    net = go_on(net.fit(X, y), X_new, y_new)
    np.testing.assert_array_equal(net.predict(X), by_hand.predict(X))
    assert net.warm_start is False
    eras = X_new.index.get_level_values("era").to_numpy()
    arrays = X_new.to_numpy(), y_new.to_numpy()
    net = clone(net).fit(X.to_numpy(), y.to_numpy())
    assert go_on(net, *arrays, groups=eras).eras_seen_.tolist() == [9, 10, 11, 12]


def test_the_steps_before_it_are_as_they_were(rows):
    X, y, X_new, y_new = rows
    scaler = StandardScaler().set_output(transform="pandas")
    net = MLPRegressor(4, max_epochs=2, random_state=0)
    pipe = make_pipeline(scaler, net).fit(X, y)
    mean = pipe[0].mean_.copy()
    by_hand = clone(net).set_params(warm_start=True).fit(pipe[0].transform(X), y)
    by_hand.fit(pipe[0].transform(X_new), y_new)
    pipe = go_on(pipe, X_new, y_new)
    np.testing.assert_array_equal(pipe[0].mean_, mean)
    np.testing.assert_array_equal(
        pipe.predict(X), by_hand.predict(pipe[0].transform(X))
    )


def test_lightgbm(rows):
    lightgbm = pytest.importorskip("lightgbm")
    X, y, X_new, y_new = rows
    model = lightgbm.LGBMRegressor(n_estimators=3, verbose=-1, n_jobs=1).fit(X, y)
    assert go_on(model, X_new, y_new).booster_.num_trees() == 6


def test_what_cannot(rows):
    X, y, X_new, y_new = rows
    with pytest.raises(ValueError, match="Ridge cannot go on"):
        go_on(Ridge().fit(X, y), X_new, y_new)
    with pytest.raises(ValueError, match="only by growing: raise its n_estimators"):
        go_on(RandomForestRegressor(2).fit(X, y), X_new, y_new)
