"""Networks of sknumerai run where neither sknumerai nor skorch is installed."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skorch
import torch
from sklearn.ensemble import VotingRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknumerai.cli._ridge import BlockRidge
from sknumerai.neural_network import (
    ContextAwareRanker,
    ConvAutoencoderRegressor,
    ConvSELUClassifier,
    ConvSELURegressor,
    DenoisingAutoencoder,
    MLPRegressor,
    NeuralNetRegressor,
    NeutralizedMLPRegressor,
    SupervisedAutoencoderRegressor,
    TabMRegressor,
)
from sknumerai.submission import _fresh, export_model
from tests.submission.frames import make_live, ranks


class Mine(torch.nn.Module):
    """A module of the user's."""

    def __init__(self, in_features, out_features):
        super().__init__()
        self.linear = torch.nn.Linear(in_features, out_features)

    def forward(self, X):
        return self.linear(X)


def networks():
    few = {"max_epochs": 1, "batch_size": 32, "random_state": 0}
    mlp = MLPRegressor((4,), batch_norm="warm_up", callbacks=[], **few)
    sae = SupervisedAutoencoderRegressor((3, 3, 4, 4, 3, 3), **few)
    pipeline = make_pipeline(StandardScaler(), MLPRegressor((4,), loss="corr", **few))
    return {
        "mlp": mlp,
        "autoencoder": sae,
        "own module": NeuralNetRegressor(Mine, **few),
        "pipeline": pipeline.set_output(transform="pandas"),
        "code and convolutions": make_pipeline(
            DenoisingAutoencoder((4, 3), **few),
            ConvSELURegressor(conv_channels=(2, 2), dense_features=(4,), **few),
        ),
        "convolutional autoencoder": ConvAutoencoderRegressor(n_channels=1, **few),
        "ranker": ContextAwareRanker(d_hidden=4, **{**few, "batch_size": 2}),
        "neutralized": NeutralizedMLPRegressor((4,), **{**few, "batch_size": 1}),
        "tabm": TabMRegressor((4, 4), k=3, **few),
        "convolutions": ConvSELURegressor(
            conv_channels=(2,), kernel_sizes=(3,), dense_features=(4,), **few
        ),
        "classifier": ConvSELUClassifier(
            conv_channels=(2,), kernel_sizes=(3,), dense_features=(4,), **few
        ),
        "voting": VotingRegressor([("sae", sae), ("mlp", mlp), ("ridge", Ridge())]),
        "block ridge": BlockRidge(),
    }


def outputs(model, X):
    """What ranks are taken of: of a classifier the expected class."""
    if hasattr(model, "classes_"):
        return model.predict_proba(X) @ model.classes_
    return model.predict(X)


def test_networks_without_sknumerai(data, tmp_path):
    """All of them in one fresh process, through the runner that verify uses."""
    X, y = data
    live = make_live(200)
    live.to_pickle(tmp_path / "live.pkl")
    one_era = live.set_index("era", append=True).swaplevel()[list(X.columns)]
    one_era.to_pickle(tmp_path / "one_era.pkl")
    for name, model in networks().items():
        model.fit(X, y > y.median() if name == "classifier" else y)
        path = tmp_path / f"{name}.pkl"
        export_model(model, path, by_value=(__name__,), verify=False)
        got = pd.read_pickle(path)(live)
        raw = outputs(model, one_era)
        assert len(np.unique(raw)) > 1, name
        np.testing.assert_allclose(got["prediction"], ranks(raw), err_msg=name)
        got.assign(raw=raw).to_pickle(tmp_path / f"{name}.expected")
    code = f"""
import sys
sys.path.insert(0, {str(Path(_fresh.__file__).parent)!r})
import _runner, numpy as np, pandas as pd
one_era = pd.read_pickle("one_era.pkl")
for name in {list(networks())}:
    _runner.main(f"{{name}}.pkl", "sknumerai,skorch")
    got = pd.read_pickle("predictions.pkl")["prediction"]
    expected = pd.read_pickle(f"{{name}}.expected")
    # rounding may swap two neighbours
    assert (got - expected["prediction"]).abs().max() <= 1 / 200, name
    raw = pd.read_pickle(f"{{name}}.pkl").predict_raw(one_era)
    np.testing.assert_allclose(raw, expected["raw"], rtol=1e-5, atol=1e-6, err_msg=name)
print("sknumerai" in sys.modules, "skorch" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "False False\n", done.stderr


def test_callbacks_and_data_are_not_in_the_file(data, tmp_path):
    """The file of a small network is small, whatever it was trained with."""

    class Heavy(skorch.callbacks.Callback):
        weight = np.zeros(1_000_000)

    X, y = data
    net = {"max_epochs": 1, "random_state": 0}
    sizes = []
    for callbacks in (None, [Heavy()]):
        model = MLPRegressor((4,), callbacks=callbacks, **net).fit(X, y)
        path = export_model(model, tmp_path / "predict.pkl", verify=False)
        sizes.append(path.stat().st_size)
        assert pd.read_pickle(path).model.callbacks is None
    assert sizes[1] <= sizes[0] + 100
    assert sizes[0] < 400_000


@pytest.mark.parametrize("kind", [np.int8, np.float64])
def test_an_exported_network_is_float32_on_the_processor(kind, data, tmp_path):
    X, y = data
    model = MLPRegressor((4,), max_epochs=1, random_state=0).fit(X.astype(kind), y)
    path = export_model(model, tmp_path / "predict.pkl", verify=False)
    predict = pd.read_pickle(path)
    net = predict.model.module_
    tensors = [*net.parameters(), *net.buffers()]
    assert len(tensors) > 3
    assert {t.device.type for t in tensors} == {"cpu"}
    assert {t.dtype for t in tensors if t.is_floating_point()} == {torch.float32}
    seen = []
    net.register_forward_pre_hook(lambda _, args: seen.extend(args))
    live = make_live(50)
    predict(live.astype(dict.fromkeys(X.columns, kind)), None)
    assert {(t.device.type, t.dtype) for t in seen} == {("cpu", torch.float32)}
