"""Fits that would train nothing, or watch nothing, say so."""

import warnings

import numpy as np
import pandas as pd
import pytest

from sknumerai.datasets import make_numerai
from sknumerai.losses import ExposurePenalty, MaskedMSELoss, MMCLoss, SharpeLoss
from sknumerai.neural_network import (
    ContextAwareRanker,
    ConvAutoencoderRegressor,
    DenoisingAutoencoder,
    MLPRegressor,
    TabMRegressor,
)

BUNCH = make_numerai(n_eras=40, n_samples_per_era=40, random_state=0)
X, Y, META = BUNCH.data, BUNCH.target, BUNCH.meta_model
ERAS = X.index.get_level_values("era").astype(int)


def tabm(**params):
    params = {"loss": "mmc", "max_epochs": 2, "random_state": 0, **params}
    return TabMRegressor((8,), k=2, **params)


def eras_as_numbers(series):
    levels = [series.index.get_level_values(i) for i in range(2)]
    series = series.copy()
    series.index = pd.MultiIndex.from_arrays(
        [levels[0].astype(int), levels[1]], names=series.index.names
    )
    return series


@pytest.mark.parametrize("name", ["meta_model", "benchmark"])
@pytest.mark.parametrize("loss", ["mmc", SharpeLoss(MMCLoss())])
def test_a_meta_model_of_other_rows_trained_nothing_in_silence(name, loss):
    model = tabm(loss=loss)
    levels = (
        r"of {} has era \(int64\), id \(\w+\) in 1600 rows, that of X has era \(\w+\)"
    )
    with pytest.raises(ValueError, match=levels.format(name)):
        model.fit(X, Y, **{name: eras_as_numbers(META)})
    with pytest.raises(ValueError, match=r"no training era \(1 to 28\)"):
        model.fit(X, Y, **{name: META.iloc[:0]})
    with pytest.raises(ValueError, match=f"All of {name} is NaN there"):
        model.fit(X, Y, **{name: np.full(len(X), np.nan)})
    assert not hasattr(model, "module_")


def test_a_held_out_loss_of_no_rows_stopped_training():
    early = META[ERAS <= 36]
    for monitor in ("loss", "auto"):
        params = {"batch_by": "era", "monitor": monitor}
        model = ConvAutoencoderRegressor(
            1, head_features=(4,), loss="mmc", max_epochs=1, **params
        )
        if monitor == "loss":
            with pytest.raises(ValueError, match=r"no held-out era \(37 to 40\)"):
                model.fit(X, Y, meta_model=early)
        else:
            model.fit(X, Y, meta_model=early)
    with pytest.raises(ValueError, match="no held-out era"):
        tabm(monitor="loss").fit(X, Y, meta_model=early)
    tabm().fit(X, Y, meta_model=early)


def test_a_meta_model_of_few_training_eras_is_warned_about():
    with pytest.warns(UserWarning, match="which 5 of 28 training eras have") as seen:
        tabm().fit(X, Y, meta_model=META[(ERAS > 23)])
    assert seen[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tabm().fit(X, Y, meta_model=META[ERAS > 10])


def test_a_benchmark_that_is_watched_alone_need_not_be_known_in_training():
    late = META[ERAS > 36]
    for loss in ("sharpe", ExposurePenalty(MaskedMSELoss())):
        model = ContextAwareRanker(
            8, loss=loss, batch_size=4, max_epochs=1, random_state=0
        )
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.fit(X, Y, benchmark=late)
        assert "valid_lpayout" in model.history_[0]


@pytest.mark.parametrize("Network", [MLPRegressor, DenoisingAutoencoder])
def test_weights_on_held_out_eras_alone_gave_a_random_network(Network):
    model = Network((8,), max_epochs=1, n_validation_eras=4)
    for weight in (ERAS > 36, ERAS > 28):  # held out, or left out by the embargo
        with pytest.raises(ValueError, match="weight of the 28 training eras are zero"):
            model.fit(X, Y, sample_weight=weight.astype(float))
    assert not hasattr(model, "module_")


@pytest.mark.parametrize(
    "model",
    [
        MLPRegressor((8,), monitor="loss", max_epochs=1),
        DenoisingAutoencoder((8,), n_validation_eras=4, max_epochs=1),
        ConvAutoencoderRegressor(1, pretrain_epochs=1, max_epochs=1),
    ],
    ids=lambda model: type(model).__name__,
)
def test_held_out_weights_of_zero_stopped_at_the_first_epoch(model):
    weight = (ERAS <= 36).astype(float)
    with pytest.raises(ValueError, match="4 held-out eras are zero, so early stopping"):
        model.fit(X, Y, sample_weight=weight)
    if isinstance(model, MLPRegressor):
        model.set_params(monitor="corr").fit(X, Y, sample_weight=weight)
    model.set_params(n_validation_eras=0).fit(X, Y, sample_weight=weight)
