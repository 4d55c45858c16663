"""Arrays of numbers, and the gaps in them."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd


def as_numbers(values, name, caller):
    """Read an array of numbers, NaN where a value is missing.

    Parameters
    ----------
    values : array-like
        Numbers: an array, a masked one, or pandas with nullable types.

    name : str
        What messages call it.

    caller : str
        Name to begin error messages with.

    Returns
    -------
    array : ndarray
        Numbers that are such stay in their type, without a copy; others are float64.

    Raises
    ------
    ValueError
        If they are no numbers. The columns of a frame are named.

    Examples
    --------
    >>> from sknumerai.utils import as_numbers
    >>> as_numbers([1, None], "y", "fit")
    array([ 1., nan])
    """
    if isinstance(values, np.ma.MaskedArray):
        values = values.astype(np.float64).filled(np.nan)
    array = np.asarray(values)
    if array.dtype.kind in "biuf":
        return array
    try:
        if array.dtype.kind in "cmM":
            raise TypeError
        if isinstance(values, pd.Series | pd.DataFrame):
            # pandas' nullable types come as objects
            return values.to_numpy(dtype=np.float64, na_value=np.nan)
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        where = ""
        if isinstance(values, pd.DataFrame):
            numeric = values.select_dtypes("number").columns
            where = f" in columns {list(values.columns.difference(numeric))[:3]}"
        raise ValueError(
            f"{caller}: {name} must be numbers. Got {array.dtype} values{where}."
        ) from error


def all_finite(values):
    """Tell whether no value is NaN or infinite, in one pass and without a copy.

    Parameters
    ----------
    values : ndarray
        Numbers.

    Returns
    -------
    finite : bool
        False also where the sum of all values is too large for their type.

    Examples
    --------
    >>> import numpy as np
    >>> from sknumerai.utils import all_finite
    >>> all_finite(np.array([1.0, np.nan]))
    False
    """
    if values.dtype.kind != "f":
        return True
    with np.errstate(all="ignore"):
        return bool(np.isfinite(values.sum()))


def same_rows(values):
    """Yield the rows that models have, and the models that have just these.

    Parameters
    ----------
    values : ndarray of shape (n, m)
        NaN where a model has no value.

    Yields
    ------
    rows : ndarray of shape (n,)
        Mask of the rows, at least one of them True.

    columns : ndarray
        Positions of the models.

    Examples
    --------
    >>> import numpy as np
    >>> from sknumerai.utils import same_rows
    >>> for rows, columns in same_rows(np.array([[1.0, np.nan, 2.0], [3.0, 4.0, 5.0]])):
    ...     print(rows, columns)
    [False  True] [1]
    [ True  True] [0 2]
    """
    known = ~np.isnan(values)
    if known.all() and len(values):
        yield known[:, 0], np.arange(values.shape[1])
        return
    patterns, which = np.unique(known, axis=1, return_inverse=True)
    for p, rows in enumerate(patterns.T):
        if rows.any():
            yield rows, np.flatnonzero(which.ravel() == p)
