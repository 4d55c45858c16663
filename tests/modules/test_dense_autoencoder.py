"""The autoencoder of 2018: layers, counts, what it can rebuild."""

import pytest
import torch
from torch import nn

from sknumerai.modules import DenseAutoencoder


def test_layers_and_counts_of_the_source():
    module = DenseAutoencoder(50)
    layers = [m for m in module.modules() if isinstance(m, nn.Linear)]
    assert [(m.in_features, m.out_features) for m in layers] == [
        (50, 128),
        (128, 64),
        (64, 32),
        (32, 64),
        (64, 128),
        (128, 50),
    ]
    counts = [sum(p.numel() for p in m.parameters()) for m in layers]
    assert counts == [6528, 8256, 2080, 2112, 8320, 6450] and sum(counts) == 33_746


def test_forward_is_the_layers_one_after_the_other():
    torch.manual_seed(0)
    module, X = DenseAutoencoder(7, hidden_units=(6, 3)), torch.rand(4, 7)
    a, b, c, d = (m for m in module.modules() if isinstance(m, nn.Linear))
    code = torch.relu(b(torch.relu(a(X))))
    out = d(torch.relu(c(code)))
    assert torch.equal(module.encode(X), code)
    assert torch.equal(module(X), torch.sigmoid(out))
    assert torch.equal(module(X, logits=True), out)
    assert module.code_features == 3 and module.in_features == 7


def test_one_width_is_a_code_alone():
    module = DenseAutoencoder(7, hidden_units=(3,), output_activation="identity")
    assert sum(p.numel() for p in module.parameters()) == 7 * 3 + 3 + 3 * 7 + 7
    assert module(torch.rand(2, 7)).shape == (2, 7)


@pytest.mark.parametrize(
    "params, match",
    [
        ({"hidden_units": ()}, "at least the width of the code"),
        ({"hidden_units": (4, 0)}, "positive integer"),
        ({"output_activation": "tanh"}, "output_activation must be one of"),
    ],
)
def test_bad_arguments(params, match):
    with pytest.raises(ValueError, match=match):
        DenseAutoencoder(7, **params)
