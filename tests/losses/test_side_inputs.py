"""Losses that take features or a meta model keep the promises of the others."""

import io
import warnings

import cloudpickle
import numpy as np
import pytest
import torch

import sknumerai
from sknumerai.losses import (
    CorrelationLoss,
    ExposurePenalty,
    MMCLoss,
    NeutralCorrelationLoss,
    NumeraiCorrLoss,
    PayoutLoss,
    SharpeLoss,
)

NAN = float("nan")
SIDE = {
    "mmc": (MMCLoss(), "meta_model"),
    "payout": (PayoutLoss(), "meta_model"),
    "fnc": (NeutralCorrelationLoss(), "features"),
    "fnc_half": (NeutralCorrelationLoss(proportion=0.5), "features"),
    "fnc_columns": (NeutralCorrelationLoss(columns=[1, 3]), "features"),
    "exposure": (ExposurePenalty(), "features"),
    "exposure_over": (ExposurePenalty(max_exposure=0.2), "features"),
    "exposure_total": (ExposurePenalty(kind="total"), "features"),
    "exposure_corr": (ExposurePenalty(NumeraiCorrLoss(), weight=0.5), "features"),
    "sharpe_of_mmc": (SharpeLoss(MMCLoss()), "meta_model"),
    "sharpe_of_fnc": (SharpeLoss(NeutralCorrelationLoss()), "features"),
    "exposure_sharpe_mmc": (ExposurePenalty(SharpeLoss(MMCLoss())), None),
}
every_loss = pytest.mark.parametrize("name", SIDE)


def batch(seed, n=80, k=2, missing=0.2, n_eras=3):
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.01, 0.99, size=(n, k))
    y = rng.choice([0, 0.25, 0.5, 0.75, 1], size=(n, k))
    y[rng.random((n, k)) < missing] = np.nan
    w = rng.choice([0, 0.5, 1, 3], size=n)
    groups = rng.integers(n_eras, size=n)
    side = {
        "features": rng.integers(5, size=(n, 4)).astype(float),
        "meta_model": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
    }
    tensors = [torch.from_numpy(a) for a in (p, y, w, groups)]
    return *tensors, {k: torch.from_numpy(v) for k, v in side.items()}


def call(name, p, y, w, groups, side):
    loss, kind = SIDE[name]
    side = {k: v for k, v in side.items() if kind in (k, None)}
    return loss(p, y, w, groups, **side)


def picked(side, rows):
    return {k: v[rows] for k, v in side.items()}


@every_loss
def test_gradient_is_the_derivative(name):
    p, y, w, groups, side = batch(0, n=30, n_eras=2)
    p.requires_grad_()
    assert torch.autograd.gradcheck(lambda p: call(name, p, y, w, groups, side), (p,))


@every_loss
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "case",
    ["constant", "all NaN", "NaN column", "one row", "no weight", "side is constant"],
)
def test_finite_where_a_formula_divides_by_zero(name, dtype, case):
    p, y, w, groups, side = batch(1)
    w = torch.ones_like(w)
    if case == "constant":
        p = torch.full_like(p, 0.3)
    elif case == "all NaN":
        y = torch.full_like(y, NAN)
    elif case == "NaN column":
        y[:, 1] = NAN
    elif case == "one row":
        groups = torch.arange(len(y))
    elif case == "no weight":
        w = torch.zeros_like(w)
    else:
        side = {k: torch.full_like(v, 2.0) for k, v in side.items()}
    p = p.to(dtype).requires_grad_()
    for weight, codes in [(None, None), (w, None), (w, groups), (None, groups)]:
        p.grad = None
        out = call(name, p, y, weight, codes, side)
        out.backward()
        assert out.shape == () and out.dtype == dtype
        assert torch.isfinite(out) and torch.isfinite(p.grad).all()


@every_loss
def test_a_missing_cell_is_as_if_it_were_not_there(name):
    p, y, w, groups, side = batch(2)
    missing = torch.isnan(y)
    p.requires_grad_()
    out = call(name, p, y, w, groups, side)
    out.backward()
    assert (p.grad[missing] == 0).all() and (p.grad[~missing] != 0).any()
    for value in (7.0, NAN, float("inf")):
        other = torch.where(missing, value, p.detach())
        torch.testing.assert_close(call(name, other, y, w, groups, side), out.detach())


@every_loss
def test_order_of_rows_and_numbers_of_eras_do_not_matter(name):
    p, y, w, groups, side = batch(3)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    renamed = torch.tensor([2, 0, 1])[groups]
    torch.testing.assert_close(
        call(name, p[order], y[order], w[order], renamed[order], picked(side, order)),
        call(name, p, y, w, groups, side),
    )


