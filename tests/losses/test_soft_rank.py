import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from sknumerai.losses import soft_rank
from tests.losses import reference


def test_the_example_of_torchsort():
    x = torch.tensor([8.0, 0, 5, 3, 2, 1, 6, 7, 9])
    assert soft_rank(x, 1.0).tolist() == [8, 1, 5, 4, 3, 2, 6, 7, 9]


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(0, 40),
    regularization=st.floats(1e-3, 1e2),
    decimals=st.integers(0, 3),
)
def test_against_the_min_max_formula(seed, n, regularization, decimals):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2)).round(decimals)
    groups = rng.integers(3, size=n)
    out = soft_rank(
        torch.from_numpy(x), regularization, groups=torch.from_numpy(groups)
    )
    for g in range(3):
        for j in range(2):
            rows = groups == g
            expected = reference.soft_rank(x[rows, j] / regularization)
            np.testing.assert_allclose(out[rows, j], expected, 1e-9, 1e-9)


@pytest.mark.parametrize("regularization", [0, 1e-9])
def test_hard_ranks_keep_ties(regularization):
    x = np.random.default_rng(0).normal(size=(50, 3)).round(1)
    out = soft_rank(torch.from_numpy(x), regularization)
    np.testing.assert_allclose(out, rankdata(x, axis=0), atol=1e-9)


@pytest.mark.parametrize("regularization", [0.05, 0.5, 5.0])
def test_gradient_is_the_derivative_twice(regularization):
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(20, 2, dtype=torch.float64, generator=rng, requires_grad=True)
    groups = torch.arange(20) % 3

    def ranks(x):
        return soft_rank(x, regularization, groups=groups)

    assert torch.autograd.gradcheck(ranks, (x,))
    assert torch.autograd.gradgradcheck(lambda x: ranks(x) ** 3, (x,))


def test_ranks_stay_between_one_and_n_and_keep_their_sum_and_order():
    x = torch.randn(200, generator=torch.Generator().manual_seed(0))
    for regularization in (1e-4, 1e-2, 1.0, 100.0):
        ranks = soft_rank(x, regularization)
        assert ranks.min() >= 1 - 1e-4 and ranks.max() <= 200 + 1e-4
        assert ranks.sum().item() == pytest.approx(200 * 201 / 2, rel=1e-5)
        assert (ranks[x.argsort()].diff() >= -1e-4).all()


def test_missing_values_keep_their_place():
    x = torch.tensor([3.0, float("nan"), 1.0], requires_grad=True)
    out = soft_rank(x, 10.0)
    assert torch.isnan(out).tolist() == [False, True, False]
    out.nansum().backward()
    assert torch.isfinite(x.grad).all()
    torch.testing.assert_close(out[[0, 2]], soft_rank(torch.tensor([3.0, 1.0]), 10.0))


def test_float32_keeps_its_digits_far_from_zero():
    rng = np.random.default_rng(0)
    x = 1e4 + rng.normal(size=5000).astype(np.float32)
    single = soft_rank(torch.from_numpy(x), 1e-3)
    double = soft_rank(torch.from_numpy(x.astype(np.float64)), 1e-3)
    np.testing.assert_allclose(single, double, atol=0.02)


def test_shapes_dtypes_and_errors():
    assert soft_rank(torch.zeros(0)).shape == (0,)
    assert soft_rank(torch.zeros(0, 3)).shape == (0, 3)
    assert soft_rank(torch.zeros(1)).tolist() == [1.0]
    assert soft_rank(torch.tensor([5, 3]), 0).tolist() == [2.0, 1.0]
    assert soft_rank(torch.zeros(3, dtype=torch.bfloat16)).dtype == torch.float32
    with pytest.raises(ValueError, match="regularization must be 0 or more"):
        soft_rank(torch.zeros(3), -1)
    with pytest.raises(ValueError, match=r"\(n,\) or \(n, k\)"):
        soft_rank(torch.zeros(3, 1, 1))
    with pytest.raises(ValueError, match="one era code for each of the 3 rows"):
        soft_rank(torch.zeros(3), groups=torch.zeros(2, dtype=torch.long))
