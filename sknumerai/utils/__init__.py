"""The era look-up, ranks and linear algebra that every subpackage shares."""

from sknumerai.utils._eras import (
    ERA_LEVEL,
    LIVE_ERA,
    Eras,
    check_eras,
    era_numbers,
    one_era,
    refuse_era_column,
)
from sknumerai.utils._optional import import_optional

__all__ = [
    "ERA_LEVEL",
    "LIVE_ERA",
    "Eras",
    "check_eras",
    "era_numbers",
    "import_optional",
    "one_era",
    "refuse_era_column",
]
