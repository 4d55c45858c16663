"""Realized return of portfolios."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd

from sknumerai.metrics._aggregates import aggregate_scores, check_aggregate
from sknumerai.portfolio._era_inputs import check_matrix
from sknumerai.utils import ERA_LEVEL, as_numbers, check_eras, one_era


def portfolio_return_score(weights, returns, *, groups=None, aggregate="mean"):
    """Compute the realized return of portfolios, by era. More is better.

    The sum of the products of weights and returns of the stocks of an era.

    Parameters
    ----------
    weights : array-like of shape (n_samples,) or (n_samples, n_portfolios)
        Finite portfolio weights or positions.

    returns : array-like of shape (n_samples,)
        Realized returns of the stocks. NaN is allowed where no portfolio has a
        position, and in all rows of an era that is not resolved: it has no score.

    groups : array-like of shape (n_samples,), default=None
        Era of each row. By default the index level "era" of weights or returns; where
        there is none, all rows are one era.

    aggregate : str, callable or None, default="mean"
        How the returns of eras become one, see
        :func:`sknumerai.metrics.numerai_corr_score`; "sharpe" among others. None gives
        the returns of eras.

    Returns
    -------
    score : float, Series or DataFrame
        A float for one portfolio, a Series for several. With ``aggregate=None`` rows
        are eras in the order of their numbers, where there are eras.

    Raises
    ------
    ValueError
        If the inputs do not fit each other, a weight is not finite, a return is
        infinite, or the return of a position is missing.

    See Also
    --------
    PortfolioOptimizer : Makes weights.
    decile_positions : Makes positions.

    References
    ----------
    Sarfati, A. Context-aware learning to rank for stock selection, equation 1.

    Examples
    --------
    >>> from sknumerai.portfolio import portfolio_return_score
    >>> round(portfolio_return_score([0.5, 0.0, -0.5], [0.04, 0.01, -0.02]), 6)
    0.03
    """
    caller = "portfolio_return_score"
    check_aggregate(aggregate, caller)
    n = len(weights)
    eras = check_eras(
        groups,
        weights,
        returns,
        n_samples=n,
        names=("weights", "returns"),
        caller=caller,
    )
    W = check_matrix(weights, n, "weights", caller).astype(np.float64, copy=False)
    r = as_numbers(returns, "returns", caller).astype(np.float64)
    if r.shape not in ((n,), (n, 1)):
        raise ValueError(
            f"{caller}: returns must have shape ({n},), as many as weights. Got shape "
            f"{r.shape}."
        )
    r = r.reshape(n)
    if np.isinf(r).any():
        raise ValueError(f"{caller}: returns must not be infinite.")
    has_eras = eras is not None
    eras = eras if has_eras else one_era(n)
    labels, table = [], []
    for label, rows in zip(eras.labels, eras.rows()):
        w, y = W[rows], r[rows]
        missing = np.isnan(y)
        if missing.all():
            continue
        lost = int((w[missing] != 0).any(axis=1).sum())
        if lost:
            raise ValueError(
                f"{caller}: {lost} stocks of era {label} have a position and no "
                "return. Give their returns, or a weight of 0."
            )
        labels.append(label)
        table.append(np.where(missing, 0.0, y) @ w)
    if not labels:
        raise ValueError(f"{caller}: no era has any returns: all are NaN.")
    index = pd.Index(labels, name=ERA_LEVEL if has_eras else None)
    if isinstance(weights, pd.DataFrame):
        scores = pd.DataFrame(np.array(table), index=index, columns=weights.columns)
    elif W.shape[1] == 1 and np.ndim(weights) == 1:
        scores = pd.Series(np.array(table)[:, 0], index=index)
    else:
        scores = pd.DataFrame(np.array(table), index=index)
    if not has_eras:
        # one era: its return, whatever the aggregate
        one = scores.iloc[0]
        return float(one) if scores.ndim == 1 else one.rename(None)
    return aggregate_scores(scores, aggregate)
