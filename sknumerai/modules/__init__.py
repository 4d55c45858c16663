"""Networks for torch: tensors in, tensors out.

Modules take and give float32 tensors and know nothing of training, devices or data. All
can be rebuilt from their class, their constructor's arguments and ``state_dict()``, have
``reset_parameters()`` where there is something to learn, and are deterministic in
evaluation mode. Random numbers come from torch's global generators.
"""

# SPDX-License-Identifier: BSD-3-Clause

from sknumerai.modules._context_aware import ContextAwareEncoder
from sknumerai.modules._conv_autoencoder import ConvAutoencoder
from sknumerai.modules._conv_selu import ConvSELUNet
from sknumerai.modules._dense_autoencoder import DenseAutoencoder
from sknumerai.modules._mlp import MLP
from sknumerai.modules._neutralized_mlp import NeutralizedMLP
from sknumerai.modules._noise import (
    CoupledGaussianDropout,
    FeatureReversalNoise,
    GaussianNoise,
)
from sknumerai.modules._supervised_autoencoder import SupervisedAutoencoder
from sknumerai.modules._tabm import TabM

__all__ = [
    "MLP",
    "ContextAwareEncoder",
    "ConvAutoencoder",
    "ConvSELUNet",
    "CoupledGaussianDropout",
    "DenseAutoencoder",
    "FeatureReversalNoise",
    "GaussianNoise",
    "NeutralizedMLP",
    "SupervisedAutoencoder",
    "TabM",
]
