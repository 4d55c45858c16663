"""What every module promises, over all modules."""

import copy
import inspect
import subprocess
import sys

import cloudpickle
import pytest
import torch

import sknumerai
from sknumerai import modules

N, K = 12, 3
# arguments besides the defaults
ARGUMENTS = {
    "MLP": {"in_features": N, "out_features": K, "batch_norm": True, "dropout": 0.2},
    "SupervisedAutoencoder": {
        "in_features": N,
        "out_features": K,
        "hidden_units": (5, 4, 8, 6),
        "dropouts": 0.2,
    },
    "ContextAwareEncoder": {"in_features": N, "out_features": K, "d_hidden": 8},
    "TabM": {"in_features": N, "out_features": K, "hidden_features": (8, 6), "k": 4},
    "NeutralizedMLP": {"in_features": N, "out_features": K, "neutralizers": (0, 3)},
    "ConvAutoencoder": {
        "in_features": N,
        "out_features": K,
        "head_features": (4,),
        "head_dropout": 0.2,
    },
    "ConvSELUNet": {
        "in_features": N,
        "out_features": K,
        "conv_channels": (4, 5),
        "dense_features": (6, 5),
    },
    "DenseAutoencoder": {"in_features": N, "hidden_units": (8, 5)},
    "GaussianNoise": {},
    "FeatureReversalNoise": {},
    "CoupledGaussianDropout": {},
}
# modules that see all rows of an era at once
ACROSS_ROWS = {"ContextAwareEncoder", "NeutralizedMLP"}
# outputs that are not random in training
NOT_RANDOM = {"ConvAutoencoder": 1, "DenseAutoencoder": 1}
every_module = pytest.mark.parametrize("name", modules.__all__)


def make(name):
    return getattr(modules, name)(**ARGUMENTS[name])


def outputs(module, X):
    out = module(X)
    return out if isinstance(out, tuple) else (out,)


def trained(name):
    """A module whose weights and running statistics have moved."""
    torch.manual_seed(0)
    module = make(name)
    parameters = list(module.parameters())
    for _ in range(3):
        total = sum(o.square().mean() for o in outputs(module, torch.rand(30, N)))
        if parameters:
            total.backward()
            with torch.no_grad():
                for p in parameters:
                    p -= 0.1 * p.grad
                    p.grad = None
    return module.eval()


@every_module
def test_deterministic_in_evaluation_and_random_in_training(name):
    module, X = trained(name), torch.rand(9, N)
    with torch.inference_mode():
        state = torch.get_rng_state()
        a, b = outputs(module, X), outputs(module, X)
        assert torch.equal(torch.get_rng_state(), state)  # draws nothing
        assert all(map(torch.equal, a, b))
        assert all(o.dtype == torch.float32 for o in a)
        module.train()
        runs = []
        for seed in (0, 0, 1):
            torch.manual_seed(seed)
            runs.append(outputs(module, X))
    assert all(map(torch.equal, runs[0], runs[1]))
    random = slice(NOT_RANDOM.get(name, 0), None)
    assert not any(map(torch.equal, runs[0][random], runs[2][random]))


@pytest.mark.parametrize("name", sorted(set(modules.__all__) - ACROSS_ROWS))
def test_rows_are_independent_in_evaluation(name):
    module, X = trained(name), torch.rand(9, N)
    whole = outputs(module, X)
    for i in range(9):
        for a, b in zip(outputs(module, X[i : i + 1]), whole):
            torch.testing.assert_close(a, b[i : i + 1])


@every_module
def test_can_be_rebuilt_from_class_arguments_and_state(name):
    module, X = trained(name), torch.rand(9, N)
    other = make(name)
    other.load_state_dict(
        {k: torch.from_numpy(v.numpy().copy()) for k, v in module.state_dict().items()}
    )
    assert all(map(torch.equal, outputs(other.eval(), X), outputs(module, X)))
    assert all(map(torch.equal, outputs(copy.deepcopy(module), X), outputs(module, X)))


@pytest.mark.parametrize(
    "name", [n for n in modules.__all__ if list(make(n).parameters())]
)
def test_reset_forgets_everything(name):
    module = trained(name)
    fresh = make(name)
    for each in (module, fresh):
        torch.manual_seed(3)
        each.reset_parameters()
    for a, b in zip(module.state_dict().values(), fresh.state_dict().values()):
        assert torch.equal(a, b)


@every_module
def test_one_row_and_no_rows(name):
    module = make(name)
    for n in (1, 0):
        for mode in (True, False):
            for out in outputs(module.train(mode), torch.rand(n, N)):
                assert out.shape[0] == n and torch.isfinite(out).all()


@every_module
def test_parameters_are_keyword_only_and_shown(name):
    cls = getattr(modules, name)
    assert repr(make(name)).startswith(name)
    flat = [
        p.name
        for p in inspect.signature(cls).parameters.values()
        if p.kind is p.POSITIONAL_OR_KEYWORD
    ]
    assert flat in (
        ["in_features", "out_features"],
        ["in_features"],
        ["std"],
        ["p"],
        ["alpha"],
    )


def test_pickles_by_value_where_the_package_is_absent(tmp_path):
    X = torch.rand(9, N)
    made = {name: trained(name) for name in modules.__all__}
    expected = {name: outputs(m, X) for name, m in made.items()}
    cloudpickle.register_pickle_by_value(sknumerai)
    try:
        (tmp_path / "m.pkl").write_bytes(cloudpickle.dumps((made, X, expected)))
    finally:
        cloudpickle.unregister_pickle_by_value(sknumerai)
    program = """
import pickle, sys
sys.modules["sknumerai"] = None
import torch
made, X, expected = pickle.load(open("m.pkl", "rb"))
for name, module in made.items():
    out = module(X)
    out = out if isinstance(out, tuple) else (out,)
    assert all(map(torch.equal, out, expected[name])), name
print(len(made))
"""
    out = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert out.stdout.strip() == str(len(modules.__all__)), out.stderr
