"""Products by SciPy's BLAS against numpy."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sknumerai.utils._blas import product, subtract_product

RNG = np.random.default_rng(0)
ORDERS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "neither": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
}


@pytest.mark.parametrize(
    "shape", [(5, 4, 3), (5, 4, 1), (1, 4, 3), (1, 1, 1), (5, 1, 2)]
)
@pytest.mark.parametrize("left", ORDERS)
@pytest.mark.parametrize("right", ORDERS)
def test_products_are_those_of_numpy(shape, left, right):
    n, k, m = shape
    a, b = RNG.normal(size=(n, k)), RNG.normal(size=(k, m))
    c = RNG.normal(size=(n, m))
    a_of, b_of = ORDERS[left](a), ORDERS[right](b)
    assert_allclose(product(a_of, b_of), a @ b, rtol=1e-12, atol=1e-14)
    found = c.copy()
    subtract_product(found, a_of, b_of)
    assert_allclose(found, c - a @ b, rtol=1e-12, atol=1e-14)
    assert (a_of == a).all() and (b_of == b).all()


@pytest.mark.parametrize("m", [1, 3])
def test_part_of_a_matrix_is_changed_in_place(m):
    c = RNG.normal(size=(6, m))
    a, b = RNG.normal(size=(4, 2)), RNG.normal(size=(2, m))
    expected = c.copy()
    expected[2:] -= a @ b
    subtract_product(c[2:], a, b)
    assert_allclose(c, expected, rtol=1e-12)


@pytest.mark.parametrize(
    "shape", [(0, 3, 2), (3, 0, 2), (3, 2, 0), (3, 0, 1), (0, 2, 1)]
)
def test_empty_products_are_zero(shape):
    n, k, m = shape
    assert (product(np.ones((n, k)), np.ones((k, m))) == np.zeros((n, m))).all()
    c = np.ones((n, m))
    subtract_product(c, np.ones((n, k)), np.ones((k, m)))
    assert (c == 1).all()
