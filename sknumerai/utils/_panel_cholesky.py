"""Cholesky factor of a symmetric matrix of which only half is in memory."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
from scipy.linalg import blas, lapack
from scipy.sparse.linalg import LinearOperator, onenormest

from sknumerai.utils._blas import subtract_product


class PanelCholesky:
    """Factor a symmetric matrix in place.

    Half the memory of LAPACK's factor beside the matrix is a quarter of it: for
    thousands of features that is what counts.

    Parameters
    ----------
    panels : list of ndarray
        The matrix from its diagonal down, some columns in each: of shape
        (n - first, width), C-ordered, float64. Overwritten.

    Examples
    --------
    >>> import numpy as np
    >>> from sknumerai.utils._panel_cholesky import PanelCholesky
    >>> factor = PanelCholesky([np.array([[4.0], [2.0]]), np.array([[3.0]])])
    >>> factor.solve(np.array([[8.0], [7.0]])).ravel()
    array([1.25, 1.5 ])
    """

    def __init__(self, panels):
        self.panels = panels
        self.n = len(panels[0])
        self._norm = self._one_norm()
        self._positive = np.isfinite(self._norm) and self._factor()

    def rcond(self):
        """Estimate the reciprocal condition number in the 1-norm; 0 if not definite."""
        if not self._positive or self._norm == 0:
            return 0.0
        inverse = LinearOperator(
            (self.n, self.n), matvec=self._solve_one, rmatvec=self._solve_one
        )
        # with t=1 no random numbers are drawn
        return 1 / (self._norm * onenormest(inverse, t=1))

    def solve(self, right):
        """Solve for right-hand sides of shape (n, m)."""
        x = np.array(right, dtype=np.float64, order="C")
        first = 0
        for panel in self.panels:
            width = panel.shape[1]
            part = slice(first, first + width)
            first += width
            x[part] = _triangle(panel[:width], x[part], transposed=True)
            subtract_product(x[first:], panel[width:], x[part])
        for panel in reversed(self.panels):
            width = panel.shape[1]
            part = slice(first - width, first)
            subtract_product(x[part], panel[width:].T, x[first:])
            x[part] = _triangle(panel[:width], x[part], transposed=False)
            first -= width
        return x

    def _solve_one(self, right):
        return self.solve(right.reshape(-1, 1)).ravel()

    def _one_norm(self):
        sums, first = np.zeros(self.n), 0
        for panel in self.panels:
            width = panel.shape[1]
            size = np.abs(panel)
            sums[first : first + width] += size.sum(axis=0)
            sums[first + width :] += size[width:].sum(axis=1)
            first += width
        return sums.max()

    def _factor(self):
        """Overwrite the panels with the factor; whether the matrix is definite."""
        for i, panel in enumerate(self.panels):
            width = panel.shape[1]
            # C order: to LAPACK the transposed, so that its upper factor is ours
            upper, info = lapack.dpotrf(
                panel[:width].T, lower=0, overwrite_a=1, clean=1
            )
            if info != 0:
                return False
            panel[:width] = upper.T
            if len(panel) == width:
                continue
            below = panel[width:]
            below[:] = blas.dtrsm(
                1.0, upper, below.T, lower=0, trans_a=1, overwrite_b=1
            ).T
            first = 0
            for later in self.panels[i + 1 :]:
                subtract_product(
                    later, below[first:], below[first:][: later.shape[1]].T
                )
                first += later.shape[1]
        return True


def _triangle(lower, right, transposed):
    """Solve with the upper factor `lower.T`, or with `lower` where it is transposed."""
    return blas.dtrsm(1.0, lower.T, right, lower=0, trans_a=int(transposed))
