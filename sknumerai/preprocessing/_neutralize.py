"""Neutralization: the least-squares fit by features, or a share of it, taken away."""

# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Mapping
from numbers import Integral, Real

import numpy as np
import pandas as pd

from sknumerai.preprocessing._feature_groups import positions_of_groups
from sknumerai.preprocessing._residuals import residual_function, residuals_of_top
from sknumerai.preprocessing._rows import each_era, read_columns
from sknumerai.utils import same_rows
from sknumerai.utils._frames import like


def neutralize(
    predictions,
    features,
    *,
    groups=None,
    proportion=1.0,
    fit_intercept=True,
    feature_groups=None,
    top_k=None,
    device=None,
    verbose=1,
):
    """Neutralize predictions to features, era by era.

    In each era the least-squares fit of the predictions by the features and a constant
    is subtracted, or a share of it. At ``proportion=1`` nothing of the predictions can
    be explained linearly by a feature any more: all exposures are 0. The features are
    factorized once for all columns of predictions and all proportions.

    Parameters
    ----------
    predictions : array-like of shape (n_samples,) or (n_samples, n_columns)
        What to neutralize, on its own scale, NaN where missing. Rows that are NaN stay
        so and are left out of the fit of their column.

    features : array-like of shape (n_samples, n_features)
        Finite numbers. A pandas object is matched by its index and may hold more rows.
        Integers of one byte are used as they are, era by era. Features that are the
        same for a whole era, as missing ones are, make no difference, and neither do
        features that follow from others.

    groups : array-like of shape (n_samples,), default=None
        Era of each row, live rows ("X") included. By default the index level "era" of
        `predictions` or `features`; where there is none, all rows are one era.

    proportion : float, list of float or dict, default=1.0
        Share of the fit to subtract, from 0 to 1. A list, a tuple or an array gives a
        dict with a result for each of them, at little more than the cost of one. With `feature_groups` a
        dict of a share for each group.

    fit_intercept : bool, default=True
        Whether a constant is fitted too, as Numerai's own tools do. What is left then
        has mean 0 in each era at ``proportion=1``.

    feature_groups : dict of str to list, default=None
        Names of features (positions, for an array) by group, such as
        ``load_feature_sets()`` gives. Predictions are neutralized to one group after
        the other, in this order; a later one may put back in part what one before has
        taken out. None: to all features at once.

    top_k : int, default=None
        Neutralize each column only to so many features, those which its exposure to is
        largest in the era. None: to all.

    device : str, default=None
        Torch device to compute on, for example "cuda". None computes with NumPy.

    verbose : int, default=1
        Whether a progress bar appears if it takes more than two seconds.

    Returns
    -------
    neutral : ndarray, Series, DataFrame or dict
        Like `predictions`, float64, with its index and names; with a list of
        proportions a dict from each of them to that. Nothing is scaled or ranked: the
        order within an era is what counts. A column that is constant in an era is its
        own fit, and what is left at ``proportion=1`` is 0, where the reference gives
        NaN.

    Raises
    ------
    ValueError
        If a proportion is outside [0, 1], rows do not fit each other, a feature is NaN
        or infinite, a prediction is infinite, or `feature_groups` names features that
        are not there.

    See Also
    --------
    FeatureNeutralizer : The same as a step of a pipeline.
    reduce_exposure : Takes away only what exceeds a limit.
    sknumerai.metrics.fnc_score : What is left of CORR after it.

    Notes
    -----
    Where an era has no more rows than features, nothing but rounding is left.

    References
    ----------
    Numerai, numerai-tools: ``numerai_tools.scoring.neutralize``.

    Examples
    --------
    >>> from sknumerai.preprocessing import neutralize
    >>> neutralize([1.0, 2.0, 4.0], [[0], [1], [2]]).round(3)
    array([ 0.167, -0.333,  0.167])
    >>> both = neutralize([1.0, 2.0, 4.0], [[0], [1], [2]], proportion=[0.5, 1.0])
    >>> both[0.5].round(3)
    array([0.583, 0.833, 2.083])
    """
    caller = "neutralize"
    if isinstance(proportion, np.ndarray | pd.Series | pd.Index):
        proportion = proportion.tolist()
    shares = check_proportion(proportion, feature_groups, caller)
    check_top_k(top_k, caller)
    values = read_columns(predictions, "predictions", caller)
    chosen = positions_of_groups(feature_groups, features, caller)
    names = "predictions", "features"
    eras = each_era(predictions, features, groups, names, caller, verbose=verbose)
    results = neutralize_eras(
        values,
        ((rows, F) for rows, F, _ in eras),
        shares,
        chosen,
        residuals=residual_function(device, caller),
        fit_intercept=fit_intercept,
        top_k=top_k,
    )
    results = {name: like(predictions, result) for name, result in results.items()}
    return results if isinstance(proportion, list | tuple) else results[None]


