"""Columns neutralized to columns of a table, which is cut era by era."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

from sknumerai.preprocessing._neutralize import neutralize_eras
from sknumerai.preprocessing._reduce_exposure import reduce_eras
from sknumerai.preprocessing._tables import finite_features
from sknumerai.utils._progress import bar_over


def neutralize_in_table(
    values,
    table,
    groups,
    eras,
    shares,
    *,
    residuals,
    fit_intercept=True,
    top_k=None,
    caller,
    verbose=False,
):
    """Neutralize columns to some columns of a table.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_columns)
        Float64, NaN where missing. Overwritten.

    table : DataFrame or ndarray of shape (n_samples, n_table_columns)
        Where the features are.

    groups : list of ndarray
        Positions of the features in the table, group by group. None: the constant.

    eras : Eras
        Of the rows.

    shares : list of float
        Share of the fit of each group to subtract.

    residuals : callable
        As :func:`residual_function` returns it.

    fit_intercept : bool, default=True
        Whether a constant is fitted too.

    top_k : int, default=None
        Number of features that count.

    caller : str
        Name to begin error messages with.

    verbose : bool, default=False
        Whether a bar over the eras appears if it takes more than two seconds.

    Returns
    -------
    neutral : ndarray of shape (n_samples, n_columns)
        The result, in the memory of `values`.
    """
    at, chosen = _joined(groups)
    parts = _parts(table, at, eras, caller, verbose)
    return neutralize_eras(
        values,
        parts,
        {None: shares},
        chosen or [None],
        residuals=residuals,
        fit_intercept=fit_intercept,
        top_k=top_k,
    )[None]


def reduce_in_table(values, table, groups, eras, max_exposure, caller, verbose=False):
    """Reduce exposures of columns to some columns of a table.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_columns)
        Float64, NaN where missing. Overwritten.

    table : DataFrame or ndarray of shape (n_samples, n_table_columns)
        Where the features are.

    groups : list of ndarray
        Positions of the features in the table.

    eras : Eras
        Of the rows.

    max_exposure : float
        Largest size of a correlation that may stay.

    caller : str
        Name to begin error messages with.

    verbose : bool, default=False
        Whether a progress bar over the eras appears if it takes more than two seconds.

    Returns
    -------
    reduced : ndarray of shape (n_samples, n_columns)
        The result, in the memory of `values`.
    """
    at = np.unique(_joined(groups)[0])
    return reduce_eras(values, _parts(table, at, eras, caller, verbose), max_exposure)


def _joined(groups):
    """Positions in the table, and of each group among them: cut out once."""
    at = np.concatenate([np.array([], dtype=np.intp), *groups])
    ends = np.cumsum([len(group) for group in groups])
    chosen = [np.arange(end - len(g), end) for end, g in zip(ends, groups)]
    # one group is all there is: no copy
    return at, chosen if len(groups) > 1 else [None] * len(groups)


def _parts(table, at, eras, caller, verbose=False):
    for rows in bar_over(eras.rows(), caller, verbose, unit="era"):
        yield rows, finite_features(table, rows, at, caller)
