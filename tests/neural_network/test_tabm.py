"""TabM as an estimator: what is minimized, what is predicted, presets, memory."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import Ridge

from sknumerai.losses import CorrelationLoss, MaskedMSELoss
from sknumerai.metrics import numerai_corr_score
from sknumerai.neural_network import TabMRegressor


def small(**params):
    model = TabMRegressor((16, 8), k=4, max_epochs=3, random_state=0)
    return model.set_params(**params)


@pytest.mark.parametrize("variant", ["tabm", "mini"])
def test_beats_ridge_on_a_planted_interaction(problem, variant):
    X, y, _, truth = problem
    train = np.arange(len(X)) < 0.7 * len(X)
    model = small(hidden_features=(32, 16), variant=variant, max_epochs=25)
    model.fit(X[train], y[train])
    ridge = Ridge().fit(X[train], y[train])
    ours = numerai_corr_score(y[~train], model.predict(X[~train]))
    linear = numerai_corr_score(y[~train], ridge.predict(X[~train]))
    attainable = numerai_corr_score(y[~train], truth[~train])
    assert linear + 0.1 < ours < attainable + 0.02


@pytest.mark.parametrize("variant", ["tabm", "mini"])
def test_submodels_differ_and_their_mean_is_predicted(problem, variant):
    X, y, aux, _ = problem
    model = small(variant=variant).fit(X, y, aux_targets=aux)
    scaled = torch.from_numpy((X.to_numpy(np.float32) - 2) / 2)
    with torch.no_grad():
        each = model.module_(scaled).numpy()
    assert each.shape == (len(X), 4, 3)
    correlation = np.corrcoef(each[:, :, 0].T)[np.triu_indices(4, 1)]
    assert correlation.max() < 0.995
    mean = each.mean(axis=1) * model._y_scale + model._y_offset
    np.testing.assert_allclose(model.predict_targets(X), mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.predict(X), mean[:, 0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("loss", ["mse", "corr", "spearman"])
def test_the_mean_of_the_losses_is_minimized(problem, loss):
    X, y, aux, _ = problem  # one of the auxiliary targets has NaN
    model = small(loss=loss).fit(X, y, aux_targets=aux)
    from sknumerai.neural_network._batches import Batch

    criterion = model._make_loss()
    Y = torch.from_numpy(np.column_stack([y, aux]).astype(np.float32))[:90]
    groups = torch.arange(90) // 30
    generator = torch.Generator().manual_seed(0)
    output = torch.randn(90, 4, 3, generator=generator)
    batch = Batch(None, Y, torch.rand(90, generator=generator), groups)
    expected = sum(
        criterion(output[:, i], Y, batch.sample_weight, groups) for i in range(4)
    )
    terms = model._loss_terms(criterion, output, None, batch, None)
    torch.testing.assert_close(terms["loss"], expected / 4)
    # ... and not the loss of the mean
    of_mean = criterion(output.mean(dim=1), Y, batch.sample_weight, groups)
    assert abs(float(terms["loss"] - of_mean)) > 1e-3


@pytest.mark.parametrize(
    "name, Loss", [("mse", MaskedMSELoss), ("corr", CorrelationLoss)]
)
def test_a_loss_by_name_is_the_loss_as_an_object(problem, name, Loss):
    X, y, aux, _ = problem
    by_name = small(loss=name).fit(X, y, aux_targets=aux)
    as_object = small(loss=Loss()).fit(X, y, aux_targets=aux)
    np.testing.assert_allclose(by_name.predict(X), as_object.predict(X), atol=1e-4)


def test_training_lowers_the_loss_and_scores_the_mean(problem):
    X, y, _, _ = problem
    model = small(max_epochs=12, lr=5e-3).fit(X, y)
    losses = [row["train_loss"] for row in model.history_]
    assert losses[-1] < 0.9 * losses[0]
    held_out = X.index.get_level_values("era") > "0027"
    score = numerai_corr_score(y[held_out], model.predict(X[held_out]))
    best = model.history_[model.best_epoch_ - 1]
    assert best["valid_corr"] == pytest.approx(score, abs=1e-5)


def test_integers_are_scaled_and_floats_left_alone(problem):
    X, y, _, _ = problem
    by_code = small().fit(X, y)
    scaled = small().fit((X.astype(np.float32) - 2) / 2, y)
    np.testing.assert_allclose(
        by_code.predict(X), scaled.predict((X.astype(np.float32) - 2) / 2), atol=1e-6
    )


def test_an_era_scores_the_same_alone_beside_others_and_from_a_pickle(problem):
    X, y, _, _ = problem
    model = small().fit(X, y)
    whole = model.predict(X)
    np.testing.assert_allclose(model.predict(X[:60]), whole[:60], rtol=1e-6)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), whole)
    np.testing.assert_array_equal(clone(model).fit(X, y).predict(X), whole)


def test_presets():
    paper = TabMRegressor.from_preset("paper", k=8)
    assert (paper.k, paper.hidden_features, paper.lr) == (8, (512, 512, 512), 2e-3)
    assert TabMRegressor.from_preset("mini").variant == "mini"
    with pytest.raises(ValueError, match="name must be one of"):
        TabMRegressor.from_preset("huge")


PROGRAM = """
import resource
import numpy as np
from sknumerai.neural_network import TabMRegressor
rng = np.random.default_rng(0)
n_rows, n_features = 2000, 3555
X = rng.integers(0, 5, (n_rows, n_features), dtype=np.int8)
y = rng.random(n_rows).astype(np.float32)
model = TabMRegressor(batch_size=256, max_epochs=1, random_state=0)
TabMRegressor((8,), k=2, max_epochs=1, random_state=0).fit(X[:300], y[:300])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
model.fit(X[:512], y[:512])
fitted = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
model.predict(X)
predicted = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(fitted - before, predicted - fitted)
"""


@pytest.mark.slow
def test_memory_with_all_features():
    """Two steps at full width, then more rows predicted than a batch had."""
    out = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    unit = 1024 if sys.platform != "darwin" else 1024**2
    fit, predict = (int(value) / unit for value in out.stdout.split())  # MB
    assert fit < 1100
    assert predict < 200
