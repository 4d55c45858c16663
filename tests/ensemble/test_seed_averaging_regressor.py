"""SeedAveragingRegressor: as many seeds as asked for, and their average."""

import pickle

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import ExtraTreeRegressor

from sknumerai.datasets import make_numerai
from sknumerai.ensemble import SeedAveragingRegressor
from sknumerai.metrics import numerai_corr_scorer
from sknumerai.model_selection import GroupTimeSeriesSplit
from sknumerai.neural_network import MLPRegressor
from sknumerai.utils import check_eras, era_normalized_ranks
from tests.ensemble.recorder import Recorder


@pytest.fixture(scope="module")
def data():
    return make_numerai(n_eras=8, n_samples_per_era=40, n_features=5, random_state=0)


class Draws(RegressorMixin, BaseEstimator):
    """Predicts its seed, as a number of float32 or float64."""

    def __init__(self, random_state=None, dtype="float64"):
        self.random_state = random_state
        self.dtype = dtype

    def fit(self, X, y):
        self.seed_ = self.random_state
        return self

    def predict(self, X):
        return np.full(len(X), self.seed_ % 1000, dtype=self.dtype)


def trees(**params):
    tree = ExtraTreeRegressor(max_depth=3, random_state=7)
    return SeedAveragingRegressor(tree, **{"random_state": 0, **params})


@pytest.mark.parametrize("aggregation", ["mean", "median", "rank_mean"])
def test_against_the_members(data, aggregation):
    X, y = data.data, data.target
    model = trees(aggregation=aggregation).fit(X, y)
    each = np.array([member.predict(X) for member in model.estimators_])
    assert len(np.unique(each[:, 0])) > 1
    if aggregation == "rank_mean":
        each = [era_normalized_ranks(values, check_eras(None, X)) for values in each]
    reduce = np.median if aggregation == "median" else np.mean
    assert_allclose(model.predict(X), reduce(each, axis=0), atol=1e-12)


def test_seeds_are_decided_by_random_state_alone(data):
    X, y = data.data, data.target
    first = trees().fit(X, y)
    assert len(set(first.seeds_)) == 5
    other = ExtraTreeRegressor(max_depth=3, random_state=99)
    again = trees().set_params(estimator=other).fit(X, y)
    assert_array_equal(first.predict(X), again.predict(X))
    changed = trees(random_state=1).fit(X, y)
    assert not np.array_equal(first.predict(X), changed.predict(X))
    assert first.estimator.random_state == 7


def test_seeds_inside_a_pipeline_are_set(data):
    pipe = make_pipeline(StandardScaler(), ExtraTreeRegressor(max_depth=2))
    model = SeedAveragingRegressor(pipe, 3, random_state=0).fit(data.data, data.target)
    seeds = {member[-1].random_state for member in model.estimators_}
    assert len(seeds) == 3 and None not in seeds


def test_float32_stays(data):
    model = SeedAveragingRegressor(Draws(dtype="float32"), 3).fit(
        data.data, data.target
    )
    pred = model.predict(data.data)
    assert pred.dtype == np.float32
    expected = np.mean([member.seed_ % 1000 for member in model.estimators_])
    assert_allclose(pred, expected, rtol=1e-6)
    wide = SeedAveragingRegressor(Draws(), 3).fit(data.data, data.target)
    assert wide.predict(data.data).dtype == np.float64


def test_members_are_given_eras_weights_and_the_rows_themselves(data):
    X, y = data.data.to_numpy(), data.target.to_numpy()
    weight = np.ones(len(y))
    model = SeedAveragingRegressor(Recorder(), 2)
    model.fit(X, y, groups=data.eras, sample_weight=weight).predict(X, data.eras)
    for member in model.estimators_:
        assert np.shares_memory(member.X_, X)
        assert_array_equal(member.groups_, data.eras)
        assert_array_equal(member.groups_of_predict_, data.eras)
        assert_array_equal(member.weight_, weight)


def test_networks_with_several_targets_and_routing(data):
    X = data.data.to_numpy()
    Y = np.column_stack([data.target, data.target])
    Y[3, 1] = np.nan
    model = SeedAveragingRegressor(MLPRegressor((4,), max_epochs=1), 2, random_state=0)
    with sklearn.config_context(enable_metadata_routing=True):
        model.fit(X, Y, groups=data.eras)
        routed = model.predict(X, groups=data.eras)
    assert_array_equal(model.estimators_[0].eras_seen_, np.arange(1, 9))
    assert routed.shape == Y.shape
    assert_array_equal(model.fit(X, Y, groups=data.eras).predict(X), routed)


def test_in_a_grid_search_and_a_pickle(data):
    cv = GroupTimeSeriesSplit(2, test_size=2, embargo=1)
    grid = {"estimator__max_depth": [1, 4], "n_seeds": [1, 3]}
    search = GridSearchCV(trees(), grid, cv=cv, scoring=numerai_corr_scorer)
    search.fit(data.data, data.target)
    model = search.best_estimator_
    assert model.get_params()["estimator__max_depth"] in (1, 4)
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.predict(data.data), model.predict(data.data))


def test_bad_input_is_named(data):
    X, y = data.data, data.target
    with pytest.raises(ValueError, match=r"LinearRegression has no.*random_state"):
        SeedAveragingRegressor(LinearRegression()).fit(X, y)
    SeedAveragingRegressor(LinearRegression(), 1).fit(X, y)
    with pytest.raises(NotFittedError):
        trees().predict(X)
    with pytest.raises(ValueError, match="n_seeds"):
        trees(n_seeds=0).fit(X, y)
    with pytest.raises(ValueError, match="contains NaN"):
        trees().fit(X.to_numpy(), y.where(y.index.get_level_values("era") < "0005"))
