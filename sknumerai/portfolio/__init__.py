"""Portfolios, contributions to them, and stakes."""

# SPDX-License-Identifier: BSD-3-Clause

from sknumerai.portfolio._cvxpy_portfolio import CvxpyPortfolio
from sknumerai.portfolio._decile_positions import decile_positions
from sknumerai.portfolio._differentiable_portfolio import DifferentiablePortfolio
from sknumerai.portfolio._leave_one_out_contribution import (
    leave_one_out_contribution,
)
from sknumerai.portfolio._meta_portfolio_contribution import (
    meta_portfolio_contribution_score,
)
from sknumerai.portfolio._portfolio_optimizer import PortfolioOptimizer
from sknumerai.portfolio._portfolio_return import portfolio_return_score
from sknumerai.portfolio._portfolio_return_loss import PortfolioReturnLoss
from sknumerai.portfolio._stake_simulator import StakeSimulator
from sknumerai.portfolio._stake_weighted_average import stake_weighted_average
from sknumerai.portfolio._true_contribution import TrueContribution

__all__ = [
    "CvxpyPortfolio",
    "DifferentiablePortfolio",
    "PortfolioOptimizer",
    "PortfolioReturnLoss",
    "StakeSimulator",
    "TrueContribution",
    "decile_positions",
    "leave_one_out_contribution",
    "meta_portfolio_contribution_score",
    "portfolio_return_score",
    "stake_weighted_average",
]
