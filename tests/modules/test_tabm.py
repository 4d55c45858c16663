"""k perceptrons in one: against k perceptrons, counted, in either order of work."""

import pytest
import torch
from torch import nn

from sknumerai.modules import MLP, TabM


def plain(module, i):
    """Submodel i as an MLP of its own."""
    sizes = [layer.weight.shape[0] for layer in module.layers]
    mlp = MLP(module.in_features, module.out_features, hidden_features=sizes)
    linears = [m for m in mlp.hidden if isinstance(m, nn.Linear)]
    with torch.no_grad():
        for layer, linear in zip(module.layers, linears):
            weight = layer.weight.clone()
            if layer.r is not None:
                weight *= layer.r[i]
            if layer.s is not None:
                weight *= layer.s[i][:, None]
            linear.weight.copy_(weight)
            linear.bias.copy_(layer.bias[i if layer.s is not None else 0])
        mlp.output.weight.copy_(module.output.weight[i])
        mlp.output.bias.copy_(module.output.bias[i])
    return mlp.eval()


def disturbed(**params):
    """A module none of whose weights is at its initial value."""
    torch.manual_seed(0)
    module = TabM(7, 2, hidden_features=(6, 5), dropout=0.0, **params)
    with torch.no_grad():
        for p in module.parameters():
            p += 0.3 * torch.randn_like(p)
    return module


@pytest.mark.parametrize("variant", ["tabm", "mini"])
@pytest.mark.parametrize("k", [1, 4])
@pytest.mark.parametrize("n", [3, 40])  # fewer and more rows than hidden units
def test_submodels_are_perceptrons(variant, k, n):
    module = disturbed(variant=variant, k=k)
    X = torch.randn(n, 7)
    expected = torch.stack([plain(module, i)(X) for i in range(k)], dim=1)
    torch.testing.assert_close(module(X), expected)
    torch.testing.assert_close(module.mean(X), expected.mean(dim=1))
    with torch.no_grad():
        torch.testing.assert_close(module(X), expected)
        torch.testing.assert_close(module.mean(X), expected.mean(dim=1))


@pytest.mark.parametrize(
    "n, hidden, n_targets, k", [(7, (6, 5), 2, 3), (42, (8,), 1, 4)]
)
def test_count(n, hidden, n_targets, k):
    sizes = (n, *hidden)
    matrices = sum(a * b for a, b in zip(sizes[:-1], sizes[1:]))
    heads = k * (hidden[-1] * n_targets + n_targets)
    own = sum(k * (a + 2 * b) for a, b in zip(sizes[:-1], sizes[1:]))
    for variant, rest in (("tabm", own), ("mini", k * n + sum(hidden))):
        module = TabM(n, n_targets, hidden_features=hidden, k=k, variant=variant)
        count = sum(p.numel() for p in module.parameters())
        assert count == matrices + heads + rest
        assert (module.in_features, module.out_features, module.k) == (n, n_targets, k)


def test_count_of_the_defaults():
    counts = [sum(p.numel() for p in TabM(n, 1).parameters()) for n in (42, 1050, 3555)]
    assert counts == [694_624, 1_242_976, 2_605_696]


def test_initial_weights():
    module = TabM(300, 2, hidden_features=(50, 40), k=32)
    first, second = module.layers
    assert (first.r.abs() == 1).all() and abs(first.r.mean()) < 0.05
    assert len(first.r.unique(dim=0)) == 32
    assert all((p == 1).all() for p in (first.s, second.r, second.s))
    for layer, width in ((first, 300), (second, 50)):
        assert 0.9 < layer.weight.abs().max() * width**0.5 <= 1
        assert (layer.bias == layer.bias[0]).all() and layer.bias[0].std() > 0
    assert len(module.output.weight.unique(dim=0)) == 32


@pytest.mark.parametrize("variant", ["tabm", "mini"])
def test_both_orders_of_work_give_the_same_gradients(variant):
    module = disturbed(variant=variant, k=4)
    X, rows = torch.randn(12, 7), torch.randn(12, 4, 2)
    (module(X) * rows).sum().backward()  # all rows: matrices are written out
    expected = [p.grad.clone() for p in module.parameters()]
    module.zero_grad()
    for part, target in zip(X.split(3), rows.split(3)):
        (module(part) * target).sum().backward()
    for p, grad in zip(module.parameters(), expected):
        torch.testing.assert_close(p.grad, grad, atol=1e-4, rtol=1e-4)


def test_gradient_is_the_derivative():
    module = disturbed(k=2).double()
    X = torch.randn(8, 7, dtype=torch.float64, requires_grad=True)
    parameters = tuple(module.parameters())
    assert torch.autograd.gradcheck(lambda X, *_: module(X), (X, *parameters))


def test_dropout_differs_between_submodels():
    torch.manual_seed(0)
    module = TabM(5, 1, hidden_features=(64,), k=2, dropout=0.5)
    with torch.no_grad():
        module.layers[0].r.fill_(1.0)
        module.output.weight.copy_(module.output.weight[:1].expand(2, -1, -1).clone())
        module.output.bias.zero_()
    out = module(torch.rand(9, 5))
    assert (out[:, 0] != out[:, 1]).all()
    out = module.eval()(torch.rand(9, 5))
    torch.testing.assert_close(out[:, 0], out[:, 1])


def test_without_hidden_layers_submodels_are_linear():
    module, X = TabM(4, 2, hidden_features=(), k=3), torch.rand(5, 4)
    assert module(X).shape == (5, 3, 2)
    torch.testing.assert_close(module.mean(X), module(X).mean(dim=1))


@pytest.mark.parametrize(
    "params, message",
    [
        ({"k": 0}, "k must be a positive integer. Got 0"),
        ({"variant": "maxi"}, "variant must be 'tabm' or 'mini'. Got 'maxi'"),
        ({"hidden_features": 64}, "sequence of positive integers"),
        ({"dropout": (0.1,)}, "each of the 3 layers that drop. Got 1 numbers"),
        ({"activation": "swoosh"}, "activation must be one of"),
    ],
)
def test_errors(params, message):
    with pytest.raises(ValueError, match=message):
        TabM(4, 2, **params)
