"""Estimators made of estimators."""

# SPDX-License-Identifier: BSD-3-Clause

from sknumerai.ensemble._neutralized_regressor import NeutralizedRegressor
from sknumerai.ensemble._residual_target_regressor import ResidualTargetRegressor

__all__ = [
    "NeutralizedRegressor",
    "ResidualTargetRegressor",
]
