"""Networks as scikit-learn estimators."""

from sknumerai.neural_network._mlp import MLPRegressor
from sknumerai.neural_network._neural_net import NeuralNetRegressor
from sknumerai.neural_network._supervised_autoencoder import (
    SupervisedAutoencoderRegressor,
)
from sknumerai.neural_network._tabm import TabMRegressor

__all__ = [
    "MLPRegressor",
    "NeuralNetRegressor",
    "SupervisedAutoencoderRegressor",
    "TabMRegressor",
]
