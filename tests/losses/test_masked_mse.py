import torch
from torch.nn import functional as F

from sknumerai.losses import MaskedMSELoss


def test_is_the_mean_squared_error_where_nothing_is_missing():
    p, y = torch.rand(50, 4), torch.rand(50, 4)
    torch.testing.assert_close(MaskedMSELoss()(p, y), F.mse_loss(p, y))


def test_cells_count_alike_not_columns():
    y = torch.tensor([[0.0, 0.0], [0.0, float("nan")], [0.0, float("nan")]])
    p = torch.tensor([[0.0, 2.0], [0.0, 0.0], [0.0, 0.0]])
    assert MaskedMSELoss()(p, y) == 1.0  # 4 / 4 cells, not (0 + 4) / 2 columns


def test_torchs_own_loss_is_taken_where_nothing_is_missing():
    """And gives what the masked one gives, which weights of 1 lead to."""
    torch.manual_seed(0)
    y_pred, y_true = torch.randn(50, 3, requires_grad=True), torch.randn(50, 3)
    plain = MaskedMSELoss()(y_pred, y_true)
    masked = MaskedMSELoss()(y_pred, y_true, torch.ones(50))
    torch.testing.assert_close(plain, masked)
    torch.testing.assert_close(
        *(torch.autograd.grad(loss, y_pred)[0] for loss in (plain, masked))
    )
    overflow = MaskedMSELoss()(torch.full((2,), 1e30), torch.zeros(2))
    assert torch.isinf(overflow)
