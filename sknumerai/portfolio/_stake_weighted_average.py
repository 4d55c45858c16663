"""The stake-weighted meta model."""

# SPDX-License-Identifier: BSD-3-Clause

from numbers import Real

import numpy as np
import pandas as pd

from sknumerai.portfolio._stakes import StakeShares
from sknumerai.utils import (
    all_finite,
    as_numbers,
    check_eras,
    gaussian_ranks,
    normalized_ranks,
    one_era,
)

_RANKS = {None: None, "uniform": normalized_ranks, "gaussian": gaussian_ranks}


def stake_weighted_average(
    predictions, stakes, *, groups=None, ranks=None, fill_value=None
):
    """Average the predictions of models, weighted by their stakes.

    This is how Numerai makes its stake-weighted meta model. Only the proportions of the
    stakes matter, not their size.

    Parameters
    ----------
    predictions : array-like of shape (n_samples, n_models)
        Predictions, NaN where missing. The columns are models.

    stakes : array-like of shape (n_models,), dict or DataFrame
        Stake of each model, finite and not negative. A dict, or a Series, is matched
        with the columns of a DataFrame by name, and models that it leaves out have no
        stake. A DataFrame has eras as rows and models as columns.

    groups : array-like of shape (n_samples,), default=None
        Era of each row. By default the index level "era" of predictions; where there is
        none, all rows are one era. Live rows are allowed.

    ranks : {'uniform', 'gaussian'} or None, default=None
        What the predictions of each model and era are replaced with before they are
        averaged: ranks in (0, 1), or the normal quantiles of these, which is how
        Numerai prepares them. None: nothing, they are on one scale already.

    fill_value : float, default=None
        What stands for a missing prediction, after ranks are taken. None: a row is the
        mean of the models that have it. 0 is what numerai-tools does, and with Gaussian
        ranks it is the middle rank.

    Returns
    -------
    average : ndarray of shape (n_samples,) or Series
        The meta model, a Series with the index of a DataFrame. NaN in rows that no
        staked model has a prediction for, unless `fill_value` is given.

    Raises
    ------
    ValueError
        If a stake is negative, NaN, infinite, or of a model without predictions, all
        stakes of an era are 0, or a prediction is infinite.

    See Also
    --------
    meta_portfolio_contribution_score : What models add to the portfolio made of it.

    References
    ----------
    Numerai, numerai-tools: ``numerai_tools.scoring.stake_weight``.

    Examples
    --------
    >>> from sknumerai.portfolio import stake_weighted_average
    >>> predictions = [[0.1, 0.5], [0.4, 0.9], [0.8, float("nan")]]
    >>> stake_weighted_average(predictions, [30, 10])
    array([0.2  , 0.525, 0.8  ])
    """
    caller = "stake_weighted_average"
    if np.ndim(predictions) != 2 or np.shape(predictions)[1] == 0:
        raise ValueError(
            f"{caller}: predictions must have shape (n_samples, n_models). Got "
            f"{np.shape(predictions)}."
        )
    _check_options(ranks, fill_value, caller)
    values = as_numbers(predictions, "predictions", caller)
    if not all_finite(values) and np.isinf(values).any():
        raise ValueError(
            f"{caller}: {int(np.isinf(values).sum())} predictions are infinite."
        )
    shares = StakeShares(stakes, predictions, caller)
    eras = check_eras(
        groups,
        predictions,
        n_samples=len(values),
        allow_live=True,
        names=("predictions",),
        caller=caller,
    )
    eras = one_era(len(values)) if eras is None else eras
    out = np.empty(len(values))
    for label, rows in zip(eras.labels, eras.rows()):
        out[rows] = _average(values[rows], shares.of(label), _RANKS[ranks], fill_value)
    if isinstance(predictions, pd.DataFrame):
        return pd.Series(out, index=predictions.index, name=caller)
    return out


def _average(values, shares, rank, fill_value):
    """Average one era: (n, m) and shares (m,) to (n,)."""
    staked = shares > 0
    # gaps and extreme values of models without a stake do not matter
    values, shares = values[:, staked], shares[staked]
    values = values.astype(np.float64) if rank is None else rank(values)
    missing = np.isnan(values)
    if not missing.any():
        return values @ shares
    values[missing] = 0.0 if fill_value is None else fill_value
    average = values @ shares
    if fill_value is None:
        weight = ~missing @ shares
        some = (~missing).any(axis=1)
        average[some] /= weight[some]
        average[~some] = np.nan
    return average


def _check_options(ranks, fill_value, caller):
    if not (ranks is None or (isinstance(ranks, str) and ranks in _RANKS)):
        raise ValueError(
            f"{caller}: ranks must be 'uniform', 'gaussian' or None. Got {ranks!r}."
        )
    is_number = isinstance(fill_value, Real) and not isinstance(fill_value, bool)
    if fill_value is not None and not (is_number and np.isfinite(fill_value)):
        raise ValueError(
            f"{caller}: fill_value must be a finite number or None. Got {fill_value!r}."
        )
