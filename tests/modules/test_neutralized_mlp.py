"""Neutralization inside a network: against lstsq, by era, by some columns."""

import numpy as np
import pytest
import torch

from sknumerai.modules import NeutralizedMLP
from sknumerai.utils import least_squares_residuals
from sknumerai.utils._tensor_residuals import neutral_residuals


def codes(n, d, seed=0):
    """Numerai's features, centred."""
    rng = np.random.default_rng(seed)
    return torch.from_numpy((rng.integers(0, 5, (n, d)) / 4 - 0.5).astype(np.float32))


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
    expected = least_squares_residuals(raw.detach(), X, fit_intercept=False)
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
    target = neutral_residuals(product, X)
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
