"""Splits that keep eras whole, and evaluation without leaks and copies."""

from sknumerai.model_selection._combinatorial_k_fold import (
    CombinatorialPurgedGroupKFold,
)
from sknumerai.model_selection._embargo import embargo_for
from sknumerai.model_selection._era_cross_val_predict import era_cross_val_predict
from sknumerai.model_selection._era_cross_validate import era_cross_validate
from sknumerai.model_selection._leakage import check_leakage
from sknumerai.model_selection._purged_k_fold import PurgedGroupKFold
from sknumerai.model_selection._search import OptunaSearchRegressor
from sknumerai.model_selection._split_table import split_table
from sknumerai.model_selection._stratified_sample import era_stratified_sample
from sknumerai.model_selection._time_series_split import GroupTimeSeriesSplit
from sknumerai.model_selection._warm_start import go_on
from sknumerai.model_selection._warm_start_walk_forward import WarmStartWalkForward

__all__ = [
    "CombinatorialPurgedGroupKFold",
    "GroupTimeSeriesSplit",
    "OptunaSearchRegressor",
    "PurgedGroupKFold",
    "WarmStartWalkForward",
    "check_leakage",
    "embargo_for",
    "era_cross_val_predict",
    "era_cross_validate",
    "era_stratified_sample",
    "go_on",
    "split_table",
]
