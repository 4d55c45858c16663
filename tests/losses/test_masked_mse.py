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
