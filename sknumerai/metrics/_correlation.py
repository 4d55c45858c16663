"""Correlations of predictions with the target."""

# SPDX-License-Identifier: BSD-3-Clause

from functools import partial
from numbers import Integral

import numpy as np

from sknumerai.metrics._by_era import score_by_era
from sknumerai.utils import (
    average_ranks,
    pearson_correlation,
    signed_power,
    unit_columns,
)


def numerai_corr_score(
    y_true,
    y_pred,
    *,
    groups=None,
    aggregate="mean",
    top_bottom=None,
    target_pow15=True,
):
    """Compute Numerai's correlation (CORR) of predictions with the target.

    In each era the predictions are ranked with ties kept, made Gaussian and raised to
    the power 1.5, the target is centered and raised to the power 1.5, and Pearson's
    correlation is taken of the two. The power weights the tails, where a portfolio
    trades. The best value is 1; real models have means of 0.01 to 0.03.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Targets. Rows whose target is NaN (not resolved) are left out, up to a fifth of
        an era; eras without any target have no score.

    y_pred : array-like of shape (n_samples,) or (n_samples, n_models)
        Predictions, on any scale. The columns are models. Rows whose prediction is NaN
        are left out for that model alone, up to a fifth of an era; with more it has no
        score there, NaN.

    groups : array-like of shape (n_samples,), default=None
        Era of each row. By default the index level "era" of y_true or y_pred; where
        there is none, all rows are one era.

    aggregate : str, callable or None, default="mean"
        How the scores of eras become one: "mean", "median", "std", "min" or "worst",
        "max", "mean_plus_worst", "sharpe", "adjusted_sharpe", "smart_sharpe",
        "max_drawdown", "longest_losing_run", "positive_share", "autocorrelation", or a
        callable of one model's scores. None: no aggregate, the scores of all eras.

    top_bottom : int, default=None
        Correlate over only so many rows with the highest predictions and as many with
        the lowest. Ranks are taken over all rows.

    target_pow15 : bool, default=True
        Whether the centered target is raised to the power 1.5 too. False for returns,
        whose tails are heavy as they are.

    Returns
    -------
    score : float, Series or DataFrame
        Float for one model, Series of shape (n_models,) for many. With
        ``aggregate=None`` the rows are eras in the order of their numbers: Series for
        one model, DataFrame with y_pred's columns for many. NaN, as in the reference,
        for an era in which the predictions or the targets are all the same, a single
        row among them; aggregates by name are then NaN too, callables may leave such
        eras out.

    Raises
    ------
    ValueError
        If the inputs do not fit each other, a prediction is infinite, more than a
        fifth of an era's targets (but not all) are missing, or an era has fewer than
        ``2 * top_bottom`` rows.

    See Also
    --------
    spearman_score : Spearman's rank correlation.
    score_summary : Mean, Sharpe ratio, drawdown and more at once.

    Notes
    -----
    At the borders of `top_bottom`, rows of equal predictions are taken in the order of
    their labels, as the reference does, and without an index as they come.

    References
    ----------
    Numerai, numerai-tools: ``numerai_tools.scoring.numerai_corr``. Numerai's
    documentation, "Correlation (CORR)".

    Examples
    --------
    >>> from sknumerai.metrics import numerai_corr_score
    >>> y_true, y_pred = [0, 0.5, 1, 0.5], [0.1, 0.3, 0.4, 0.2]
    >>> round(numerai_corr_score(y_true, y_pred), 3)
    0.99
    >>> y_true, y_pred = y_true * 2, y_pred + [2, 4, 3, 1]
    >>> eras = [1, 1, 1, 1, 2, 2, 2, 2]
    >>> numerai_corr_score(y_true, y_pred, groups=eras, aggregate=None).round(3)
    era
    1    0.990
    2    0.144
    dtype: float64
    """
    caller = "numerai_corr_score"
    check_top_bottom(top_bottom, caller)
    return score_by_era(
        partial(
            corr_of, top_bottom=top_bottom, target_pow15=target_pow15, caller=caller
        ),
        y_true,
        y_pred,
        groups=groups,
        aggregate=aggregate,
        by_label=top_bottom is not None,
        caller=caller,
    )


def spearman_score(y_true, y_pred, *, groups=None, aggregate="mean"):
    """Compute Spearman's rank correlation of predictions with the target, by era.

    Ties are kept on both sides. The best value is 1.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Targets. Rows whose target is NaN (not resolved) are left out, up to a fifth of
        an era; eras without any target have no score.

    y_pred : array-like of shape (n_samples,) or (n_samples, n_models)
        Predictions, NaN where missing, see :func:`numerai_corr_score`. The columns are
        models.

    groups : array-like of shape (n_samples,), default=None
        Era of each row. By default the index level "era" of y_true or y_pred; where
        there is none, all rows are one era.

    aggregate : str, callable or None, default="mean"
        How the scores of eras become one, see :func:`numerai_corr_score`.

    Returns
    -------
    score : float, Series or DataFrame
        As :func:`numerai_corr_score` returns it. NaN for an era in which the
        predictions or the targets are all the same.

    Raises
    ------
    ValueError
        If the inputs do not fit each other, a prediction is infinite, or more than a
        fifth of an era's targets, but not all, are missing.

    See Also
    --------
    numerai_corr_score : The tournament's score.
    scipy.stats.spearmanr : The same for one era, with a p-value.

    Examples
    --------
    >>> from sknumerai.metrics import spearman_score
    >>> round(spearman_score([0, 0.5, 1, 0.5], [0.1, 0.3, 0.4, 0.2]), 3)
    0.949
    """
    return score_by_era(
        spearman_of,
        y_true,
        y_pred,
        groups=groups,
        aggregate=aggregate,
        caller="spearman_score",
    )


