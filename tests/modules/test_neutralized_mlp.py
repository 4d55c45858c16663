"""Neutralization inside a network: against lstsq, degenerate eras, gradients."""

import numpy as np
import pytest
import torch

from sknumerai.modules import NeutralizedMLP
from sknumerai.modules._projection import Residuals


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


def test_count_of_the_source():
    module = NeutralizedMLP(1050, 1)
    assert sum(p.numel() for p in module.parameters()) == 108_163


def test_layers():
    module = NeutralizedMLP(6, 2, hidden_features=(5, 4), dropout=(0.2, 0.1)).eval()
    names = [type(layer).__name__ for layer in module.mlp.hidden]
    assert names == ["Linear", "Identity", "Mish", "Dropout"] * 2
    assert (module.norm.eps, module.norm.momentum) == (1e-5, 0.1)
    X = codes(40, 6)
    raw, neutral = module(X)
    torch.testing.assert_close(raw, module.norm(module.mlp(X)))
    expected = reference(raw.detach(), X)
    np.testing.assert_allclose(neutral.detach(), expected, atol=1e-6)
    assert (module.in_features, module.out_features) == (6, 2)


def test_an_era_alone_is_the_era_beside_others():
    module, X = NeutralizedMLP(6, 2).eval(), codes(90, 6)
    groups = torch.from_numpy(np.random.default_rng(0).integers(0, 3, 90))
    _, together = module(X, groups)
    for code in range(3):
        rows = groups == code
        torch.testing.assert_close(together[rows], module(X[rows])[1])


def test_order_of_rows_does_not_matter():
    module, X = NeutralizedMLP(6, 1).eval(), codes(50, 6)
    order = torch.randperm(50)
    torch.testing.assert_close(module(X[order])[1], module(X)[1][order])


def test_neutral_to_some_columns_only():
    module = NeutralizedMLP(6, 1, neutralizers=(0, 4), fit_intercept=True).eval()
    X = codes(50, 6)
    with torch.no_grad():
        neutral = module(X)[1].double()
    exposures = (X.double().T @ neutral)[:, 0].abs()
    assert exposures[[0, 4]].max() < 1e-5 and exposures[[1, 2, 3, 5]].min() > 1e-3
    assert abs(neutral.mean()) < 1e-6
    assert module.n_neutralizers == 3


def test_losses_on_the_neutral_output_train_the_layers():
    torch.manual_seed(0)
    module, X = NeutralizedMLP(6, 1, dropout=0.0), codes(200, 6)
    product = (X[:, 0] * X[:, 1])[:, None]
    target = Residuals(X)(product)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    for _ in range(150):
        _, neutral = module(X)
        loss = ((neutral / 10 - target) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.3 * target.square().mean()


@pytest.mark.parametrize(
    "columns, message",
    [
        ((0, 6), r"columns from 0 to 5.*Got \[6\]"),
        ((1, 1), r"different columns.*Got \(1, 1\)"),
        ((), "one at the least"),
        (("a",), r"Got \['a'\]"),
    ],
)
def test_errors(columns, message):
    with pytest.raises(ValueError, match=message):
        NeutralizedMLP(6, 1, neutralizers=columns)
