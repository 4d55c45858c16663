"""The era look-up, ranks and linear algebra that every subpackage shares."""

from sknumerai.utils._aligned_input import AlignedInput, row_index
from sknumerai.utils._eras import (
    ERA_LEVEL,
    LIVE_ERA,
    Eras,
    check_eras,
    era_numbers,
    has_eras,
    one_era,
    refuse_era_column,
)
from sknumerai.utils._file_map import file_of, map_file
from sknumerai.utils._fitted_eras import fitted_eras, warn_of_leakage
from sknumerai.utils._frames import with_index_of
from sknumerai.utils._horizon import model_horizon, target_horizon
from sknumerai.utils._least_squares import least_squares_residuals
from sknumerai.utils._linalg import (
    orthogonalize,
    pearson_correlation,
    unit_columns,
)
from sknumerai.utils._numbers import all_finite, as_numbers, same_rows
from sknumerai.utils._optional import import_optional
from sknumerai.utils._ordering import Scratch, stable_order
from sknumerai.utils._ranks import (
    average_ranks,
    era_gaussian_ranks,
    era_normalized_ranks,
    gaussian_ranks,
    normalized_ranks,
    signed_power,
)
from sknumerai.utils._whole_file import whole_file

__all__ = [
    "ERA_LEVEL",
    "LIVE_ERA",
    "AlignedInput",
    "Eras",
    "Scratch",
    "all_finite",
    "as_numbers",
    "average_ranks",
    "check_eras",
    "era_gaussian_ranks",
    "era_normalized_ranks",
    "era_numbers",
    "file_of",
    "fitted_eras",
    "gaussian_ranks",
    "has_eras",
    "import_optional",
    "least_squares_residuals",
    "map_file",
    "model_horizon",
    "normalized_ranks",
    "one_era",
    "orthogonalize",
    "pearson_correlation",
    "refuse_era_column",
    "row_index",
    "same_rows",
    "signed_power",
    "stable_order",
    "target_horizon",
    "unit_columns",
    "warn_of_leakage",
    "whole_file",
    "with_index_of",
]
