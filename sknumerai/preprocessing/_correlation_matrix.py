"""Correlations of all features with each other, in bounded memory."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

from sknumerai.preprocessing._codes import is_codes
from sknumerai.utils._progress import bar_over

# Numbers of a block of rows, as large as a matrix product needs to be fast.
_BLOCK = 2**22
# Integers up to here are exact in float32.
_FLOAT32_EXACT = 2**24


def correlation_matrix(matrix, caller=None, verbose=False):
    """Correlate the columns of a matrix with each other.

    Parameters
    ----------
    matrix : ndarray of shape (n_samples, n_features)
        Finite numbers. Integers of one byte are multiplied exactly, in blocks of rows.

    caller : str, default=None
        Left of the progress bar.

    verbose : bool, default=False
        Whether there is one.

    Returns
    -------
    correlations : ndarray of shape (n_features, n_features)
        Float64. Rows and columns of features that are all the same are NaN.
    """
    n, p = matrix.shape
    gram, sums, shift = np.zeros((p, p)), np.zeros(p), 0
    step = max(1, _BLOCK // p)
    if is_codes(matrix):
        dtype = np.float32
        largest = max(abs(int(matrix.max())), abs(int(matrix.min())), 1)
        step = min(step, max(1, _FLOAT32_EXACT // largest**2))
    else:
        dtype = np.float64
        # a large mean would take the digits of a small spread
        shift = matrix.mean(axis=0, dtype=np.float64)
    same = np.ones(p, dtype=bool)
    starts = range(0, n, step)
    for start in bar_over(starts, caller, verbose, unit="block"):
        block = matrix[start : start + step]
        same &= (block == matrix[0]).all(axis=0)
        block = block.astype(dtype)
        block -= shift
        gram += block.T @ block
        sums += block.sum(axis=0, dtype=np.float64)
    gram -= np.outer(sums, sums / n)
    length = np.sqrt(np.where(same, np.nan, gram.diagonal()))
    gram /= length
    gram /= length[:, None]
    np.clip(gram, -1, 1, out=gram)
    gram[np.diag_indices(p)] = np.where(same, np.nan, 1.0)
    return gram
