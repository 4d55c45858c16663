"""Scores of the tournament, era by era, their summaries and scorers."""

from sknumerai.metrics._alpha import alpha_score, neutralized_weights
from sknumerai.metrics._blocks import effective_n_eras
from sknumerai.metrics._bootstrap import bootstrap_interval
from sknumerai.metrics._by_era import era_scores
from sknumerai.metrics._churn import churn_score, turnover_score
from sknumerai.metrics._comparison import compare_scores
from sknumerai.metrics._contribution import bmc_score, mmc_score
from sknumerai.metrics._correlation import (
    legacy_corr_score,
    numerai_corr_score,
    spearman_score,
)
from sknumerai.metrics._deflated import deflated_sharpe, probabilistic_sharpe
from sknumerai.metrics._dissimilarity import (
    exposure_dissimilarity,
    fnc_dissimilarity_score,
)
from sknumerai.metrics._exposure import (
    feature_exposures,
    max_feature_exposure,
    rms_feature_exposure,
)
from sknumerai.metrics._feature_neutral import fnc_score, legacy_fnc_score
from sknumerai.metrics._figures import (
    adjusted_sharpe,
    autocorrelation,
    longest_losing_run,
    max_drawdown,
    positive_share,
    sharpe_ratio,
    smart_sharpe,
)
from sknumerai.metrics._k_fold import k_fold_score
from sknumerai.metrics._neutral import neutral_contribution_score, neutral_corr_score
from sknumerai.metrics._neutral_churn import (
    neutral_churn_penalty,
    neutral_churn_score,
)
from sknumerai.metrics._payout import learn_payout_score, payout_score
from sknumerai.metrics._payout_policy import PayoutPolicy
from sknumerai.metrics._scorers import (
    make_era_scorer,
    numerai_corr_scorer,
    numerai_sharpe_scorer,
    spearman_scorer,
)
from sknumerai.metrics._scoring import numerai_scoring
from sknumerai.metrics._similarity import cwmm_score, prediction_correlation_score
from sknumerai.metrics._summary import score_summary
from sknumerai.metrics._weights import target_magnitude_weight

__all__ = [
    "PayoutPolicy",
    "adjusted_sharpe",
    "alpha_score",
    "autocorrelation",
    "bmc_score",
    "bootstrap_interval",
    "churn_score",
    "compare_scores",
    "cwmm_score",
    "deflated_sharpe",
    "effective_n_eras",
    "era_scores",
    "exposure_dissimilarity",
    "feature_exposures",
    "fnc_dissimilarity_score",
    "fnc_score",
    "k_fold_score",
    "learn_payout_score",
    "legacy_corr_score",
    "legacy_fnc_score",
    "longest_losing_run",
    "make_era_scorer",
    "max_drawdown",
    "max_feature_exposure",
    "mmc_score",
    "neutral_churn_penalty",
    "neutral_churn_score",
    "neutral_contribution_score",
    "neutral_corr_score",
    "neutralized_weights",
    "numerai_corr_score",
    "numerai_corr_scorer",
    "numerai_scoring",
    "numerai_sharpe_scorer",
    "payout_score",
    "positive_share",
    "prediction_correlation_score",
    "probabilistic_sharpe",
    "rms_feature_exposure",
    "score_summary",
    "sharpe_ratio",
    "smart_sharpe",
    "spearman_score",
    "spearman_scorer",
    "target_magnitude_weight",
    "turnover_score",
]
