"""Counts of the source, its layers by hand, initial weights, self-normalization."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sknumerai.modules import ConvSELUNet


def count(module):
    return sum(p.numel() for p in module.parameters())


def test_counts_of_the_source():
    time = ConvSELUNet(32, 1, conv_axis="time")
    convs = [m for m in time.convolutions if isinstance(m, nn.Conv1d)]
    dense = [m for m in time.dense if isinstance(m, nn.Linear)]
    counts = [count(m) for m in (*convs, *dense, time.output)]
    assert counts == [12_416, 164_096, 65_792, 32_896, 8_256, 65]
    assert count(time) == 283_521
    features = ConvSELUNet(32, 1)
    assert count(features) == 272_065
    assert features.output.in_features == 512  # 8 positions of 64


def loop(module, X):
    """The layers written out, with windows and paddings as loops."""
    rows = []
    for x in X:
        seq = x.reshape(module.shape).double()  # positions, channels
        for conv in (m for m in module.convolutions if isinstance(m, nn.Conv1d)):
            weight, bias = conv.weight.double(), conv.bias.double()
            width = weight.shape[2]
            left = (width - 1) // 2
            out = []
            for t in range(len(seq)):
                total = bias.clone()
                for k in range(width):
                    if 0 <= t + k - left < len(seq):
                        total = total + weight[:, :, k] @ seq[t + k - left]
                out.append(total.clamp_min(0))
            seq = torch.stack(
                [torch.stack(out[t : t + 2]).mean(0) for t in range(0, len(out), 2)]
            )
        for dense in (m for m in module.dense if isinstance(m, nn.Linear)):
            seq = F.selu(seq @ dense.weight.double().T + dense.bias.double())
        out = module.output
        rows.append(out.weight.double() @ seq.flatten() + out.bias.double())
    return torch.stack(rows)


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize(
    "n_features, params",
    [
        (7, {}),
        (6, {"conv_axis": "time"}),
        (12, {"conv_axis": "time", "n_steps": 3}),
        (5, {"kernel_sizes": (2, 4)}),
    ],
)
def test_agrees_with_a_plain_loop(n_features, params):
    torch.manual_seed(0)
    module = ConvSELUNet(
        n_features, 2, conv_channels=(3, 4), dense_features=(5, 4), **params
    ).eval()
    with torch.no_grad():
        for p in module.parameters():
            p.add_(0.1 * torch.randn_like(p))
        X = torch.rand(3, n_features)
        expected = loop(module, X).float()
        torch.testing.assert_close(module(X), expected, rtol=1e-4, atol=1e-5)


def test_one_step_of_time_sees_padding_only():
    """What the article's code amounts to: dense layers with dead taps."""
    torch.manual_seed(0)
    module, X = ConvSELUNet(6, 1, conv_axis="time").eval(), torch.rand(4, 6)
    before = module(X)
    with torch.no_grad():
        for conv in (module.convolutions[0], module.convolutions[3]):
            middle = conv.kernel_size[0] // 2
            for k in range(conv.kernel_size[0]):
                if k != middle:
                    conv.weight[:, :, k] = 99.0
    torch.testing.assert_close(module(X), before)


def test_initial_weights():
    torch.manual_seed(0)
    module = ConvSELUNet(32, 1, dense_features=(256, 512, 1024))
    for layer in (m for m in module.dense if isinstance(m, nn.Linear)):
        weight = layer.weight.detach().numpy()
        assert weight.std() == pytest.approx(layer.in_features**-0.5, rel=0.01)
        assert abs(weight).max() <= 2.28 * layer.in_features**-0.5
        assert not layer.bias.any()


def test_dense_layers_normalize_themselves():
    torch.manual_seed(0)
    module = ConvSELUNet(32, 1, dense_features=(256,) * 10, alpha_dropout=0.1)
    out = module.train().dense(torch.randn(4000, 256)).detach().numpy()
    assert abs(out.mean()) < 0.1 and out.std() == pytest.approx(1, abs=0.15)
    dropped = nn.AlphaDropout(0.1)(torch.randn(10**6)).numpy()
    np.testing.assert_allclose([dropped.mean(), dropped.std()], [0, 1], atol=0.01)


def test_memory_of_a_row_is_that_of_its_widest_layer():
    assert ConvSELUNet(100, 1).activations_per_row == 128 * 100
    assert ConvSELUNet(32, 1, conv_axis="time").activations_per_row == 256


@pytest.mark.parametrize(
    "params, match",
    [
        ({"conv_axis": "rows"}, "conv_axis must be one of"),
        ({"kernel_sizes": (3,)}, "must be of one length"),
        ({"n_steps": 2}, "is for conv_axis='time'"),
        ({"conv_axis": "time", "n_steps": 5}, "does not divide the 32 columns"),
        ({"alpha_dropout": 1.0}, r"alpha_dropout must be in \[0, 1\)"),
        ({"pool_size": 0}, "pool_size must be a positive integer"),
    ],
)
def test_bad_arguments(params, match):
    with pytest.raises(ValueError, match=match):
        ConvSELUNet(32, 1, **params)
