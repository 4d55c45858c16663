"""Batch normalization with the semantics of Keras."""

import numpy as np
import pytest
import torch
from torch import nn

from sknumerai.modules._batch_norm import BatchNorm, make_batch_norm


def batches(n_batches, n=20, k=4, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(3, 2, size=(n, k)) for _ in range(n_batches)]


def test_running_statistics_are_those_of_keras():
    """keras/layers/normalization: moving = moving * .99 + moments * .01, biased."""
    layer = BatchNorm(4).double()
    mean, var = np.zeros(4), np.ones(4)
    for X in batches(7):
        out = layer(torch.from_numpy(X))
        mean = mean * 0.99 + X.mean(0) * 0.01
        var = var * 0.99 + X.var(0) * 0.01
        expected = (X - X.mean(0)) / np.sqrt(X.var(0) + 1e-3)
        np.testing.assert_allclose(out.detach(), expected, atol=1e-10)
    np.testing.assert_allclose(layer.running_mean, mean, rtol=1e-12)
    np.testing.assert_allclose(layer.running_var, var, rtol=1e-12)
    X = batches(1, seed=1)[0]
    expected = (X - mean) / np.sqrt(var + 1e-3)
    out = layer.eval()(torch.from_numpy(X))
    np.testing.assert_allclose(out.detach(), expected, rtol=1e-10)


def test_differs_from_torch_by_the_variance_of_few_rows_only():
    ours, torchs = BatchNorm(4), nn.BatchNorm1d(4, eps=1e-3, momentum=0.01)
    for X in batches(5):
        X = torch.from_numpy(X).float()
        torch.testing.assert_close(ours(X), torchs(X))
    torch.testing.assert_close(ours.running_mean, torchs.running_mean)
    decay = 0.99**5
    torch.testing.assert_close(
        ours.running_var - decay, (torchs.running_var - decay) * 19 / 20
    )
    torchs.load_state_dict(ours.state_dict())  # and back: the same names
    ours.load_state_dict(torchs.state_dict())


def test_warm_up_is_the_plain_mean_of_the_first_hundred_batches():
    layer = BatchNorm(4, warm_up=True).double()
    seen = []
    for X in batches(100):
        layer(torch.from_numpy(X))
        seen.append(X)
    np.testing.assert_allclose(layer.running_mean, np.mean(seen, axis=(0, 1)))
    np.testing.assert_allclose(
        layer.running_var, np.mean([X.var(0) for X in seen], axis=0)
    )
    before = layer.running_mean.clone()
    layer(torch.zeros(5, 4).double())
    torch.testing.assert_close(layer.running_mean, before * 0.99)


@pytest.mark.parametrize("warm_up", [False, True])
def test_a_batch_of_one_row_uses_and_keeps_the_running_statistics(warm_up):
    layer = BatchNorm(4, warm_up=warm_up)
    layer(torch.from_numpy(batches(1)[0]).float())
    before = {k: v.clone() for k, v in layer.state_dict().items()}
    x = torch.rand(1, 4)
    out = layer(x)
    torch.testing.assert_close(out, layer.eval()(x))
    assert all(torch.equal(v, before[k]) for k, v in layer.state_dict().items())


def test_gradient():
    layer = BatchNorm(3).double()
    X = torch.rand(6, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer, (X,))


def test_make():
    assert isinstance(make_batch_norm(False, 3), nn.Identity)
    assert not make_batch_norm(True, 3).warm_up
    assert make_batch_norm("warm_up", 3).warm_up
    with pytest.raises(ValueError, match="True, False or 'warm_up'"):
        make_batch_norm("keras", 3)
