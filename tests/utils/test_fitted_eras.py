"""The eras that an estimator was fitted on, wherever it hides."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    AdaBoostRegressor,
    BaggingRegressor,
    GradientBoostingRegressor,
    StackingRegressor,
    VotingRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sknumerai.exceptions import LeakageWarning
from sknumerai.utils import check_eras, fitted_eras, warn_of_leakage

SEEN = ["0003", "0001"]


class Knows(RegressorMixin, TransformerMixin, BaseEstimator):
    """Says that it saw two eras, however it was fitted."""

    def fit(self, X, y=None):
        self.eras_seen_ = SEEN
        return self

    def predict(self, X):
        return np.zeros(len(X))

    def transform(self, X):
        return X


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(60, 2)), columns=["a", "b"])
    return X, X["a"] + rng.normal(size=60)


HOLDERS = {
    "alone": Knows(),
    "pipeline": make_pipeline(StandardScaler(), Knows()),
    "transformer": make_pipeline(Knows(), Ridge()),
    "union": make_pipeline(FeatureUnion([("a", Knows())]), Ridge()),
    "columns": make_pipeline(ColumnTransformer([("a", Knows(), ["a"])]), Ridge()),
    "search": GridSearchCV(Knows(), {}),
    "search of a pipeline": GridSearchCV(make_pipeline(Knows(), Ridge()), {}),
    "voting": VotingRegressor([("a", Ridge()), ("b", Knows())]),
    "stacking": StackingRegressor([("a", Ridge()), ("b", Knows())]),
    "final": StackingRegressor([("a", Ridge())], final_estimator=Knows()),
    "target": TransformedTargetRegressor(Knows(), transformer=FunctionTransformer()),
    "bagging": BaggingRegressor(Knows(), n_estimators=2),
    "deep": VotingRegressor([("a", GridSearchCV(make_pipeline(Knows()), {}))]),
}


@pytest.mark.parametrize("name", HOLDERS)
def test_found_in(name, data):
    assert fitted_eras(HOLDERS[name].fit(*data)).tolist() == [1, 3]


def test_found_in_several_outputs_and_frozen(data):
    X, y = data
    model = MultiOutputRegressor(Knows()).fit(X, np.column_stack([y, y]))
    assert fitted_eras(model).tolist() == [1, 3]
    assert fitted_eras(FrozenEstimator(Knows().fit(X, y))).tolist() == [1, 3]


@pytest.mark.parametrize(
    "model",
    [Ridge(), GradientBoostingRegressor(n_estimators=3), make_pipeline(Ridge())],
)
def test_none_where_nothing_knows(model, data):
    assert fitted_eras(model.fit(*data)) is None


def test_a_fitted_pattern_of_a_search_does_not_count(data):
    search = GridSearchCV(Knows().fit(*data), {})
    assert fitted_eras(search) is None


def test_an_estimator_that_holds_itself_ends():
    model = Ridge()
    model.estimators_ = [model]
    assert fitted_eras(model) is None


def test_warning_says_how_many_and_which():
    model = Knows().fit(None)
    with pytest.warns(LeakageWarning, match=r"2 of the 4 eras .* \(0001, 0003\)"):
        warn_of_leakage(model, check_eras(["0001", "0002", "0003", "0004"]), "score")
    model.eras_seen_ = np.arange(100)
    with pytest.warns(LeakageWarning, match=r"90 of the 90 .* \(10, 11, ..., 99\)"):
        warn_of_leakage(model, check_eras(np.arange(10, 100)), "score")


def test_silent_on_other_eras_and_on_live_rows():
    model = Knows().fit(None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_leakage(model, check_eras([2, 4]), "score")
        model.eras_seen_ = ["X"]
        warn_of_leakage(model, check_eras(["X", 1], allow_live=True), "score")


class SeesFewer(Knows):
    """Fitted anew, it saw another era."""

    def fit(self, X, y=None):
        self.eras_seen_ = ["0007"]
        return self


@pytest.mark.parametrize("holder", [BaggingRegressor, AdaBoostRegressor])
def test_the_pattern_of_an_ensemble_is_not_what_it_fitted(data, holder):
    pattern = SeesFewer()
    pattern.eras_seen_ = SEEN
    model = holder(pattern, n_estimators=2).fit(*data)
    assert fitted_eras(model).tolist() == [7]
