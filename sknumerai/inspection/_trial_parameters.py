"""Values of one parameter in the trials of a search, and how they go with scores."""

# SPDX-License-Identifier: BSD-3-Clause

import math
from numbers import Real

import numpy as np
import pandas as pd
from scipy.stats import rankdata

# Trials that are complete, below which nothing is said of parameters.
_ENOUGH = 10
# Parts into which the values of a parameter are cut.
_PARTS = 5
# Ratio of the largest to the smallest value from which a scale is logarithmic.
_WIDE = 100


def is_known(column):
    """Which trials have the parameter. None is a value."""
    return np.array(
        [not (isinstance(v, float) and math.isnan(v)) for v in column], bool
    )


def is_numeric(column):
    """Whether all values that are there are numbers."""
    known = column[is_known(column)]
    return len(known) > 0 and all(
        isinstance(v, Real) and not isinstance(v, bool | np.bool_) for v in known
    )


def is_wide(places):
    """Whether values differ so much that their scale is a logarithmic one."""
    known = places[np.isfinite(places)]
    return len(known) > 0 and known.min() > 0 and known.max() >= _WIDE * known.min()


def n_different(column):
    """Count the values of a parameter, its lack being one."""
    known = is_known(column)
    return len({repr(value) for value in column[known]}) + bool((~known).any())


def association(column, values):
    """Compute which share of the variance of ranks fifths or categories explain.

    Parameters
    ----------
    column : Series
        The parameter in trials that are complete, NaN where a trial has none.

    values : ndarray of shape (n_trials,)
        What was optimized.

    Returns
    -------
    share : float
        Epsilon squared, at least 0. NaN of fewer than ten trials.
    """
    known = is_known(column)
    if known.sum() < _ENOUGH:
        return np.nan
    column, values = column[known], values[known]
    if is_numeric(column):
        places = rankdata(column.to_numpy(dtype=np.float64), "average")
        part = np.ceil(places * _PARTS / len(places)).astype(int)
    else:
        part = pd.factorize(np.array([str(value) for value in column]))[0]
    ranks = rankdata(values)
    _, part, sizes = np.unique(part, return_inverse=True, return_counts=True)
    total = np.square(ranks - ranks.mean()).sum()
    n, k = len(ranks), len(sizes)
    if total == 0 or k == 1 or n <= k:
        return 0.0
    means = np.bincount(part, ranks) / sizes
    within = np.square(ranks - means[part]).sum()
    # epsilon squared: of pure chance it is 0 in the mean
    return float(max(0.0, 1 - within / (n - k) * (n - 1) / total))
