"""System of Yirun Zhang and jrai: heads, losses, phases, aggregation, presets."""

import pickle

import numpy as np
import pytest
from scipy.stats import rankdata
from sklearn.base import clone
from sklearn.linear_model import Ridge

from sknumerai.metrics import numerai_corr_score
from sknumerai.neural_network import SupervisedAutoencoderRegressor


def small(**params):
    model = SupervisedAutoencoderRegressor(
        (8, 8, 32, 16), dropouts=0.1, max_epochs=3, random_state=0
    )
    return model.set_params(**params)


@pytest.mark.parametrize(
    "n_features, n_targets, count",
    [(130, 5, 966_068), (310, 6, 1_180_442), (1050, 20, 2_065_258)],
)
def test_parameter_counts_of_the_sources(n_features, n_targets, count):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 5, (64, n_features)).astype(np.int8)
    model = SupervisedAutoencoderRegressor(max_epochs=1, random_state=0)
    model.fit(X, rng.random((64, n_targets)))
    assert sum(p.numel() for p in model.module_.parameters()) == count
    assert model.transform(X).shape == (64, 96)


def test_beats_ridge_on_a_planted_interaction(problem):
    X, y, aux, truth = problem
    train = np.arange(len(X)) < 0.7 * len(X)
    model = small(max_epochs=80, lr=5e-3, target_aggregation="main")
    model.fit(X[train], y[train], aux_targets=aux)
    ridge = Ridge().fit(X[train], y[train])
    ours = numerai_corr_score(y[~train], model.predict(X[~train]))
    linear = numerai_corr_score(y[~train], ridge.predict(X[~train]))
    attainable = numerai_corr_score(y[~train], truth[~train])
    assert linear + 0.1 < ours < attainable + 0.02


@pytest.mark.parametrize("loss", ["mse", "bce", "corr", "spearman"])
@pytest.mark.parametrize("recon_loss", ["mse", "bce", "js"])
def test_losses(problem, loss, recon_loss):
    X, y, aux, _ = problem
    model = small(loss=loss, recon_loss=recon_loss, max_epochs=6)
    model.fit(X, y, aux_targets=aux)
    first, last = model.history_[0], model.history_[-1]
    for term in ("loss", "reconstruction_loss", "targets_loss", "ae_targets_loss"):
        assert np.isfinite(last[f"valid_{term}"])
    assert last["valid_reconstruction_loss"] < first["valid_reconstruction_loss"]
    total = last["valid_reconstruction_loss"] + last["valid_ae_targets_loss"]
    assert last["valid_loss"] == pytest.approx(total + last["valid_targets_loss"])
    assert model.predict(X).min() > -0.5 and model.predict(X).max() < 1.5


def test_stops_on_the_loss_of_the_targets(problem):
    X, y, _, _ = problem
    model = small(lr=0.02, max_epochs=40, patience=3).fit(X, y)
    values = [row["valid_targets_loss"] for row in model.history_]
    assert model.best_epoch_ == 1 + np.argmin(values)
    by_corr = small(monitor="corr", lr=0.02, max_epochs=40, patience=3).fit(X, y)
    values = [row["valid_corr"] for row in by_corr.history_]
    assert by_corr.best_epoch_ == 1 + np.argmax(values)


def test_autoencoder_first_then_frozen(problem):
    X, y, _, _ = problem
    pretrained = small(pretrain_epochs=4).fit(X, y)
    assert [row["phase"] for row in pretrained.history_] == ["pretrain"] * 4 + [
        "fit"
    ] * 3
    errors = [row["valid_reconstruction_loss"] for row in pretrained.history_[:4]]
    assert errors[-1] < errors[0]

    short = small(pretrain_epochs=4, freeze_encoder=True, max_epochs=1).fit(X, y)
    longer = small(pretrain_epochs=4, freeze_encoder=True, max_epochs=3).fit(X, y)
    np.testing.assert_array_equal(short.transform(X), longer.transform(X))
    assert np.abs(short.predict(X) - longer.predict(X)).max() > 0
    assert "valid_reconstruction_loss" not in longer.history_[-1]
    with pytest.raises(ValueError, match="needs an encoder that has learned something"):
        small(freeze_encoder=True).fit(X, y)


