"""The scores of Signals: correlation and contribution after neutralization."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

from sknumerai.metrics._by_era import score_by_era
from sknumerai.metrics._contribution import (
    check_one_column,
    check_target_scale,
    scaled_target,
    top_bottom_covariance,
)
from sknumerai.metrics._correlation import (
    centered,
    check_top_bottom,
    top_bottom_correlation,
)
from sknumerai.metrics._feature_neutral import residuals
from sknumerai.utils import orthogonalize, pearson_correlation


def neutral_corr_score(
    y_true,
    y_pred,
    neutralizers,
    *,
    groups=None,
    aggregate="mean",
    top_bottom=None,
    min_coverage=1.0,
    verbose=1,
):
    """Compute the correlation of neutralized predictions with the target, by era.

    In each era the predictions are ranked and made Gaussian, their least-squares fit
    by the neutralizers and a constant is subtracted, and Pearson's correlation with the
    target is taken, without powers. Numerai Signals pays for it for rounds from September 2026 on.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Targets. Rows whose target is NaN (not resolved) are left out, up to a fifth of
        an era; eras without any target have no score.

    y_pred : array-like of shape (n_samples,) or (n_samples, n_models)
        Predictions, on any scale, NaN where missing. The columns are models.

    neutralizers : array-like of shape (n_samples, n_neutralizers)
        Finite numbers, such as features or risk factors. A pandas object is matched by
        its index.

    groups : array-like of shape (n_samples,), default=None
        Era of each row. By default the index level "era" of y_true or y_pred; where
        there is none, all rows are one era.

    aggregate : str, callable or None, default="mean"
        How the scores of eras become one, see :func:`numerai_corr_score`.

    top_bottom : int, default=None
        Correlate over only so many rows with the highest neutral predictions and as
        many with the lowest.

    min_coverage : float, default=1.0
        Share of the scored eras that `neutralizers` must cover, see :func:`mmc_score`.

    verbose : int, default=1
        Whether a progress bar over the eras appears if it takes more than two seconds.

    Returns
    -------
    score : float, Series or DataFrame
        As :func:`numerai_corr_score` returns it.

    Raises
    ------
    ValueError
        As :func:`fnc_score` raises it.

    See Also
    --------
    neutral_contribution_score : The contribution after neutralization.
    fnc_score : Ranks and powers once more after neutralization.

    References
    ----------
    Numerai, numerai-tools: ``numerai_tools.scoring.neutral_correlation``.

    Examples
    --------
    >>> from sknumerai.metrics import neutral_corr_score
    >>> y_true, y_pred = [0, 0.5, 1, 0.5], [0.1, 0.3, 0.4, 0.2]
    >>> round(neutral_corr_score(y_true, y_pred, [[0], [1], [1], [2]]), 3)
    0.842
    """
    caller = "neutral_corr_score"
    check_top_bottom(top_bottom, caller)

    def formula(target, pred, neutralizers):
        scores = residuals(pred.gaussian(), neutralizers)
        if top_bottom is None:
            return pearson_correlation(scores, target)
        return top_bottom_correlation(centered(target), scores, top_bottom, caller)

    return score_by_era(
        formula,
        y_true,
        y_pred,
        sides={"neutralizers": neutralizers},
        groups=groups,
        aggregate=aggregate,
        min_coverage=min_coverage,
        by_label=top_bottom is not None,
        verbose=verbose,
        caller=caller,
    )


def neutral_contribution_score(
    y_true,
    y_pred,
    meta_model,
    neutralizers,
    *,
    groups=None,
    aggregate="mean",
    target_scale=4,
    top_bottom=None,
    min_coverage=1.0,
    verbose=1,
):
    """Compute the contribution to the meta model after neutralization, by era.

    As :func:`mmc_score`, but the ranked and Gaussian predictions and meta model are
    both made neutral to the neutralizers first.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Targets. Rows whose target is NaN (not resolved) are left out, up to a fifth of
        an era; eras without any target have no score.

    y_pred : array-like of shape (n_samples,) or (n_samples, n_models)
        Predictions, on any scale, NaN where missing. The columns are models.

    meta_model : array-like of shape (n_samples,)
        The meta model's predictions. A pandas object is matched by its index.

    neutralizers : array-like of shape (n_samples, n_neutralizers)
        Finite numbers, such as features or risk factors. A pandas object is matched by
        its index.

    groups : array-like of shape (n_samples,), default=None
        Era of each row. By default the index level "era" of y_true or y_pred; where
        there is none, all rows are one era.

    aggregate : str, callable or None, default="mean"
        How the scores of eras become one, see :func:`numerai_corr_score`.

    target_scale : {4, 1}, default=4
        See :func:`mmc_score`.

    top_bottom : int, default=None
        See :func:`mmc_score`.

    min_coverage : float, default=1.0
        Share of the scored eras that the side inputs must cover, see
        :func:`mmc_score`.

    verbose : int, default=1
        Whether a progress bar over the eras appears if it takes more than two seconds.

    Returns
    -------
    score : float, Series or DataFrame
        As :func:`numerai_corr_score` returns it. NaN for an era in which the
        predictions or the meta model's are all the same.

    Raises
    ------
    ValueError
        As :func:`mmc_score` and :func:`fnc_score` raise it.

    See Also
    --------
    neutral_corr_score : The correlation after neutralization.
    mmc_score : The contribution without neutralization.

    References
    ----------
    Numerai, numerai-tools: ``numerai_tools.scoring.neutral_contribution``.

    Examples
    --------
    >>> from sknumerai.metrics import neutral_contribution_score
    >>> y_true, y_pred = [0, 0.5, 1, 0.5, 1], [0.1, 0.3, 0.4, 0.2, 0.6]
    >>> meta_model, factor = [0.4, 0.1, 0.5, 0.6, 0.7], [[0], [1], [1], [2], [0]]
    >>> round(neutral_contribution_score(y_true, y_pred, meta_model, factor), 3)
    0.869
    """
    caller = "neutral_contribution_score"
    check_top_bottom(top_bottom, caller)
    check_target_scale(target_scale, caller)
    check_one_column(meta_model, caller)

    def formula(target, pred, meta_model, neutralizers):
        target = scaled_target(target, target_scale)
        both = np.hstack([pred.gaussian(), meta_model.gaussian()])
        both = residuals(both, neutralizers)
        neutral = orthogonalize(both[:, :-1], both[:, -1])
        if top_bottom is None:
            scores = target @ neutral / len(target)
        else:
            scores = top_bottom_covariance(target, neutral, top_bottom, caller)
        return np.where(pred.is_constant(), np.nan, scores)

    return score_by_era(
        formula,
        y_true,
        y_pred,
        sides={"meta_model": meta_model, "neutralizers": neutralizers},
        groups=groups,
        aggregate=aggregate,
        min_coverage=min_coverage,
        by_label=top_bottom is not None,
        verbose=verbose,
        caller=caller,
    )
