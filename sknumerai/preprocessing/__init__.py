"""Transformers of features and predictions: scaling, ranks, neutralization, selection."""

# SPDX-License-Identifier: BSD-3-Clause

from sknumerai.preprocessing._correlation_cluster_selector import (
    CorrelationClusterSelector,
)
from sknumerai.preprocessing._era_quantile_scaler import EraQuantileScaler
from sknumerai.preprocessing._feature_group_statistics import FeatureGroupStatistics
from sknumerai.preprocessing._feature_neutralizer import FeatureNeutralizer
from sknumerai.preprocessing._feature_scaler import FeatureScaler
from sknumerai.preprocessing._gaussian_rank_scaler import GaussianRankScaler
from sknumerai.preprocessing._missing_code_transformer import MissingCodeTransformer
from sknumerai.preprocessing._neutralize import neutralize
from sknumerai.preprocessing._permutation_importance_selector import (
    PermutationImportanceSelector,
)
from sknumerai.preprocessing._reduce_exposure import reduce_exposure
from sknumerai.preprocessing._residualize_target import residualize_target
from sknumerai.preprocessing._stable_feature_selector import StableFeatureSelector

__all__ = [
    "CorrelationClusterSelector",
    "EraQuantileScaler",
    "FeatureGroupStatistics",
    "FeatureNeutralizer",
    "FeatureScaler",
    "GaussianRankScaler",
    "MissingCodeTransformer",
    "PermutationImportanceSelector",
    "StableFeatureSelector",
    "neutralize",
    "reduce_exposure",
    "residualize_target",
]
