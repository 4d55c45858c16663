"""Correlation of predictions after a linear fit by features is taken away: FNC."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

from sknumerai.metrics._by_era import score_by_era
from sknumerai.metrics._correlation import check_top_bottom, corr_of, legacy_corr_of
from sknumerai.metrics._ranked import RankedColumns
from sknumerai.utils import least_squares_residuals

# A residual that is a smaller share of what was there is rounding: the features explain
# all of it.
NOTHING = 1e-10


def fnc_score(
    y_true,
    y_pred,
    features,
    *,
    groups=None,
    aggregate="mean",
    top_bottom=None,
    min_coverage=1.0,
    verbose=1,
):
    """Compute the feature-neutral correlation (FNC), by era.

    In each era the predictions are ranked and made Gaussian, their least-squares fit
    by the features and a constant is subtracted, and :func:`numerai_corr_score` is
    taken of the rest: what a model knows beyond a linear bet on features. FNCv3 is this
    score with the features of the set "fncv3_features", and its TB200 variant the same
    with ``top_bottom=200``.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Targets. Rows whose target is NaN (not resolved) are left out, up to a fifth of
        an era; eras without any target have no score.

    y_pred : array-like of shape (n_samples,) or (n_samples, n_models)
        Predictions, on any scale, NaN where missing. The columns are models; one
        factorization of the features serves them all.

    features : array-like of shape (n_samples, n_features)
        Finite numbers; int8 is used as it is, era by era. Features that are the same
        for a whole era, as missing ones are, make no difference. A pandas object is
        matched by its index.

    groups : array-like of shape (n_samples,), default=None
        Era of each row. By default the index level "era" of y_true or y_pred; where
        there is none, all rows are one era.

    aggregate : str, callable or None, default="mean"
        How the scores of eras become one, see :func:`numerai_corr_score`.

    top_bottom : int, default=None
        Correlate over only so many rows with the highest neutral predictions and as
        many with the lowest.

    min_coverage : float, default=1.0
        Share of the scored eras that `features` must cover, see :func:`mmc_score`.

    verbose : int, default=1
        Whether a progress bar over the eras appears if it takes more than two seconds.

    Returns
    -------
    score : float, Series or DataFrame
        As :func:`numerai_corr_score` returns it. NaN for an era in which the
        predictions are all the same, or are nothing but a fit by the features; other
        models are not touched by that.

    Raises
    ------
    ValueError
        If the inputs do not fit each other, a feature is NaN, fewer eras are covered
        than `min_coverage` says, more than a fifth of an era's targets (but not all)
        are missing, or an era has fewer than ``2 * top_bottom`` rows.

    MissingErasError
        If targets and predictions have no eras, and `features` is of several.

    See Also
    --------
    legacy_fnc_score : The score of 2020 to 2022.
    neutral_corr_score : The score of Signals: no second ranking.

    References
    ----------
    Numerai, numerai-tools: ``numerai_tools.scoring.feature_neutral_corr``. Numerai
    (2022), "True Contribution Details", on FNCv3 and FNCv3 TB200.

    Examples
    --------
    >>> from sknumerai.metrics import fnc_score
    >>> y_true, y_pred = [0, 0.5, 1, 0.5], [0.1, 0.3, 0.4, 0.2]
    >>> round(fnc_score(y_true, y_pred, [[0], [1], [1], [2]]), 3)
    0.567
    """
    caller = "fnc_score"
    check_top_bottom(top_bottom, caller)

    def formula(target, pred, features):
        return fnc_of(target, pred, features, top_bottom=top_bottom, caller=caller)

    return score_by_era(
        formula,
        y_true,
        y_pred,
        sides={"features": features},
        groups=groups,
        aggregate=aggregate,
        min_coverage=min_coverage,
        by_label=top_bottom is not None,
        verbose=verbose,
        caller=caller,
    )


def legacy_fnc_score(
    y_true,
    y_pred,
    features,
    *,
    groups=None,
    aggregate="mean",
    min_coverage=1.0,
    verbose=1,
):
    """Compute the feature-neutral correlation of 2020 to 2022, by era.

    Ranks with ties broken by the order of rows, less their least-squares fit by the
    features without a constant, ranked again and correlated with the target. The two
    scores of the name FNC may differ by much.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Targets. Rows whose target is NaN (not resolved) are left out, up to a fifth of
        an era; eras without any target have no score.

    y_pred : array-like of shape (n_samples,) or (n_samples, n_models)
        Predictions, on any scale, NaN where missing. The columns are models. Among
        equal predictions the row that comes first ranks lower.

    features : array-like of shape (n_samples, n_features)
        Finite numbers. Without a constant their zero point matters: the definition had
        them in [0, 1], so divide the integers 0 to 4 by 4. A pandas object is matched
        by its index.

    groups : array-like of shape (n_samples,), default=None
        Era of each row. By default the index level "era" of y_true or y_pred; where
        there is none, all rows are one era.

    aggregate : str, callable or None, default="mean"
        How the scores of eras become one, see :func:`numerai_corr_score`.

    min_coverage : float, default=1.0
        Share of the scored eras that `features` must cover, see :func:`mmc_score`.

    verbose : int, default=1
        Whether a progress bar over the eras appears if it takes more than two seconds.

    Returns
    -------
    score : float, Series or DataFrame
        As :func:`numerai_corr_score` returns it. NaN for an era in which the
        predictions or the targets are all the same.

    Raises
    ------
    ValueError
        As :func:`fnc_score` raises it.

    MissingErasError
        If targets and predictions have no eras, and `features` is of several.

    See Also
    --------
    fnc_score : The score today.

    References
    ----------
    Numerai's documentation, "Feature Neutral Correlation (FNC)".

    Examples
    --------
    >>> from sknumerai.metrics import legacy_fnc_score
    >>> y_true, y_pred = [0, 0.5, 1, 0.5], [0.1, 0.3, 0.4, 0.2]
    >>> round(legacy_fnc_score(y_true, y_pred, [[0], [0.25], [0.25], [0.5]]), 3)
    0.632
    """
    return score_by_era(
        legacy_fnc_of,
        y_true,
        y_pred,
        sides={"features": features},
        groups=groups,
        aggregate=aggregate,
        min_coverage=min_coverage,
        by_label=True,
        verbose=verbose,
        caller="legacy_fnc_score",
    )


def fnc_of(target, pred, features, *, top_bottom=None, caller="fnc_score"):
    """FNC of one era: (n,), RankedColumns of m models and (n, k) to (m,)."""
    rest = residuals(pred.gaussian(), features)
    neutral = RankedColumns(rest, pred.tables, pred.target_mean)
    return corr_of(target, neutral, top_bottom=top_bottom, caller=caller)


def legacy_fnc_of(target, pred, features):
    """Legacy FNC of one era: (n,), RankedColumns of m models and (n, k) to (m,)."""
    n = len(target)
    ranks = np.empty(pred.order.shape)
    np.put_along_axis(ranks, pred.order, (np.arange(n) + 0.5)[None] / n, axis=1)
    rest = least_squares_residuals(ranks.T, features, fit_intercept=False)
    scores = legacy_corr_of(target, RankedColumns(rest, pred.tables))
    return np.where(pred.is_constant(), np.nan, scores)


def residuals(columns, features):
    """What the features leave of each column; zero where that is but rounding."""
    rest = least_squares_residuals(columns, features)
    left = np.einsum("ij,ij->j", rest, rest)
    rest[:, left <= NOTHING**2 * np.einsum("ij,ij->j", columns, columns)] = 0
    return rest
