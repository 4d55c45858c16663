"""RankAveragingRegressor: era ranks, weights, and what its members are given."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm, rankdata
from sklearn.base import clone
from sklearn.ensemble import VotingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknumerai.datasets import make_numerai
from sknumerai.ensemble import MultiTargetRegressor, RankAveragingRegressor
from sknumerai.metrics import numerai_corr_scorer
from sknumerai.model_selection import GroupTimeSeriesSplit
from sknumerai.neural_network import MLPRegressor, SupervisedAutoencoderRegressor
from tests.ensemble.recorder import Recorder

CV = GroupTimeSeriesSplit(2, test_size=2, embargo=1)


@pytest.fixture(scope="module")
def data():
    return make_numerai(n_eras=8, n_samples_per_era=40, n_features=5, random_state=0)


def two(**params):
    pair = [("linear", LinearRegression()), ("near", KNeighborsRegressor(3))]
    return RankAveragingRegressor(pair, **params)


def reference(members, X, weights, gaussian=False):
    """Era by era, one model after the other."""
    total = np.zeros(len(X))
    eras = np.asarray(X.index.get_level_values("era"))
    for member, weight in zip(members, weights):
        pred = member.predict(X)
        for era in np.unique(eras):
            rows = eras == era
            ranks = (rankdata(pred[rows]) - 0.5) / rows.sum()
            total[rows] += weight * (norm.ppf(ranks) if gaussian else ranks)
    return total / np.sum(weights)


@pytest.mark.parametrize("ranks", ["uniform", "gaussian"])
@pytest.mark.parametrize("weights", [None, [1, 3], "donate"])
def test_against_a_loop(data, ranks, weights):
    model = two(ranks=ranks, weights=weights).fit(data.data, data.target)
    used = weights if isinstance(weights, list) else [1, 1]
    expected = reference(model.estimators_, data.data, used, ranks == "gaussian")
    assert_allclose(model.predict(data.data), expected, atol=1e-12)


def test_donate_weights(data):
    members = [(f"m{i}", Ridge()) for i in range(5)]
    model = RankAveragingRegressor(members, weights="donate")
    assert_allclose(model._used_weights(""), [1 / 16, 1 / 16, 1 / 8, 1 / 4, 1 / 2])
    one = RankAveragingRegressor(members[:1], weights="donate")
    assert_allclose(one._used_weights(""), [1])


@pytest.mark.parametrize("reverse", [False, True])
def test_one_column_is_not_added_to_each_of_several(data, reverse):
    X, Y = data.data, np.column_stack([data.target] * 2)
    several = ("several", Ridge())
    one = ("one", MultiTargetRegressor(Ridge(), target_aggregation="rank_mean"))
    members = [one, several] if reverse else [several, one]
    model = RankAveragingRegressor(members).fit(X, Y)
    with pytest.raises(ValueError, match="cannot be averaged"):
        model.predict(X)
    assert RankAveragingRegressor([one]).fit(X, Y).predict(X).shape == (len(X), 1)


def test_one_left_out_after_the_fit_keeps_the_weights_of_the_fitted(data):
    X = data.data
    members = [("one", Ridge()), ("two", LinearRegression())]
    model = RankAveragingRegressor(members, weights=[1, 3]).fit(X, data.target)
    expected = model.predict(X)
    assert_array_equal(model.set_params(one="drop").predict(X), expected)


def test_an_era_alone_and_in_any_order(data):
    X = data.data
    model = two().fit(X, data.target)
    together = pd.Series(model.predict(X), X.index)
    alone = X.loc[["0003"]]
    assert_array_equal(model.predict(alone), together.loc[["0003"]])
    # a live round has no eras, or X
    assert_array_equal(model.predict(alone.droplevel("era")), together.loc[["0003"]])
    live = alone.droplevel("era")
    assert_array_equal(model.predict(live, groups=["X"] * 40), together.loc[["0003"]])
    shuffled = X.sample(frac=1, random_state=0)
    assert_array_equal(model.predict(shuffled), together[shuffled.index])
    plain = X.reset_index(drop=True)
    assert_array_equal(model.predict(plain, groups=np.asarray(data.eras)), together)


def test_members_are_given_eras_weights_and_other_metadata(data):
    X, y = data.data.to_numpy(), data.target.to_numpy()
    weight = np.arange(len(y), dtype=float)
    pipe = make_pipeline(StandardScaler(), Recorder())
    model = RankAveragingRegressor([("a", Recorder()), ("b", pipe), ("c", Ridge())])
    model.fit(X, y, groups=data.eras)
    model.predict(X, groups=data.eras)
    for member in (model.estimators_[0], model.estimators_[1][-1]):
        assert_array_equal(member.groups_, data.eras)
        assert_array_equal(member.groups_of_predict_, data.eras)
    model.set_params(b="drop").fit(X, y, sample_weight=weight)
    assert_array_equal(model.estimators_[0].weight_, weight)
    assert model.named_estimators_["b"] == "drop"
    expected = Ridge().fit(X, y, sample_weight=weight).coef_
    assert_allclose(model.estimators_[1].coef_, expected)


def test_with_metadata_routing(data):
    X, y = data.data.to_numpy(), data.target.to_numpy()
    with sklearn.config_context(enable_metadata_routing=True):
        mlp = MLPRegressor((4,), max_epochs=1, random_state=0)
        model = RankAveragingRegressor([("mlp", mlp), ("ridge", Ridge())])
        scores = cross_val_score(
            model, X, y, cv=CV, scoring=numerai_corr_scorer,
            params={"groups": data.eras}, error_score="raise",
        )  # fmt: skip
        model.fit(X, y, groups=data.eras)
        assert_array_equal(model.estimators_[0].eras_seen_, np.arange(1, 9))
        assert model.transform(X, groups=data.eras).shape == (len(X), 2)
    with_index = cross_val_score(
        model, data.data, data.target, cv=CV, scoring=numerai_corr_scorer
    )
    assert_allclose(scores, with_index, atol=1e-9)


def test_targets_of_several_columns_are_handed_on(data):
    bunch = make_numerai(
        n_eras=8, n_samples_per_era=40, n_features=5, random_state=0,
        targets=["target_ender_20", "target_jasper_20"],
    )  # fmt: skip
    Y = bunch.target.copy()
    Y.iloc[::3, 1] = np.nan
    mlp = MLPRegressor((4,), max_epochs=1, random_state=0)
    model = RankAveragingRegressor([("a", mlp), ("b", clone(mlp).set_params(lr=0.1))])
    pred = model.fit(bunch.data, Y).predict(bunch.data)
    assert pred.shape == Y.shape
    for j in range(2):
        ranks = [
            (pd.Series(m.predict(bunch.data)[:, j]).groupby(np.asarray(bunch.eras)))
            for m in model.estimators_
        ]
        ranks = [(r.rank() - 0.5) / 40 for r in ranks]
        assert_allclose(pred[:, j], (ranks[0] + ranks[1]) / 2)
    assert model.transform(bunch.data).shape == (len(Y), 4)
    names = model.get_feature_names_out()
    assert list(names) == [
        f"rankaveragingregressor_{n}" for n in ("a0", "a1", "b0", "b1")
    ]
    score = cross_val_score(
        model, bunch.data, Y, cv=CV, scoring=numerai_corr_scorer, error_score="raise"
    )
    assert np.isfinite(score).all()


def test_a_voting_regressor_of_networks_just_works(data):
    X, y = data.data, data.target
    sae = SupervisedAutoencoderRegressor((4, 4, 8), dropouts=0.1, max_epochs=1)
    voting = VotingRegressor([("mlp", MLPRegressor((4,), max_epochs=1)), ("sae", sae)])
    scores = cross_val_score(
        voting, X, y, cv=CV, scoring=numerai_corr_scorer, error_score="raise"
    )
    assert np.isfinite(scores).all()
    voting = pickle.loads(pickle.dumps(clone(voting).fit(X, y)))
    assert_array_equal(voting.estimators_[0].eras_seen_, np.arange(1, 9))
    ours = RankAveragingRegressor(voting.estimators).fit(X, y)
    assert ours.predict(X).shape == voting.predict(X).shape


def test_in_a_grid_search_and_its_parameters(data):
    grid = {"near__n_neighbors": [1, 20], "weights": [None, [0, 1]]}
    search = GridSearchCV(two(), grid, cv=CV, scoring=numerai_corr_scorer)
    search.fit(data.data, data.target)
    found = search.best_estimator_.get_params()
    assert found["near__n_neighbors"] == search.best_params_["near__n_neighbors"]
    again = pickle.loads(pickle.dumps(search.best_estimator_))
    assert_array_equal(
        again.predict(data.data), search.best_estimator_.predict(data.data)
    )


def test_processes_give_the_same(data, capsys):
    one = two().fit(data.data, data.target)
    more = two(n_jobs=2, verbose=True).fit(data.data, data.target)
    assert_array_equal(one.predict(data.data), more.predict(data.data))
    assert "RankAveragingRegressor" in capsys.readouterr().err


def test_models_that_are_fitted_already_are_averaged(data):
    X, y = data.data, data.target
    fitted = KNeighborsRegressor(3).fit(X, y)
    model = RankAveragingRegressor(
        [("old", FrozenEstimator(fitted)), ("new", Ridge())], weights=[1, 0]
    ).fit(X, y)
    assert_allclose(model.predict(X), reference([fitted], X, [1]))


def test_bad_input_is_named(data):
    X, y = data.data, data.target
    with pytest.raises(NotFittedError):
        two().predict(X)
    with pytest.raises(ValueError, match="weights must be 2 numbers"):
        two(weights=[1]).fit(X, y)
    with pytest.raises(ValueError, match="0 or more"):
        two(weights=[1, -1]).fit(X, y)
    with pytest.raises(ValueError, match="column 'era'"):
        two().fit(X.reset_index("era"), y)
    with pytest.raises(ValueError, match="ranks"):
        two(ranks="none").fit(X, y)
    with pytest.raises(ValueError, match="39 eras for 40"):
        two().fit(X, y).predict(X.iloc[:40], groups=[1] * 39)
