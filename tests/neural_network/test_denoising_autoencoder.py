"""The autoencoder of 2018 as a transformer: rounds, noise, pipelines."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

from sknumerai.neural_network import DenoisingAutoencoder, MLPRegressor


def small(**params):
    model = DenoisingAutoencoder(
        (16, 3), max_epochs=3, n_noise_rounds=2, random_state=0
    )
    return model.set_params(**params)


@pytest.fixture(scope="module")
def curved():
    """Eight features in (0, 1) on a surface of two dimensions, not a plane."""
    u, v = np.random.default_rng(0).uniform(-2, 2, (2, 1500, 1))
    parts = [u, v, u * v / 2, u**2 - 1.3, v**2 - 1.3, np.sin(2 * u), np.cos(2 * v)]
    return 1 / (1 + np.exp(-np.hstack([*parts, u - v])))


def test_counts_and_rounds_of_the_article():
    X = np.random.default_rng(0).random((200, 50)).astype(np.float32)
    model = DenoisingAutoencoder.from_preset("article", max_epochs=2, random_state=0)
    code = model.fit_transform(X)
    assert sum(p.numel() for p in model.module_.parameters()) == 33_746
    assert code.shape == (200, 32) and code.dtype == np.float32 and code.min() >= 0
    rounds = [row["phase"] for row in model.history_]
    assert rounds[::2] == [*(f"noise {i}" for i in range(1, 6)), "clean"]
    rebuilt = model.inverse_transform(code)
    assert rebuilt.shape == X.shape and rebuilt.min() >= 0 and rebuilt.max() <= 1


def test_rebuilds_more_than_as_many_principal_components(curved):
    model = DenoisingAutoencoder(
        (32, 16, 2),
        activation="silu",
        noise_std=0.01,
        n_noise_rounds=1,
        max_epochs=30,
        batch_size=50,
        lr=5e-3,
        feature_range=(0, 1),
        random_state=0,
    )
    rebuilt = model.inverse_transform(model.fit_transform(curved))
    pca = PCA(2).fit(curved)
    linear = pca.inverse_transform(pca.transform(curved))
    assert np.mean((rebuilt - curved) ** 2) < 0.5 * np.mean((linear - curved) ** 2)


def test_code_and_reconstruction_are_those_of_the_module(problem):
    X, _, _, _ = problem
    model = small().fit(X)
    scaled = torch.from_numpy(X.to_numpy(dtype=np.float32) / 4)
    with torch.inference_mode():
        code = model.module_.encode(scaled)
        rebuilt = 4 * torch.sigmoid(model.module_.decode(code, logits=True))
    np.testing.assert_allclose(model.transform(X), code, rtol=1e-5, atol=1e-6)
    found = model.inverse_transform(model.transform(X))
    np.testing.assert_allclose(found, rebuilt, rtol=1e-4, atol=1e-5)
    assert found.columns.tolist() == X.columns.tolist()
    with pytest.raises(ValueError, match="takes the code, 3 columns"):
        model.inverse_transform(X)


def test_one_optimizer_for_all_rounds(problem):
    """Without noise the rounds are one training, cut into pieces."""
    X, _, _, _ = problem
    params = {"noise_std": 0.0, "weight_decay": 0.0, "batch_size": 300}
    pieces = small(n_noise_rounds=3, clean_round=False, max_epochs=2, **params).fit(X)
    whole = small(n_noise_rounds=1, clean_round=False, max_epochs=6, **params).fit(X)
    np.testing.assert_array_equal(pieces.transform(X), whole.transform(X))


def test_noise_of_a_round_is_drawn_once(problem, monkeypatch):
    X, _, _, _ = problem
    seen = []
    forward = DenoisingAutoencoder._forward

    def watch(self, module, inputs, phase):
        if module.training:
            seen.append((phase.name, inputs.clone()))
        return forward(self, module, inputs, phase)

    monkeypatch.setattr(DenoisingAutoencoder, "_forward", watch)
    params = {"batch_size": len(X), "max_epochs": 2, "shuffle_clean_round": False}
    clean = X.to_numpy(dtype=np.float32) / 4
    for noise_per in ("round", "batch"):
        seen.clear()
        small(noise_per=noise_per, noise_std=0.3, **params).fit(X)
        names = [name for name, _ in seen]
        assert names == ["noise 1"] * 2 + ["noise 2"] * 2 + ["clean"] * 2
        # rows are shuffled: sums over rows tell the noise apart
        sums = [inputs.double().sum(dim=0).numpy() for _, inputs in seen]
        same = np.abs(sums[0] - sums[1]).max() < 1e-2
        assert same == (noise_per == "round")
        assert np.abs(sums[1] - sums[2]).max() > 1e-2
        np.testing.assert_allclose(seen[-1][1], clean, atol=1e-6)
        std = np.sort(seen[0][1].numpy(), axis=None).std()
        assert std**2 == pytest.approx(clean.var() + 0.09, rel=0.05)


def test_noise_fits_rows_that_are_not_in_the_order_of_eras(problem):
    X, _, _, _ = problem
    shuffled = X.sample(frac=1, random_state=0)
    params = {"noise_per": "round", "noise_std": 1e-6, "batch_size": len(X)}
    one = small(**params).fit(X).transform(X)
    other = small(**params).fit(shuffled).transform(X)
    np.testing.assert_allclose(one, other, atol=1e-2)


@pytest.mark.parametrize("recon_loss", ["mse", "bce", "js"])
def test_losses_and_early_stopping(problem, recon_loss):
    X, _, _, _ = problem
    model = small(recon_loss=recon_loss, n_validation_eras=3, max_epochs=5).fit(X)
    assert model.history_[-1]["valid_loss"] < model.history_[0]["valid_loss"]
    assert model.best_epoch_ > 10 and model.eras_seen_.tolist() == list(range(1, 31))
    with pytest.raises(ValueError, match="needs features in"):
        small(recon_loss="js").fit(X.astype(float) - 2)


def test_frames_keep_their_index_through_a_pipeline(problem):
    X, y, _, _ = problem
    model = make_pipeline(small(), MLPRegressor((8,), max_epochs=2, random_state=0))
    model.fit(X, y)
    code = model[0].transform(X)
    assert isinstance(code, pd.DataFrame) and code.index.equals(X.index)
    assert code.columns.tolist() == [f"denoisingautoencoder{i}" for i in range(3)]
    assert model[-1].eras_seen_.tolist() == list(range(1, 31))
    array = small().fit(X.to_numpy()).transform(X.to_numpy())
    assert isinstance(array, np.ndarray)
    as_frame = model[0].set_output(transform="pandas").transform(X)
    pd.testing.assert_frame_equal(as_frame, code)


def test_targets_do_not_matter_and_weights_do(problem):
    X, y, _, _ = problem
    np.testing.assert_array_equal(
        small().fit(X, y).transform(X), small().fit_transform(X)
    )
    weight = np.arange(len(X)) < 900
    weighted = small().fit(X, sample_weight=weight).transform(X)
    assert np.abs(weighted - small().fit(X).transform(X)).to_numpy().max() > 1e-3


def test_warm_start_and_pickle(problem):
    X, _, _, _ = problem
    model = small(warm_start=True).fit(X)
    first = model.history_[-1]["train_loss"]
    assert model.fit(X).history_[-1]["train_loss"] < first
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.transform(X), model.transform(X))
    with pytest.raises(ValueError, match=r"\['hidden_units'\] changed"):
        model.set_params(hidden_units=(4, 2)).fit(X)
    with pytest.raises(ValueError, match="leave nothing to train"):
        small(n_noise_rounds=0, clean_round=False).fit(X)


def test_presets():
    model = DenoisingAutoencoder.from_preset("article")
    assert (model.noise_std, model.batch_size, model.max_epochs) == (1e-5, 16384, 100)
    clone(model)
    with pytest.raises(ValueError, match=r"one of \['article'\]"):
        DenoisingAutoencoder.from_preset("2018")


@pytest.mark.parametrize("how", [{"noise_std": 0.5}, {"input_noise": 0.5}])
def test_held_out_rows_are_rebuilt_without_noise(problem, how):
    X, _, _, _ = problem
    params = {"noise_std": 0.0, "n_noise_rounds": 1, "clean_round": False, **how}
    model = small(n_validation_eras=3, max_epochs=1, **params).fit(X)
    held_out = X.index.get_level_values("era") >= "0028"
    clean = torch.from_numpy(X[held_out].to_numpy(dtype=np.float32) / 4)
    clean = (clean - 0.5) * 2 if model._scaled_to == (-1, 1) else clean
    with torch.inference_mode():
        error = (model.module_(clean) - clean).square().mean().item()
    row = model.history_[0]
    assert row["valid_loss"] == pytest.approx(error, rel=1e-4)
