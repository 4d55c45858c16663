"""Features of one byte: counted instead of sorted, looked up instead of computed."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

from sknumerai.preprocessing._tables import row_blocks

# More codes than this are counted column by column.
_FEW = 16
# Rows whose matches are summed in one byte without overflow.
_BYTE = 255


def is_codes(matrix):
    """Whether values are integers of one byte, as Numerai's features are."""
    return matrix.dtype.kind in "iu" and matrix.dtype.itemsize == 1


def code_counts(part):
    """Count the codes in each column.

    Parameters
    ----------
    part : ndarray of shape (n_samples, n_features)
        Integers of one byte, at least one row.

    Returns
    -------
    low : int
        The lowest code.

    counts : ndarray of shape (n_codes, n_features)
        Rows with the codes ``low``, ``low + 1``, ...
    """
    low, high = int(part.min()), int(part.max())
    n, p = part.shape
    counts = np.zeros((high - low + 1, p), dtype=np.int64)
    if len(counts) > _FEW:
        for j in range(p):
            codes = part[:, j].astype(np.int16) - low
            counts[:, j] = np.bincount(codes, minlength=len(counts))
        return low, counts
    for start in range(0, n, _BYTE):
        block = np.ascontiguousarray(part[start : start + _BYTE])
        for i in range(len(counts)):
            matches = (block == block.dtype.type(low + i)).view(np.uint8)
            counts[i] += np.add.reduce(matches, axis=0, dtype=np.uint8)
    return low, counts


def look_up(table, part, low, out):
    """Write the entry of a table for each code.

    Parameters
    ----------
    table : ndarray of shape (n_codes, n_features)
        Entries of the codes ``low``, ``low + 1``, ... of each column.

    part : ndarray of shape (n_samples, n_features)
        Integers of one byte.

    low : int
        The lowest code.

    out : ndarray of shape (n_samples, n_features)
        What is written.
    """
    flat = np.ascontiguousarray(table, dtype=out.dtype).ravel()
    n, p = part.shape
    columns = np.arange(p, dtype=np.intp)
    for rows in row_blocks(n, p):
        at = part[rows].astype(np.intp, order="C")
        at -= low
        at *= p
        at += columns
        out[rows] = flat[at]
