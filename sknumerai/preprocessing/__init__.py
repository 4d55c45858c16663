"""Transformers of features and predictions: scaling, ranks, neutralization, selection."""

# SPDX-License-Identifier: BSD-3-Clause

from sknumerai.preprocessing._feature_neutralizer import FeatureNeutralizer
from sknumerai.preprocessing._neutralize import neutralize
from sknumerai.preprocessing._reduce_exposure import reduce_exposure
from sknumerai.preprocessing._residualize_target import residualize_target

__all__ = [
    "FeatureNeutralizer",
    "neutralize",
    "reduce_exposure",
    "residualize_target",
]
