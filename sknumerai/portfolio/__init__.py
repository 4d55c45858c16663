"""Portfolios, contributions to them, and stakes."""

from sknumerai.portfolio._meta_portfolio_contribution import (
    meta_portfolio_contribution_score,
)
from sknumerai.portfolio._stake_simulator import StakeSimulator
from sknumerai.portfolio._stake_weighted_average import stake_weighted_average

__all__ = [
    "StakeSimulator",
    "meta_portfolio_contribution_score",
    "stake_weighted_average",
]
