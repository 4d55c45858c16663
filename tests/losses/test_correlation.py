import numpy as np
import torch

from sknumerai.losses import CorrelationLoss


def test_against_numpy():
    p, y = torch.rand(500), torch.rand(500)
    expected = -np.corrcoef(p, y)[0, 1]
    np.testing.assert_allclose(CorrelationLoss()(p, y), expected, atol=1e-6)


def test_scale_and_level_of_an_era_do_not_matter():
    p, y = torch.rand(90, 2).double(), torch.rand(90, 2).double()
    groups = torch.arange(90) % 3
    scale = torch.tensor([1e-3, 1.0, 50.0]).double()[groups][:, None]
    a = CorrelationLoss()(p, y, groups=groups)
    b = CorrelationLoss()(p * scale + 3 * scale, y, groups=groups)
    torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-6)


def test_eras_count_alike_whatever_their_length():
    p = torch.tensor([0.0, 1.0, 0.0, 1.0, 2.0, 3.0])
    y = torch.tensor([1.0, 0.0, 0.0, 1.0, 2.0, 3.0])
    groups = torch.tensor([0, 0, 1, 1, 1, 1])
    assert CorrelationLoss()(p, y, groups=groups).abs() < 1e-6  # (1 - 1) / 2


def test_an_era_without_a_varying_target_does_not_count():
    p = torch.tensor([0.0, 1.0, 2.0, 0.0, 1.0, 9.0])
    y = torch.tensor([0.0, 1.0, 2.0, 0.3, 0.3, 0.7])
    groups = torch.tensor([0, 0, 0, 1, 1, 4])  # a code without rows between
    p.requires_grad_()
    out = CorrelationLoss()(p, y, groups=groups)
    out.backward()
    torch.testing.assert_close(out, torch.tensor(-1.0))
    assert (p.grad[3:] == 0).all()


def test_predictions_that_start_constant_are_moved_apart():
    # regression: a correlation that is set to 0 with no gradient never leaves there
    p = torch.zeros(4, requires_grad=True)
    y = torch.tensor([0.0, 0.0, 1.0, 1.0])
    CorrelationLoss()(p, y).backward()
    assert (p.grad[:2] > 0).all() and (p.grad[2:] < 0).all()


def test_a_long_era_far_from_zero_keeps_its_digits():
    rng = np.random.default_rng(0)
    y = rng.normal(size=20_000)
    p = 1000 + 0.05 * y + rng.normal(size=20_000)
    p, y = p.astype(np.float32), y.astype(np.float32)
    expected = -np.corrcoef(p, y)[0, 1]
    groups = torch.zeros(20_000, dtype=torch.long)
    for g in (None, groups):
        out = CorrelationLoss()(torch.from_numpy(p), torch.from_numpy(y), groups=g)
        np.testing.assert_allclose(out, expected, atol=2e-5)
