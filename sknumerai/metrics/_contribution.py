"""Contribution of predictions to the meta model or a benchmark: MMC and BMC."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

from sknumerai.metrics._by_era import score_by_era
from sknumerai.metrics._correlation import (
    centered,
    check_top_bottom,
    top_bottom_rows,
)
from sknumerai.metrics._ranked import RankedColumns, sort_together
from sknumerai.utils import orthogonalize

TARGET_SCALES = (4, 1)


def mmc_score(
    y_true,
    y_pred,
    meta_model,
    *,
    groups=None,
    aggregate="mean",
    target_scale=4,
    top_bottom=None,
    min_coverage=1.0,
):
    """Compute the contribution of predictions to the meta model (MMC), by era.

    In each era predictions and meta model are ranked with ties kept and made Gaussian,
    the predictions are made orthogonal to the meta model, and their covariance with the
    target is taken: what the score of the meta model would gain from a little more of
    the predictions. Copying the meta model scores 0. Real models have means around
    0.005.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Targets. Rows whose target is NaN (not resolved) are left out, up to a fifth of
        an era; eras without any target have no score.

    y_pred : array-like of shape (n_samples,) or (n_samples, n_models)
        Predictions, on any scale, NaN where missing. The columns are models.

    meta_model : array-like of shape (n_samples,)
        The meta model's predictions. A pandas object is matched by its index and may
        be of more or fewer rows than are scored.

    groups : array-like of shape (n_samples,), default=None
        Era of each row. By default the index level "era" of y_true or y_pred; where
        there is none, all rows are one era.

    aggregate : str, callable or None, default="mean"
        How the scores of eras become one, see :func:`numerai_corr_score`.

    target_scale : {4, 1}, default=4
        Numerai multiplies targets by 4, to -2, ..., 2, if all of an era's lie in
        [0, 1]; its documentation prints the formula without that. 1: never.

    top_bottom : int, default=None
        Take the covariance over only so many rows with the highest and as many with
        the lowest of the orthogonal predictions.

    min_coverage : float, default=1.0
        Share of the scored eras that `meta_model` must cover. An era is covered if at
        least 80 % of its rows are; the other rows are left out. Eras that are not
        covered have no score. Numerai gives away the meta model of the latest 90 or
        so eras only: a mean over them does not compare with a CORR over all.

    Returns
    -------
    score : float, Series or DataFrame
        As :func:`numerai_corr_score` returns it. As in the reference, 0 for an era in
        which the predictions are all the same, and NaN where the meta model's are.

    Raises
    ------
    ValueError
        If the inputs do not fit each other, fewer eras are covered than `min_coverage`
        says, a prediction is infinite, more than a fifth of an era's targets (but not
        all) are missing, or an era has fewer than ``2 * top_bottom`` rows.

    See Also
    --------
    bmc_score : The same against benchmark models, which cover more eras.
    neutral_contribution_score : The same after neutralization.

    References
    ----------
    Numerai, numerai-tools: ``numerai_tools.scoring.correlation_contribution``.
    Numerai's documentation, "Meta Model Contribution (MMC)".

    Examples
    --------
    >>> from sknumerai.metrics import mmc_score
    >>> y_true, y_pred = [0, 0.5, 1, 0.5], [0.1, 0.3, 0.4, 0.2]
    >>> meta_model = [0.4, 0.1, 0.5, 0.6]
    >>> round(mmc_score(y_true, y_pred, meta_model), 3)
    1.15
    >>> abs(round(mmc_score(y_true, meta_model, meta_model), 12))
    0.0
    """
    return _contribution_score(
        "mmc_score",
        y_true,
        y_pred,
        {"meta_model": meta_model},
        groups=groups,
        aggregate=aggregate,
        target_scale=target_scale,
        top_bottom=top_bottom,
        min_coverage=min_coverage,
    )


def bmc_score(
    y_true,
    y_pred,
    benchmark,
    *,
    groups=None,
    aggregate="mean",
    target_scale=4,
    top_bottom=None,
    min_coverage=1.0,
):
    """Compute the contribution of predictions to benchmark models (BMC), by era.

    The formula of :func:`mmc_score` with benchmark models in the meta model's place.
    Benchmarks are public for many more eras. Take one that was trained on the target
    that is scored: a benchmark of another horizon is easier to add to.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Targets. Rows whose target is NaN (not resolved) are left out, up to a fifth of
        an era; eras without any target have no score.

    y_pred : array-like of shape (n_samples,) or (n_samples, n_models)
        Predictions, on any scale, NaN where missing. The columns are models.

    benchmark : array-like of shape (n_samples,) or (n_samples, n_benchmarks)
        Predictions of the benchmark, out of sample. Of several, the mean of their
        normalized ranks is the benchmark. A pandas object is matched by its index.

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
        Share of the scored eras that `benchmark` must cover, see :func:`mmc_score`.

    Returns
    -------
    score : float, Series or DataFrame
        As :func:`mmc_score` returns it.

    Raises
    ------
    ValueError
        As :func:`mmc_score` raises it.

    See Also
    --------
    mmc_score : The same against the meta model.

    References
    ----------
    Numerai's documentation, "Benchmark Model Contribution (BMC)". The official score
    is against a stake-weighted mean of benchmarks whose weights are not published.

    Examples
    --------
    >>> from sknumerai.metrics import bmc_score
    >>> y_true, y_pred = [0, 0.5, 1, 0.5], [0.1, 0.3, 0.4, 0.2]
    >>> benchmarks = [[0.4, 0.1], [0.1, 0.2], [0.5, 0.4], [0.6, 0.3]]
    >>> round(bmc_score(y_true, y_pred, benchmarks), 3)
    0.734
    """
    return _contribution_score(
        "bmc_score",
        y_true,
        y_pred,
        {"benchmark": benchmark},
        groups=groups,
        aggregate=aggregate,
        target_scale=target_scale,
        top_bottom=top_bottom,
        min_coverage=min_coverage,
    )


def contribution_of(
    target, pred, other, *, target_scale=4, top_bottom=None, caller="mmc_score"
):
    """Contribution of one era: a target (n,), RankedColumns of m models and of `other`.

    Several columns of `other` count as the mean of their ranks.
    """
    target = scaled_target(target, target_scale)
    sort_together(pred, other)
    other = mean_of_ranks(other).gaussian()[:, 0]
    square = other @ other
    if square == 0:
        # nothing can be orthogonal to an other that says nothing
        return np.full(pred.values.shape[1], np.nan)
    if top_bottom is not None:
        neutral = orthogonalize(pred.gaussian(), other)
        return top_bottom_covariance(target, neutral, top_bottom, caller)
    # the target is made orthogonal instead of each prediction: the same products
    return pred.products(target - (other @ target) / square * other) / len(target)


def top_bottom_covariance(target, scores, top_bottom, caller):
    """Mean product with the target over the highest and lowest of each column."""
    ends = top_bottom_rows(scores, top_bottom, caller)
    picked = np.take_along_axis(scores, ends, axis=0)
    return (picked * target[ends]).sum(axis=0) / (2 * top_bottom)


def scaled_target(target, target_scale):
    """The centered target, times the scale if it lies in [0, 1]."""
    if target_scale != 1 and len(target) and target.min() >= 0 and target.max() <= 1:
        target = target * target_scale
    return centered(target)


def mean_of_ranks(other):
    """One ranked column: `other` itself, or the mean of its columns' ranks."""
    if other.values.shape[1] == 1:
        return other
    # ranks are sums of halves, so that the mean of equal ranks is exact
    mean = other.gaussian("rank").sum(axis=1, keepdims=True)
    return RankedColumns(mean, other.tables)


