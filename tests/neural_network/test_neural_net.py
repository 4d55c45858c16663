"""A module of the user's in the places where scikit-learn puts estimators."""

import cloudpickle
import numpy as np
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sknumerai.neural_network import NeuralNetRegressor


class Tiny(nn.Sequential):
    """A module whose constructor names its sizes as torch does."""

    def __init__(self, in_features, out_features, width=4, dropout=0.0):
        super().__init__(
            nn.Linear(in_features, width),
            nn.Dropout(dropout),
            nn.Linear(width, out_features),
        )


class FixedSize(nn.Module):
    """A module that knows its sizes."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 1)

    def forward(self, X):
        return self.layer(X)


def test_parameters_of_the_module():
    model = NeuralNetRegressor(Tiny, module_params={"width": 8}, max_epochs=2)
    copy = clone(model).set_params(module__width=32, module__dropout=0.1, lr=0.1)
    assert copy.module_params == {"width": 32, "dropout": 0.1}
    assert model.module_params == {"width": 8}
    assert model.get_params()["module__width"] == 8
    copy.set_params(module__width=3)
    assert copy.module_params == {"width": 3, "dropout": 0.1}
    assert "module__width" not in model.get_params(deep=False)


def test_search_over_the_module(problem):
    X, y, _, _ = problem
    model = NeuralNetRegressor(
        Tiny, module_params={"width": 8}, max_epochs=2, random_state=0
    )
    search = GridSearchCV(
        make_pipeline(StandardScaler(), model),
        {"neuralnetregressor__module__width": [2, 16]},
        cv=2,
    ).fit(X, y)
    width = search.best_params_["neuralnetregressor__module__width"]
    assert search.best_estimator_[-1].module_[0].out_features == width


def test_sizes_are_passed_where_they_are_taken(problem):
    X, y, aux, _ = problem
    params = {"max_epochs": 1, "random_state": 0}
    assert NeuralNetRegressor(FixedSize, **params).fit(X, y).predict(X).shape == y.shape
    model = NeuralNetRegressor(Tiny, **params).fit(X, y, aux_targets=aux)
    assert model.predict_targets(X).shape == (len(X), 3)


def test_pickle_of_a_module_defined_by_the_user(problem):
    X, y, _, _ = problem
    model = NeuralNetRegressor(Tiny, max_epochs=1, random_state=0).fit(X, y)
    again = cloudpickle.loads(cloudpickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
