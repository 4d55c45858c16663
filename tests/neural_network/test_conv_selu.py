"""Convolutional self-normalizing networks: counts, classes, limits, memory."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss

from sknumerai.metrics import numerai_corr_score
from sknumerai.neural_network import ConvSELUClassifier, ConvSELURegressor
from sknumerai.neural_network._log_loss import LogLoss
from sknumerai.neural_network._pieces import in_pieces


def small(Estimator=ConvSELURegressor, **params):
    model = Estimator(
        conv_channels=(8, 8),
        dense_features=(16, 8),
        max_epochs=3,
        lr=3e-3,
        random_state=0,
    )
    return model.set_params(**params)


def count(model):
    return sum(p.numel() for p in model.module_.parameters())


def test_counts_of_the_article():
    rng = np.random.default_rng(0)
    X, y = rng.random((64, 32)), rng.integers(2, size=64)
    preset = ConvSELUClassifier.from_preset("article", max_epochs=1).fit(X, y)
    assert count(preset) == 283_521
    assert count(ConvSELUClassifier(max_epochs=1).fit(X, y)) == 272_065


def test_learns_an_interaction(problem):
    X, y, _, truth = problem
    train = np.arange(len(X)) < 0.7 * len(X)
    model = small(max_epochs=40, n_validation_eras=0).fit(X[train], y[train])
    score = numerai_corr_score(y[~train], model.predict(X[~train]))
    assert score > 0.7 * numerai_corr_score(y[~train], truth[~train])


@pytest.mark.parametrize("loss", ["mse", "corr", "spearman"])
def test_losses_and_targets(problem, loss):
    X, y, aux, _ = problem
    model = small(loss=loss).fit(X, y, aux_targets=aux)
    assert model.predict(X).shape == (len(X),)
    assert model.predict_targets(X).shape == (len(X), 3)
    assert "lr" in model.history_[0]


def test_the_learning_rate_falls_on_a_plateau(problem):
    X, y, _, _ = problem
    model = small(max_epochs=8, lr=1e-8, lr_patience=2, min_lr=0.0)
    model.set_params(patience=None, weight_decay=0.0)
    rates = [row["lr"] for row in model.fit(X, y).history_]
    np.testing.assert_allclose(rates, np.array([8, 8, 8, 4, 4, 2, 2, 1]) * 1e-8 / 8)
    model.set_params(lr_patience=None).fit(X, y)
    assert {row["lr"] for row in model.history_} == {1e-8}


def test_probabilities(problem):
    X, y, _, _ = problem
    good = y > 0.5
    model = small(ConvSELUClassifier, max_epochs=25).fit(X, good)
    proba = model.predict_proba(X)
    assert model.classes_.tolist() == [False, True] and model.best_epoch_ is not None
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(model.predict(X), proba[:, 1] > 0.5)
    assert log_loss(good, proba) < 0.9 * log_loss(good, np.full(len(X), good.mean()))
    losses = [row["valid_loss"] for row in model.history_]
    assert model.best_epoch_ == 1 + int(np.argmin(losses))
    held_out = X.index.get_level_values("era") >= "0028"
    by_hand = log_loss(good[held_out], proba[held_out])
    assert min(losses) == pytest.approx(by_hand, rel=1e-5)


def test_classes_of_any_kind(problem):
    X, y, _, _ = problem
    five = small(ConvSELUClassifier).fit(X, (4 * y).astype(int))
    assert five.predict_proba(X).shape == (len(X), 5)
    words = small(ConvSELUClassifier).fit(X, np.where(y > 0.5, "up", "down"))
    assert set(words.predict(X)) <= {"up", "down"}
    numbers = small(ConvSELUClassifier).fit(X, (y > 0.5).astype(int))
    np.testing.assert_array_equal(words.predict_proba(X), numbers.predict_proba(X))
    again = pickle.loads(pickle.dumps(words))
    np.testing.assert_array_equal(again.predict(X), words.predict(X))


def test_name_and_index_of_the_labels_are_used(problem):
    X, y, _, _ = problem
    values = X.to_numpy()
    good = (y > 0.5).rename("target_ender_60")
    model = small(ConvSELUClassifier, max_epochs=1).fit(values, good)
    assert model.eras_seen_.tolist() == list(range(1, 31))
    # 3 eras are held out; of the first 27 an embargo of 16 leaves 11, fewer than half
    assert "valid_loss" not in model.history_[0]
    model.fit(values, good.rename("target_ender_20"))
    assert "valid_loss" in model.history_[0]
    three = pd.Series(np.digitize(y, [0.3, 0.6]), index=y.index, name="target_ender_60")
    assert "valid_loss" not in model.fit(values, three).history_[0]


def test_log_loss_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    weight = torch.from_numpy(rng.random(50))
    one = torch.from_numpy(rng.normal(size=(50, 1)))
    y = torch.from_numpy(rng.integers(2, size=(50, 1)).astype(float))
    expected = log_loss(y[:, 0], expit(one[:, 0].numpy()), sample_weight=weight)
    assert LogLoss()(one, y, weight).item() == pytest.approx(expected)
    three = torch.from_numpy(rng.normal(size=(50, 3)))
    codes = rng.integers(3, size=50)
    expected = log_loss(codes, torch.softmax(three, 1), labels=[0, 1, 2])
    found = LogLoss()(three, torch.eye(3, dtype=torch.float64)[codes])
    assert found.item() == pytest.approx(expected)


def test_prediction_limits(problem):
    X, y, _, _ = problem
    free = small(max_epochs=10).fit(X, y)
    model = small(max_epochs=10, prediction_limits=(0.45, 0.55)).fit(X, y)
    limited = model.predict(X)
    np.testing.assert_allclose(limited, np.clip(free.predict(X), 0.45, 0.55))
    assert limited.dtype == np.float32 and limited.min() < limited.max()
    model = small(ConvSELUClassifier, max_epochs=10).fit(X, y > 0.5)
    before = model.predict_proba(X)[:, 1]
    proba = model.set_params(prediction_limits=(0.45, 0.55)).predict_proba(X)
    np.testing.assert_allclose(proba[:, 1], np.clip(before, 0.45, 0.55))
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    np.testing.assert_array_equal(model.predict(X), before > 0.5)
    with pytest.raises(ValueError, match="prediction_limits must be"):
        small(prediction_limits=(0.7, 0.3)).fit(X, y)
    # limits are no part of the fit: they may be swapped after it
    with pytest.raises(ValueError, match="prediction_limits must be"):
        model.set_params(prediction_limits=(0.7, 0.3)).predict_proba(X)


def test_bad_labels(problem):
    X, y, _, _ = problem
    with pytest.raises(ValueError, match="at least 2 classes"):
        small(ConvSELUClassifier).fit(X, np.ones(len(X), dtype=int))
    with pytest.raises(ValueError, match="Unknown label type"):
        small(ConvSELUClassifier).fit(X, y)
    with pytest.raises(ValueError, match="is for two classes"):
        small(ConvSELUClassifier, monitor="corr").fit(X, (4 * y).astype(int))
    with pytest.raises(NotFittedError):
        small(ConvSELUClassifier).predict(X)
    warm = small(ConvSELUClassifier, warm_start=True).fit(X, y > 0.5)
    with pytest.raises(ValueError, match="goes on with the classes"):
        warm.fit(X, np.where(y > 0.5, "up", "down"))


def test_a_failed_fit_changes_nothing(problem):
    X, y, _, _ = problem
    model = small(ConvSELUClassifier).fit(X, y > 0.5)
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match="inconsistent numbers"):
        model.fit(X, np.array(["a", "b"] * 7))
    np.testing.assert_array_equal(model.predict_proba(X), before)


def test_memory_does_not_grow_with_the_rows():
    """A row of 2,376 columns takes 128 times as much inside."""
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 5, (40, 2376)).astype(np.int8), rng.random(40)
    model = ConvSELURegressor(max_epochs=1, random_state=0)
    model.n_features_in_ = 2376
    assert model._max_batch_rows == 2**26 // (128 * 2376)
    model.fit(X[:2], y[:2])
    seen = []

    def watch(piece):
        seen.append(len(piece))
        return piece[:, :1]

    rows = torch.zeros(1000, 3)
    out = in_pieces(watch, rows, model.module_.activations_per_row)
    assert out.shape == (1000, 1) and max(seen) == 2**24 // (128 * 2376)


def test_presets():
    model = ConvSELUClassifier.from_preset("article", max_epochs=7)
    assert (model.max_epochs, model.batch_size, model.conv_axis) == (7, 1024, "time")
    assert model.prediction_limits == (0.3, 0.7)
    assert model.n_validation_eras == 0  # all rows, the last weights
    clone(model)
    clone(ConvSELURegressor.from_preset("article"))
    with pytest.raises(ValueError, match=r"one of \['article'\]"):
        ConvSELURegressor.from_preset("other")
