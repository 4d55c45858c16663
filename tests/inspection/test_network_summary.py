"""Layers, shapes and parameters of networks."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sknumerai.inspection import NetworkSummary, network_summary
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
from sknumerai.neural_network import MLPRegressor


@pytest.mark.parametrize(
    "module, n",
    [
        (ContextAwareEncoder(705), 13_041),
        (ContextAwareEncoder(705, n_blocks=2), 14_737),
        (DenseAutoencoder(50), 33_746),
        (ConvSELUNet(32, 1), 272_065),
        (ConvSELUNet(32, 1, conv_axis="time"), 283_521),
        (ConvAutoencoder(310, 1), 23_641 + 178_049),
        (SupervisedAutoencoder(1050, 20), 2_065_258),
        (NeutralizedMLP(1050, 1), 108_163),
        (TabM(42, 2, hidden_features=(16, 8), k=4, linear_skip=True), None),
        (MLP(42, 1, hidden_features=(), n_levels=5), 211),
    ],
    ids=lambda v: type(v).__name__ if isinstance(v, nn.Module) else "",
)
def test_counts_are_those_of_the_sources(module, n):
    summary = network_summary(module)
    parameters = sum(p.numel() for p in module.parameters())
    assert summary.n_parameters == summary.n_trainable == parameters
    assert n in (None, parameters)
    with torch.no_grad():
        outputs = module.eval()(torch.rand(7, module.in_features))
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    said = [shape.replace("n", "7") for shape in summary.outputs["output_shape"]]
    assert said == [str(tuple(out.shape)) for out in outputs]


def test_networks_that_cannot_be_copied_are_told():
    network = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    network[0].kept = network[0](torch.rand(5, 3))
    with pytest.raises(ValueError, match=r"Sequential cannot be copied.*detached"):
        network_summary(network, input_shape=3)
    network[0].kept = network[0].kept.detach()
    assert network_summary(network, input_shape=3).n_parameters == 11


# torch 2.13 still makes scripts, and warns
@pytest.mark.filterwarnings("ignore:.*torch.jit.script.* is deprecated")
def test_script_modules_are_told():
    network = torch.jit.script(nn.Linear(3, 2))
    with pytest.raises(TypeError, match=r"compiled code.*that was scripted"):
        network_summary(network, input_shape=3)


def test_parts_of_the_convolutional_autoencoder():
    layers = network_summary(ConvAutoencoder(310, 1)).layers
    part = layers.index.str.split(".").str[0]
    by_part = layers["parameters"].groupby(part).sum()
    assert by_part["encoder"] + by_part["decoder"] == 23_641
    assert by_part["head"] == 178_049
    lengths = layers["output_shape"][layers["type"].isin(["Conv1d"])]
    assert [int(s.split()[-1][:-1]) for s in lengths] == [153, 75, 24, 7, 5]


def test_shapes_and_order_of_layers():
    summary = network_summary(MLP(42, 2, hidden_features=(16, 8), batch_norm=True))
    linear = summary.layers[summary.layers["type"] == "Linear"]
    assert linear["output_shape"].tolist() == ["(n, 16)", "(n, 8)", "(n, 2)"]
    assert linear["parameters"].tolist() == [42 * 16 + 16, 16 * 8 + 8, 8 * 2 + 2]
    # running statistics are no parameters
    norms = summary.layers[summary.layers["type"] == "BatchNorm"]
    assert norms["parameters"].tolist() == [32, 16]


def test_raw_parameters_of_tabm():
    layers = network_summary(TabM(10, 3, hidden_features=(8, 8), k=4)).layers
    assert layers.loc["layers.0", "parameters"] == 10 * 8 + 4 * (10 + 8 + 8)
    assert layers.loc["layers.0", "output_shape"] == "(4, n, 8)"
    assert layers.loc["output", "parameters"] == 4 * (8 * 3 + 3)


class Odd(nn.Module):
    """A layer twice, tied weights, a parameter beside layers, a layer never called."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(6))
        self.first = nn.Linear(6, 6)
        self.tied = nn.Linear(6, 6, bias=False)
        self.tied.weight = self.first.weight
        self.spare = nn.Linear(6, 2)
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True)
        self.out = nn.Linear(6, 1)

    def forward(self, X):
        X = self.first(self.first(X)) * self.scale
        X = self.tied(X).detach()
        mixed, _ = self.attention(X[None], X[None], X[None])
        return {"out": self.out(mixed[0]), "length": len(X)}


def test_layers_that_are_shared_tied_or_idle():
    module = Odd()
    summary = network_summary(module, input_shape=6)
    layers = summary.layers
    assert summary.n_parameters == sum(p.numel() for p in module.parameters())
    assert layers.loc["first", ["parameters", "calls"]].tolist() == [42, 2]
    assert layers.loc["tied", ["parameters", "calls"]].tolist() == [0, 1]
    assert layers.loc["spare", ["parameters", "calls"]].tolist() == [14, 0]
    assert layers.loc["(network)", "parameters"] == 6
    assert layers.loc["attention", "parameters"] == 6 * 18 + 18
    assert summary.outputs["output_shape"].tolist() == ["(n, 1)"]
    # the ways go on behind detach
    calls = summary.calls["layer"].tolist()
    assert summary.calls["sources"][calls.index("first")] == (-1,)
    assert summary.calls["sources"][calls.index("attention")] == (calls.index("tied"),)