def test_aggregation_of_the_targets(problem):
    X, y, aux, _ = problem
    eras = X.index.get_level_values("era")
    model = small().fit(X, y, aux_targets=aux)
    heads = model.predict_targets(X)
    assert heads.shape == (len(X), 3)

    def predict(how, weights=None):
        model.set_params(target_aggregation=how, target_weights=weights)
        return model.predict(X)

    close = np.testing.assert_allclose
    close(predict("mean"), heads.mean(axis=1), rtol=1e-5)
    close(predict("median"), np.median(heads, axis=1), rtol=1e-5)
    close(predict("main"), heads[:, 0], rtol=1e-5)
    weighted = predict("mean", [2, 1, 1])
    close(weighted, heads @ [0.5, 0.25, 0.25], rtol=1e-5)
    expected = np.empty(len(X))
    for era in eras.unique():
        rows = eras == era
        ranks = (rankdata(heads[rows], axis=0) - 0.5) / rows.sum()
        expected[rows] = ranks.mean(axis=1)
    close(predict("rank_mean"), expected, rtol=1e-5)
    alone = model.predict(X[eras == "0005"])
    close(alone, expected[eras == "0005"], rtol=1e-5)
    with pytest.raises(ValueError, match="target_weights must be 3 numbers"):
        predict("mean", [1, 1])


def test_heads_without_a_scale_are_averaged_in_the_units_of_the_targets(problem):
    X, y, aux, _ = problem
    model = small(loss="corr", max_epochs=5).fit(X, y, aux_targets=aux)
    mean = model.predict_targets(X).mean(axis=1)
    np.testing.assert_allclose(model.predict(X), mean, rtol=1e-4)
    assert model.predict(X).mean() == pytest.approx(float(y.mean()), abs=0.02)


def test_probabilities_are_scored_not_logits(problem):
    X, y, _, _ = problem
    seen = []

    def monitor(y_true, y_pred, groups):
        seen.append((y_pred.min(), y_pred.max()))
        return 0.0

    small(loss="bce", monitor=monitor, lr=0.05).fit(X, y)
    assert all(0 < low < high < 1 for low, high in seen)


def test_targets_outside_zero_and_one(problem):
    X, y, _, _ = problem
    inside = small().fit(X, y)
    outside = small().fit(X, 100 * y - 20)
    np.testing.assert_allclose(
        outside.predict(X), 100 * inside.predict(X) - 20, rtol=1e-3, atol=1e-2
    )
    unbounded = small(output_activation="identity", n_validation_eras=0)
    unbounded.fit(X, 100 * y - 20)
    assert unbounded._y_scale[0] == pytest.approx(100 * y.std(ddof=0), rel=1e-4)


def test_reconstruction_losses_that_need_features_in_0_1(problem):
    X, y, _, _ = problem
    centred = X.astype(np.float32) - 2
    with pytest.raises(ValueError, match="needs features in \\[0, 1\\]; they run"):
        small(recon_loss="js").fit(centred, y)
    small(recon_loss="js", feature_range=(-2, 2)).fit(centred, y)


def test_transformer(problem):
    X, y, _, _ = problem
    model = small()
    code = model.fit_transform(X, y)
    np.testing.assert_array_equal(code, model.transform(X))
    assert (code.dtypes == np.float32).all() and code.shape == (len(X), 8)
    assert code.index.equals(X.index)
    frame = model.set_output(transform="pandas").transform(X)
    assert frame.index.equals(X.index)
    assert frame.columns[0] == "supervisedautoencoderregressor0"


def test_presets():
    model = SupervisedAutoencoderRegressor.from_preset("jane_street", max_epochs=7)
    assert model.max_epochs == 7 and model.loss == "bce"
    assert model.dropouts[3] == 0.49230390
    assert model.optimizer.keywords == {"eps": 1e-7}
    clone(model)
    article = SupervisedAutoencoderRegressor.from_preset("numerai")
    assert (article.lr, article.max_epochs, article.batch_size) == (1e-4, 1, 32)
    with pytest.raises(ValueError, match=r"one of \['jane_street', 'numerai'\]"):
        SupervisedAutoencoderRegressor.from_preset("other")


@pytest.mark.parametrize("name", ["numerai", "jane_street"])
def test_presets_fit_and_pickle(problem, name):
    X, y, aux, _ = problem
    model = SupervisedAutoencoderRegressor.from_preset(
        name, hidden_units=(8, 8, 16), dropouts=0.1, max_epochs=2, random_state=0
    ).fit(X, y, aux_targets=aux)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    np.testing.assert_array_equal(again.transform(X), model.transform(X))
