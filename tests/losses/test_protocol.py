"""What every loss promises, over all losses."""

import io
from functools import partial

import cloudpickle
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import sknumerai
from sknumerai import losses
from sknumerai.losses import (
    ApproximateSpearmanLoss,
    CorrelationLoss,
    JensenShannonLoss,
    ListMLELoss,
    ListNetLoss,
    MaskedBCELoss,
    MaskedMSELoss,
    NumeraiCorrLoss,
    PooledCorrelationLoss,
    RankNetLoss,
    SharpeLoss,
    SoftRankCorrelationLoss,
    TopBottomCorrelationLoss,
)
from tests.losses import reference

NAN = float("nan")
ROW_WISE = {
    "mse": (MaskedMSELoss(), reference.mse),
    "bce": (MaskedBCELoss(), reference.bce),
    "bce_logits": (MaskedBCELoss(from_logits=True), reference.bce_logits),
    "js": (JensenShannonLoss(), reference.jensen_shannon),
}
ERA_WISE = {
    "corr": (CorrelationLoss(), reference.correlation),
    "spearman": (ApproximateSpearmanLoss(), reference.approximate_spearman),
    "spearman_batch": (
        ApproximateSpearmanLoss(0.3, penalty_norm="batch"),
        lambda *a: reference.approximate_spearman(*a, weight=0.3, norm="batch"),
    ),
    "numerai_corr": (NumeraiCorrLoss(), reference.numerai_corr),
    "numerai_corr_sharp": (
        NumeraiCorrLoss(0.5),
        partial(reference.numerai_corr, temperature=0.5),
    ),
    "top_bottom": (
        TopBottomCorrelationLoss(4),
        partial(reference.numerai_corr, top_bottom=4),
    ),
    "soft_rank": (SoftRankCorrelationLoss(), reference.soft_rank_correlation),
    "soft_rank_value": (
        SoftRankCorrelationLoss(target="value", transform="gaussian"),
        partial(reference.soft_rank_correlation, target="value", gaussian=True),
    ),
    "ranknet": (RankNetLoss(), reference.ranknet),
    "ranknet_diff": (
        RankNetLoss(weight_by_diff=True),
        partial(reference.ranknet, weight_by_diff=True),
    ),
    "listnet": (ListNetLoss(), reference.listnet),
    "listnet_hot": (ListNetLoss(0.2), partial(reference.listnet, temperature=0.2)),
    "listmle": (ListMLELoss(), reference.listmle),
    "sharpe": (SharpeLoss(), reference.sharpe),
    "sharpe_adjusted": (
        SharpeLoss(adjusted=True, cost=0.01, ddof=1),
        partial(reference.sharpe, adjusted=True, cost=0.01, ddof=1),
    ),
}
# tested in test_side_inputs.py and test_supervised_autoencoder.py: they take more
ELSEWHERE = {
    "ExposurePenalty",
    "MMCLoss",
    "NeutralCorrelationLoss",
    "NeutralizedMLPLoss",
    "PayoutLoss",
    "SupervisedAutoencoderLoss",
}
POOLED = {
    "pooled_corr": (
        PooledCorrelationLoss(),
        lambda p, y, w=None, groups=None: reference.correlation(p, y, w, None),
    )
}
ALL = {**ROW_WISE, **ERA_WISE, **POOLED}
every_loss = pytest.mark.parametrize("name", ALL)


def batch(seed, n=60, k=3, missing=0.3, n_eras=4):
    """Predictions in (0, 1), five-valued targets with NaN, weights, era codes."""
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.01, 0.99, size=(n, k))
    y = rng.choice([0, 0.25, 0.5, 0.75, 1], size=(n, k))
    y[rng.random((n, k)) < missing] = np.nan
    w = rng.choice([0, 0.5, 1, 3], size=n)
    groups = rng.integers(n_eras, size=n)
    return p, y, w, groups


def tensors(*arrays):
    return [None if a is None else torch.from_numpy(np.asarray(a)) for a in arrays]


