"""Packed Gram matrices: exact, against sums of integers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from sknumerai.utils import _least_squares, least_squares_residuals
from sknumerai.utils._packed_gram import packed_gram, packed_rows

N = 1300


def gram(A, width=7):
    low, high = int(A.min()), int(A.max())
    rows = packed_rows(low, high, len(A))
    assert rows
    blocks = (
        A[at : at + rows].astype(np.float32, order="K") for at in range(0, len(A), rows)
    )
    panels = packed_gram(blocks, A.shape[1], width, low, high)
    whole, first = np.zeros((A.shape[1],) * 2), 0
    for panel in panels:
        assert panel.dtype == np.float64 and panel.flags.c_contiguous
        whole[first:, first : first + panel.shape[1]] = panel
        first += panel.shape[1]
    return np.tril(whole)


def exact(A):
    A = A.astype(np.int64)
    return np.tril(A.T @ A)


@pytest.mark.parametrize("width", [1, 2, 7, 23, 64])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    "low, high", [(0, 4), (-1, 4), (0, 1), (0, 8), (100, 104), (-128, -125), (3, 3)]
)
def test_as_with_integers(low, high, order, width):
    rng = np.random.default_rng(0)
    A = rng.integers(low, high + 1, size=(N, 23)).astype(np.int8, order=order)
    assert_array_equal(gram(A, width), exact(A))


@pytest.mark.parametrize("low, high", [(0, 4), (-1, 4), (0, 8), (0, 1), (0, 7)])
def test_the_largest_sums_of_either_sign_are_read_apart(low, high):
    # neighbours in a number: all at one end of the range, at opposite ends, mixed
    low_half = np.where(np.arange(N) % 2, low, high)
    columns = [np.full(N, low), np.full(N, high), low_half, low + high - low_half]
    A = np.column_stack([columns[i] for i in [0, 1, 2, 3, 1, 1, 0, 0, 3, 2, 1, 0, 1]])
    for width in (2, 4, 5, 13):
        assert_array_equal(gram(A.astype(np.int8), width), exact(A))


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 1000),
    n=st.integers(1, 1200),
    k=st.integers(1, 12),
    width=st.integers(1, 12),
    low=st.integers(-20, 20),
    span=st.integers(0, 8),
)
def test_any_codes(seed, n, k, width, low, span):
    rng = np.random.default_rng(seed)
    A = rng.integers(low, low + span + 1, size=(n, k)).astype(np.int8)
    assert_array_equal(gram(A, width), exact(A))


def test_wide_ranges_are_not_packed():
    assert packed_rows(0, 4, 10_000) == 511
    assert packed_rows(0, 9, 10_000) == 0
    assert packed_rows(-128, 127, 10) == 0
    # the sums over all rows would not be exact
    assert packed_rows(0, 4, 2**22) == 0


@pytest.fixture
def packed(monkeypatch):
    """Count what is packed."""
    calls = []

    def count(*args):
        calls.append(args[1])
        return packed_gram(*args)

    monkeypatch.setattr(_least_squares, "packed_gram", count)
    monkeypatch.setattr(_least_squares, "_WIDTH", 16)
    return calls


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize(
    "dtype, low, high", [("int8", 0, 5), ("int8", -1, 5), ("uint8", 0, 3), ("?", 0, 2)]
)
def test_residuals_do_not_depend_on_it(packed, dtype, low, high, fit_intercept):
    rng = np.random.default_rng(0)
    A = rng.integers(low, high, size=(N, 40)).astype(dtype)
    A[:, 3] = 1
    A[:, 5] = A[:, 9]
    y = rng.normal(size=(N, 2)) + A[:, :1]
    found = least_squares_residuals(y, A, fit_intercept=fit_intercept)
    assert len(packed) >= 1
    as_floats = A.astype(np.float64)
    n_calls = len(packed)
    expected = least_squares_residuals(y, as_floats, fit_intercept=fit_intercept)
    assert len(packed) == n_calls
    # the same matrix to the last bit; passes over the rows are those of the type
    assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_ill_conditioned_codes_equal_qr(packed):
    rng = np.random.default_rng(0)
    A = rng.integers(0, 5, size=(N, 40)).astype(np.int8)
    # repeated but for one row
    A[:, 20:] = A[:, :20]
    A[np.arange(20), np.arange(20, 40)] = (A[np.arange(20), np.arange(20)] + 1) % 5
    y = rng.normal(size=(N, 1)) + 10.0 * A[:, :1]
    Q = np.linalg.qr(np.c_[A.astype(np.float64), np.ones(N)])[0]
    expected = y - Q @ (Q.T @ y)
    assert_allclose(least_squares_residuals(y, A), expected, rtol=0, atol=1e-10)
    assert packed
