"""Estimators made of estimators."""

# SPDX-License-Identifier: BSD-3-Clause

from sknumerai.ensemble._fold_averaging_regressor import FoldAveragingRegressor
from sknumerai.ensemble._neutralized_regressor import NeutralizedRegressor
from sknumerai.ensemble._rank_averaging_regressor import RankAveragingRegressor
from sknumerai.ensemble._residual_target_regressor import ResidualTargetRegressor
from sknumerai.ensemble._seed_averaging_regressor import SeedAveragingRegressor

__all__ = [
    "FoldAveragingRegressor",
    "NeutralizedRegressor",
    "RankAveragingRegressor",
    "ResidualTargetRegressor",
    "SeedAveragingRegressor",
]
