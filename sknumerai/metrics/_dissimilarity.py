"""How unlike the example predictions' exposures a model's are."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

from sknumerai.metrics._by_era import score_by_era
from sknumerai.metrics._correlation import check_top_bottom
from sknumerai.metrics._exposure_vectors import (
    as_columns,
    check_method,
    correlate,
    dissimilarity,
)
from sknumerai.metrics._feature_neutral import fnc_of


def exposure_dissimilarity(
    y_true,
    y_pred,
    features,
    example_predictions,
    *,
    groups=None,
    aggregate="mean",
    method="pearson",
    min_coverage=1.0,
    verbose=1,
):
    """Compute how much a model's exposures differ from the example model's, by era.

    ``1 - U.E / E.E``, where U and E are the exposures of the predictions and of the
    example predictions to all features. 0 is the pattern of the example's exposures, 1
    has nothing in common with it, as predictions without any exposure, and below 0 is
    the same pattern but larger. A signal that holds information that the example does
    not has is likely to be exposed to other features.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or None
        Not used, but for its eras. There so that all metrics are called alike.

    y_pred : array-like of shape (n_samples,) or (n_samples, n_models)
        Predictions, as they are, NaN where missing. The columns are models.

    features : array-like of shape (n_samples, n_features)
        Finite features. A DataFrame is matched by its index.

    example_predictions : array-like of shape (n_samples,)
        Predictions of the example model. A pandas object is matched by its index and
        may be of more or fewer rows than are scored.

    groups : array-like of shape (n_samples,), default=None
        Era of each row. By default the index level "era" of y_true or y_pred; where
        there is none, all rows are one era.

    aggregate : str, callable or None, default="mean"
        How the scores of eras become one, see :func:`numerai_corr_score`.

    method : {"pearson", "spearman"}, default="pearson"
        Which correlation the exposures are.

    min_coverage : float, default=1.0
        Share of the eras that `features` and `example_predictions` must cover, see
        :func:`mmc_score`.

    verbose : int, default=1
        Whether a progress bar over the eras appears if it takes more than two seconds.

    Returns
    -------
    score : float, Series or DataFrame
        As :func:`numerai_corr_score` returns it. Features that are the same for a whole
        era are left out there. NaN for an era in which the predictions, or those of the
        example, are all the same, or the example has no exposure at all.

    Raises
    ------
    ValueError
        As :func:`feature_exposures` raises it.

    See Also
    --------
    fnc_dissimilarity_score : Its product with FNC.
    feature_exposures : The vectors U and E.

    References
    ----------
    mdo, "True Contribution Details", Numerai's forum (2022).

    Examples
    --------
    >>> import numpy as np
    >>> from sknumerai.metrics import exposure_dissimilarity
    >>> rng = np.random.default_rng(0)
    >>> features = rng.integers(0, 5, size=(500, 3)).astype(np.int8)
    >>> example, other = features[:, 0] + 0.0, features[:, 1] + 0.0
    >>> y_pred = np.column_stack([example, other])
    >>> exposure_dissimilarity(None, y_pred, features, example).round(2)
    0    0.00
    1    0.97
    dtype: float64
    """
    caller = "exposure_dissimilarity"
    check_method(method, caller)

    def formula(target, pred, features, example_predictions):
        return dissimilarity_of(pred, features, example_predictions, method, caller)

    return score_by_era(
        formula,
        y_true,
        y_pred,
        sides={"features": features, "example_predictions": example_predictions},
        groups=groups,
        aggregate=aggregate,
        min_coverage=min_coverage,
        needs_target=False,
        verbose=verbose,
        caller=caller,
    )


def fnc_dissimilarity_score(
    y_true,
    y_pred,
    features,
    example_predictions,
    *,
    groups=None,
    aggregate="mean",
    method="pearson",
    top_bottom=None,
    min_coverage=1.0,
    verbose=1,
):
    """Compute the product of FNC and exposure dissimilarity, by era.

    High for signals that are unlike the example's and know something that no linear bet
    on features does. Of the scores that Numerai looked at it was the second best proxy
    of True Contribution, the gain of the fund's portfolio from a model.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Targets. Rows whose target is NaN (not resolved) are left out, up to a fifth of
        an era; eras without any target have no score.

    y_pred : array-like of shape (n_samples,) or (n_samples, n_models)
        Predictions, NaN where missing. The columns are models.

    features : array-like of shape (n_samples, n_features)
        Finite features, for both factors: those of FNCv3 are the feature set
        "fncv3_features". A DataFrame is matched by its index.

    example_predictions : array-like of shape (n_samples,)
        Predictions of the example model. A pandas object is matched by its index and
        may be of more or fewer rows than are scored.

    groups : array-like of shape (n_samples,), default=None
        Era of each row. By default the index level "era" of y_true or y_pred; where
        there is none, all rows are one era.

    aggregate : str, callable or None, default="mean"
        How the scores of eras become one, see :func:`numerai_corr_score`.

    method : {"pearson", "spearman"}, default="pearson"
        Which correlation the exposures are.

    top_bottom : int, default=None
        Take FNC over only so many rows of either end, see :func:`fnc_score`. The
        exposures stay those of all rows.

    min_coverage : float, default=1.0
        Share of the scored eras that `features` and `example_predictions` must cover,
        see :func:`mmc_score`.

    verbose : int, default=1
        Whether a progress bar over the eras appears if it takes more than two seconds.

    Returns
    -------
    score : float, Series or DataFrame
        As :func:`numerai_corr_score` returns it. NaN for an era in which either factor
        is.

    Raises
    ------
    ValueError
        As :func:`fnc_score` and :func:`exposure_dissimilarity` raise it.

    See Also
    --------
    fnc_score : The one factor.
    exposure_dissimilarity : The other.

    Notes
    -----
    Both factors are of the rows that have a target. For other features in each factor,
    multiply the two functions' scores of eras (``aggregate=None``).

    References
    ----------
    mdo, "True Contribution Details", Numerai's forum (2022).

    Examples
    --------
    >>> import numpy as np
    >>> from sknumerai.metrics import fnc_dissimilarity_score
    >>> rng = np.random.default_rng(0)
    >>> features = rng.integers(0, 5, size=(500, 3)).astype(np.int8)
    >>> y_true = rng.integers(0, 5, size=500) / 4
    >>> y_pred = y_true + rng.normal(size=500)
    >>> example = features[:, 0] + y_true
    >>> round(fnc_dissimilarity_score(y_true, y_pred, features, example), 2)
    0.21
    """
    caller = "fnc_dissimilarity_score"
    check_method(method, caller)
    check_top_bottom(top_bottom, caller)

    def formula(target, pred, features, example_predictions):
        fnc = fnc_of(
            target,
            pred,
            as_columns(features, caller),
            top_bottom=top_bottom,
            caller=caller,
        )
        return fnc * dissimilarity_of(
            pred, features, example_predictions, method, caller
        )

    return score_by_era(
        formula,
        y_true,
        y_pred,
        sides={"features": features, "example_predictions": example_predictions},
        groups=groups,
        aggregate=aggregate,
        min_coverage=min_coverage,
        by_label=top_bottom is not None,
        verbose=verbose,
        caller=caller,
    )


def dissimilarity_of(pred, features, example, method, caller):
    """Exposure dissimilarity of one era: RankedColumns, (n, k), RankedColumns to (m,).

    Several columns of `example` are refused.
    """
    if example.values.shape[1] != 1:
        raise ValueError(
            f"{caller}: example_predictions must be one column of predictions. Got "
            f"{example.values.shape[1]}: select one."
        )
    # the features are read once for both
    both = np.column_stack([example.values, pred.values])
    vectors = correlate(both, as_columns(features, caller), method)
    return dissimilarity(vectors[:, 1:], vectors[:, 0])
