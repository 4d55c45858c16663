"""Predictions of rows by models that have not seen them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_predict

from sknumerai.datasets import make_numerai
from sknumerai.exceptions import MissingErasError
from sknumerai.metrics import numerai_corr_score
from sknumerai.model_selection import (
    CombinatorialPurgedGroupKFold,
    GroupTimeSeriesSplit,
    PurgedGroupKFold,
    era_cross_val_predict,
)
from sknumerai.neural_network import MLPRegressor
from tests.model_selection.probes import TakesGroups


@pytest.fixture(scope="module")
def data():
    return make_numerai(
        n_eras=50, n_samples_per_era=40, targets="target_ender_20", random_state=0
    )


def test_equals_scikit_learn_on_a_partition(data):
    X, y = data.data, data.target
    cv = PurgedGroupKFold(4)
    expected = cross_val_predict(Ridge(), X, y, cv=cv)
    found = era_cross_val_predict(Ridge(), X, y, cv=cv)
    assert found.index.equals(X.index)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    order = np.random.default_rng(0).permutation(len(X))
    shuffled = era_cross_val_predict(Ridge(), X.iloc[order], y.iloc[order], cv=cv)
    np.testing.assert_allclose(shuffled, found.iloc[order], rtol=1e-9)
    two = era_cross_val_predict(Ridge(), X, y, cv=cv, n_jobs=2)
    pd.testing.assert_series_equal(two, found)


def test_walk_forward_leaves_the_first_eras_nan(data):
    X, y = data.data, data.target
    cv = GroupTimeSeriesSplit(2, test_size=10)
    found = era_cross_val_predict(Ridge(), X, y, cv=cv)
    tested = np.concatenate([test for _, test in cv.split(X, y)])
    assert np.flatnonzero(found.notna()).tolist() == tested.tolist()
    for train, test in cv.split(X, y):
        model = Ridge().fit(X.iloc[train], y.iloc[train])
        np.testing.assert_allclose(found.iloc[test], model.predict(X.iloc[test]))
    # metrics leave them out
    known = found.dropna()
    assert numerai_corr_score(y.loc[known.index], known) > 0


def test_combinations_give_their_paths(data):
    X, y = data.data, data.target
    cv = CombinatorialPurgedGroupKFold(5, 2)
    found = era_cross_val_predict(Ridge(), X, y, cv=cv)
    predictions = [
        Ridge().fit(X.iloc[train], y.iloc[train]).predict(X.iloc[test])
        for train, test in cv.split(X, y)
    ]
    pd.testing.assert_frame_equal(found, cv.combine_paths(predictions, X, y))


def test_several_targets(data):
    bunch = make_numerai(
        n_eras=50,
        n_samples_per_era=20,
        targets=["target_ender_20", "target_jasper_20"],
        random_state=0,
    )
    X, Y = bunch.data, bunch.target
    cv = GroupTimeSeriesSplit(2, test_size=5)
    found = era_cross_val_predict(Ridge(), X, Y, cv=cv)
    assert list(found) == list(Y) and found.notna().sum().tolist() == [200, 200]
    train, test = next(cv.split(X, Y))
    expected = Ridge().fit(X.iloc[train], Y.iloc[train]).predict(X.iloc[test])
    np.testing.assert_allclose(found.iloc[test], expected)
    with pytest.raises(ValueError, match=r"tested 3 times, .* predicts 2 targets"):
        era_cross_val_predict(Ridge(), X, Y, cv=CombinatorialPurgedGroupKFold(4, 2))


def test_arrays_and_eras(data):
    X, y = data.data.to_numpy(), data.target.to_numpy()
    cv = GroupTimeSeriesSplit(2, test_size=10, embargo=8)
    expected = era_cross_val_predict(Ridge(), data.data, data.target, cv=cv)
    found = era_cross_val_predict(Ridge(), X, y, groups=data.eras, cv=cv)
    assert isinstance(found, np.ndarray)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    era_cross_val_predict(TakesGroups(), X, y, groups=data.eras, cv=cv)
    with pytest.raises(MissingErasError):
        era_cross_val_predict(Ridge(), X, y, cv=cv)
    net = MLPRegressor(4, max_epochs=1, random_state=0)
    found = era_cross_val_predict(net, data.data, data.target, cv=cv)
    assert found.dtype == np.float32
