"""How the scores of eras become one number for each model."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd

from sknumerai.metrics._figures import statistic_by_model
from sknumerai.metrics._statistics import AGGREGATES


def check_aggregate(aggregate, caller):
    """Raise if `aggregate` is neither a name, nor a callable, nor None."""
    is_name = isinstance(aggregate, str) and aggregate in AGGREGATES
    if not (aggregate is None or callable(aggregate) or is_name):
        raise ValueError(
            f"{caller}: aggregate must be one of {sorted(AGGREGATES)}, a callable of "
            f"one model's era scores, or None. Got {aggregate!r} instead."
        )


def aggregate_scores(scores, aggregate):
    """Aggregate the scores of a Series to a float, those of a DataFrame by column.

    Without an aggregate they stay as they are.
    """
    if aggregate is None:
        return scores
    if not callable(aggregate):
        return statistic_by_model(AGGREGATES[aggregate], scores)
    if isinstance(scores, pd.Series):
        return float(aggregate(scores))
    return scores.apply(aggregate).astype(np.float64)