@pytest.mark.parametrize("name", [n for n in SIDE if "sharpe" not in n])
def test_an_era_alone_is_the_era_beside_others(name):
    p, y, w, groups, side = batch(4)
    alone = []
    for g in range(3):
        rows = groups == g
        alone.append(call(name, p[rows], y[rows], w[rows], None, picked(side, rows)))
    together = call(name, p, y, w, groups, side)
    torch.testing.assert_close(together, torch.stack(alone).mean())


@every_loss
def test_columns_count_alike_and_vectors_are_one_column(name):
    p, y, w, groups, side = batch(5)
    each = [call(name, p[:, j], y[:, j], w, groups, side) for j in range(2)]
    both = call(name, p, y, w, groups, side)
    torch.testing.assert_close(both, torch.stack(each).mean())


@every_loss
def test_no_rows_and_inputs_left_alone(name):
    p, y, w, groups, side = batch(6)
    before = [t.clone() for t in (p, y, w, groups, *side.values())]
    call(name, p, y, w, groups, side)
    for a, b in zip((p, y, w, groups, *side.values()), before):
        assert torch.equal(torch.nan_to_num(a, -9), torch.nan_to_num(b, -9))
    assert call(name, p[:0], y[:0], None, None, picked(side, slice(0))) == 0


@every_loss
def test_dtypes_follow_the_predictions(name):
    p, y, w, groups, side = batch(7)
    expected = call(name, p, y, w, groups, side)
    single = call(name, p.float(), y, w, groups, side)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), expected, rtol=1e-4, atol=1e-5)


@every_loss
def test_pickles_by_value(name):
    cloudpickle.register_pickle_by_value(sknumerai)
    try:
        copy = cloudpickle.load(io.BytesIO(cloudpickle.dumps(SIDE[name][0])))
    finally:
        cloudpickle.unregister_pickle_by_value(sknumerai)
    p, y, w, groups, side = batch(8)
    side = {k: v for k, v in side.items() if SIDE[name][1] in (k, None)}
    assert copy(p, y, w, groups, **side) == call(name, p, y, w, groups, side)


@every_loss
def test_errors_say_what_is_missing(name):
    p, y, w, groups, side = batch(9)
    kind = SIDE[name][1] or "features"
    with pytest.raises(TypeError, match=f"needs {kind}="):
        SIDE[name][0](p, y, w, groups)
    with pytest.raises(
        ValueError, match=f"{kind} must have one row for each of the 80"
    ):
        call(name, p, y, w, groups, picked(side, slice(79)))


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: MMCLoss(-1), "temperature must be 0"),
        (lambda: MMCLoss(target_scale=2), "target_scale must be 4"),
        (lambda: PayoutLoss(NAN), "corr_weight must be a finite number"),
        (lambda: PayoutLoss(clip=0), "clip must be above 0"),
        (lambda: NeutralCorrelationLoss(proportion=2), "proportion must be between"),
        (lambda: NeutralCorrelationLoss(top_bottom=0), "top_bottom must be an integer"),
        (lambda: ExposurePenalty(CorrelationLoss), "instance of a torch.nn.Module"),
        (lambda: ExposurePenalty(weight=-1), "weight must be 0 or more"),
        (lambda: ExposurePenalty(max_exposure=2), "max_exposure must be between"),
        (lambda: ExposurePenalty(kind="rms"), "kind must be 'pearson' or 'total'"),
        (
            lambda: ExposurePenalty(kind="total", max_exposure=0.1),
            "with kind='pearson'",
        ),
        (lambda: SharpeLoss(ExposurePenalty()), "loss with era_scores"),
        (lambda: SharpeLoss(ddof=2), "ddof must be 0 or 1"),
    ],
)
def test_errors(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_eras_that_nothing_is_left_of_made_a_loss_of_zero():
    """Twelve rows and 15 features: the fit is all."""
    rng = torch.Generator().manual_seed(0)
    p, y = torch.rand(2, 72, generator=rng)
    features = torch.rand(72, 15, generator=rng)
    groups = torch.cat([torch.zeros(60), torch.ones(12)]).long()
    loss = NeutralCorrelationLoss()
    with pytest.warns(UserWarning, match="an era of 12 rows is neutralized by 15 feat"):
        both = loss(p, y, groups=groups, features=features)
    alone = loss(p[:60], y[:60], features=features[:60])
    torch.testing.assert_close(both, alone)
    p.requires_grad_()
    with pytest.warns(UserWarning):
        nothing = loss(p[60:], y[60:], features=features[60:])
    nothing.backward()
    assert nothing == 0 and not p.grad.any()
    # as many columns, but not as many features
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert loss(p[60:], y[60:], features=features[60:, :1].expand(12, 15)) != 0
        assert NeutralCorrelationLoss(proportion=0.5)(
            p[60:], y[60:], features=features[60:]
        )
