"""RankNet, ListNet and ListMLE beyond the loops of test_protocol.py."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from sknumerai.losses import (
    ListMLELoss,
    ListNetLoss,
    NumeraiCorrLoss,
    RankNetLoss,
    SharpeLoss,
    SoftRankCorrelationLoss,
    TopBottomCorrelationLoss,
    _ranknet,
)


def test_ranknet_is_cross_entropy_over_all_pairs_as_in_allrank():
    rng = np.random.default_rng(0)
    s, y = rng.normal(size=30), rng.integers(5, size=30) / 4
    i, j = np.nonzero(y[:, None] > y)
    pairs = torch.from_numpy(s[i] - s[j])
    expected = F.binary_cross_entropy_with_logits(pairs, torch.ones_like(pairs))
    out = RankNetLoss()(torch.from_numpy(s), torch.from_numpy(y))
    torch.testing.assert_close(out, expected)


def test_ranknet_in_blocks_is_ranknet_at_once(monkeypatch):
    rng = torch.Generator().manual_seed(0)
    p = torch.randn(300, generator=rng, dtype=torch.float64).requires_grad_()
    y = torch.randint(5, (300,), generator=rng) / 4
    results = []
    for pairs in (2**22, 1000):
        monkeypatch.setattr(_ranknet, "_PAIRS", pairs)
        p.grad = None
        out = RankNetLoss()(p, y)
        out.backward()
        results.append((out.detach(), p.grad))
    torch.testing.assert_close(*results)


def test_listnet_is_softmax_cross_entropy_as_in_allrank():
    rng = torch.Generator().manual_seed(0)
    s, y = torch.randn(2, 20, generator=rng), torch.rand(2, 20, generator=rng)
    expected = -(F.softmax(y, dim=1) * F.log_softmax(s, dim=1)).sum(dim=1).mean()
    groups = torch.arange(2).repeat_interleave(20)
    out = ListNetLoss()(s.reshape(-1), y.reshape(-1), groups=groups)
    torch.testing.assert_close(out, expected)


def test_listmle_is_the_likelihood_of_the_order_as_in_allrank():
    rng = torch.Generator().manual_seed(0)
    s, y = torch.randn(20, generator=rng), torch.rand(20, generator=rng)
    ordered = s[y.argsort(descending=True)]
    left = torch.stack([ordered[i:].logsumexp(0) for i in range(20)])
    expected = (left - ordered).sum() / 20
    torch.testing.assert_close(ListMLELoss()(s, y), expected)


@pytest.mark.parametrize("loss", [RankNetLoss(), ListNetLoss(), ListMLELoss()])
@pytest.mark.parametrize("size", [1e3, 1e6])
def test_far_predictions_are_finite(loss, size):
    p = torch.tensor([size, 0.0, -size, size / 2], requires_grad=True)
    out = loss(p, torch.tensor([0.0, 1.0, 0.5, 0.5]))
    out.backward()
    assert torch.isfinite(out) and torch.isfinite(p.grad).all()


def test_constant_predictions():
    y = torch.tensor([0.0, 0.5, 1.0, 0.5])
    zeros = torch.zeros(4)
    assert RankNetLoss()(zeros, y).item() == pytest.approx(math.log(2))
    assert ListNetLoss()(zeros, y).item() == pytest.approx(math.log(4))


def test_sharpe_of_one_era_is_its_score():
    rng = torch.Generator().manual_seed(0)
    p, y = torch.rand(30, generator=rng), torch.rand(30, generator=rng)
    for loss in (SharpeLoss(), SharpeLoss(adjusted=True), SharpeLoss(ddof=1)):
        torch.testing.assert_close(loss(p, y), NumeraiCorrLoss()(p, y))


@pytest.mark.parametrize("adjusted", [False, True])
def test_eras_of_nearly_the_same_score_have_no_endless_sharpe(adjusted):
    rng = torch.Generator().manual_seed(0)
    p, y = torch.rand(2, 30, generator=rng)
    for difference in (1e-4, 1e-5, 1e-6):
        both = torch.cat([p, p + difference * torch.rand(30, generator=rng)])
        both.requires_grad_()
        groups = torch.arange(60) // 30
        loss = SharpeLoss(adjusted=adjusted)(both, torch.cat([y, y]), groups=groups)
        loss.backward()
        score = -NumeraiCorrLoss()(p, y)
        ratio = score / 0.01
        # two eras of about the same score have a kurtosis of 1 to 3 below the floor
        bound = ratio * (1 + ratio**2 / 8) if adjusted else ratio
        assert abs(loss.item()) <= 1.01 * abs(bound)
        assert both.grad.norm() < 1e3 * max(1, abs(loss.item()))
    exact = SharpeLoss(adjusted=adjusted, min_std=0)
    more = exact(both.detach(), torch.cat([y, y]), groups=groups)
    assert abs(more) > 10 * abs(loss)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: SharpeLoss(min_std=-1), "min_std must be 0 or more"),
        (lambda: NumeraiCorrLoss(-1), "temperature must be 0"),
        (lambda: NumeraiCorrLoss(float("nan")), "temperature must be 0"),
        (lambda: TopBottomCorrelationLoss(0), "top_bottom must be an integer"),
        (lambda: TopBottomCorrelationLoss(2.5), "top_bottom must be an integer"),
        (lambda: SoftRankCorrelationLoss(target="y"), "target must be 'rank'"),
        (lambda: SoftRankCorrelationLoss(transform="z"), "transform must be 'rank'"),
        (lambda: ListNetLoss(0), "target_temperature must be above 0"),
        (lambda: RankNetLoss(weight_by_diff=1), "True or False"),
    ],
)
def test_errors(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()
