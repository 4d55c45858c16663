"""Exposure of predictions to features: vectors, their size and their pattern."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd

from sknumerai.metrics._aggregates import aggregate_scores, check_aggregate
from sknumerai.metrics._by_era import score_by_era
from sknumerai.metrics._correlation import check_top_bottom
from sknumerai.metrics._exposure_vectors import (
    check_method,
    exposures,
    largest,
    root_mean_square,
)


def feature_exposures(
    y_true,
    y_pred,
    features,
    *,
    groups=None,
    aggregate="mean",
    method="pearson",
    top_bottom=None,
    min_coverage=1.0,
    verbose=1,
):
    """Compute the correlation of predictions with each feature, by era.

    A prediction with a large exposure to one feature bets on it: that pays while the
    feature does. Use it to see which features a model leans on, and since when.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or None
        Not used, but for its eras. There so that all metrics are called alike.

    y_pred : array-like of shape (n_samples,) or (n_samples, n_models)
        Predictions, as they are, NaN where missing. The columns are models.

    features : array-like of shape (n_samples, n_features)
        Finite features. A DataFrame is matched by its index. int8 codes are worked on
        in small blocks and never copied as a whole.

    groups : array-like of shape (n_samples,), default=None
        Era of each row. By default the index level "era" of y_true or y_pred; where
        there is none, all rows are one era.

    aggregate : str, callable or None, default="mean"
        How the exposures of eras become one, see :func:`numerai_corr_score`. Exposures
        have signs, so their mean over eras is small where the sign changes.

    method : {"pearson", "spearman"}, default="pearson"
        Which correlation. The ranks of "spearman" keep ties.

    top_bottom : int, default=None
        Take only so many rows with the highest predictions of an era and as many with
        the lowest.

    min_coverage : float, default=1.0
        Share of the eras that `features` must cover, see :func:`mmc_score`.

    verbose : int, default=1
        Whether a progress bar over the eras appears if it takes more than two seconds.

    Returns
    -------
    exposures : Series or DataFrame
        For one model a Series over features, for many a DataFrame of models by
        features. With ``aggregate=None`` the rows are eras in the order of their
        numbers, and the columns features, or (model, feature) for many models. NaN
        where a feature is the same for a whole era, as missing ones are: there is
        nothing to correlate with. Aggregates by name leave such eras of the feature
        out. NaN for all features where the predictions are all the same; aggregates by
        name are then NaN too.

    Raises
    ------
    ValueError
        If the inputs do not fit each other, a feature is not finite, fewer eras are
        covered than `min_coverage` says, or an era has fewer than ``2 * top_bottom``
        rows.

    MissingErasError
        If targets and predictions have no eras, and `features` is of several.

    See Also
    --------
    max_feature_exposure : The largest of them.
    rms_feature_exposure : Their root mean square.

    Notes
    -----
    Needs memory for eras times models times features numbers.

    References
    ----------
    Numerai's forum, "Model Diagnostics: Feature Exposure". Numerai, numerai-tools:
    ``numerai_tools.scoring.max_feature_correlation``, before the maximum is taken.

    Examples
    --------
    >>> import pandas as pd
    >>> from sknumerai.metrics import feature_exposures
    >>> features = pd.DataFrame({"a": [0, 1, 2, 3], "b": [2, 0, 2, 0], "c": 2})
    >>> feature_exposures(None, [0.1, 0.2, 0.3, 0.4], features).round(3)
    a    1.000
    b   -0.447
    c      NaN
    dtype: float64
    """
    caller = "feature_exposures"
    check_aggregate(aggregate, caller)
    found = []

    def formula(target, pred, features):
        # the loop keeps one number for each era and model: the place of its vector
        vectors = exposures(pred, features, method, top_bottom, caller).T
        found.extend(vectors)
        return np.arange(len(found) - len(vectors), len(found), dtype=np.float64)

    places = _score(
        formula,
        y_true,
        y_pred,
        {"features": features},
        groups=groups,
        aggregate=None,
        method=method,
        top_bottom=top_bottom,
        min_coverage=min_coverage,
        verbose=verbose,
        caller=caller,
    )
    names = _names(features)
    if isinstance(places, pd.Series):
        table = _table(places, found, names)
        if aggregate is None:
            return table
        return _aggregate(table, aggregate).rename(places.name)
    tables = [_table(places.iloc[:, j], found, names) for j in range(places.shape[1])]
    if aggregate is not None:
        rows = [_aggregate(table, aggregate).to_numpy() for table in tables]
        return pd.DataFrame(np.array(rows), index=places.columns, columns=names)
    columns = pd.MultiIndex.from_product(
        [places.columns, names], names=[places.columns.name or "model", "feature"]
    )
    side_by_side = np.concatenate([table.to_numpy() for table in tables], axis=1)
    return pd.DataFrame(side_by_side, index=places.index, columns=columns)


def max_feature_exposure(
    y_true,
    y_pred,
    features,
    *,
    groups=None,
    aggregate="mean",
    method="pearson",
    top_bottom=None,
    min_coverage=1.0,
    verbose=1,
):
    """Compute the largest correlation of predictions with any feature, by era.

    The size counts, not the sign. Less is better, the best value is 0. Numerai's
    diagnostics show it as "Feature Correlation Max". In the True Contribution article
    the best models lie between 0.05 and 0.30.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or None
        Not used, but for its eras. There so that all metrics are called alike.

    y_pred : array-like of shape (n_samples,) or (n_samples, n_models)
        Predictions, as they are, NaN where missing. The columns are models.

    features : array-like of shape (n_samples, n_features)
        Finite features. A DataFrame is matched by its index.

    groups : array-like of shape (n_samples,), default=None
        Era of each row. By default the index level "era" of y_true or y_pred; where
        there is none, all rows are one era.

    aggregate : str, callable or None, default="mean"
        How the scores of eras become one, see :func:`numerai_corr_score`.

    method : {"pearson", "spearman"}, default="pearson"
        Which correlation. Numerai takes Pearson's.

    top_bottom : int, default=None
        Take only so many rows with the highest predictions of an era and as many with
        the lowest.

    min_coverage : float, default=1.0
        Share of the eras that `features` must cover, see :func:`mmc_score`.

    verbose : int, default=1
        Whether a progress bar over the eras appears if it takes more than two seconds.

    Returns
    -------
    exposure : float, Series or DataFrame
        As :func:`numerai_corr_score` returns it. Features that are the same for a whole
        era are left out there, as in the reference. NaN for an era in which the
        predictions, or all features, are the same.

    Raises
    ------
    ValueError
        As :func:`feature_exposures` raises it.

    MissingErasError
        If targets and predictions have no eras, and `features` is of several.

    See Also
    --------
    feature_exposures : Which feature it is.
    rms_feature_exposure : Exposure to all features together.

    References
    ----------
    Numerai, numerai-tools: ``numerai_tools.scoring.max_feature_correlation``.

    Examples
    --------
    >>> from sknumerai.metrics import max_feature_exposure
    >>> features = [[0, 2], [1, 0], [2, 2], [3, 0]]
    >>> round(max_feature_exposure(None, [0.4, 0.1, 0.3, 0.2], features), 3)
    0.894
    """
    caller = "max_feature_exposure"

    def formula(target, pred, features):
        return largest(exposures(pred, features, method, top_bottom, caller))

    return _score(
        formula,
        y_true,
        y_pred,
        {"features": features},
        groups=groups,
        aggregate=aggregate,
        method=method,
        top_bottom=top_bottom,
        min_coverage=min_coverage,
        verbose=verbose,
        caller=caller,
    )


def rms_feature_exposure(
    y_true,
    y_pred,
    features,
    *,
    groups=None,
    aggregate="mean",
    method="pearson",
    top_bottom=None,
    min_coverage=1.0,
    verbose=1,
):
    """Compute the root mean square correlation of predictions with features, by era.

    How much a model leans on features altogether, where the largest exposure speaks of
    one. Less is better, the best value is 0.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or None
        Not used, but for its eras. There so that all metrics are called alike.

    y_pred : array-like of shape (n_samples,) or (n_samples, n_models)
        Predictions, as they are, NaN where missing. The columns are models.

    features : array-like of shape (n_samples, n_features)
        Finite features. A DataFrame is matched by its index.

    groups : array-like of shape (n_samples,), default=None
        Era of each row. By default the index level "era" of y_true or y_pred; where
        there is none, all rows are one era.

    aggregate : str, callable or None, default="mean"
        How the scores of eras become one, see :func:`numerai_corr_score`.

    method : {"pearson", "spearman"}, default="pearson"
        Which correlation. The forum's first definition takes Spearman's.

    top_bottom : int, default=None
        Take only so many rows with the highest predictions of an era and as many with
        the lowest.

    min_coverage : float, default=1.0
        Share of the eras that `features` must cover, see :func:`mmc_score`.

    verbose : int, default=1
        Whether a progress bar over the eras appears if it takes more than two seconds.

    Returns
    -------
    exposure : float, Series or DataFrame
        As :func:`numerai_corr_score` returns it. The mean is over the features that are
        not the same for the whole era. NaN for an era in which the predictions, or all
        features, are.

    Raises
    ------
    ValueError
        As :func:`feature_exposures` raises it.

    MissingErasError
        If targets and predictions have no eras, and `features` is of several.

    See Also
    --------
    max_feature_exposure : Exposure to one feature.

    References
    ----------
    Numerai's forum, "Model Diagnostics: Feature Exposure".

    Examples
    --------
    >>> from sknumerai.metrics import rms_feature_exposure
    >>> features = [[0, 2], [1, 0], [2, 2], [3, 0]]
    >>> round(rms_feature_exposure(None, [0.4, 0.1, 0.3, 0.2], features), 3)
    0.693
    """
    caller = "rms_feature_exposure"

    def formula(target, pred, features):
        return root_mean_square(exposures(pred, features, method, top_bottom, caller))

    return _score(
        formula,
        y_true,
        y_pred,
        {"features": features},
        groups=groups,
        aggregate=aggregate,
        method=method,
        top_bottom=top_bottom,
        min_coverage=min_coverage,
        verbose=verbose,
        caller=caller,
    )


def _score(formula, y_true, y_pred, sides, *, method, top_bottom, caller, **kwargs):
    check_method(method, caller)
    check_top_bottom(top_bottom, caller)
    return score_by_era(
        formula,
        y_true,
        y_pred,
        sides=sides,
        needs_target=False,
        caller=caller,
        **kwargs,
    )


def _names(features):
    if isinstance(features, pd.DataFrame):
        return features.columns
    if isinstance(features, pd.Series):
        return pd.Index([features.name])
    return pd.RangeIndex(np.shape(features)[1] if np.ndim(features) == 2 else 1)


def _table(places, found, names):
    """Vectors of one model by era, NaN where it has none."""
    table = np.full((len(places), len(names)), np.nan)
    known = places.notna().to_numpy()
    for i, place in zip(np.flatnonzero(known), places[known].astype(int)):
        table[i] = found[place]
    return pd.DataFrame(table, index=places.index, columns=names)


def _aggregate(table, aggregate):
    """Aggregate each feature over the eras in which it has an exposure."""
    if callable(aggregate):
        return aggregate_scores(table, aggregate)
    missing = table.isna()
    # in an era without any exposure it is the prediction that has none
    absent = (missing & ~missing.all(axis=1).to_numpy()[:, None]).to_numpy()
    values = aggregate_scores(table, aggregate)
    for j in np.flatnonzero(absent.any(axis=0)):
        part = table.iloc[~absent[:, j], j]
        values.iloc[j] = aggregate_scores(part, aggregate) if len(part) else np.nan
    return values
