"""Correlation of predictions with other predictions: meta model, benchmark, example."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

from sknumerai.metrics._by_era import score_by_era
from sknumerai.metrics._correlation import rank_correlation
from sknumerai.utils import pearson_correlation

METHODS = ("spearman", "pearson", "numerai")


def cwmm_score(
    y_true, y_pred, meta_model, *, groups=None, aggregate="mean", min_coverage=1.0
):
    """Compute the correlation of predictions with the meta model (CWMM), by era.

    In each era the predictions are ranked with ties kept, made Gaussian and raised to
    the power 1.5, as for CORR, and Pearson's correlation with the meta model, as it is,
    is taken. It is no measure of quality: a high one says that there is little that the
    model could add to the meta model.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or None
        Not used, but for its eras. There so that all metrics are called alike.

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

    min_coverage : float, default=1.0
        Share of the eras that `meta_model` must cover, see :func:`mmc_score`.

    Returns
    -------
    score : float, Series or DataFrame
        As :func:`numerai_corr_score` returns it, from -1 to 1. NaN for an era in which
        the predictions or the meta model's are all the same.

    Raises
    ------
    ValueError
        If the inputs do not fit each other, fewer eras are covered than `min_coverage`
        says, or a prediction is infinite.

    See Also
    --------
    mmc_score : What the predictions add to the meta model.
    prediction_correlation_score : Correlation with any other predictions.

    References
    ----------
    Numerai's documentation, "Correlation With the Meta Model (CWMM)".

    Examples
    --------
    >>> from sknumerai.metrics import cwmm_score
    >>> round(cwmm_score(None, [0.1, 0.3, 0.4, 0.2], [0.2, 0.3, 0.5, 0.4]), 3)
    0.893
    """

    def formula(target, pred, meta_model):
        other = meta_model.values[:, 0].astype(np.float64)
        return rank_correlation(other, pred, 1.5)

    caller = "cwmm_score"
    _check_one_column(meta_model, "meta_model", caller)
    return score_by_era(
        formula,
        y_true,
        y_pred,
        sides={"meta_model": meta_model},
        groups=groups,
        aggregate=aggregate,
        min_coverage=min_coverage,
        needs_target=False,
        caller=caller,
    )


def prediction_correlation_score(
    y_true,
    y_pred,
    other,
    *,
    groups=None,
    aggregate="mean",
    method="spearman",
    min_coverage=1.0,
):
    """Compute the correlation of predictions with other predictions, by era.

    With the example predictions, a benchmark, the meta model, or another model of your
    own: how much two models say the same. It is no measure of quality.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or None
        Not used, but for its eras. There so that all metrics are called alike.

    y_pred : array-like of shape (n_samples,) or (n_samples, n_models)
        Predictions, on any scale, NaN where missing. The columns are models.

    other : array-like of shape (n_samples,)
        The predictions to compare with. A pandas object is matched by its index and may
        be of more or fewer rows than are scored.

    groups : array-like of shape (n_samples,), default=None
        Era of each row. By default the index level "era" of y_true or y_pred; where
        there is none, all rows are one era.

    aggregate : str, callable or None, default="mean"
        How the scores of eras become one, see :func:`numerai_corr_score`.

    method : {"spearman", "pearson", "numerai"}, default="spearman"
        Which correlation: of the ranks with ties kept, of the predictions as they are,
        or of what CORR makes of predictions, Gaussian ranks to the power 1.5, which
        gives the tails more weight. All three treat both sides alike.

    min_coverage : float, default=1.0
        Share of the eras that `other` must cover, see :func:`mmc_score`.

    Returns
    -------
    score : float, Series or DataFrame
        As :func:`numerai_corr_score` returns it, from -1 to 1. NaN for an era in which
        the predictions of either side are all the same.

    Raises
    ------
    ValueError
        If the inputs do not fit each other, fewer eras are covered than `min_coverage`
        says, a prediction is infinite, or `method` is none of the three.

    See Also
    --------
    cwmm_score : Numerai's own correlation with the meta model.

    References
    ----------
    Numerai, diagnostics: "Corr With Example Preds".

    Examples
    --------
    >>> from sknumerai.metrics import prediction_correlation_score
    >>> y_pred, example = [0.1, 0.3, 0.4, 0.2], [0.2, 0.3, 0.5, 0.4]
    >>> round(prediction_correlation_score(None, y_pred, example), 3)
    0.8
    >>> round(prediction_correlation_score(None, y_pred, example, method="pearson"), 3)
    0.8
    """

    def formula(target, pred, other):
        if method == "pearson":
            return pearson_correlation(pred.values, other.values[:, 0])
        transform = "rank" if method == "spearman" else 1.5
        return rank_correlation(other.gaussian(transform)[:, 0], pred, transform)

    caller = "prediction_correlation_score"
    if method not in METHODS:
        raise ValueError(
            f"{caller}: method must be one of {list(METHODS)}. Got {method!r} instead."
        )
    _check_one_column(other, "other", caller)
    return score_by_era(
        formula,
        y_true,
        y_pred,
        sides={"other": other},
        groups=groups,
        aggregate=aggregate,
        min_coverage=min_coverage,
        needs_target=False,
        caller=caller,
    )


def _check_one_column(values, name, caller):
    shape = np.shape(values)
    if len(shape) == 2 and shape[1] != 1:
        raise ValueError(
            f"{caller}: {name} must be one column of predictions. Got shape {shape}: "
            "select one."
        )
