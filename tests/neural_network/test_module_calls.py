"""Compiled passes and passes at lower precision train the same plain module."""

import pickle
import shutil

import numpy as np
import pytest
import torch

from sknumerai.neural_network import (
    ContextAwareRanker,
    ConvAutoencoderRegressor,
    MLPRegressor,
    NeutralizedMLPRegressor,
    SupervisedAutoencoderRegressor,
)
from tests.neural_network import tiny
from tests.neural_network.tiny import X, Y, output, target_for

# torch.compile uses what torch deprecates
pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings(
        "ignore:.*should not be instantiated:DeprecationWarning"
    ),
]
has_compiler = pytest.mark.skipif(
    not any(map(shutil.which, ("c++", "g++", "clang++", "cl"))),
    reason="torch.compile needs a C++ compiler on the CPU",
)


def check_plain(model):
    """Raise unless the module is its class, in float32, and travels as such."""
    for found in (model, pickle.loads(pickle.dumps(model))):
        assert type(found.module_) is model._spec[0]
        assert {t.dtype for t in found.module_.parameters()} == {torch.float32}
        assert not any("orig_mod" in name for name in found.module_.state_dict())
        np.testing.assert_array_equal(output(found), output(model))


# wide enough for rounding to average out
WIDER = {
    ConvAutoencoderRegressor: {"n_channels": 4, "head_features": (16,), "loss": "mse"},
    NeutralizedMLPRegressor: {"hidden_features": (32,)},
}


@pytest.mark.parametrize("Network", tiny.SIZES, ids=lambda Network: Network.__name__)
def test_bfloat16_learns_what_float32_learns(Network):
    how = {"max_epochs": 2, "lr": 0.01} | WIDER.get(Network, {})
    exact = tiny.tiny(Network, **how).fit(X, target_for(Network))
    model = tiny.tiny(Network, precision="bfloat16", **how).fit(X, target_for(Network))
    a, b = output(exact), output(model)
    assert not np.array_equal(a, b)
    corr = np.corrcoef(a.reshape(len(X), -1)[:, 0], b.reshape(len(X), -1)[:, 0])
    assert corr[0, 1] > 0.99
    check_plain(model)


def test_scores_while_training_are_those_of_predict():
    model = tiny.tiny(
        MLPRegressor, precision="bfloat16", n_validation_eras=3, embargo=0
    )
    losses = []
    model.set_params(monitor=lambda y, p, groups: losses.append(p) or 1.0)
    model.fit(X, Y)
    np.testing.assert_array_equal(losses[-1], output(model)[-len(losses[-1]) :])


@has_compiler
@pytest.mark.slow
@pytest.mark.parametrize(
    "Network",
    [
        ContextAwareRanker,
        MLPRegressor,
        NeutralizedMLPRegressor,
        SupervisedAutoencoderRegressor,
    ],
    ids=lambda Network: Network.__name__,
)
def test_compiled_networks(Network):
    """Eras of many lengths, in several batches and two fits."""
    keep = np.random.default_rng(0).random(len(X)) < 0.8
    model = tiny.tiny(Network, max_epochs=2, lr=0.01, batch_by="era")
    expected = output(model.fit(X[keep], Y[keep]))
    model.set_params(compile=True)
    for _ in range(2):
        # rounding grows where a gradient is near 0
        np.testing.assert_allclose(
            output(model.fit(X[keep], Y[keep])), expected, atol=5e-3
        )
    check_plain(model)


@has_compiler
@pytest.mark.slow
def test_compiled_rows_with_a_shorter_last_batch():
    model = tiny.tiny(MLPRegressor, max_epochs=2, batch_size=100)
    expected = output(model.fit(X[:250], Y[:250]))
    model.set_params(compile="default").fit(X[:250], Y[:250])
    np.testing.assert_allclose(output(model), expected, atol=1e-5)
    check_plain(model)


@pytest.mark.parametrize(
    "params", [{"compile": "fast"}, {"precision": "float16"}, {"data_on_device": "yes"}]
)
def test_other_values_are_refused(params):
    with pytest.raises(ValueError, match=f"The '{next(iter(params))}' parameter"):
        tiny.tiny(MLPRegressor, **params).fit(X, Y)
