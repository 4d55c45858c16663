"""Alpha, and the portfolio weights that it and turnover are taken of."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

from sknumerai.metrics._by_era import score_by_era
from sknumerai.metrics._correlation import centered
from sknumerai.metrics._cuts import MAX_MISSING
from sknumerai.metrics._inputs import check_no_infinity
from sknumerai.metrics._sides import Side, check_not_pooled, present_in_all
from sknumerai.utils import (
    check_eras,
    gaussian_ranks,
    one_era,
    row_index,
    same_rows,
    signed_power,
)
from sknumerai.utils._frames import like


def alpha_score(
    y_true,
    y_pred,
    neutralizers,
    sample_weight,
    *,
    groups=None,
    aggregate="mean",
    min_coverage=1.0,
):
    """Compute the return of the neutralized portfolio of predictions (Alpha), by era.

    In each era the predictions are ranked with ties kept, made Gaussian and raised to
    the power 1.5, made neutral to the neutralizers under the sample weights, and
    weighed by the sample weights: the portfolio. Alpha is the mean product of its
    weights with the centered target. It is a score of Numerai Signals. More is better;
    its unit is that of the target, usually a return.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Targets. Rows whose target is NaN (not resolved) are left out, up to a fifth of
        an era; eras without any target have no score.

    y_pred : array-like of shape (n_samples,) or (n_samples, n_models)
        Predictions, on any scale, NaN where missing. The columns are models.

    neutralizers : array-like of shape (n_samples, n_neutralizers)
        Finite columns N to be neutral to. The formula takes them as orthonormal under
        the sample weights v, that is ``N' diag(v) N = 1`` in each era, as Numerai gives
        them out. A DataFrame is matched by its index.

    sample_weight : array-like of shape (n_samples,)
        Finite weights v of the stocks, as Numerai gives them out. A Series is matched
        by its index.

    groups : array-like of shape (n_samples,), default=None
        Era of each row. By default the index level "era" of y_true or y_pred; where
        there is none, all rows are one era.

    aggregate : str, callable or None, default="mean"
        How the scores of eras become one, see :func:`numerai_corr_score`.

    min_coverage : float, default=1.0
        Share of the scored eras that `neutralizers` and `sample_weight` must cover, see
        :func:`mmc_score`.

    Returns
    -------
    score : float, Series or DataFrame
        As :func:`numerai_corr_score` returns it. As in the reference, 0 for an era in
        which the predictions are all the same.

    Raises
    ------
    ValueError
        If the inputs do not fit each other, fewer eras are covered than `min_coverage`
        says, a neutralizer or weight is not finite, a prediction is infinite, or more
        than a fifth of an era's targets, but not all, are missing.

    See Also
    --------
    neutralized_weights : The weights of the portfolio.
    turnover_score : How much of it is traded from era to era.

    Notes
    -----
    Ranks are those of the rows that have all that is needed.

    References
    ----------
    Numerai, numerai-tools: ``numerai_tools.scoring.alpha``.

    Examples
    --------
    >>> from sknumerai.metrics import alpha_score
    >>> y_true, y_pred = [-0.01, 0.0, 0.03, 0.02], [0.1, 0.3, 0.4, 0.2]
    >>> market = [[0.5], [0.5], [0.5], [0.5]]
    >>> round(alpha_score(y_true, y_pred, market, [1, 1, 1, 1]), 4)
    0.0114
    """

    _check_weight(sample_weight, "alpha_score")
    return score_by_era(
        alpha_of,
        y_true,
        y_pred,
        sides={"neutralizers": neutralizers, "sample_weight": sample_weight},
        groups=groups,
        aggregate=aggregate,
        min_coverage=min_coverage,
        caller="alpha_score",
    )


def neutralized_weights(
    y_pred, neutralizers, sample_weight, *, groups=None, normalize=False
):
    """Make the portfolio weights of predictions that Alpha is computed of.

    Parameters
    ----------
    y_pred : array-like of shape (n_samples,) or (n_samples, n_models)
        Predictions, on any scale, NaN where missing. The columns are models.

    neutralizers : array-like of shape (n_samples, n_neutralizers)
        Finite columns to be neutral to, orthonormal under the sample weights in each
        era. A DataFrame is matched by its index.

    sample_weight : array-like of shape (n_samples,)
        Finite weights of the stocks. A Series is matched by its index.

    groups : array-like of shape (n_samples,), default=None
        Era of each row. By default the index level "era" of y_pred; where there is
        none, all rows are one era.

    normalize : bool, default=False
        Whether each era's weights are centered and divided by the sum of their sizes,
        as they are for turnover: they then sum to 0, and their sizes to 1.

    Returns
    -------
    weights : ndarray, Series or DataFrame of the shape of `y_pred`
        Portfolio weights, with the index of `y_pred`, NaN where a prediction is missing
        or a row has no neutralizers or sample weight. Predictions that are the same for
        a whole era have weights 0, and with `normalize` NaN.

    Raises
    ------
    ValueError
        If the inputs do not fit each other, more than a fifth of an era's rows have no
        neutralizers or sample weight, a neutralizer or weight is not finite, or a
        prediction is infinite.

    See Also
    --------
    alpha_score : Their return.
    turnover_score : How much of them is traded from era to era.

    References
    ----------
    Numerai, numerai-tools: ``numerai_tools.scoring.generate_neutralized_weights``.

    Examples
    --------
    >>> from sknumerai.metrics import neutralized_weights
    >>> market = [[0.5], [0.5], [0.5], [0.5]]
    >>> weights = neutralized_weights(
    ...     [0.1, 0.3, 0.4, 0.2], market, [1, 1, 1, 1], normalize=True
    ... )
    >>> weights.round(3)
    array([-0.436,  0.064,  0.436, -0.064])
    """
    caller = "neutralized_weights"
    _check_weight(sample_weight, caller)
    pred = check_no_infinity(y_pred, caller)[0].astype(np.float64)
    n_samples = len(pred)
    index = row_index(None, y_pred)
    sides = [
        Side("neutralizers", neutralizers, index, n_samples, caller),
        Side("sample_weight", sample_weight, index, n_samples, caller),
    ]
    for side in sides:
        check_not_pooled(side, (groups, y_pred), caller)
    # live rows are what tomorrow's portfolio is made of
    eras = check_eras(
        groups,
        y_pred,
        n_samples=n_samples,
        allow_live=True,
        names=("y_pred",),
        caller=caller,
    )
    eras = one_era(n_samples) if eras is None else eras
    out = np.full(pred.shape, np.nan)
    for label, rows in zip(eras.labels, eras.rows()):
        rows = _covered_rows(label, np.arange(n_samples)[rows], sides, caller)
        N, v = (side.take(rows) for side in sides)
        for known, columns in same_rows(pred[rows]):
            scores = signed_power(
                gaussian_ranks(pred[np.ix_(rows[known], columns)]), 1.5
            )
            weights = _weights(scores, N[known], v[known])
            if normalize:
                weights -= weights.mean(axis=0)
                size = np.abs(weights).sum(axis=0)
                constant = (scores == scores[:1]).all(axis=0) | (size == 0)
                weights /= np.where(constant, np.nan, size)
            out[np.ix_(rows[known], columns)] = weights
    return like(y_pred, out)


def alpha_of(target, pred, neutralizers, sample_weight):
    """Alpha of one era: a target (n,), RankedColumns of m models and side inputs."""
    weights = _weights(pred.gaussian(1.5), neutralizers, sample_weight)
    return centered(target, pred.target_mean) @ weights / len(target)


def _weights(scores, neutralizers, sample_weight):
    """Portfolio weights of one era: (n, m), (n, k) and (n,) to (n, m)."""
    N = neutralizers.reshape(len(neutralizers), -1).astype(np.float64, copy=False)
    v = sample_weight.reshape(-1, 1)
    return (scores - N @ (N.T @ (v * scores))) * v


def _covered_rows(label, rows, sides, caller):
    mask = present_in_all(sides, rows)
    if mask is None:
        return rows
    if mask.mean() < 1 - MAX_MISSING:
        raise ValueError(
            f"{caller}: {int(mask.sum())} of {len(rows)} rows of era {label} have "
            f"neutralizers and a sample weight, fewer than {1 - MAX_MISSING:.0%}. Pass "
            "those of the era's full universe."
        )
    return rows[mask]


def _check_weight(sample_weight, caller):
    shape = np.shape(sample_weight)
    if len(shape) == 2 and shape[1] != 1:
        raise ValueError(
            f"{caller}: sample_weight must have shape (n_samples,). Got {shape}."
        )
