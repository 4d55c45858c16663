"""Correlations of features with a target in each era, in bounded memory."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

from sknumerai.preprocessing._tables import row_blocks
from sknumerai.utils._progress import bar_over


def era_correlations(matrix, y, eras, caller=None, verbose=False):
    """Correlate each feature with the target within each era.

    Parameters
    ----------
    matrix : ndarray of shape (n_samples, n_features)
        Finite features. Integers are converted a block at a time.

    y : ndarray of shape (n_samples,)
        Finite target.

    eras : Eras
        Eras of the rows.

    caller : str, default=None
        Left of the progress bar.

    verbose : bool, default=False
        Whether there is one.

    Returns
    -------
    correlations : ndarray of shape (n_eras, n_features)
        Pearson's, float64. NaN where the feature or the target is the same for the era.
    """
    table = np.empty((eras.n_eras, matrix.shape[1]))
    for i, rows in enumerate(bar_over(eras.rows(), caller, verbose, unit="era")):
        target = np.asarray(y[rows], dtype=np.float64)
        table[i] = _correlations(matrix[rows], target)
    return table


def _correlations(part, y):
    n, p = part.shape
    centered = y - y.mean()
    length = np.sqrt(centered @ centered)
    if n < 2 or (y == y[0]).all() or not length > 0:
        return np.full(p, np.nan)
    right = np.stack([np.ones(n), centered / length])
    # columns that are all the same become zero exactly, others lose their large mean
    first = part[0].astype(np.float64)
    products, squares = np.zeros((2, p)), np.zeros(p)
    for rows in row_blocks(n, p):
        block = part[rows] - first
        products += right[:, rows] @ block
        squares += np.einsum("ij,ij->j", block, block)
    sums, products = products
    squares -= sums**2 / n
    # what is left of the squares of a column by rounding is no spread
    varies = squares > 1e-13 * (sums**2 / n)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(varies, products / np.sqrt(squares), np.nan)
    return np.clip(found, -1, 1)
