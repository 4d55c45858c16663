"""EnsembleSelectionRegressor: chosen out of sample, fitted to all rows."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import StackingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeRegressor

from sknumerai.datasets import make_numerai
from sknumerai.ensemble import EnsembleSelectionRegressor, select_ensemble
from sknumerai.exceptions import LeakageWarning
from sknumerai.metrics import numerai_corr_scorer
from sknumerai.model_selection import GroupTimeSeriesSplit, PurgedGroupKFold
from sknumerai.neural_network import MLPRegressor
from tests.ensemble.recorder import Recorder

CV = GroupTimeSeriesSplit(3, test_size=2, embargo=2)
MEMBERS = [
    ("linear", LinearRegression()),
    ("near", KNeighborsRegressor(3)),
    ("heart", DecisionTreeRegressor(random_state=0)),
]


@pytest.fixture(scope="module")
def data():
    return make_numerai(n_eras=16, n_samples_per_era=40, n_features=5, random_state=0)


def out_of_sample(X, y, cv):
    table = pd.DataFrame(np.nan, X.index, [name for name, _ in MEMBERS])
    for train, test in cv.split(X, y):
        for name, member in MEMBERS:
            fitted = sklearn.clone(member).fit(X.iloc[train], y.iloc[train])
            table.loc[X.index[test], name] = fitted.predict(X.iloc[test])
    return table


@pytest.mark.parametrize("method", ["greedy", "exhaustive"])
@pytest.mark.parametrize("cv", [CV, PurgedGroupKFold(4, embargo=1)])
def test_against_a_loop(data, method, cv):
    X, y = data.data, data.target
    table = out_of_sample(X, y, cv)
    expected = select_ensemble(table, y, method=method, ranks="uniform")
    model = EnsembleSelectionRegressor(MEMBERS, cv, method=method).fit(X, y)
    assert_allclose(model.selection_.weights, expected.weights)
    assert_allclose(model.selection_.score, expected.score)
    assert [n for n, m in model.named_estimators_.items() if m != "drop"] == (
        expected.models
    )
    total = 0
    for name, member in MEMBERS:
        pred = sklearn.clone(member).fit(X, y).predict(X)
        ranks = pd.Series(pred, X.index).groupby(level="era").rank()
        total += expected.weights[name] * (ranks - 0.5) / 40
    assert_allclose(model.predict(X), total)
    assert model.transform(X).shape == (len(X), len(expected.models))
    assert len(model.get_feature_names_out()) == len(expected.models)


def test_folds_have_their_rows_and_metadata(data):
    X, y = data.data.to_numpy(), data.target.to_numpy()
    weight = np.arange(len(y), dtype=float)
    seen = []

    class Watcher(Recorder):
        def fit(self, X, y, groups=None, sample_weight=None):
            seen.append((X, y, groups, sample_weight))
            return super().fit(X, y, groups, sample_weight)

    model = EnsembleSelectionRegressor([("a", Watcher())], CV)
    model.fit(X, y, groups=data.eras, sample_weight=weight)
    folds = [train for train, _ in CV.split(X, y, data.eras)]
    for (part, target, groups, weights), train in zip(seen, folds):
        assert np.shares_memory(part, X)
        assert_array_equal(target, y[train])
        assert_array_equal(np.asarray(groups), np.asarray(data.eras)[train])
        assert_array_equal(weights, weight[train])
    assert len(seen) == 4 and seen[-1][0].shape == X.shape


def test_with_metadata_routing_and_several_targets(data):
    X, y = data.data.to_numpy(), data.target.to_numpy()
    members = [("mlp", MLPRegressor((4,), max_epochs=1, random_state=0)), *MEMBERS[:1]]
    model = EnsembleSelectionRegressor(members, CV)
    with sklearn.config_context(enable_metadata_routing=True):
        model.fit(X, y, groups=data.eras)
        routed = model.predict(X, groups=data.eras)
    framed = model.fit(data.data, data.target).predict(data.data)
    assert_allclose(routed, framed, atol=1e-9)
    Y = np.column_stack([y, y])
    assert model.fit(X, Y, groups=data.eras).predict(X).shape == Y.shape


def test_in_a_grid_search_and_a_pickle(data):
    X, y = data.data, data.target
    outer = GroupTimeSeriesSplit(1, test_size=4, embargo=1)
    inner = GroupTimeSeriesSplit(2, test_size=2, embargo=1)
    model = EnsembleSelectionRegressor(MEMBERS, inner)
    grid = {"near__n_neighbors": [2, 9], "max_models": [1, None]}
    search = GridSearchCV(
        model, grid, cv=outer, scoring=numerai_corr_scorer, error_score="raise"
    )
    best = search.fit(X, y).best_estimator_
    assert_array_equal(pickle.loads(pickle.dumps(best)).predict(X), best.predict(X))


def test_stacking_of_scikit_learn_with_a_purged_k_fold(data):
    model = StackingRegressor(MEMBERS, Ridge(), cv=PurgedGroupKFold(4, embargo=1))
    scores = cross_val_score(
        model, data.data, data.target, cv=CV, scoring=numerai_corr_scorer,
        error_score="raise",
    )  # fmt: skip
    assert np.isfinite(scores).all()


def test_bad_input_is_named(data):
    X, y = data.data, data.target
    with pytest.raises(NotFittedError):
        EnsembleSelectionRegressor(MEMBERS, CV).predict(X)
    with pytest.raises(ValueError, match="method"):
        EnsembleSelectionRegressor(MEMBERS, CV, method="best").fit(X, y)
    with pytest.raises(ValueError, match="non-empty list"):
        EnsembleSelectionRegressor([], CV).fit(X, y)


def test_a_choice_by_rows_that_were_learned_is_warned_of(data):
    X, y = data.data, data.target
    model = EnsembleSelectionRegressor(MEMBERS, [(np.arange(640), np.arange(640))])
    with pytest.warns(
        LeakageWarning, match=r"fold 0 of cv is trained on 16 eras \(0001"
    ):
        model.fit(X, y)
    # that is why
    assert model.selection_.models == ["heart"]
    with pytest.warns(LeakageWarning, match="trained on 640 rows"):
        model.fit(X.to_numpy(), y.to_numpy())
    # folds of rows cut an era, or come too near where the name tells the horizon
    with pytest.warns(LeakageWarning, match="fold 0 .* 3 eras"):
        model.set_params(cv=KFold(2)).fit(X, y.rename("target_ender_20"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, y.rename("target"))
        for cv in (
            GroupTimeSeriesSplit(2, test_size=2),
            PurgedGroupKFold(2, embargo=3),
        ):
            model.set_params(cv=cv).fit(X, y.rename("target_ender_20"))
