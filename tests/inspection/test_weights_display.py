"""Histograms of weights."""

import pickle
import sys

import numpy as np
import pytest
import torch
from torch import nn

from sknumerai.inspection import WeightsDisplay
from sknumerai.modules import (
    MLP,
    ContextAwareEncoder,
    ConvAutoencoder,
    ConvSELUNet,
    DenseAutoencoder,
    NeutralizedMLP,
    SupervisedAutoencoder,
    TabM,
)


@pytest.fixture
def pyplot():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    pyplot.close("all")
    yield pyplot
    pyplot.close("all")


@pytest.mark.parametrize(
    "module",
    [
        SupervisedAutoencoder(42, 2),
        ContextAwareEncoder(42),
        DenseAutoencoder(42),
        ConvSELUNet(42, 1),
        ConvAutoencoder(42, 1),
        MLP(42, 1, linear_skip=True),
        NeutralizedMLP(42, 1),
        TabM(42, 1, hidden_features=(8, 8), k=4),
    ],
    ids=lambda module: type(module).__name__,
)
def test_histograms_of_every_network(module):
    display = WeightsDisplay.from_estimator(module, bins=20, plot=False)
    weights = {k: p for k, p in module.named_parameters() if p.ndim > 1}
    assert list(display.histograms) == list(display.summary.index) == list(weights)
    for name, parameter in weights.items():
        values = parameter.detach().numpy().astype(np.float64).ravel()
        counts, edges = np.histogram(values, min(20, int(np.ceil(len(values) ** 0.5))))
        table, row = display.histograms[name], display.summary.loc[name]
        np.testing.assert_allclose(table["share"], counts / len(values))
        np.testing.assert_allclose(table["lower"], edges[:-1])
        assert row["n"] == len(values) and row["n_not_finite"] == 0
        np.testing.assert_allclose(
            row[["mean", "std", "min", "max"]].astype(float),
            [values.mean(), values.std(), values.min(), values.max()],
            atol=1e-12,
        )
        assert row["share_zero"] == (values == 0).mean()
    every = WeightsDisplay.from_estimator(module, parameters="all", plot=False)
    assert every.summary["n"].sum() == sum(p.numel() for p in module.parameters())


def test_weights_that_are_not_finite(pyplot):
    module = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1).half(), nn.Linear(1, 1))
    with torch.no_grad():
        module[0].weight[0, 0] = torch.nan
        module[2].weight[0, 0] = torch.inf
    display = WeightsDisplay.from_estimator(module)
    assert display.summary["n_not_finite"].tolist() == [1, 0, 1]
    assert display.histograms["0.weight"]["share"].sum() == pytest.approx(1)
    assert not len(display.histograms["2.weight"])
    assert "1 not finite" in display.axes_[2].get_title()


def test_plot(pyplot):
    display = WeightsDisplay.from_estimator(MLP(42, 1, hidden_features=(8,)))
    assert len(display.axes_) == 2 and len(pyplot.get_fignums()) == 1
    assert display.ax_.get_title().startswith("hidden.0.weight\n8 x 42, std 0.")
    steps = display.ax_.patches[0].get_data()
    table = display.histograms["hidden.0.weight"]
    np.testing.assert_allclose(steps.values, table["share"])
    again = pickle.loads(pickle.dumps(display))
    assert not hasattr(again, "figure_")
    _, axes = pyplot.subplots(1, 2)
    assert again.plot(axes).axes_[1] is axes[1]
    with pytest.raises(ValueError, match="2 panels"):
        again.plot(axes[:1].repeat(3))


@pytest.mark.parametrize(
    "module, params, error, message",
    [
        (nn.LayerNorm(4), {}, ValueError, "LayerNorm has no.*parameters='all'"),
        (nn.ReLU(), {"parameters": "all"}, ValueError, "ReLU has no parameters"),
        (nn.Linear(4, 1), {"parameters": "bias"}, ValueError, "Got 'bias'"),
        (nn.Linear(4, 1), {"bins": 0}, ValueError, "bins must be"),
        ([1], {}, TypeError, "list is neither a torch module"),
    ],
)
def test_bad_input(module, params, error, message):
    with pytest.raises(error, match=message):
        WeightsDisplay.from_estimator(module, plot=False, **params)


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"sknumerai\[plot\]"):
        WeightsDisplay.from_estimator(nn.Linear(4, 1))
