"""What holds for every network: weights, interruption, noise, routing, presets."""

import inspect
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from sknumerai.modules import CoupledGaussianDropout, FeatureReversalNoise
from sknumerai.neural_network import (
    ContextAwareRanker,
    ConvAutoencoderRegressor,
    ConvSELUClassifier,
    DenoisingAutoencoder,
    MLPRegressor,
    NeuralNetRegressor,
    NeutralizedMLPRegressor,
    SupervisedAutoencoderRegressor,
)
from tests.discovery import all_estimators
from tests.neural_network import tiny
from tests.neural_network.tiny import X, output, target_for

every_network = pytest.mark.parametrize(
    "Network", tiny.SIZES, ids=lambda Network: Network.__name__
)


def test_no_network_is_forgotten():
    public = {
        Estimator
        for Estimator in all_estimators()
        if Estimator.__module__.startswith("sknumerai.neural_network")
    }
    assert set(tiny.SIZES) == public


@every_network
def test_routing_asks_for_what_fit_takes(Network):
    with sklearn.config_context(enable_metadata_routing=True):
        requests = tiny.tiny(Network).get_metadata_routing().fit.requests
    accepted = inspect.signature(Network.fit).parameters
    asked = {name for name, wanted in requests.items() if wanted is True}
    assert asked <= set(accepted)
    assert "groups" in asked
    assert ("benchmark" in asked) == ("benchmark" in accepted)


def test_routing_of_a_benchmark_passes_by_a_classifier():
    eras = np.asarray(X.index.get_level_values("era"))
    with sklearn.config_context(enable_metadata_routing=True):
        model = make_pipeline(
            tiny.tiny(DenoisingAutoencoder), tiny.tiny(ConvSELUClassifier)
        )
        model.fit(X.to_numpy(), np.asarray(tiny.Y > 0.5), groups=eras)
        with pytest.raises(TypeError, match="benchmark"):
            model.fit(X, tiny.Y > 0.5, groups=eras, benchmark=tiny.META)


@pytest.mark.parametrize(
    "Network",
    [SupervisedAutoencoderRegressor, ConvAutoencoderRegressor, DenoisingAutoencoder],
)
def test_routing_of_eras_to_a_code_within_a_pipeline(Network):
    eras = np.asarray(X.index.get_level_values("era"))
    code = tiny.tiny(Network).fit(X.to_numpy(), tiny.Y, groups=eras)
    with (
        sklearn.config_context(enable_metadata_routing=True),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("error")
        model = make_pipeline(tiny.tiny(Network), Ridge())
        model.fit(X.to_numpy(), np.asarray(tiny.Y), groups=eras)
    expected = Ridge().fit(code.transform(X.to_numpy()), tiny.Y)
    np.testing.assert_allclose(model[-1].coef_, expected.coef_, rtol=1e-4, atol=1e-6)


@every_network
def test_presets_say_which_there_are(Network):
    if not hasattr(Network, "from_preset"):
        assert Network in (MLPRegressor, NeuralNetRegressor)
        return
    with pytest.raises(ValueError, match=r"name must be one of \['.*'\]. Got 'none'"):
        Network.from_preset("none")
    for name, params in Network._presets.items():
        assert f"'{name}'" in Network.__doc__
        model = Network.from_preset(name, max_epochs=7)
        assert vars(model) == vars(Network(**{**params, "max_epochs": 7}))


@pytest.mark.parametrize(
    "Network",
    [SupervisedAutoencoderRegressor, ConvAutoencoderRegressor, DenoisingAutoencoder],
)
def test_codes_keep_the_eras(Network):
    model = tiny.tiny(Network).fit(X, target_for(Network))
    code = model.transform(X)
    assert code.index.equals(X.index) and code.index.names == ["era", "id"]
    names = list(model.get_feature_names_out())
    assert list(code.columns) == names
    assert names[0] == f"{Network.__name__.lower()}0"
    assert (code.dtypes == np.float32).all()
    eras = X.index.get_level_values("era")
    array = tiny.tiny(Network)
    array.fit(X.to_numpy(), np.asarray(target_for(Network)), groups=eras)
    np.testing.assert_array_equal(array.transform(X.to_numpy()), code)
    as_frame = array.set_output(transform="pandas").transform(X.to_numpy())
    assert isinstance(as_frame, pd.DataFrame) and list(as_frame.columns) == names
    plain = model.set_output(transform="pandas").transform(X)
    pd.testing.assert_frame_equal(plain, code)


@pytest.mark.parametrize("Network", [ContextAwareRanker, NeutralizedMLPRegressor])
def test_an_era_that_is_too_long_to_be_one(Network, monkeypatch):
    from sknumerai.neural_network import _inference

    monkeypatch.setattr(_inference, "MAX_ROWS_OF_ONE_ERA", 39)
    with pytest.warns(UserWarning, match="era 0001 has 40 rows; no era of Numerai"):
        model = tiny.tiny(Network).fit(X, tiny.Y)
    with pytest.warns(UserWarning, match=r"r takes .* era 0001 has 40 rows"):
        model.predict(X)
    monkeypatch.setattr(_inference, "MAX_ROWS_OF_ONE_ERA", 40)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, tiny.Y).predict(X)


