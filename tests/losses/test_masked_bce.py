import math

import pytest
import torch

from sknumerai.losses import MaskedBCELoss


def test_logits_and_probabilities_agree():
    z, y = torch.linspace(-8, 8, 50).double(), torch.rand(50).double()
    torch.testing.assert_close(
        MaskedBCELoss()(torch.sigmoid(z), y), MaskedBCELoss(from_logits=True)(z, y)
    )


@pytest.mark.parametrize("z", [50.0, -50.0, 1e4])
def test_large_logits_are_exact(z):
    z = torch.tensor([z], requires_grad=True)
    y = (z < 0).float()  # all wrong
    out = MaskedBCELoss(from_logits=True)(z, y)
    out.backward()
    assert out == z.abs() and z.grad.abs() == 1.0


def test_probabilities_that_rounded_to_one_are_finite():
    p = torch.tensor([1.0, 0.0], requires_grad=True)
    out = MaskedBCELoss()(p, torch.tensor([0.0, 1.0]))
    out.backward()
    assert out == 100.0 and torch.isfinite(p.grad).all()


def test_label_smoothing():
    loss = MaskedBCELoss(from_logits=True, label_smoothing=0.2)
    z = torch.tensor([2.0])
    p = 1 / (1 + math.exp(-2.0))
    expected = -0.9 * math.log(p) - 0.1 * math.log(1 - p)
    assert loss(z, torch.tensor([1.0])).item() == pytest.approx(expected, rel=1e-6)


def test_errors():
    with pytest.raises(ValueError, match=r"label_smoothing must be in \[0, 1\]"):
        MaskedBCELoss(label_smoothing=1.5)
    with pytest.raises(ValueError, match=r"targets must be in \[0, 1\].* 0 to 2"):
        MaskedBCELoss()(torch.tensor([0.5, 0.5]), torch.tensor([0.0, 2.0]))
    with pytest.raises(ValueError, match="from_logits=True if these are logits"):
        MaskedBCELoss()(torch.tensor([0.5, -3.0]), torch.tensor([0.0, 1.0]))


def test_torchs_own_loss_is_taken_where_nothing_is_missing():
    """And gives what the masked one gives, which weights of 1 lead to."""
    torch.manual_seed(0)
    y_pred, y_true = torch.randn(50, 3, requires_grad=True), torch.rand(50, 3)
    loss = MaskedBCELoss(from_logits=True)
    plain, masked = loss(y_pred, y_true), loss(y_pred, y_true, torch.ones(50))
    torch.testing.assert_close(plain, masked)
    torch.testing.assert_close(
        *(torch.autograd.grad(value, y_pred)[0] for value in (plain, masked))
    )
    with pytest.raises(ValueError, match=r"targets must be in \[0, 1\]"):
        loss(y_pred, y_true + 1)
