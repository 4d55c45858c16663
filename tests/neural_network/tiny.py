"""Every public network at a size that fits in a blink, and data for it."""

import numpy as np
import torch

from sknumerai.datasets import make_numerai
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

_CONV = {"conv_channels": (2,), "kernel_sizes": (3,), "dense_features": (4,)}
SIZES = {
    ContextAwareRanker: {"d_hidden": 4, "n_heads": 2, "dropout": 0.0},
    ConvAutoencoderRegressor: {"n_channels": 1, "head_features": (4,)},
    ConvSELUClassifier: {**_CONV, "alpha_dropout": 0.0},
    ConvSELURegressor: {**_CONV, "alpha_dropout": 0.0},
    DenoisingAutoencoder: {"hidden_units": (4, 2), "n_noise_rounds": 1},
    MLPRegressor: {"hidden_features": (8,)},
    NeuralNetRegressor: {"module": torch.nn.Linear},
    NeutralizedMLPRegressor: {
        "hidden_features": (8,),
        "neutralizers": [0, 1],
        "dropout": 0.0,
    },
    SupervisedAutoencoderRegressor: {
        "hidden_units": (4, 4, 8),
        "dropouts": 0.0,
        "noise_std": 0.0,
        "batch_norm": False,
    },
    TabMRegressor: {"hidden_features": (8,), "k": 3, "dropout": 0.0},
}
REGRESSORS = [
    Network
    for Network in SIZES
    if Network not in (ConvSELUClassifier, DenoisingAutoencoder)
]
BUNCH = make_numerai(n_eras=12, n_samples_per_era=40, random_state=0)
X, Y, META = BUNCH.data, BUNCH.target, BUNCH.meta_model


def tiny(Network, **params):
    """Return an instance that trains one epoch, nothing held out."""
    common = {"max_epochs": 1, "n_validation_eras": 0, "random_state": 0}
    return Network(**{**SIZES[Network], **common, **params})


def target_for(Network):
    """Return a target that a network takes."""
    return Y > 0.5 if Network is ConvSELUClassifier else Y


def output(model):
    """Return what a fitted network says of the rows, as an array."""
    for method in ("predict_proba", "predict", "transform"):
        if hasattr(model, method):
            return np.asarray(getattr(model, method)(X))
