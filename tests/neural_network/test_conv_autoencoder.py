"""GTRUDA: counts, two optimizers, what trains the encoder, losses, code."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone

from sknumerai.losses import CorrelationLoss
from sknumerai.metrics import numerai_corr_score
from sknumerai.modules import ConvAutoencoder
from sknumerai.neural_network import ConvAutoencoderRegressor


def small(**params):
    model = ConvAutoencoderRegressor(
        n_channels=2, head_features=(16, 8), max_epochs=3, random_state=0
    )
    return model.set_params(**params)


def parts(model):
    state = model.module_.state_dict()
    head = {k: v.numpy() for k, v in state.items() if k.startswith("head")}
    return {k: v.numpy() for k, v in state.items() if k not in head}, head


def equal(a, b):
    return all(np.array_equal(a[k], b[k]) for k in a)


def test_counts_of_the_source():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 5, (64, 310)).astype(np.int8)
    y = rng.integers(0, 5, 64) / 4
    groups = np.repeat([1, 2], 32)
    for preset, n_head in [("stable", 178_049), ("development", 20_465)]:
        model = ConvAutoencoderRegressor.from_preset(preset, max_epochs=1)
        ae, head = parts(model.fit(X, y, groups=groups))
        assert sum(v.size for v in head.values()) == n_head
        weights = [v for k, v in ae.items() if "running" not in k and "num_" not in k]
        assert sum(v.size for v in weights) == 23_641
        assert model.transform(X).shape == (64, 320)


def test_learns_an_interaction(problem):
    X, y, _, truth = problem
    train = np.arange(len(X)) < 0.7 * len(X)
    # a higher rate learns it or not, as rounding has it
    model = small(max_epochs=60, lr=5e-3, n_validation_eras=0)
    model.fit(X[train], y[train])
    score = numerai_corr_score(y[~train], model.predict(X[~train]))
    assert score > 0.7 * numerai_corr_score(y[~train], truth[~train])


def test_targets_never_train_the_encoder(problem):
    X, y, _, _ = problem
    model = small(n_validation_eras=0).fit(X, y)
    other = small(n_validation_eras=0).fit(X, 1 - y)
    (ae, head), (other_ae, other_head) = parts(model), parts(other)
    assert equal(ae, other_ae) and not equal(head, other_head)
    np.testing.assert_array_equal(model.transform(X), other.transform(X))
    coupled = small(n_validation_eras=0, detach_code=False)
    assert not equal(
        parts(coupled.fit(X, y))[0], parts(clone(coupled).fit(X, 1 - y))[0]
    )


def test_two_learning_rates_and_optimizers(problem):
    X, y, _, _ = problem
    model = small(n_validation_eras=0).fit(X, y)
    ae, head = parts(model)
    faster = parts(small(n_validation_eras=0, lr=0.05).fit(X, y))
    assert equal(ae, faster[0]) and not equal(head, faster[1])
    slower = parts(small(n_validation_eras=0, ae_lr=1e-5).fit(X, y))
    assert not equal(ae, slower[0])
    made = []

    def sgd(params, lr):
        params = list(params)
        made.append((sum(p.numel() for p in params), lr))
        return torch.optim.SGD(params, lr=lr)

    model = small(n_validation_eras=0, ae_optimizer=sgd, ae_lr=0.02).fit(X, y)
    autoencoder = (
        *model.module_.encoder.parameters(),
        *model.module_.decoder.parameters(),
    )
    assert made[0] == (sum(p.numel() for p in autoencoder), 0.02)


@pytest.mark.parametrize("joint_step", [True, False])
def test_both_optimizers_are_those_of_a_hand_written_loop(problem, joint_step):
    X, y, _, _ = problem
    model = small(n_validation_eras=0, loss="mse", batch_size=600, lr=0.1, ae_lr=0.3)
    model.set_params(
        optimizer=torch.optim.SGD, joint_step=joint_step, output_gain=1.0
    ).fit(X, y)
    seed = int(np.random.RandomState(0).randint(2**31 - 1))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = ConvAutoencoder(8, 1, n_channels=2, head_features=(16, 8))
    encoder = [*module.encoder.parameters(), *module.decoder.parameters()]
    optimizers = [
        torch.optim.SGD(encoder, lr=0.3),
        torch.optim.SGD(module.head.parameters(), lr=0.1),
    ]
    features = torch.from_numpy(X.to_numpy(dtype=np.float32) / 4)
    targets = torch.from_numpy(y.to_numpy().copy())[:, None]
    generator = torch.Generator().manual_seed(seed)
    bce, mse = torch.nn.BCELoss(), torch.nn.MSELoss()
    for _ in range(3):
        for rows in torch.randperm(len(X), generator=generator).split(600):
            module.zero_grad()
            recon, out = module(features[rows])
            bce(recon, features[rows]).backward()
            if not joint_step:
                optimizers[0].step()
                out = module(features[rows])[1]
            mse(out, targets[rows]).backward()
            if joint_step:
                optimizers[0].step()
            optimizers[1].step()
    for name, value in module.state_dict().items():
        found = model.module_.state_dict()[name]
        np.testing.assert_allclose(found, value, rtol=1e-3, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("loss", ["corr", "pooled_corr", "mse", "spearman"])
@pytest.mark.parametrize("recon_loss", ["auto", "bce", "mse", "js"])
def test_losses(problem, loss, recon_loss):
    X, y, aux, _ = problem
    model = small(loss=loss, recon_loss=recon_loss, ae_lr=5e-3)
    model.fit(X, y, aux_targets=aux)
    first, last = model.history_[0], model.history_[-1]
    assert last["valid_reconstruction_loss"] < first["valid_reconstruction_loss"]
    total = last["valid_reconstruction_loss"] + last["valid_targets_loss"]
    assert last["valid_loss"] == pytest.approx(total, rel=1e-5)
    assert model.batch_by_ == ("rows" if loss in ("pooled_corr", "mse") else "era")
    assert abs(model.predict(X).mean() - y.mean()) < 0.1


def test_a_loss_of_the_user(problem):
    X, y, _, _ = problem
    model = small(loss=CorrelationLoss(), n_validation_eras=0).fit(X, y)
    named = small(loss="corr", n_validation_eras=0).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), named.predict(X))
    with pytest.raises(TypeError, match="whose forward takes"):
        small(loss=torch.nn.MSELoss).fit(X, y)


def test_autoencoder_first(problem):
    X, y, _, _ = problem
    # for as long that rounding does not decide
    model = small(pretrain_epochs=10, random_state=1).fit(X, y)
    phases = [row["phase"] for row in model.history_]
    assert phases == ["pretrain"] * 10 + ["fit"] * 3
    errors = [row["valid_reconstruction_loss"] for row in model.history_]
    assert errors[9] < errors[0] and "valid_targets_loss" not in model.history_[0]
    # its optimizer goes on: the autoencoder's training is one of seven epochs
    params = {"n_validation_eras": 0, "loss": "mse"}
    cut = small(pretrain_epochs=2, max_epochs=2, **params).fit(X, y)
    whole = small(max_epochs=4, **params).fit(X, y)
    assert equal(parts(cut)[0], parts(whole)[0])


def test_features_of_any_range(problem):
    X, y, _, _ = problem
    centred = X.astype(np.float32) - 2
    model = small().fit(centred, y)
    assert model.module_.recon_activation == "identity"
    mapped = small(feature_range=(-2, 2)).fit(centred, y)
    assert mapped.module_.recon_activation == "sigmoid"
    np.testing.assert_allclose(mapped.predict(centred), small().fit(X, y).predict(X))
    with pytest.raises(ValueError, match="needs features in"):
        small(recon_loss="bce").fit(centred, y)


@pytest.mark.parametrize("activation", ["sigmoid", "identity"])
def test_targets_of_any_range(problem, activation):
    X, y, _, _ = problem
    params = {"loss": "mse", "output_activation": activation}
    inside = small(**params).fit(X, y).predict(X)
    outside = small(**params).fit(X, 100 * y - 20).predict(X)
    np.testing.assert_allclose(outside, 100 * inside - 20, rtol=1e-3, atol=0.02)


def test_code(problem):
    X, y, _, _ = problem
    model = small().fit(X, y)
    code = model.transform(X)
    assert code.index.equals(X.index) and code.shape == (len(X), 32)
    assert code.columns[0] == "convautoencoderregressor0"
    rows = np.vstack([model.transform(X[i : i + 1]) for i in range(20)])
    np.testing.assert_allclose(rows, code[:20], rtol=1e-6, atol=1e-9)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    np.testing.assert_array_equal(again.transform(X), code)
    fitted = small(max_epochs=4, warm_start=True).fit(X, y)
    fitted.fit(X, y)


def test_begins_near_the_middle_unless_told(problem):
    X, y, _, _ = problem
    params = {"n_validation_eras": 0, "max_epochs": 1, "lr": 1e-12, "loss": "mse"}
    spread = {}
    for gain in (0.01, 1.0):
        model = small(output_gain=gain, **params).fit(X, y)
        spread[gain] = model.predict(X).std()
    assert spread[0.01] == pytest.approx(0.01 * spread[1.0], rel=0.05)


def test_presets():
    model = ConvAutoencoderRegressor.from_preset("development", max_epochs=7)
    assert (model.lr, model.ae_lr, model.batch_size) == (1e-2, 3e-4, 2**15)
    assert model.max_epochs == 7 and model.loss == "pooled_corr"
    assert not model.joint_step and model.output_gain == 1.0
    clone(model)
    with pytest.raises(ValueError, match=r"one of \['development', 'stable'\]"):
        ConvAutoencoderRegressor.from_preset("other")