def test_joins_are_named():
    summary = network_summary(SupervisedAutoencoder(42, 1))
    calls = summary.calls
    (join,) = calls.index[calls["layer"] == ""]
    assert calls["type"][join] == "concat"
    fed_by = [calls["layer"][i] for i in calls["sources"][join]]
    assert fed_by == ["input_norm", "encoder.2"]
    (after,) = calls["layer"][[s == (join,) for s in calls["sources"]]]
    assert after == "joint.0"
    last = [calls["layer"][s[0]] for s in summary.outputs["sources"]]
    assert last == ["decoder.1", "ae_head.output", "mlp.output"]


def test_residuals_of_the_ranker_are_additions():
    calls = network_summary(ContextAwareEncoder(5, n_blocks=2)).calls
    assert (calls["type"][calls["layer"] == ""] == "+").sum() == 4


def test_frozen_parameters():
    module = SupervisedAutoencoder(42, 1).freeze_encoder()
    summary = network_summary(module)
    frozen = sum(p.numel() for p in module.parameters() if not p.requires_grad)
    assert summary.n_parameters - summary.n_trainable == frozen > 0
    assert f"{frozen:,} frozen" in repr(summary)


def test_nothing_is_changed():
    module = SupervisedAutoencoder(42, 1).train()
    module.mlp.eval()
    modes = [part.training for part in module.modules()]
    before = {k: v.clone() for k, v in module.state_dict().items()}
    state = torch.get_rng_state()
    network_summary(module)
    assert torch.equal(torch.get_rng_state(), state)
    assert [part.training for part in module.modules()] == modes
    assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())
    assert not any(p._forward_hooks for p in module.modules())


@pytest.mark.parametrize("given", [42, (42,)])
def test_modules_of_torch(given):
    module = nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.Linear(8, 1)).double()
    summary = network_summary(module, input_shape=given)
    assert summary.n_parameters == 42 * 8 + 8 + 9
    assert isinstance(module[0].weight, nn.UninitializedParameter)


def test_rows_of_two_dimensions():
    summary = network_summary(nn.Conv1d(3, 4, 2), input_shape=(3, 9))
    assert summary.layers["output_shape"].tolist() == ["(n, 4, 8)"]
    assert summary.layers.index.tolist() == ["(network)"]


def test_estimators_and_pipelines():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 6)), rng.normal(size=40)
    model = MLPRegressor((4,), max_epochs=1, n_validation_eras=0, random_state=0)
    with pytest.raises(NotFittedError):
        network_summary(model)
    with pytest.raises(NotFittedError):
        model.summary()
    pipeline = make_pipeline(StandardScaler(), model).fit(X, y)
    summary = pipeline[-1].summary()
    assert summary.name == "MLPRegressor"
    assert repr(network_summary(pipeline)) == repr(summary)
    assert summary.n_parameters == sum(
        p.numel() for p in pipeline[-1].module_.parameters()
    )


@pytest.mark.parametrize(
    "network, params, error, message",
    [
        (nn.ReLU(), {}, ValueError, "ReLU does not say how many features"),
        (nn.Linear(4, 1), {"input_shape": 5}, ValueError, r"rows of shape \(5,\)"),
        (nn.Linear(4, 1), {"input_shape": 0}, ValueError, "positive integer"),
        (nn.Linear(4, 1), {"input_shape": True}, ValueError, "positive integer"),
        (Ridge().fit([[0], [1]], [0, 1]), {}, TypeError, "neither a torch module"),
        (
            TransformedTargetRegressor(Ridge()).fit([[0], [1]], [0, 1]),
            {},
            TypeError,
            "What it fitted is in regressor_",
        ),
        ("network", {}, TypeError, "str is neither"),
    ],
)
def test_bad_input(network, params, error, message):
    with pytest.raises(error, match=message):
        network_summary(network, **params)


def test_it_prints_shows_and_pickles():
    class Tricky(nn.Linear):
        pass

    Tricky.__name__ = "<script>"
    summary = network_summary(Tricky(2000, 3))
    assert isinstance(summary, NetworkSummary)
    head, _, row, total = repr(summary).splitlines()
    assert head == "<script>: (n, 2000) -> (n, 3)"
    assert row.split() == ["(network)", "<script>", "(n,", "3)", "6,003", "1"]
    assert total == "6,003 parameters, 6,003 trainable"
    html = summary._repr_html_()
    assert "&lt;script&gt;" in html and "<script>" not in html
    assert repr(pickle.loads(pickle.dumps(summary))) == repr(summary)


@pytest.mark.parametrize("network", [nn.Identity(), nn.Sequential()])
def test_no_layers(network):
    """It raised KeyError: 'parameters'."""
    summary = network_summary(network, input_shape=8)
    assert (summary.n_parameters, summary.n_trainable) == (0, 0)
    head, table, total = repr(summary).splitlines()
    assert head.endswith(": (n, 8) -> (n, 8)") and table == "no layers"
    assert total == "0 parameters, 0 trainable"
    assert "<table>" in summary._repr_html_()


def test_own_hooks_are_not_run():
    """A hook that counts saw the passes of the copy."""
    network, seen = nn.Sequential(nn.Linear(3, 2), nn.ReLU()), []
    network.register_forward_hook(lambda *args: seen.append("whole"))
    network[0].register_forward_hook(
        lambda *args, **kwargs: seen.append("part"), with_kwargs=True, always_call=True
    )
    summary = network_summary(network, input_shape=3)
    assert not seen
    assert summary.layers["calls"].tolist() == [1, 1]
    network(torch.zeros(1, 3))
    assert seen == ["part", "whole"]
