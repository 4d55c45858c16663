"""Scores of the tournament, era by era, their summaries and scorers."""

from sknumerai.metrics._by_era import era_scores
from sknumerai.metrics._contribution import bmc_score, mmc_score
from sknumerai.metrics._correlation import (
    legacy_corr_score,
    numerai_corr_score,
    spearman_score,
)
from sknumerai.metrics._payout_policy import PayoutPolicy
from sknumerai.metrics._scorers import (
    make_era_scorer,
    numerai_corr_scorer,
    numerai_sharpe_scorer,
    spearman_scorer,
)
from sknumerai.metrics._summary import (
    autocorrelation,
    max_drawdown,
    score_summary,
    sharpe_ratio,
)
from sknumerai.metrics._weights import target_magnitude_weight

__all__ = [
    "PayoutPolicy",
    "autocorrelation",
    "bmc_score",
    "era_scores",
    "legacy_corr_score",
    "make_era_scorer",
    "max_drawdown",
    "mmc_score",
    "numerai_corr_score",
    "numerai_corr_scorer",
    "numerai_sharpe_scorer",
    "score_summary",
    "sharpe_ratio",
    "spearman_score",
    "spearman_scorer",
    "target_magnitude_weight",
]