def legacy_corr_score(y_true, y_pred, *, groups=None, aggregate="mean"):
    """Compute the tournament's correlation of 2019 to 2022, by era.

    Pearson's correlation of the ranked predictions, ties broken by the labels of rows,
    with the target. The best value is below 1. Old models were built for it; it is not
    quite Spearman's correlation, which keeps ties and ranks the target too.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Targets. Rows whose target is NaN (not resolved) are left out, up to a fifth of
        an era; eras without any target have no score.

    y_pred : array-like of shape (n_samples,) or (n_samples, n_models)
        Predictions, NaN where missing, see :func:`numerai_corr_score`. The columns are
        models. Among equal predictions the row whose label comes first ranks lower, or
        the row that comes first where there are no labels.

    groups : array-like of shape (n_samples,), default=None
        Era of each row. By default the index level "era" of y_true or y_pred; where
        there is none, all rows are one era.

    aggregate : str, callable or None, default="mean"
        How the scores of eras become one, see :func:`numerai_corr_score`.

    Returns
    -------
    score : float, Series or DataFrame
        As :func:`numerai_corr_score` returns it. NaN for an era in which the targets
        are all the same.

    Raises
    ------
    ValueError
        If the inputs do not fit each other, a prediction is infinite, or more than a
        fifth of an era's targets, but not all, are missing.

    See Also
    --------
    numerai_corr_score : The tournament's score today.

    References
    ----------
    Numerai, numerai-tools: ``numerai_tools.scoring.tie_broken_rank_correlation``.

    Examples
    --------
    >>> from sknumerai.metrics import legacy_corr_score
    >>> round(legacy_corr_score([0, 0.5, 1, 0.5], [0.1, 0.3, 0.4, 0.2]), 3)
    0.949
    """
    return score_by_era(
        legacy_corr_of,
        y_true,
        y_pred,
        groups=groups,
        aggregate=aggregate,
        by_label=True,
        caller="legacy_corr_score",
    )


def corr_of(
    target,
    pred,
    *,
    top_bottom=None,
    target_pow15=True,
    caller="numerai_corr_score",
):
    """CORR of one era: a target (n,) and RankedColumns of m models to (m,)."""
    target = centered(target, pred.target_mean)
    if target_pow15:
        target = signed_power(target, 1.5)
    if top_bottom is None:
        return rank_correlation(target, pred, 1.5)
    return top_bottom_correlation(target, pred.gaussian(1.5), top_bottom, caller)


def spearman_of(target, pred):
    """Spearman's correlation of one era: (n,) and RankedColumns to (m,)."""
    return rank_correlation(average_ranks(target), pred, "rank")


def legacy_corr_of(target, pred):
    """Correlation of one era with ties broken: (n,) and RankedColumns to (m,)."""
    n = len(target)
    ranks = np.arange(n) - 0.5 * (n - 1)
    return unit_columns(target)[pred.order] @ unit_columns(ranks)


def rank_correlation(vector, pred, transform):
    """Pearson's correlation of a vector with transformed ranks: (m,)."""
    total, squares = pred.moments(transform)
    variance = squares - total**2 / max(len(vector), 1)
    with np.errstate(all="ignore"):
        # all equal, as are the ranks of one row: no correlation
        scale = np.where(variance > 0, 1 / np.sqrt(variance), np.nan)
    return pred.products(unit_columns(vector), transform) * scale


def top_bottom_correlation(target, scores, top_bottom, caller):
    """Pearson's correlation over the highest and lowest of each column of scores."""
    ends = top_bottom_rows(scores, top_bottom, caller)
    return np.array(
        [
            pearson_correlation(scores[rows, j], target[rows])
            for j, rows in enumerate(ends.T)
        ]
    )


def top_bottom_rows(scores, top_bottom, caller):
    """Rows of the lowest and highest of each column, in rising order: (2 k, m)."""
    if len(scores) < 2 * top_bottom:
        raise ValueError(
            f"{caller}: an era has {len(scores)} rows, fewer than top_bottom="
            f"{top_bottom} at either end ({2 * top_bottom}). Use a smaller top_bottom."
        )
    order = np.argsort(scores, axis=0, kind="stable")
    return np.concatenate([order[:top_bottom], order[-top_bottom:]])


def check_top_bottom(top_bottom, caller):
    """Raise if `top_bottom` is neither None nor a number of rows."""
    if top_bottom is not None and not (
        isinstance(top_bottom, Integral)
        and not isinstance(top_bottom, bool | np.bool_)
        and top_bottom >= 1
    ):
        raise ValueError(
            f"{caller}: top_bottom must be an integer of at least 1 or None. Got "
            f"{top_bottom!r} instead."
        )


def centered(vector, mean=None):
    """The vector less its mean; exactly zero where all values are the same."""
    if len(vector) and (vector == vector[0]).all():
        return np.zeros(len(vector))
    return vector - (vector.mean() if mean is None else mean)
