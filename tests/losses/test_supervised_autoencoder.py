import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sknumerai.losses import (
    ApproximateSpearmanLoss,
    CorrelationLoss,
    JensenShannonLoss,
    MaskedBCELoss,
    MaskedMSELoss,
    SupervisedAutoencoderLoss,
)

TERMS = ["reconstruction_loss", "ae_targets_loss", "targets_loss"]


def batch(n=40, n_features=7, k=3, seed=0):
    rng = torch.Generator().manual_seed(seed)
    X = torch.rand(n, n_features, generator=rng)
    y = torch.randint(5, (n, k), generator=rng) / 4
    outputs = (
        torch.randn(n, n_features, generator=rng),
        torch.rand(n, k, generator=rng),
        torch.rand(n, k, generator=rng),
    )
    return outputs, y, X


def test_sum_of_three_mean_squared_errors():
    outputs, y, X = batch()
    expected = [F.mse_loss(a, b) for a, b in zip(outputs, (X, y, y))]
    loss = SupervisedAutoencoderLoss()
    terms = loss.terms(outputs, y, X)
    assert list(terms) == TERMS
    torch.testing.assert_close(list(terms.values()), expected)
    torch.testing.assert_close(loss(outputs, y, X), sum(expected))
    assert loss.combine(terms) == loss(outputs, y, X)


@pytest.mark.parametrize(
    "name, part",
    [
        ("mse", MaskedMSELoss()),
        ("bce", MaskedBCELoss()),
        ("corr", CorrelationLoss()),
        ("spearman", ApproximateSpearmanLoss()),
    ],
)
def test_target_losses(name, part):
    outputs, y, X = batch()
    y[::4, 1] = float("nan")
    w, groups = torch.rand(len(y)), torch.arange(len(y)) % 3
    terms = SupervisedAutoencoderLoss(name).terms(outputs, y, X, w, groups)
    assert terms["ae_targets_loss"] == part(outputs[1], y, w, groups)
    assert terms["targets_loss"] == part(outputs[2], y, w, groups)
    assert terms["reconstruction_loss"] == MaskedMSELoss()(outputs[0], X, w)
    own = SupervisedAutoencoderLoss(part).terms(outputs, y, X, w, groups)
    assert own == terms


@pytest.mark.parametrize(
    "name, part",
    [
        ("mse", MaskedMSELoss()),
        ("bce", MaskedBCELoss(from_logits=True)),
        ("js", JensenShannonLoss()),
    ],
)
def test_reconstruction_losses(name, part):
    outputs, y, X = batch()
    terms = SupervisedAutoencoderLoss(recon_loss=name).terms(outputs, y, X)
    assert terms["reconstruction_loss"] == part(outputs[0], X)


def test_cross_entropy_of_logits_is_that_of_probabilities():
    (recon, a, b), y, X = batch()
    options = {"target_loss": "bce", "label_smoothing": 0.1}
    probabilities = recon, torch.sigmoid(a), torch.sigmoid(b)
    torch.testing.assert_close(
        SupervisedAutoencoderLoss(**options, from_logits=True)((recon, a, b), y, X),
        SupervisedAutoencoderLoss(**options)(probabilities, y, X),
    )


def test_loss_weights():
    outputs, y, X = batch()
    loss = SupervisedAutoencoderLoss(loss_weights=(0.5, 2, 3))
    r, a, t = loss.terms(outputs, y, X).values()
    torch.testing.assert_close(loss(outputs, y, X), 0.5 * r + 2 * a + 3 * t)


@pytest.mark.parametrize("weights", [(0, 0, 1), (1, 0, 0)])
def test_a_term_of_weight_zero_does_not_spoil_the_sum(weights):
    outputs, y, X = batch()
    outputs = [o.clone() for o in outputs]
    for o, weight in zip(outputs, weights):
        if not weight:
            o.fill_(math.inf)
    outputs = [o.requires_grad_() for o in outputs]
    out = SupervisedAutoencoderLoss(loss_weights=weights)(outputs, y, X)
    out.backward()
    assert torch.isfinite(out)
    for o, weight in zip(outputs, weights):
        assert (o.grad is not None and (o.grad != 0).any()) == bool(weight)


def test_rows_without_targets_train_the_autoencoder_alone():
    (recon, a, b), y, X = batch()
    y[:10] = float("nan")
    outputs = [o.requires_grad_() for o in (recon, a, b)]
    SupervisedAutoencoderLoss()(outputs, y, X).backward()
    assert (recon.grad[:10] != 0).all()
    assert (a.grad[:10] == 0).all() and (b.grad[:10] == 0).all()
    assert torch.isfinite(a.grad).all()


def test_one_weight_vector_for_all_three():
    outputs, y, X = batch()
    w = torch.zeros(len(y))
    w[:5] = 2.0
    few = tuple(o[:5] for o in outputs)
    loss = SupervisedAutoencoderLoss()
    torch.testing.assert_close(
        list(loss.terms(outputs, y, X, w).values()),
        list(loss.terms(few, y[:5], X[:5]).values()),
    )


def test_missing_features_and_one_target_column():
    (recon, a, b), y, X = batch(k=1)
    X[3, 2] = float("nan")
    out = SupervisedAutoencoderLoss()((recon, a, b), y[:, 0], X)
    assert torch.isfinite(out)


class _Custom(nn.Module):
    def forward(self, y_pred, y_true, sample_weight=None, groups=None):
        return (y_pred - y_true).abs().max()


def test_a_loss_of_the_users():
    outputs, y, X = batch()
    terms = SupervisedAutoencoderLoss(_Custom()).terms(outputs, y, X)
    assert terms["targets_loss"] == (outputs[2] - y).abs().max()


@pytest.mark.parametrize(
    "params, message",
    [
        ({"target_loss": "mae"}, "target_loss must be one of .* Got 'mae'"),
        ({"target_loss": CorrelationLoss}, "instance"),
        ({"recon_loss": "corr"}, "recon_loss must be one of"),
        ({"loss_weights": (1, 1)}, "must be 3 finite numbers"),
        ({"loss_weights": (1, 1, -1)}, "must be 3 finite numbers"),
        ({"loss_weights": (0, 0, 0)}, "are all 0, so there is nothing to minimize"),
        ({"label_smoothing": 0.1}, "target_loss='bce'"),
        ({"from_logits": True}, "target_loss='bce'"),
    ],
)
def test_errors(params, message):
    with pytest.raises(ValueError, match=message):
        SupervisedAutoencoderLoss(**params)
