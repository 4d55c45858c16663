"""Products by SciPy's BLAS.

NumPy's and SciPy's wheels each carry a BLAS, whose idle threads go on spinning for a
while: called by turns, two threads take longer than one. So what stands between
SciPy's factors and solvers is SciPy's too.
"""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
from scipy.linalg import blas


def product(a, b):
    """Multiply two matrices of float64.

    Parameters
    ----------
    a, b : ndarray of shape (n, k) and (k, m)
        Of either order; what is of neither is copied.

    Returns
    -------
    c : ndarray of shape (n, m)
        C-ordered.

    Examples
    --------
    >>> import numpy as np
    >>> from sknumerai.utils._blas import product
    >>> product(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]))
    array([[11.]])
    """
    c = np.zeros((a.shape[0], b.shape[1]))
    _add(1.0, a, b, c)
    return c


def subtract_product(c, a, b):
    """Subtract the product of two matrices in place.

    Parameters
    ----------
    c : ndarray of shape (n, m)
        C-ordered float64. Overwritten.

    a, b : ndarray of shape (n, k) and (k, m)
        Of either order; what is of neither is copied.

    Examples
    --------
    >>> import numpy as np
    >>> from sknumerai.utils._blas import subtract_product
    >>> c = np.array([[10.0]])
    >>> subtract_product(c, np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]))
    >>> c
    array([[-1.]])
    """
    _add(-1.0, a, b, c)


def _add(factor, a, b, c):
    if c.size == 0 or a.shape[1] == 0:
        return
    if c.shape[1] == 1:
        matrix, transposed = _fortran(a)
        blas.dgemv(
            factor, matrix, b[:, 0], 1.0, c[:, 0], trans=transposed, overwrite_y=1
        )
        return
    # To BLAS, whose order is Fortran's, everything is transposed: c' += b' a'.
    left, left_transposed = _fortran(b.T)
    right, right_transposed = _fortran(a.T)
    blas.dgemm(
        factor,
        left,
        right,
        1.0,
        c.T,
        trans_a=left_transposed,
        trans_b=right_transposed,
        overwrite_c=1,
    )


def _fortran(matrix):
    """Return a matrix of Fortran's order, and whether it is the transposed one."""
    return (matrix, 0) if matrix.flags.f_contiguous else (matrix.T, 1)
