"""Networks as scikit-learn estimators."""

from sknumerai.neural_network._context_aware import ContextAwareRanker
from sknumerai.neural_network._conv_autoencoder import ConvAutoencoderRegressor
from sknumerai.neural_network._conv_selu_classifier import ConvSELUClassifier
from sknumerai.neural_network._conv_selu_regressor import ConvSELURegressor
from sknumerai.neural_network._denoising_autoencoder import DenoisingAutoencoder
from sknumerai.neural_network._era_scoring import EraScoring
from sknumerai.neural_network._learning_curve_plot import LearningCurvePlot
from sknumerai.neural_network._mlp import MLPRegressor
from sknumerai.neural_network._neural_net import NeuralNetRegressor
from sknumerai.neural_network._neutralized_mlp import NeutralizedMLPRegressor
from sknumerai.neural_network._supervised_autoencoder import (
    SupervisedAutoencoderRegressor,
)
from sknumerai.neural_network._tabm import TabMRegressor

__all__ = [
    "ContextAwareRanker",
    "ConvAutoencoderRegressor",
    "ConvSELUClassifier",
    "ConvSELURegressor",
    "DenoisingAutoencoder",
    "EraScoring",
    "LearningCurvePlot",
    "MLPRegressor",
    "NeuralNetRegressor",
    "NeutralizedMLPRegressor",
    "SupervisedAutoencoderRegressor",
    "TabMRegressor",
]
