"""EraBoostingRegressor: which eras a round learns from, and how rounds add up."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from sknumerai.datasets import make_numerai
from sknumerai.ensemble import EraBoostingRegressor
from sknumerai.metrics import numerai_corr_score, numerai_corr_scorer, spearman_score
from sknumerai.model_selection import GroupTimeSeriesSplit
from sknumerai.neural_network import MLPRegressor
from sknumerai.utils import fitted_eras
from tests.ensemble.recorder import Recorder

TREE = DecisionTreeRegressor(max_depth=3, random_state=0)
CV = GroupTimeSeriesSplit(2, test_size=2, embargo=1)


@pytest.fixture(scope="module")
def data():
    return make_numerai(n_eras=10, n_samples_per_era=40, n_features=5, random_state=0)


def scores_of(data, pred):
    eras = np.asarray(data.eras)
    y = data.target.to_numpy()
    return np.array(
        [
            numerai_corr_score(y[eras == e], pred[eras == e])
            for e in np.unique(eras)
        ]
    )  # fmt: skip


def test_residuals_of_the_worst_eras_against_a_loop(data):
    X, y = data.data.to_numpy(), data.target.to_numpy().astype(float)
    codes = np.unique(np.asarray(data.eras), return_inverse=True)[1]
    pred, focus = np.zeros(len(y)), np.ones(10, dtype=bool)
    model = EraBoostingRegressor(TREE, 4, learning_rate=0.5, proportion=0.3)
    model.fit(data.data, data.target)
    for i in range(4):
        assert_array_equal(model.focus_[i], focus)
        rows = focus[codes]
        tree = sklearn.clone(TREE).fit(X[rows], (y - pred)[rows])
        pred += tree.predict(X) * (0.5 if i else 1.0)
        scores = scores_of(data, pred)
        assert_allclose(model.era_scores_[i], scores)
        focus = np.zeros(10, dtype=bool)
        focus[np.argsort(scores)[:3]] = True
    assert_allclose(model.predict(data.data), pred)
    assert_array_equal(fitted_eras(model), np.arange(1, 11))


def test_eras_become_alike_in_sample(data):
    plain = EraBoostingRegressor(TREE, 20, learning_rate=0.1, proportion=1.0)
    boosted = EraBoostingRegressor(TREE, 20, learning_rate=0.1)
    sharpe = {
        name: model.fit(data.data, data.target).era_scores_[-1]
        for name, model in (("plain", plain), ("boosted", boosted))
    }
    ratio = {name: scores.mean() / scores.std() for name, scores in sharpe.items()}
    assert ratio["boosted"] > 1.2 * ratio["plain"]


def test_all_eras_is_ordinary_boosting(data):
    X, y = data.data, data.target.astype(float)
    lightgbm = pytest.importorskip("lightgbm")
    settings = {"learning_rate": 0.1, "num_leaves": 4, "verbose": -1, "n_jobs": 1}
    ten = lightgbm.LGBMRegressor(n_estimators=10, **settings)
    thirty = lightgbm.LGBMRegressor(n_estimators=30, **settings)
    ours = EraBoostingRegressor(ten, 3, proportion=1.0).fit(X, y).predict(X)
    assert_allclose(ours, thirty.fit(X, y).predict(X), atol=1e-3)
    half = EraBoostingRegressor(ten, 3).fit(X, y).predict(X)
    assert np.abs(half - ours).max() > 1e-3


def test_weights_of_the_worst_eras(data):
    X, y = data.data, data.target
    own = np.linspace(1, 2, len(y))
    model = EraBoostingRegressor(Recorder(), 3, method="weight", weight=3.0)
    model.fit(X, y, sample_weight=own)
    codes = np.unique(np.asarray(data.eras), return_inverse=True)[1]
    expected = np.ones(len(y))
    assert_allclose(model.estimators_[0].weight_, own)
    for i in (1, 2):
        expected[model.focus_[i][codes]] *= 3
        expected /= expected.mean()
        assert_allclose(model.estimators_[i].weight_, expected * own)
        assert model.estimators_[i].X_ is X
    assert_allclose(model.predict(X), X.to_numpy()[:, 0])
    pipe = make_pipeline(StandardScaler(), Ridge())
    weighted = EraBoostingRegressor(pipe, 3, method="weight").fit(X, y)
    each = [member.predict(X) for member in weighted.estimators_]
    assert_allclose(weighted.predict(X), np.mean(each, axis=0))
    assert np.abs(each[0] - each[2]).max() > 1e-4


def test_networks_are_trained_further(data):
    X, y = data.data, data.target
    network = MLPRegressor((4,), max_epochs=1, warm_start=True, random_state=0)
    model = EraBoostingRegressor(network, 3, method="warm_start").fit(X, y)
    assert len(model.estimators_) == 1
    assert model.era_scores_.shape == (3, 10)
    by_hand = sklearn.clone(network)
    for focus in model.focus_:
        rows = focus[X.index.get_level_values("era").astype(int) - 1]
        by_hand.fit(X[rows], y[rows])
    assert_allclose(model.predict(X), by_hand.predict(X), atol=1e-6)
    assert not hasattr(network, "module_")


@pytest.mark.parametrize(
    ("trees", "grows"),
    [
        (HistGradientBoostingRegressor(max_iter=3, random_state=0), "max_iter"),
        (GradientBoostingRegressor(n_estimators=3, random_state=0), "n_estimators"),
        (RandomForestRegressor(n_estimators=3, random_state=0), "n_estimators"),
    ],
)
def test_trees_that_stop_at_a_number_are_given_more_each_round(data, trees, grows):
    X, y = data.data, data.target
    trees = trees.set_params(warm_start=True)
    model = EraBoostingRegressor(trees, 3, method="warm_start").fit(X, y)
    by_hand = sklearn.clone(trees)
    for i, focus in enumerate(model.focus_):
        rows = focus[X.index.get_level_values("era").astype(int) - 1]
        by_hand.set_params(**{grows: 3 * (i + 1)}).fit(X[rows], y[rows])
    assert_allclose(model.predict(X), by_hand.predict(X))
    assert len(np.unique(model.era_scores_.mean(axis=1))) == 3
    assert trees.get_params()[grows] == 3


def test_rows_have_their_eras_weights_and_names(data):
    X, y = data.data.to_numpy(), data.target
    weight = np.arange(len(y), dtype=float)
    model = EraBoostingRegressor(Recorder(), 2)
    model.fit(X, y.to_numpy(), groups=data.eras, sample_weight=weight)
    last = model.estimators_[1]
    rows = model.focus_[1][np.unique(data.eras, return_inverse=True)[1]]
    assert_array_equal(last.X_, X[rows])
    assert_array_equal(last.weight_, weight[rows])
    assert_array_equal(np.asarray(last.groups_), np.asarray(data.eras)[rows])
    framed = EraBoostingRegressor(Recorder(), 2).fit(data.data, y).estimators_[1]
    assert framed.y_.name == y.name
    assert framed.y_.index.equals(framed.X_.index)


def test_of_one_era_and_of_constants(data):
    X, y = data.data.to_numpy(), data.target.to_numpy()
    model = EraBoostingRegressor(Ridge(), 3).fit(X, y)
    assert model.focus_.all()
    constant = EraBoostingRegressor(DecisionTreeRegressor(max_leaf_nodes=None), 2)
    constant.fit(np.zeros((40, 2)), y[:40], groups=data.eras[:40])
    assert np.isnan(constant.era_scores_).all()
    assert np.isfinite(constant.predict(np.zeros((3, 2)))).all()


def test_with_another_metric_and_metadata_routing(data):
    X, y = data.data.to_numpy(), data.target.to_numpy()
    network = MLPRegressor((4,), max_epochs=1, random_state=0)
    model = EraBoostingRegressor(network, 2, metric=spearman_score)
    with sklearn.config_context(enable_metadata_routing=True):
        scores = cross_val_score(
            model, X, y, cv=CV, scoring=numerai_corr_scorer,
            params={"groups": data.eras}, error_score="raise",
        )  # fmt: skip
    framed = cross_val_score(
        model, data.data, data.target, cv=CV, scoring=numerai_corr_scorer
    )
    assert_allclose(scores, framed, atol=1e-6)


def test_weights_of_eras_reach_a_pipeline_with_metadata_routing(data):
    X, y = data.data, data.target
    with sklearn.config_context(enable_metadata_routing=True):
        ridge = Ridge().set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipe = make_pipeline(scaler, ridge)
        routed = EraBoostingRegressor(pipe, 3, method="weight").fit(X, y)
    plain = EraBoostingRegressor(pipe, 3, method="weight").fit(X, y)
    assert_array_equal(routed.predict(X), plain.predict(X))


def test_a_metric_may_return_eras_in_any_order(data):
    def backwards(y_true, y_pred, groups, aggregate):
        return numerai_corr_score(y_true, y_pred, groups=groups, aggregate=None)[::-1]

    X, y = data.data, data.target
    expected = EraBoostingRegressor(TREE, 3).fit(X, y)
    model = EraBoostingRegressor(TREE, 3, metric=backwards).fit(X, y)
    assert_array_equal(model.focus_, expected.focus_)
    assert_array_equal(model.era_scores_, expected.era_scores_)


@pytest.mark.parametrize(
    "scores, told",
    [
        (0.1, "one number"),
        (np.zeros(9), r"shape \(9,\)"),
        (pd.Series(np.zeros(10), [f"era{i}" for i in range(10)]), r"shape \(10,\)"),
        (pd.Series(np.zeros(10), [0] * 10), r"shape \(10,\)"),
    ],
)
def test_a_metric_without_a_score_of_each_era_is_refused(data, scores, told):
    def metric(y_true, y_pred, groups=None, aggregate=None):
        return scores

    model = EraBoostingRegressor(TREE, 3, metric=metric)
    with pytest.raises(ValueError, match=f"each of the 10 eras.*returned {told}"):
        model.fit(data.data, data.target)


def test_in_a_grid_search_and_a_pickle(data, capsys):
    X, y = data.data, data.target
    trees = HistGradientBoostingRegressor(max_iter=3, max_depth=2)
    grid = {"proportion": [0.5, 1.0], "estimator__learning_rate": [0.1]}
    model = EraBoostingRegressor(trees, 2, verbose=True)
    search = GridSearchCV(model, grid, cv=CV, scoring=numerai_corr_scorer).fit(X, y)
    best = search.best_estimator_
    assert_array_equal(pickle.loads(pickle.dumps(best)).predict(X), best.predict(X))
    assert "EraBoostingRegressor" in capsys.readouterr().err


def test_bad_input_is_named(data):
    X, y = data.data, data.target
    with pytest.raises(ValueError, match="give it warm_start=True"):
        EraBoostingRegressor(LinearRegression(), method="warm_start").fit(X, y)
    with pytest.raises(NotFittedError):
        EraBoostingRegressor(Ridge()).predict(X)
    with pytest.raises(ValueError, match="proportion"):
        EraBoostingRegressor(Ridge(), proportion=0).fit(X, y)