def test_every_public_loss_is_tested():
    tested = {type(loss).__name__ for loss, _ in ALL.values()}
    public = {name for name in losses.__all__ if name != "soft_rank"}
    assert tested | ELSEWHERE == public


@every_loss
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("grouped", [False, True])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 60), missing=st.floats(0, 1))
def test_against_loops(name, weighted, grouped, seed, n, missing):
    loss, oracle = ALL[name]
    p, y, w, groups = batch(seed, n=n, missing=missing)
    if grouped:  # codes 0..G-1
        groups = np.unique(groups, return_inverse=True)[1]
    args = p, y, w if weighted else None, groups if grouped else None
    np.testing.assert_allclose(loss(*tensors(*args)), oracle(*args), 1e-6, 1e-12)


@every_loss
def test_gradient_is_the_derivative(name):
    loss = ALL[name][0]
    p, y, w, groups = tensors(*batch(0, n=14, k=2, n_eras=2))
    p.requires_grad_()
    assert torch.autograd.gradcheck(lambda p: loss(p, y, w, groups), (p,))


@every_loss
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "case", ["constant", "zeros", "all NaN", "NaN column", "one row", "no weight"]
)
def test_finite_where_a_formula_divides_by_zero(name, dtype, case):
    p, y, w, groups = tensors(*batch(1))
    w = torch.ones_like(w)
    if case == "constant":
        p = torch.full_like(p, 0.3)
    elif case == "zeros":
        p = torch.zeros_like(p)
    elif case == "all NaN":
        y = torch.full_like(y, NAN)
    elif case == "NaN column":
        y[:, 1] = NAN
    elif case == "one row":
        groups = torch.arange(len(y))
    else:
        w = torch.zeros_like(w)
    p = p.to(dtype).requires_grad_()
    for args in [(), (w,), (w, groups), (None, groups)]:
        p.grad = None
        out = ALL[name][0](p, y, *args)
        out.backward()
        assert out.shape == () and out.dtype == dtype
        assert torch.isfinite(out) and torch.isfinite(p.grad).all()


@every_loss
def test_a_missing_cell_is_as_if_it_were_not_there(name):
    loss = ALL[name][0]
    p, y, w, groups = tensors(*batch(2))
    missing = torch.isnan(y)
    p.requires_grad_()
    loss(p, y, w, groups).backward()
    assert (p.grad[missing] == 0).all() and (p.grad[~missing] != 0).any()
    for value in (7.0, -3.0, NAN, float("inf")):
        other = torch.where(missing, value, p.detach())
        torch.testing.assert_close(loss(other, y, w, groups), loss(p, y, w, groups))


@pytest.mark.parametrize("name", ROW_WISE)
def test_masking_is_dropping_cells(name):
    loss = ALL[name][0]
    p, y, _, _ = tensors(*batch(3))
    observed = ~torch.isnan(y)
    torch.testing.assert_close(loss(p, y), loss(p[observed], y[observed]))


@pytest.mark.parametrize("name", ERA_WISE)
def test_masking_is_dropping_the_rows_of_a_column(name):
    loss = ALL[name][0]
    p, y, w, _ = tensors(*batch(4, k=1))
    w = w + 1
    rows = ~torch.isnan(y[:, 0])
    torch.testing.assert_close(loss(p, y, w), loss(p[rows], y[rows], w[rows]))


@pytest.mark.parametrize("name", ROW_WISE)
def test_weight_two_is_the_row_twice(name):
    loss = ALL[name][0]
    p, y, _, _ = tensors(*batch(5))
    w = torch.ones(len(y))
    w[::3] = 2
    twice = torch.repeat_interleave(torch.arange(len(y)), w.long())
    torch.testing.assert_close(loss(p, y, w), loss(p[twice], y[twice]))


