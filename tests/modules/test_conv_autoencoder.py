"""Layers and counts of GTRUDA, any number of features, where gradients go."""

import pytest
import torch
from torch import nn

from sknumerai.modules import ConvAutoencoder


def count(*modules):
    return sum(p.numel() for m in modules for p in m.parameters())


def sizes(part, x, cls):
    lengths = [x.shape[-1]]
    for layer in part:
        x = layer(x)
        if isinstance(layer, cls):
            lengths.append(x.shape[-1])
    return lengths


def test_layers_and_counts_of_the_source():
    module = ConvAutoencoder(310, 1).eval()
    assert count(module.encoder) == 9_760
    assert count(module.decoder) == 13_881
    assert count(module.encoder, module.decoder) == 23_641
    assert count(module.head) == 178_049
    assert count(ConvAutoencoder(310, 1, head_features=(32, 8)).head) == 20_465
    assert module.code_shape == (64, 5) and module.code_features == 320
    encoder = sizes(module.encoder, torch.rand(1, 1, 310), nn.Conv1d)
    assert encoder == [310, 153, 75, 24, 7, 5]
    decoder = sizes(module.decoder, torch.rand(1, 64, 5), nn.ConvTranspose1d)
    assert decoder == [5, 9, 37, 151, 310]
    names = [type(layer).__name__ for layer in module.encoder]
    assert names[:5] == ["Conv1d", "LeakyReLU", "Conv1d", "_BatchNorm", "LeakyReLU"]
    assert names[-2:] == ["Conv1d", "ReLU"]
    assert module.encoder[1].negative_slope == 0.2


def test_the_decoder_of_the_source_where_it_closes():
    exact = [n for n in range(1, 600) if len(ConvAutoencoder(n, 1).decoder) == 9]
    assert exact == [182, 214, 246, 278, 310, 342, 374, 406, 438]


@pytest.mark.parametrize("n", [1, 12, 50, 148, 149, 150, 181, 309, 311, 705, 1191])
def test_any_number_of_features(n):
    module = ConvAutoencoder(n, 2, head_features=(4,)).train()
    X = torch.rand(3, n)
    recon, targets = module(X)
    assert recon.shape == X.shape and targets.shape == (3, 2)
    assert module.encode(X).shape == (3, module.code_features)
    recon.sum().backward()
    grads = [
        p.grad for p in (*module.encoder.parameters(), *module.decoder.parameters())
    ]
    assert all(g is not None and torch.isfinite(g).all() for g in grads)


@pytest.mark.parametrize("n", [50, 310])
def test_the_autoencoder_learns_to_rebuild(n):
    torch.manual_seed(0)
    factors = torch.randn(64, 2)
    X = torch.sigmoid(factors @ torch.randn(2, n))
    module = ConvAutoencoder(n, 1, head_features=(4,)).train()
    optimizer = torch.optim.Adam(module.parameters(), lr=5e-3)
    for _ in range(100):
        loss = (module.reconstruction(X) - X).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.4 * X.var(dim=0).mean()


def test_the_head_never_trains_the_encoder():
    torch.manual_seed(0)
    module, X = ConvAutoencoder(40, 1), torch.rand(8, 40)
    module(X)[1].sum().backward()
    assert all(p.grad is None for p in module.encoder.parameters())
    assert all(p.grad is None for p in module.decoder.parameters())
    assert all(p.grad is not None for p in module.head.parameters())
    module.zero_grad(set_to_none=True)
    module(X)[0].sum().backward()
    assert all(p.grad is not None for p in module.encoder.parameters())
    assert all(p.grad is None for p in module.head.parameters())
    other = ConvAutoencoder(40, 1, detach_code=False)
    other(X)[1].sum().backward()
    assert any(p.grad.abs().sum() > 0 for p in other.encoder.parameters())


def test_the_head_reads_code_and_features():
    torch.manual_seed(0)
    module, X = ConvAutoencoder(310, 1).eval(), torch.rand(4, 310)
    code = module.encode(X)
    assert (code >= 0).all()
    torch.testing.assert_close(
        module.forward_targets(X), torch.sigmoid(module.head(torch.cat([code, X], 1)))
    )
    recon, targets = module(X, logits=True)
    torch.testing.assert_close(torch.sigmoid(recon), module.reconstruction(X))
    assert torch.equal(targets, module.forward_targets(X))


@pytest.mark.parametrize(
    "params, match",
    [
        ({"n_channels": 0}, "n_channels must be a positive integer"),
        ({"recon_activation": "relu"}, "recon_activation must be one of"),
        ({"output_activation": "relu"}, "output_activation must be one of"),
    ],
)
def test_bad_arguments(params, match):
    with pytest.raises(ValueError, match=match):
        ConvAutoencoder(310, 1, **params)
