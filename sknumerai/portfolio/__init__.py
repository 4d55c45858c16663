"""Portfolios, contributions to them, and stakes."""

# SPDX-License-Identifier: BSD-3-Clause

from sknumerai.portfolio._decile_positions import decile_positions
from sknumerai.portfolio._differentiable_portfolio import DifferentiablePortfolio
from sknumerai.portfolio._meta_portfolio_contribution import (
    meta_portfolio_contribution_score,
)
from sknumerai.portfolio._portfolio_optimizer import PortfolioOptimizer
from sknumerai.portfolio._portfolio_return import portfolio_return_score
from sknumerai.portfolio._portfolio_return_loss import PortfolioReturnLoss
from sknumerai.portfolio._stake_simulator import StakeSimulator
from sknumerai.portfolio._stake_weighted_average import stake_weighted_average

__all__ = [
    "DifferentiablePortfolio",
    "PortfolioOptimizer",
    "PortfolioReturnLoss",
    "StakeSimulator",
    "decile_positions",
    "meta_portfolio_contribution_score",
    "portfolio_return_score",
    "stake_weighted_average",
]
