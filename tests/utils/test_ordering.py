"""The fast stable order against NumPy's own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from sknumerai.utils import _ordering, stable_order

DISTRIBUTIONS = {
    "normal": lambda rng, size: rng.normal(size=size),
    "uniform": lambda rng, size: rng.random(size),
    "tied": lambda rng, size: rng.normal(size=size).round(1),
    "constant": lambda rng, size: np.full(size, 0.5),
    "outliers": lambda rng, size: rng.standard_cauchy(size),
    "skewed": lambda rng, size: np.exp(9 * rng.normal(size=size)),
    "falling": lambda rng, size: -np.sort(rng.normal(size=size), axis=1),
    "infinite": lambda rng, size: np.where(
        rng.random(size) < 0.01, np.inf, rng.normal(size=size)
    ),
    "minus infinite": lambda rng, size: np.where(
        rng.random(size) < 0.01, -np.inf, rng.normal(size=size)
    ),
    "huge": lambda rng, size: rng.normal(size=size) * 1e38,
    "subnormal": lambda rng, size: rng.normal(size=size) * 1e-310,
    "signed zeros": lambda rng, size: np.where(rng.random(size) < 0.5, -0.0, 0.0),
    "far from zero": lambda rng, size: 1e9 + rng.normal(size=size),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [(1, 2000), (3, 255), (3, 256), (20, 5000)])
def test_equals_numpy(name, dtype, size):
    rng = np.random.default_rng(0)
    with np.errstate(over="ignore"):
        columns = DISTRIBUTIONS[name](rng, size).astype(dtype)
    order, ordered = stable_order(columns)
    expected = np.argsort(columns, axis=1, kind="stable")
    assert_array_equal(order, expected)
    assert_array_equal(ordered, np.take_along_axis(columns, expected, axis=1))


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint64])
def test_integers_keep_every_digit(dtype):
    high = np.iinfo(dtype).max
    rng = np.random.default_rng(0)
    columns = np.full((2, 600), high, dtype=dtype)
    columns -= rng.integers(0, 2, (2, 600)).astype(dtype)
    order, _ = stable_order(columns)
    assert_array_equal(order, np.argsort(columns, axis=1, kind="stable"))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(256, 3000),
    m=st.integers(1, 20),
    digits=st.integers(0, 6),
    power=st.floats(0.2, 6),
)
def test_equals_numpy_for_any_spread(seed, n, m, digits, power):
    rng = np.random.default_rng(seed)
    columns = np.abs(rng.normal(size=(m, n)).round(digits)) ** power
    order, _ = stable_order(columns)
    assert_array_equal(order, np.argsort(columns, axis=1, kind="stable"))


def test_even_values_are_not_left_to_numpys_slow_sort(monkeypatch):
    """The buckets must do the work where predictions are ranks or normal."""
    rng = np.random.default_rng(0)
    columns = np.stack([rng.permutation(5000) / 5000, rng.normal(size=5000)])
    kinds = []
    argsort = np.argsort

    def spy(values, *args, **kwargs):
        kinds.append(values.dtype)
        return argsort(values, *args, **kwargs)

    monkeypatch.setattr(_ordering.np, "argsort", spy)
    stable_order(columns)
    assert kinds == [np.uint16]
