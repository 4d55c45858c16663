"""Gram matrix of small integers, two numbers in each float32.

Features are codes of a few bits, and float32 counts exactly up to 24. Of integer columns
a, b and c the product ``(a + 4096 b)'c`` is ``a'c + 4096 b'c``: while the sums are below
2048, which is so for some hundreds of rows, both can be read from it. The matrix then
costs half of what BLAS needs for it at its best. Every sum on the way is an integer that
float32 holds: the result is exact, in whatever order BLAS adds.
"""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

_SHIFT = 2.0**12
# Added to a float32 and subtracted again, rounds it to a multiple of the shift.
_ROUND = np.float32(1.5 * 2**23 * _SHIFT)
_LARGEST_SUM = 2047
# With fewer rows at a time reading the sums takes longer than is gained; more are but
# more memory.
_FEWEST_ROWS, _MOST_ROWS = 100, 512
# Integers up to here are exact in float32.
_FLOAT32_EXACT = 2**24


def packed_rows(low, high, n):
    """Find how many rows can be summed at a time.

    Parameters
    ----------
    low, high : int
        Smallest and largest number.

    n : int
        Number of rows.

    Returns
    -------
    rows : int
        0 where packing is not worthwhile or would not be exact.
    """
    square = max(high - _center(low, high), 1) ** 2
    rows = min(_LARGEST_SUM // square, _MOST_ROWS)
    return rows if rows >= _FEWEST_ROWS and square * n < _FLOAT32_EXACT else 0


def packed_gram(blocks, k, width, low, high):
    """Compute a Gram matrix from its diagonal down, some columns at a time.

    Parameters
    ----------
    blocks : iterable of ndarray of shape (n_rows, k)
        Rows of the matrix, as many as :func:`packed_rows` says or fewer, float32.
        Overwritten.

    k : int
        Number of columns.

    width : int
        Columns in each part of the result.

    low, high : int
        Smallest and largest number.

    Returns
    -------
    panels : list of ndarray of shape (k - first, width)
        Float64, C-ordered, exact.

    Examples
    --------
    >>> import numpy as np
    >>> from sknumerai.utils._packed_gram import packed_gram
    >>> block = np.array([[1, 2], [0, 4]], dtype=np.float32)
    >>> packed_gram([block], 2, 1, 0, 4)
    [array([[1.],
           [2.]]), array([[20.]])]
    """
    center = _center(low, high)
    starts = range(0, k, width)
    # transposed: BLAS and the sums are faster along the longer side
    sums = [np.zeros((min(width, k - at), k - at), np.float32) for at in starts]
    total, n = np.zeros(k), 0
    for block in blocks:
        block -= center
        total += block.sum(axis=0)
        n += len(block)
        for first, panel in zip(starts, sums):
            _add_products(panel, block[:, first:])
    # of the numbers as they were: (b + c)'(d + c) = b'd + c (sum b + sum d) + n c^2
    total *= center
    panels = []
    for first in starts:
        part = sums.pop(0)
        part[(len(part) + 1) // 2 :] *= 1 / _SHIFT
        panel = np.empty(part.shape[::-1])
        panel[:] = part.T
        panel += total[first:, None]
        panel += total[first : first + len(part)] + n * center**2
        panels.append(panel)
    return panels


def _center(low, high):
    return (low + high) // 2


def _add_products(panel, block):
    """Add the products of the first columns of a block with all of it.

    Those of the second half of them are larger by the shift.
    """
    width = len(panel)
    half = (width + 1) // 2
    one, other = block[:, :half], block[:, half:width]
    pair = one.copy(order="K")
    pair[:, : width - half] += _SHIFT * other
    both = pair.T @ block
    upper = both + _ROUND
    upper -= _ROUND
    panel[half:] += upper[: width - half]
    both -= upper
    panel[:half] += both
