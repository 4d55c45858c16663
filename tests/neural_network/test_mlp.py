"""The perceptron learns what a linear model cannot."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from sknumerai.metrics import numerai_corr_score
from sknumerai.neural_network import MLPRegressor


def test_beats_ridge_on_a_planted_interaction(problem):
    X, y, _, truth = problem
    train = np.arange(len(X)) < 0.7 * len(X)
    model = MLPRegressor((32, 16), max_epochs=40, random_state=0)
    model.fit(X[train], y[train])
    ridge = Ridge().fit(X[train], y[train])
    ours = numerai_corr_score(y[~train], model.predict(X[~train]))
    linear = numerai_corr_score(y[~train], ridge.predict(X[~train]))
    attainable = numerai_corr_score(y[~train], truth[~train])
    assert linear + 0.1 < ours < attainable + 0.02


@pytest.mark.parametrize("hidden", [16, (16,), [16]])
def test_widths(problem, hidden):
    X, y, _, _ = problem
    model = MLPRegressor(hidden, max_epochs=1, random_state=0).fit(X, y)
    assert [tuple(p.shape) for p in model.module_.parameters()] == [
        (16, 8),
        (16,),
        (1, 16),
        (1,),
    ]


def test_input_noise_is_for_training_only(problem):
    from sknumerai.modules import FeatureReversalNoise

    X, y, _, _ = problem
    for noise in (0.5, FeatureReversalNoise()):
        model = MLPRegressor((8,), max_epochs=2, input_noise=noise, random_state=0)
        np.testing.assert_array_equal(model.fit(X, y).predict(X), model.predict(X))
        plain = MLPRegressor((8,), max_epochs=2, random_state=0).fit(X, y)
        assert np.abs(plain.predict(X) - model.predict(X)).max() > 1e-4
