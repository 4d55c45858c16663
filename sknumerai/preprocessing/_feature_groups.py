"""Groups of features, by name or by position."""

# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Mapping

import numpy as np
import pandas as pd


def positions_of_groups(feature_groups, features, caller):
    """Find the features of each group.

    Parameters
    ----------
    feature_groups : dict of str to list, or None
        Names of features (positions, for an array) by group.

    features : array-like of shape (n_samples, n_features)
        The features.

    caller : str
        Name to begin error messages with.

    Returns
    -------
    positions : list of ndarray or None
        Positions of the features of each group; ``[None]``, for all features, where
        there are no groups.

    Raises
    ------
    TypeError
        If the groups are no dict.

    ValueError
        If there is no group, one without features, or a feature is not there.
    """
    if feature_groups is None:
        return [None]
    if not isinstance(feature_groups, Mapping):
        raise TypeError(
            f"{caller}: feature_groups must be a dict of lists of features by group, "
            f"such as load_feature_sets() gives. Got a {type(feature_groups).__name__}."
        )
    if not feature_groups:
        raise ValueError(f"{caller}: feature_groups has no group.")
    return [
        positions_of(names, features, f"group {group!r}", caller)
        for group, names in feature_groups.items()
    ]


def column_names(estimator):
    """Names of the columns that an estimator was fitted to, or their positions."""
    if hasattr(estimator, "feature_names_in_"):
        return pd.Index(estimator.feature_names_in_)
    return pd.RangeIndex(estimator.n_features_in_)


def positions_of_either(features, feature_groups, columns, caller):
    """Find features that are named at once or by group.

    Parameters
    ----------
    features : list or None
        Names of features, positions where there are no names.

    feature_groups : dict of str to list, or None
        The same by group.

    columns : Index
        What there is.

    caller : str
        Name to begin error messages with.

    Returns
    -------
    positions : list of ndarray
        Positions of the features of each group; empty if neither is given.

    Raises
    ------
    ValueError
        If both are given, or a feature is not there.
    """
    if features is not None and feature_groups is not None:
        raise ValueError(
            f"{caller}: pass features or feature_groups, which names them by group. "
            "Got both."
        )
    if feature_groups is not None:
        return positions_of_groups(feature_groups, columns, caller)
    if features is None:
        return []
    return [positions_of(features, columns, "'features'", caller)]


def positions_of(names, features, what, caller):
    """Find columns by name, or check positions where there are no names.

    Parameters
    ----------
    names : list
        Names of columns of a frame, positions in an array.

    features : DataFrame, ndarray or Index
        The table, or the names of its columns.

    what : str
        What messages call the names.

    caller : str
        Name to begin error messages with.

    Returns
    -------
    positions : ndarray of intp
        Where they are.

    Raises
    ------
    ValueError
        If there are none, or one is not there.
    """
    names = [names] if isinstance(names, str) else list(names)
    if not names:
        raise ValueError(f"{caller}: {what} has no features.")
    columns = getattr(features, "columns", features)
    if not isinstance(columns, pd.Index):
        columns = pd.RangeIndex(np.shape(features)[1])
    at = columns.get_indexer_for(names)
    absent = [name for name, i in zip(names, at) if i < 0]
    if absent:
        raise ValueError(
            f"{caller}: {len(absent)} of the {len(names)} features of {what} are not "
            f"there, such as {absent[:3]}. There are {len(columns)}, such as "
            f"{list(columns[:3])}."
        )
    return at