@pytest.mark.parametrize("name", ["corr", "spearman", "ranknet"])
def test_weight_two_is_the_row_twice_within_an_era(name):
    loss = ALL[name][0]
    p, y, _, groups = tensors(*batch(6))
    w = torch.ones(len(y))
    w[::3] = 2
    twice = torch.repeat_interleave(torch.arange(len(y)), w.long())
    torch.testing.assert_close(
        loss(p, y, w, groups), loss(p[twice], y[twice], None, groups[twice])
    )


@pytest.mark.parametrize(
    "name",
    [
        "corr",
        "spearman",
        "numerai_corr",
        "top_bottom",
        "soft_rank",
        "ranknet",
        "listnet",
        "listmle",
    ],
)
def test_an_era_alone_is_the_era_beside_others(name):
    loss = ALL[name][0]
    p, y, w, groups = tensors(*batch(7, missing=0.1))
    alone = [loss(p[groups == g], y[groups == g], w[groups == g]) for g in range(4)]
    together = loss(p, y, w, groups)
    torch.testing.assert_close(together, torch.stack(alone).mean())


@every_loss
def test_order_of_rows_and_numbers_of_eras_do_not_matter(name):
    loss = ALL[name][0]
    p, y, w, groups = tensors(*batch(8))
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    renamed = torch.tensor([2, 0, 3, 1])[groups]
    torch.testing.assert_close(
        loss(p[order], y[order], w[order], renamed[order]), loss(p, y, w, groups)
    )


@every_loss
def test_no_weights_and_no_groups_are_ones_and_zeros(name):
    loss = ALL[name][0]
    p, y, _, _ = tensors(*batch(9))
    ones, zeros = torch.ones(len(y)), torch.zeros(len(y), dtype=torch.long)
    torch.testing.assert_close(loss(p, y, ones, zeros), loss(p, y))
    torch.testing.assert_close(loss(p, y, 5 * ones), loss(p, y))


@every_loss
def test_vectors_are_one_column(name):
    loss = ALL[name][0]
    p, y, _, groups = tensors(*batch(10, k=1))
    expected = loss(p, y, None, groups)
    for a, b in [(p[:, 0], y[:, 0]), (p[:, 0], y), (p, y[:, 0])]:
        assert loss(a, b, None, groups) == expected


@every_loss
def test_dtypes_follow_the_predictions(name):
    loss = ALL[name][0]
    p, y, w, groups = tensors(*batch(11))
    expected = loss(p, y, w, groups)
    single = loss(p.float(), y, w, groups)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), expected, rtol=1e-5, atol=1e-6)
    half = loss(p.bfloat16(), y, w, groups)  # computed in float32
    assert half.dtype == torch.float32
    torch.testing.assert_close(half.double(), expected, rtol=0.05, atol=0.01)


@every_loss
def test_no_rows(name):
    assert ALL[name][0](torch.zeros(0, 2), torch.zeros(0, 2)) == 0


@every_loss
def test_inputs_are_left_alone(name):
    given = tensors(*batch(12))
    before = [t.clone() for t in given]
    ALL[name][0](*given)
    for a, b in zip(given, before):
        assert torch.equal(torch.nan_to_num(a, -9), torch.nan_to_num(b, -9))


@every_loss
def test_pickles_by_value(name):
    cloudpickle.register_pickle_by_value(sknumerai)
    try:
        copy = cloudpickle.load(io.BytesIO(cloudpickle.dumps(ALL[name][0])))
    finally:
        cloudpickle.unregister_pickle_by_value(sknumerai)
    given = tensors(*batch(13))
    assert copy(*given) == ALL[name][0](*given)


@every_loss
def test_errors_say_the_shapes(name):
    loss = ALL[name][0]
    p, y, w, groups = tensors(*batch(14))
    with pytest.raises(ValueError, match=r"same shape.*\(60, 3\) and \(60, 1\)"):
        loss(p, y[:, :1])
    with pytest.raises(ValueError, match="one weight for each of the 60 rows"):
        loss(p, y, w[:-1])
    if name in ERA_WISE:
        with pytest.raises(ValueError, match="one era code for each of the 60 rows"):
            loss(p, y, w, groups[:-1])
