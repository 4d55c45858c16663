"""PanelCholesky against numpy."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sknumerai.utils._panel_cholesky import PanelCholesky


def cut(matrix, width):
    return [
        matrix[first:, first : first + width].copy()
        for first in range(0, len(matrix), width)
    ]


@pytest.fixture
def matrix():
    rng = np.random.default_rng(0)
    A = rng.normal(size=(80, 30)) @ np.diag(np.logspace(0, 2, 30))
    return A.T @ A


@pytest.mark.parametrize("width", [1, 7, 29, 30, 64])
def test_solves_as_numpy(matrix, width):
    right = np.random.default_rng(1).normal(size=(30, 4))
    before = right.copy()
    factor = PanelCholesky(cut(matrix, width))
    assert_allclose(factor.solve(right), np.linalg.solve(matrix, right), rtol=1e-9)
    assert_allclose(right, before, rtol=0, atol=0)


@pytest.mark.parametrize("width", [7, 30])
def test_condition_is_estimated(matrix, width):
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    found = PanelCholesky(cut(matrix, width)).rcond()
    exact = 1 / np.linalg.cond(matrix, 1)
    assert exact * (1 - 1e-9) <= found <= 5 * exact
    # of the process: scipy's estimate may draw from it
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002


def test_what_is_not_definite_has_no_condition(matrix):
    matrix[:, 5] = matrix[5] = 0
    assert PanelCholesky(cut(matrix, 7)).rcond() == 0
    matrix[5, 5] = np.nan
    assert PanelCholesky(cut(matrix, 7)).rcond() == 0
    assert PanelCholesky([np.zeros((1, 1))]).rcond() == 0
