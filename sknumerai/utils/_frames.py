"""Results that stay frames where frames came in."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd


def with_index_of(X, values, columns):
    """Return values as a frame with the index of X if X is a frame, else as they are.

    Eras travel in the index, so that steps of a pipeline must keep it.

    Parameters
    ----------
    X : object
        What was transformed.

    values : ndarray of shape (n_samples, n_columns)
        The result.

    columns : array-like of str
        Names.

    Returns
    -------
    ndarray or DataFrame
        The same numbers, not copied.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sknumerai.utils import with_index_of
    >>> X = pd.DataFrame({"f": [0, 1]}, index=pd.Index([7, 8], name="era"))
    >>> with_index_of(X, np.array([[0.5], [1.0]]), ["scaled"])
         scaled
    era
    7       0.5
    8       1.0
    """
    if not isinstance(X, pd.DataFrame):
        return values
    return pd.DataFrame(values, index=X.index, columns=np.asarray(columns), copy=False)


def like(values, matrix):
    """The matrix in the form of what was given: vector or matrix, pandas or not."""
    if isinstance(values, pd.DataFrame):
        return pd.DataFrame(
            matrix, index=values.index, columns=values.columns, copy=False
        )
    if isinstance(values, pd.Series):
        return pd.Series(matrix[:, 0], index=values.index, name=values.name, copy=False)
    return matrix[:, 0] if np.ndim(values) == 1 else matrix
