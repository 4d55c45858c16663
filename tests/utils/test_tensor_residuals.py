"""Residuals with a gradient: against lstsq, degenerate eras, missing cells."""

import numpy as np
import pytest
import torch

from sknumerai.utils import least_squares_residuals
from sknumerai.utils._tensor_residuals import Residuals, neutral_residuals


def codes(n, d, seed=0):
    """Numerai's features, centred."""
    rng = np.random.default_rng(seed)
    return torch.from_numpy((rng.integers(0, 5, (n, d)) / 4 - 0.5).astype(np.float32))


def reference(values, features, fit_intercept=False):
    """numpy's lstsq with the cut-off of Numerai's tools and of the source."""
    A, v = features.double().numpy(), values.double().numpy()
    if fit_intercept:
        A = np.column_stack([A, np.ones(len(A))])
    return v - A @ np.linalg.lstsq(A, v, rcond=1e-6)[0]


def features_of(case):
    X = codes(60, 8)
    if case == "missing":
        X[:, [2, 5]] = 0.0
    elif case == "constant":
        X[:, 3] = 0.25
    elif case == "duplicate":
        X = torch.cat([X, X[:, :3]], dim=1)
    elif case == "sum":
        X = torch.cat([X, X.sum(dim=1, keepdim=True)], dim=1)
    elif case == "wide":
        X = codes(10, 25)
    elif case == "square":
        X = codes(12, 12)
    elif case in ("nearly dependent", "hardly independent"):
        X = torch.cat([X.double(), X[:, :1].double()], dim=1)
        size = 1e-6 if case == "nearly dependent" else 1e-5
        X[:, -1] += size * torch.linspace(-1, 1, 60).double().square()
    elif case == "wide, hardly independent":
        X = codes(10, 25).double()
        X[-1] = X[0] + 2e-5 * codes(1, 25, seed=1)[0]
    elif case == "floats":
        X = torch.randn(60, 8, generator=torch.Generator().manual_seed(0))
    elif case == "scales":
        X = X.double() * 10.0 ** torch.arange(-2, 2, 0.5).double()
    elif case == "nothing":
        X = torch.zeros(60, 3)
    elif case == "one row":
        X = codes(1, 4)
    return X


CASES = [
    "plain",
    "missing",
    "constant",
    "duplicate",
    "sum",
    "wide",
    "square",
    "nearly dependent",
    "hardly independent",
    "wide, hardly independent",
    "floats",
    "scales",
    "nothing",
    "one row",
]


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_residuals_are_those_of_lstsq(case, fit_intercept):
    X = features_of(case)
    values = torch.randn(len(X), 2, dtype=torch.float64)
    ours = Residuals(X, fit_intercept=fit_intercept)(values)
    np.testing.assert_allclose(ours, reference(values, X, fit_intercept), atol=1e-8)


@pytest.mark.parametrize("case", CASES)
def test_gradient_is_the_derivative(case):
    X = features_of(case)
    values = torch.randn(len(X), 1, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(Residuals(X), (values,))


@pytest.mark.parametrize("case", ["plain", "floats", "duplicate"])
def test_nothing_linear_is_left(case):
    X = features_of(case)
    rest = Residuals(X)(torch.randn(len(X), 3, dtype=torch.float64))
    assert (X.double().T @ rest).abs().max() < 1e-11


def test_most_eras_take_the_short_way():
    assert Residuals(codes(400, 50)).factor is not None
    assert Residuals(features_of("missing")).factor is not None
    assert Residuals(features_of("duplicate")).factor is None


def era_features(kind, n, rng):
    F = rng.integers(5, size=(n, 10)).astype(float)
    if kind == "constant":
        F[:, 2] = 3
    elif kind == "twice":
        F[:, 7] = 4 - F[:, 1]
    elif kind == "linear":
        F[:, 5] = F[:, 0] + F[:, 1] - F[:, 2]
    elif kind == "nearly":
        F[:, 5] = F[:, 4] + 1e-4 * rng.normal(size=n)
    elif kind == "wide":
        F = rng.integers(5, size=(n, n + 30)).astype(float)
    elif kind == "none":
        F = F[:, :0]
    return F


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize(
    "kind", ["full", "constant", "twice", "linear", "nearly", "wide", "none"]
)
def test_against_least_squares_of_each_era(kind, fit_intercept):
    rng = np.random.default_rng(0)
    F, values = era_features(kind, 120, rng), rng.normal(size=(120, 2))
    groups = rng.integers(3, size=120)
    inside = rng.random((120, 2)) < 0.9
    out = neutral_residuals(
        *(torch.from_numpy(a) for a in (values, F, groups, inside)),
        fit_intercept=fit_intercept,
    ).numpy()
    for g in range(3):
        for j in range(2):
            rows = (groups == g) & inside[:, j]
            expected = least_squares_residuals(
                values[rows, j], F[rows], fit_intercept=fit_intercept
            )
            np.testing.assert_allclose(out[rows, j], expected, atol=1e-9)
    assert (out[~inside] == 0).all()


def test_nothing_is_left_where_features_explain_all():
    F = torch.randn(50, 3, dtype=torch.float64)
    values = F @ torch.ones(3, 1, dtype=torch.float64) + 2
    inside = torch.ones(50, 1, dtype=torch.bool)
    assert (neutral_residuals(values, F, None, inside, fit_intercept=True) == 0).all()


@pytest.mark.parametrize("dtype", [torch.int8, torch.int64])
def test_integers_are_exact(dtype):
    largest = 4 if dtype == torch.int8 else 2**25 + 1
    F = torch.tensor([[0], [largest - 1], [largest], [1]], dtype=dtype)
    values = torch.tensor([[1.0], [2.0], [3.0], [5.0]], dtype=torch.float64)
    expected = reference(values, F)
    np.testing.assert_allclose(neutral_residuals(values, F), expected, rtol=1e-12)


def test_no_rows_are_no_residuals():
    values = torch.zeros(0, 2, requires_grad=True)
    out = neutral_residuals(
        values, torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)
    )
    assert out.shape == (0, 2) and out.requires_grad
