"""The loss of the network that neutralizes its own output, term by term."""

import numpy as np
import pytest
import torch
from scipy.stats import rankdata

from sknumerai.losses import NeutralizedMLPLoss


def batch(n=60, k=1, m=5, n_eras=3, seed=0, missing=0.0):
    rng = np.random.default_rng(seed)
    raw, neutral = rng.normal(size=(2, n, k))
    y = rng.choice([0, 0.25, 0.5, 0.75, 1], size=(n, k))
    y[rng.random((n, k)) < missing] = np.nan
    X = rng.integers(0, 5, (n, m)) / 4 - 0.5
    return (raw, neutral), y, X, np.repeat(np.arange(n_eras), n // n_eras)


def tensors(outputs, y, X, groups):
    raw, neutral = map(torch.from_numpy, outputs)
    return (raw, neutral), *map(torch.from_numpy, (y, X, groups))


def by_hand(p, y, X, top_bottom=None):
    """Correlation with the target, and total exposure, of one era's hard ranks."""
    known = np.isfinite(y)
    p, y, X = p[known], y[known], X[known]
    ranks = (rankdata(p) - 0.5) / len(p)
    if top_bottom is not None:
        top_bottom = min(top_bottom, len(p) // 2)
        order = np.argsort(p)
        ends = np.concatenate([order[:top_bottom], order[-top_bottom:]])
        ranks, y, X = ranks[ends], y[ends], X[ends]
    unit = (ranks - ranks.mean()) / np.linalg.norm(ranks - ranks.mean())
    return np.corrcoef(ranks, y)[0, 1], ((unit @ X) ** 2).sum()


@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("top_bottom", [4, 500])
def test_terms_of_hard_ranks(missing, top_bottom):
    outputs, y, X, groups = batch(missing=missing)
    loss = NeutralizedMLPLoss(top_bottom, temperature=0)
    terms = loss.terms(*tensors(outputs, y, X, groups)[:3], None, torch.tensor(groups))
    raw, neutral = (o[:, 0] for o in outputs)
    expected = np.array(
        [
            (
                *by_hand(neutral[era], y[era, 0], X[era], top_bottom),
                by_hand(neutral[era], y[era, 0], X[era])[0],
                *by_hand(raw[era], y[era, 0], X[era]),
            )
            for era in (groups == g for g in range(3))
        ]
    ).mean(axis=0)
    tb, tb_exposure, fnc, corr, exposure = expected
    found = [float(value) for value in terms.values()]
    np.testing.assert_allclose(found, [-tb, -fnc, -corr, tb_exposure, exposure], 1e-9)
    assert list(terms) == [
        "top_bottom_corr_loss",
        "neutral_corr_loss",
        "corr_loss",
        "top_bottom_exposure",
        "exposure",
    ]


def test_soft_ranks_come_near_hard_ones():
    args = tensors(*batch())
    args = (*args[:3], None, args[3])
    hard = NeutralizedMLPLoss(5, temperature=0)(*args)
    errors = [
        abs(float(NeutralizedMLPLoss(5, temperature=t)(*args) - hard))
        for t in (10, 1, 1e-4)
    ]
    assert errors[2] < 1e-6 < errors[0]


def test_weighted_sum():
    outputs, y, X, groups = tensors(*batch())
    weights = (1, 2, 0, 0.5, 0.1)
    loss = NeutralizedMLPLoss(5, loss_weights=weights)
    terms = loss.terms(outputs, y, X, None, groups)
    total = sum(w * t for w, t in zip(weights, terms.values()))
    torch.testing.assert_close(loss(outputs, y, X, None, groups), total)


@pytest.mark.parametrize("transform", ["rank", "gaussian"])
def test_gradient_is_the_derivative(transform):
    (raw, neutral), y, X, groups = tensors(*batch(24, k=2, n_eras=2))
    loss = NeutralizedMLPLoss(5, temperature=30.0, transform=transform)
    raw.requires_grad_()
    neutral.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda a, b: loss((a, b), y, X, None, groups), (raw, neutral)
    )


def test_an_era_alone_is_the_era_beside_others():
    (raw, neutral), y, X, groups = tensors(*batch())
    loss = NeutralizedMLPLoss(5)
    alone = [
        loss((raw[rows], neutral[rows]), y[rows], X[rows])
        for rows in (groups == g for g in range(3))
    ]
    together = loss((raw, neutral), y, X, None, groups)
    torch.testing.assert_close(together, torch.stack(alone).mean())


@pytest.mark.parametrize("case", ["constant", "one row", "all NaN", "empty"])
def test_finite_where_a_formula_divides_by_zero(case):
    (raw, neutral), y, X, groups = tensors(*batch())
    if case == "constant":
        raw, neutral = torch.zeros_like(raw), torch.zeros_like(raw)
    elif case == "all NaN":
        y = torch.full_like(y, torch.nan)
    n = {"one row": 1, "empty": 0}.get(case, len(y))
    raw, neutral = raw[:n].clone(), neutral[:n].clone()
    raw.requires_grad_()
    neutral.requires_grad_()
    out = NeutralizedMLPLoss(5)((raw, neutral), y[:n], X[:n], None, groups[:n])
    out.backward()
    assert torch.isfinite(out)
    assert torch.isfinite(raw.grad).all() and torch.isfinite(neutral.grad).all()


@pytest.mark.parametrize(
    "params, message",
    [
        ({"top_bottom": 0}, "top_bottom must be an integer of at least 1"),
        ({"loss_weights": (1, 1, 1)}, "loss_weights must be 5 finite numbers"),
        ({"loss_weights": (1, 1, 1, 1, float("inf"))}, "5 finite numbers"),
        ({"loss_weights": (0,) * 5}, "are all 0, so there is nothing to minimize"),
        ({"transform": "log"}, "transform must be 'rank' or 'gaussian'"),
        ({"temperature": -1}, "temperature must be 0"),
    ],
)
def test_errors(params, message):
    with pytest.raises(ValueError, match=message):
        NeutralizedMLPLoss(**params)