def neutralize_eras(values, eras, shares, chosen, *, residuals, fit_intercept, top_k):
    """Neutralize columns in each of some eras.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_columns)
        Float64, NaN where missing. Overwritten.

    eras : iterable of tuple
        Rows of an era, and their features of shape (n_rows, n_features).

    shares : dict of object to list of float
        As :func:`check_proportion` returns them.

    chosen : list of ndarray or None
        Positions of the features of each group, None for all.

    residuals : callable
        As :func:`residual_function` returns it.

    fit_intercept : bool
        Whether a constant is fitted too.

    top_k : int or None
        Number of features.

    Returns
    -------
    results : dict of object to ndarray of shape (n_samples, n_columns)
        By the keys of `shares`.
    """
    copies = [values, *(values.copy() for _ in range(len(shares) - 1))]
    for rows, F in eras:
        y = values[rows].copy()
        for known, columns in same_rows(y):
            part, F_known = y[:, columns][known], F if known.all() else F[known]
            neutral = _neutral(
                part, F_known, shares, chosen, residuals, fit_intercept, top_k
            )
            for out, one in zip(copies, neutral):
                era = out[rows]
                era[np.ix_(known, columns)] = one
                out[rows] = era
    return dict(zip(shares, copies))


def check_proportion(proportion, feature_groups, caller):
    """Check shares of the fit.

    Parameters
    ----------
    proportion : float, list of float or dict
        As the user gave it.

    feature_groups : dict or None
        Features by group.

    caller : str
        Name to begin error messages with.

    Returns
    -------
    shares : dict of object to list of float
        By the key of each result, None where there is but one: a share for each group.
    """
    n_groups = 1 if feature_groups is None else len(feature_groups)
    if isinstance(proportion, Mapping):
        if feature_groups is None or set(proportion) != set(feature_groups):
            has = None if feature_groups is None else list(feature_groups)
            raise ValueError(
                f"{caller}: a dict of proportions needs feature_groups of the same "
                f"names. Got proportions of {list(proportion)} and feature_groups "
                f"{has}."
            )
        shares = {None: [proportion[name] for name in feature_groups]}
    elif isinstance(proportion, list | tuple):
        if not proportion:
            raise ValueError(f"{caller}: proportion is an empty list.")
        shares = {share: [share] * n_groups for share in proportion}
    else:
        shares = {None: [proportion] * n_groups}
    for share in (share for line in shares.values() for share in line):
        if not (isinstance(share, Real) and 0 <= share <= 1):
            raise ValueError(
                f"{caller}: proportion must be from 0 (nothing is subtracted) to 1 "
                f"(the whole fit). Got {share!r}."
            )
    return shares


def check_top_k(top_k, caller):
    """Raise if `top_k` is no number of features."""
    if not (top_k is None or (isinstance(top_k, Integral) and top_k >= 1)):
        raise ValueError(
            f"{caller}: top_k must be a number of features, at least 1, or None for "
            f"all. Got {top_k!r}."
        )


def _neutral(y, F, shares, chosen, residuals, fit_intercept, top_k):
    """Neutral columns of one era for each result: (n, m) to (n_results, n, m)."""
    n, m = y.shape
    weights = np.array(list(shares.values()), dtype=np.float64)
    now = y[None]
    for at, share in zip(chosen, weights.T):
        # the results side by side: one factorization serves them all
        flat = now.transpose(1, 0, 2).reshape(n, -1)
        part = F if at is None else F[:, at]
        if top_k is not None and top_k < part.shape[1]:
            left = residuals_of_top(flat, part, top_k, residuals, fit_intercept)
        else:
            left = residuals(flat, part, fit_intercept=fit_intercept)
        left = left.reshape(n, -1, m).transpose(1, 0, 2)
        now = now + share[:, None, None] * (left - now)
    return now