@every_network
def test_learning_rates_fall_on_a_plateau(Network):
    # nothing is learned at this rate, so that each epoch after the first is a bad one
    model = tiny.tiny(Network, lr=1e-9, lr_patience=1, lr_factor=0.25, min_lr=0.0)
    model.set_params(max_epochs=3, weight_decay=0.0)
    if Network is ConvAutoencoderRegressor:
        model.set_params(ae_lr=1e-9)
    if Network is DenoisingAutoencoder:
        model.set_params(n_noise_rounds=0)
    rates = [row["lr"] for row in model.fit(X, target_for(Network)).history_]
    np.testing.assert_allclose(rates, [1e-9, 1e-9, 2.5e-10])
    model.set_params(lr_patience=None).fit(X, target_for(Network))
    assert {row["lr"] for row in model.history_} == {1e-9}


@every_network
def test_gradients_are_clipped(Network):
    # a step of plain gradient descent is the gradient times the rate
    how = {"optimizer": torch.optim.SGD, "batch_by": "era", "batch_size": 12}
    if "normalized_weight_decay" in inspect.signature(Network).parameters:
        how["weight_decay"] = 0.0
    if Network is DenoisingAutoencoder:
        how["n_noise_rounds"] = 0
    if Network is ConvAutoencoderRegressor:
        how["ae_lr"] = 1.0
    y = target_for(Network)

    def step(**params):
        nothing = tiny.tiny(Network, lr=1e-30, **how)
        if Network is ConvAutoencoderRegressor:
            nothing.set_params(ae_lr=1e-30)
        before = nothing.fit(X, y).module_.parameters()
        after = tiny.tiny(Network, lr=1.0, **how, **params).fit(X, y)
        after = after.module_.parameters()
        squares = [(a - b).detach().square().sum() for a, b in zip(after, before)]
        return float(torch.stack(squares).sum().sqrt())

    assert step() > 1e-4
    assert step(grad_clip=1e-4) == pytest.approx(1e-4, rel=0.02)


@every_network
def test_weight_decay_can_be_normalized(Network):
    seen = []

    def optimizer(params, **kwargs):
        seen.append(kwargs)
        return torch.optim.AdamW(params, **kwargs)

    how = {"batch_by": "era", "batch_size": 3, "normalized_weight_decay": True}
    model = tiny.tiny(Network, weight_decay=0.1, optimizer=optimizer, lr=0.01, **how)
    model.set_params(max_epochs=4).fit(X, target_for(Network))
    expected = 0.1 * np.sqrt(3 / 12 / 4) / 0.01
    assert max(k.get("weight_decay", 0) for k in seen) == pytest.approx(expected)


@every_network
@pytest.mark.parametrize("noise", [FeatureReversalNoise(), CoupledGaussianDropout()])
def test_noise_of_every_network(Network, noise):
    y = target_for(Network)
    fits = [
        output(tiny.tiny(Network, lr=0.01, input_noise=given).fit(X, y))
        for given in (None, noise, noise, type(noise))
    ]
    assert np.isfinite(fits[1]).all()
    assert not np.allclose(fits[0], fits[1], atol=1e-7)
    np.testing.assert_array_equal(fits[1], fits[2])  # random_state decides it
    np.testing.assert_array_equal(fits[1], fits[3])


@every_network
def test_rows_of_weight_zero_are_left_out(Network):
    """Whole batches: rows by one step over all of them, eras in one batch of eras."""
    y = target_for(Network)
    keep = np.random.default_rng(0).random(len(X)) < 0.7
    wild = y.copy()
    wild[~keep] = not y.iloc[0] if Network is ConvSELUClassifier else 1 - wild[~keep]
    # rounding shows in steps of Adam, which are as long for small gradients
    how = {"batch_by": "era", "batch_size": 12, "max_epochs": 3, "lr": 0.1}
    how["optimizer"] = torch.optim.SGD
    if Network is DenoisingAutoencoder:
        how.update(n_noise_rounds=0, lr=1.0)  # noise would be drawn for other rows
    if Network is ConvAutoencoderRegressor:
        how["loss"] = "mse"
    weighted = tiny.tiny(Network, **how)
    weighted.fit(X, wild, sample_weight=keep.astype(float))
    if Network in (
        ContextAwareRanker,
        ConvAutoencoderRegressor,
        NeutralizedMLPRegressor,
    ):
        # attention, batch normalization and neutralization see the features of all rows;
        # the targets of rows of weight 0 do not matter
        other = tiny.tiny(Network, **how).fit(X, y, sample_weight=keep.astype(float))
    else:
        other = tiny.tiny(Network, **how).fit(X[keep], y[keep])
    np.testing.assert_allclose(output(weighted), output(other), atol=1e-5)
    ignoring = tiny.tiny(Network, **how).fit(X, wild)
    assert not np.allclose(output(weighted), output(ignoring), atol=1e-4)


@pytest.mark.parametrize("Network", tiny.REGRESSORS, ids=lambda N: N.__name__)
@pytest.mark.parametrize("monitor", ["payout", "lpayout", "sharpe", "corr"])
def test_every_regressor_watches_every_score(Network, monitor):
    model = tiny.tiny(Network, monitor=monitor, n_validation_eras=3, embargo=0)
    side = "benchmark" if monitor == "lpayout" else "meta_model"
    model.fit(X, tiny.Y, **{side: tiny.META})
    assert np.isfinite(model.history_[0][f"valid_{monitor}"])
    assert model.best_epoch_ == 1
