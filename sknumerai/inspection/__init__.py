"""What scores, networks and jobs are made of, as data and figures."""

# SPDX-License-Identifier: BSD-3-Clause

from sknumerai.inspection._contribution_display import ContributionDisplay
from sknumerai.inspection._correlation_display import CorrelationDisplay
from sknumerai.inspection._diagnostics_report import diagnostics_report
from sknumerai.inspection._distribution_display import DistributionDisplay
from sknumerai.inspection._era_scores_display import EraScoresDisplay
from sknumerai.inspection._explain_contribution import explain_contribution
from sknumerai.inspection._feature_exposure_display import FeatureExposureDisplay
from sknumerai.inspection._learning_curve_display import LearningCurveDisplay
from sknumerai.inspection._network_display import NetworkDisplay
from sknumerai.inspection._network_summary import network_summary
from sknumerai.inspection._noise_robustness import noise_robustness
from sknumerai.inspection._noise_robustness_display import NoiseRobustnessDisplay
from sknumerai.inspection._plan_job import plan_job
from sknumerai.inspection._report import DiagnosticsReport
from sknumerai.inspection._residuals_display import ResidualsDisplay
from sknumerai.inspection._search_history_display import SearchHistoryDisplay
from sknumerai.inspection._split_display import SplitDisplay
from sknumerai.inspection._universe_size_display import UniverseSizeDisplay
from sknumerai.inspection._weights_display import WeightsDisplay
from sknumerai.utils._network_summary import NetworkSummary

__all__ = [
    "ContributionDisplay",
    "CorrelationDisplay",
    "DiagnosticsReport",
    "DistributionDisplay",
    "EraScoresDisplay",
    "FeatureExposureDisplay",
    "LearningCurveDisplay",
    "NetworkDisplay",
    "NetworkSummary",
    "NoiseRobustnessDisplay",
    "ResidualsDisplay",
    "SearchHistoryDisplay",
    "SplitDisplay",
    "UniverseSizeDisplay",
    "WeightsDisplay",
    "diagnostics_report",
    "explain_contribution",
    "network_summary",
    "noise_robustness",
    "plan_job",
]