def check_target_scale(target_scale, caller):
    """Raise if `target_scale` is not one of the two."""
    if target_scale not in TARGET_SCALES:
        raise ValueError(
            f"{caller}: target_scale must be 4, as Numerai scores, or 1. Got "
            f"{target_scale!r} instead."
        )


def _contribution_score(
    caller,
    y_true,
    y_pred,
    sides,
    *,
    groups,
    aggregate,
    target_scale,
    top_bottom,
    min_coverage,
):
    check_top_bottom(top_bottom, caller)
    check_target_scale(target_scale, caller)

    def formula(target, pred, **side):
        (other,) = side.values()
        return contribution_of(
            target,
            pred,
            other,
            target_scale=target_scale,
            top_bottom=top_bottom,
            caller=caller,
        )

    if caller == "mmc_score":
        check_one_column(sides["meta_model"], caller)
    return score_by_era(
        formula,
        y_true,
        y_pred,
        sides=sides,
        groups=groups,
        aggregate=aggregate,
        min_coverage=min_coverage,
        by_label=top_bottom is not None,
        caller=caller,
    )


def check_one_column(values, caller):
    shape = np.shape(values)
    if len(shape) == 2 and shape[1] != 1:
        raise ValueError(
            f"{caller}: meta_model must be one column of predictions. Got shape "
            f"{shape}: select one, e.g. meta_model['numerai_meta_model']."
        )
