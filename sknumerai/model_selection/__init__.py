"""Splitters that keep eras whole and know how far targets reach."""

from sknumerai.model_selection._combinatorial_k_fold import (
    CombinatorialPurgedGroupKFold,
)
from sknumerai.model_selection._embargo import embargo_for
from sknumerai.model_selection._leakage import check_leakage
from sknumerai.model_selection._purged_k_fold import PurgedGroupKFold
from sknumerai.model_selection._split_table import split_table
from sknumerai.model_selection._time_series_split import GroupTimeSeriesSplit

__all__ = [
    "CombinatorialPurgedGroupKFold",
    "GroupTimeSeriesSplit",
    "PurgedGroupKFold",
    "check_leakage",
    "embargo_for",
    "split_table",
]
