import pytest
import torch
from torch import nn

from sknumerai.modules import MLP


def test_order_of_layers():
    module = MLP(4, 2, hidden_features=(8, 6), batch_norm=True, dropout=(0.1, 0.2))
    names = [type(layer).__name__ for layer in module.hidden]
    assert names == ["Linear", "BatchNorm", "ReLU", "Dropout"] * 2
    assert [m.p for m in module.modules() if isinstance(m, nn.Dropout)] == [0.1, 0.2]
    assert (module.in_features, module.out_features) == (4, 2)


def test_without_hidden_layers_it_is_linear():
    module, X = MLP(4, 2, hidden_features=()), torch.rand(5, 4)
    expected = X @ module.output.weight.T + module.output.bias
    torch.testing.assert_close(module(X), expected)
    assert module.in_features == 4


def test_formula():
    module, X = MLP(4, 1, hidden_features=(8,), activation="tanh"), torch.rand(5, 4)
    first = module.hidden[0]
    expected = module.output(torch.tanh(X @ first.weight.T + first.bias))
    torch.testing.assert_close(module(X), expected)


def test_begins_glorot_uniform_with_zero_biases():
    module = MLP(300, 1, hidden_features=(200,))
    weight, bias = module.hidden[0].weight, module.hidden[0].bias
    limit = (6 / 500) ** 0.5
    assert weight.abs().max() <= limit and weight.abs().max() > 0.99 * limit
    assert abs(weight.std().item() / (limit / 3**0.5) - 1) < 0.02
    assert (bias == 0).all()


@pytest.mark.parametrize("activation", ["silu", "mish", nn.Softplus])
def test_activations(activation):
    module = MLP(4, 2, hidden_features=(3, 3), activation=activation)
    assert module(torch.rand(5, 4)).shape == (5, 2)
    assert module.hidden[2] is not module.hidden[6]


@pytest.mark.parametrize(
    "params, message",
    [
        ({"in_features": 0}, "in_features must be a positive integer. Got 0"),
        ({"out_features": 2.0}, "out_features must be a positive integer. Got 2.0"),
        ({"hidden_features": 64}, "sequence of positive integers"),
        ({"hidden_features": (64, -1)}, "each of hidden_features"),
        ({"activation": "swoosh"}, "activation must be one of .*'silu'"),
        ({"activation": nn.ReLU()}, "the class, not an instance"),
        ({"batch_norm": "yes"}, "batch_norm must be"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\). Got 1.0"),
        ({"dropout": (0.1,)}, "each of the 2 layers that drop. Got 1 numbers"),
    ],
)
def test_errors(params, message):
    with pytest.raises(ValueError, match=message):
        MLP(**{"in_features": 4, "out_features": 2, **params})
