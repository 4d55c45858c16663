"""Splitters that keep eras whole and know how far targets reach."""

from sknumerai.model_selection._embargo import embargo_for
from sknumerai.model_selection._time_series_split import GroupTimeSeriesSplit

__all__ = ["GroupTimeSeriesSplit", "embargo_for"]
