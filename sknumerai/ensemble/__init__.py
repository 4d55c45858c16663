"""Estimators made of estimators."""

# SPDX-License-Identifier: BSD-3-Clause

from sknumerai.ensemble._ensemble_selection_regressor import (
    EnsembleSelectionRegressor,
)
from sknumerai.ensemble._era_boosting_regressor import EraBoostingRegressor
from sknumerai.ensemble._era_ensemble_regressor import EraEnsembleRegressor
from sknumerai.ensemble._fold_averaging_regressor import FoldAveragingRegressor
from sknumerai.ensemble._multi_target_regressor import MultiTargetRegressor
from sknumerai.ensemble._neutralized_regressor import NeutralizedRegressor
from sknumerai.ensemble._rank_averaging_regressor import RankAveragingRegressor
from sknumerai.ensemble._residual_target_regressor import ResidualTargetRegressor
from sknumerai.ensemble._seed_averaging_regressor import SeedAveragingRegressor
from sknumerai.ensemble._select_ensemble import select_ensemble

__all__ = [
    "EnsembleSelectionRegressor",
    "EraBoostingRegressor",
    "EraEnsembleRegressor",
    "FoldAveragingRegressor",
    "MultiTargetRegressor",
    "NeutralizedRegressor",
    "RankAveragingRegressor",
    "ResidualTargetRegressor",
    "SeedAveragingRegressor",
    "select_ensemble",
]
