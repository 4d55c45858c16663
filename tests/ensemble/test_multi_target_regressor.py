"""MultiTargetRegressor: rows of each target, and one number of many."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score

from sknumerai.datasets import make_numerai
from sknumerai.ensemble import MultiTargetRegressor, RankAveragingRegressor
from sknumerai.metrics import numerai_corr_scorer
from sknumerai.model_selection import GroupTimeSeriesSplit
from sknumerai.neural_network import MLPRegressor
from sknumerai.utils import check_eras, era_normalized_ranks
from tests.ensemble.recorder import Recorder

CV = GroupTimeSeriesSplit(2, test_size=2, embargo=1)
NAMES = ["target_ender_20", "target_jasper_20", "target_ender_60"]


@pytest.fixture(scope="module")
def data():
    bunch = make_numerai(
        n_eras=8, n_samples_per_era=40, n_features=5, targets=NAMES, random_state=0
    )
    Y = bunch.target.copy()
    Y.iloc[1::3, 1] = np.nan
    Y.iloc[240:, 2] = np.nan
    bunch.target = Y
    return bunch


def by_hand(X, Y):
    columns = []
    for name in Y:
        known = Y[name].notna().to_numpy()
        columns.append(LinearRegression().fit(X[known], Y[name][known]).predict(X))
    return np.column_stack(columns)


@pytest.mark.parametrize("aux", [False, True])
@pytest.mark.parametrize(
    "how", ["rank_mean", "mean", "median", "main", "target_ender_60", 1]
)
def test_against_a_loop(data, how, aux):
    X, Y = data.data, data.target
    model = MultiTargetRegressor(LinearRegression(), target_aggregation=how)
    if aux:
        # of more rows, in another order
        model.fit(X.loc[:"0007"], Y.iloc[:280, 0], aux_targets=Y.iloc[::-1, 1:])
        expected = by_hand(X.loc[:"0007"], Y.iloc[:280])
        X = X.loc[:"0007"]
    else:
        model.fit(X, Y)
        expected = by_hand(X, Y)
    assert model.target_names_ == NAMES
    assert_allclose(model.predict_targets(X), expected, rtol=1e-6)
    ranks = era_normalized_ranks(model.predict_targets(X), check_eras(None, X))
    one = {
        "rank_mean": ranks.mean(axis=1),
        "mean": expected.mean(axis=1),
        "median": np.median(expected, axis=1),
        "main": expected[:, 0],
        "target_ender_60": expected[:, 2],
        1: expected[:, 1],
    }
    assert_allclose(model.predict(X), one[how], rtol=1e-6)


def test_auto_is_scikit_learns_shape(data):
    X, Y = data.data, data.target
    model = MultiTargetRegressor(Ridge())
    assert_array_equal(model.fit(X, Y).predict(X), model.predict_targets(X))
    alone = model.fit(X, Y.iloc[:, 0]).predict(X)
    assert_allclose(alone, Ridge().fit(X, Y.iloc[:, 0]).predict(X))
    ranks = model.fit(X, Y.iloc[:, 0], aux_targets=Y.iloc[:, 1:]).predict(X)
    assert ranks.shape == alone.shape
    assert_allclose(pd.Series(ranks, X.index).groupby(level="era").mean(), 0.5)


def test_weights_by_name_or_position(data):
    X, Y = data.data, data.target
    model = MultiTargetRegressor(Ridge(), target_aggregation="mean").fit(X, Y)
    outputs = model.predict_targets(X)
    model.set_params(target_weights=[1, 0, 3])
    assert_allclose(model.predict(X), (outputs[:, 0] + 3 * outputs[:, 2]) / 4)
    model.set_params(target_weights={"target_jasper_20": 1})
    assert_allclose(model.predict(X), outputs[:, 1])


def test_rows_of_each_target_with_their_metadata(data):
    X, Y = data.data, data.target
    weight = np.arange(len(X), dtype=float)
    model = MultiTargetRegressor(Recorder())
    model.fit(X, Y, groups=data.eras, sample_weight=weight)
    whole, gaps, run = model.estimators_
    assert whole.X_ is X
    known = Y["target_jasper_20"].notna()
    assert gaps.X_.index.equals(X.index[known])
    assert_array_equal(gaps.weight_, weight[known])
    assert_array_equal(np.asarray(gaps.groups_), np.asarray(data.eras)[known])
    assert gaps.y_.name == "target_jasper_20"
    assert len(run.X_) == 240
    assert np.shares_memory(run.X_.to_numpy(), X.to_numpy())
    assert all(member.y_.notna().all() for member in model.estimators_)


def test_jointly_through_a_network(data):
    X, Y = data.data, data.target
    network = MLPRegressor((4,), max_epochs=1, random_state=0)
    joint = MultiTargetRegressor(network, strategy="joint").fit(X, Y)
    assert len(joint.estimators_) == 1
    assert_allclose(joint.predict(X), network.fit(X, Y).predict(X))
    beside = joint.fit(X, Y.iloc[:, 0], aux_targets=Y.iloc[:, 1:])
    assert_allclose(beside.predict_targets(X), network.predict(X))


def test_with_metadata_routing(data):
    X, Y = data.data.to_numpy(), data.target.to_numpy()
    model = MultiTargetRegressor(MLPRegressor((4,), max_epochs=1, random_state=0))
    params = {"groups": data.eras, "aux_targets": Y[:, 1:]}
    with sklearn.config_context(enable_metadata_routing=True):
        scores = cross_val_score(
            model, X, Y[:, 0], cv=CV, scoring=numerai_corr_scorer, params=params,
            error_score="raise",
        )  # fmt: skip
    framed = cross_val_score(
        model, data.data, data.target.iloc[:, 0], cv=CV, scoring=numerai_corr_scorer,
        params={"aux_targets": data.target.iloc[:, 1:]}, error_score="raise",
    )  # fmt: skip
    assert_allclose(scores, framed, atol=1e-7)


def test_targets_of_several_columns_are_scored_on_the_main_one(data):
    model = MultiTargetRegressor(Ridge(), target_aggregation="rank_mean")
    scores = cross_val_score(
        model, data.data, data.target.iloc[:, :2], cv=CV, scoring=numerai_corr_scorer,
        error_score="raise",
    )  # fmt: skip
    assert np.isfinite(scores).all()


def test_in_a_grid_search_a_pickle_and_another_ensemble(data):
    X, Y = data.data, data.target
    grid = {"estimator__alpha": [1, 100], "target_aggregation": ["main", "rank_mean"]}
    search = GridSearchCV(
        MultiTargetRegressor(Ridge()), grid, cv=CV, scoring=numerai_corr_scorer
    ).fit(X, Y)
    best = search.best_estimator_
    assert_array_equal(pickle.loads(pickle.dumps(best)).predict(X), best.predict(X))
    nested = RankAveragingRegressor(
        [("many", best), ("one", MultiTargetRegressor(best))]
    )
    nested.set_params(one__target_aggregation="main", many__estimator__alpha=3)
    assert nested.fit(X, Y).transform(X).shape == (len(X), 2)


def test_bad_input_is_named(data):
    X, Y = data.data, data.target
    with pytest.raises(NotFittedError):
        MultiTargetRegressor(Ridge()).predict(X)
    with pytest.raises(ValueError, match="name or position of one of the targets"):
        MultiTargetRegressor(Ridge(), target_aggregation="best").fit(X, Y)
    with pytest.raises(ValueError, match=r"\['cyrus'\], which are not among"):
        MultiTargetRegressor(Ridge(), target_weights={"cyrus": 1}).fit(X, Y)
    with pytest.raises(ValueError, match="3 numbers, one for each of the targets"):
        MultiTargetRegressor(Ridge(), target_weights=[1, 2]).fit(X, Y)
    with pytest.raises(ValueError, match="'target_jasper_20' is NaN in all 320 rows"):
        MultiTargetRegressor(Ridge()).fit(X, Y.assign(target_jasper_20=np.nan))
    with pytest.raises(ValueError, match="Input y contains NaN"):
        MultiTargetRegressor(Ridge()).fit(X, Y["target_ender_60"])
    with pytest.raises(ValueError, match="one-dimensional y"):
        MultiTargetRegressor(Ridge()).fit(X, Y, aux_targets=Y)
    with pytest.raises(ValueError, match="not in the index of aux_targets"):
        MultiTargetRegressor(Ridge()).fit(X, Y.iloc[:, 0], aux_targets=Y.iloc[:99, 1:])
    with pytest.raises(ValueError, match="several targets are called"):
        MultiTargetRegressor(Ridge()).fit(X, Y.iloc[:, 0], aux_targets=Y)


def test_gaps_of_the_main_target_are_left_out_of_arrays_too(data):
    X, Y = data.data.to_numpy(), data.target.to_numpy().copy()
    Y[:30, 0] = np.nan
    expected = MultiTargetRegressor(Ridge()).fit(X, Y).estimators_
    model = MultiTargetRegressor(Ridge()).fit(X, Y[:, 0], aux_targets=Y[:, 1:])
    for one, other in zip(model.estimators_, expected, strict=True):
        assert_array_equal(one.coef_, other.coef_)
    with pytest.raises(ValueError, match=r"contains NaN \(30 of"):
        model.fit(X, Y[:, 0])
