import numpy as np
import pytest
import torch

from sknumerai.losses import ApproximateSpearmanLoss, CorrelationLoss

I = np.arange(20)
P = np.sin(1.7 * I) + 0.1 * I
P = (P - P.min()) / (P.max() - P.min())
Y = [0, 1, 2, 2, 3, 4, 2, 1, 2, 2, 3, 2, 1, 2, 4, 2, 3, 2, 0, 1]
Y = np.array(Y) / 4


@pytest.mark.parametrize(
    "scores, r, sqd, expected",
    [
        (P, -0.01817202, 0.55046893, 1.02367671),
        (2 * P - 1, -0.01817202, 2.371537, 1.04188739),
    ],
    ids=["[0, 1]", "[-1, 1]"],
)
def test_golden_values(scores, r, sqd, expected):
    p, y = torch.from_numpy(scores), torch.from_numpy(Y)
    assert ApproximateSpearmanLoss()(p, y).item() == pytest.approx(expected, abs=5e-9)
    assert ApproximateSpearmanLoss(0)(p, y).item() == pytest.approx(1 - r, abs=5e-9)
    heavy = ApproximateSpearmanLoss(1.0)(p, y).item()
    assert heavy - (1 - r) == pytest.approx(sqd, abs=5e-7)


def test_without_penalty_it_is_the_correlation_loss_plus_one():
    p, y, groups = torch.rand(80, 2), torch.rand(80, 2), torch.arange(80) % 5
    torch.testing.assert_close(
        ApproximateSpearmanLoss(0)(p, y, groups=groups),
        1 + CorrelationLoss()(p, y, groups=groups),
    )


def test_norm_by_the_batch_is_larger_by_the_root_of_rows_over_eras():
    n, eras = 4000, 2
    rng = torch.Generator().manual_seed(0)
    p, y = torch.rand(2 * n, generator=rng), torch.rand(2 * n, generator=rng)
    groups = torch.arange(2 * n) // n
    base = ApproximateSpearmanLoss(0)(p, y, groups=groups)
    by_rows = ApproximateSpearmanLoss(1)(p, y, groups=groups) - base
    batch = ApproximateSpearmanLoss(1, penalty_norm="batch")
    by_batch = batch(p, y, groups=groups) - base
    assert (by_batch / by_rows).item() == pytest.approx((n / eras) ** 0.5, rel=1e-4)


def test_errors():
    with pytest.raises(ValueError, match="penalty_weight must be 0 or more"):
        ApproximateSpearmanLoss(-1)
    with pytest.raises(ValueError, match="'n' or 'batch'"):
        ApproximateSpearmanLoss(penalty_norm="rows")


def test_zero_padding_inflates_the_correlation():
    """What the paper's masking does if taken by the letter; 'mask' leaves it be."""
    generator = torch.Generator().manual_seed(0)
    groups = torch.repeat_interleave(torch.tensor([4000, 5000]))
    p = torch.rand(9000, generator=generator, dtype=torch.float64)
    shares = torch.tensor([0.05, 0.2, 0.5, 0.2, 0.05])
    y = torch.multinomial(shares, 9000, replacement=True, generator=generator) / 4
    masked = ApproximateSpearmanLoss(0)(p, y, None, groups)
    zero = ApproximateSpearmanLoss(0, padding_mode="zero")
    assert masked > 0.95
    filled_p = torch.cat([p, torch.zeros(1000, dtype=p.dtype)])
    filled_y = torch.cat([y, torch.zeros(1000)])
    filled = torch.cat([groups, torch.zeros(1000, dtype=torch.long)])
    expected = ApproximateSpearmanLoss(0)(filled_p, filled_y, None, filled)
    torch.testing.assert_close(zero(p, y, None, groups), expected)
    short = filled == 0
    assert ApproximateSpearmanLoss(0)(filled_p[short], filled_y[short]) < 0.6
    # one era, or eras of one length, have no padding
    assert zero(p, y) == ApproximateSpearmanLoss(0)(p, y)
    with pytest.raises(ValueError, match="padding_mode must be"):
        ApproximateSpearmanLoss(padding_mode="zeros")
