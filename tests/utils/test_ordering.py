"""The fast stable order against NumPy's own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from sknumerai.utils import Scratch, _ordering, stable_order

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

    def refuse(*args, **kwargs):
        raise AssertionError("NumPy's argsort was called")

    monkeypatch.setattr(_ordering.np, "argsort", refuse)
    _, ordered = stable_order(columns)
    assert (ordered[:, 1:] >= ordered[:, :-1]).all()


def test_time_grows_with_rows_not_with_pairs_in_one_bucket(monkeypatch):
    """With 20,000 rows hundreds of neighbours would share one of 65,536 buckets."""
    rng = np.random.default_rng(0)
    n_pairs = []
    exchange = _ordering._exchange

    def spy(order, ordered, pairs, n):
        n_pairs.append(len(pairs))
        exchange(order, ordered, pairs, n)

    monkeypatch.setattr(_ordering, "_exchange", spy)
    stable_order(rng.random((2, 20_000)))
    assert sum(n_pairs) < 10


def test_results_in_the_same_memory_are_kept_apart_by_name():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 3, 400))
    scratch = Scratch()
    order_a, _ = stable_order(a, scratch, "a")
    order_b, _ = stable_order(b[:2], scratch, "b")
    assert_array_equal(order_a, np.argsort(a, axis=1))
    assert_array_equal(order_b, np.argsort(b[:2], axis=1))
    again, _ = stable_order(b, scratch, "a")
    assert again.base is order_a.base


OUTLIERS = {
    "two values": lambda rng, n: np.where(rng.random(n) < 0.05, 1e-9, 0.0),
    "two rising runs": lambda rng, n: np.sort(rng.random((2, n // 2)), axis=1).ravel(),
    "falling run": lambda rng, n: np.r_[np.arange(n - 30.0), -np.arange(30.0)],
}


@pytest.mark.parametrize("name", OUTLIERS)
def test_an_outlier_does_not_make_it_crawl(name, monkeypatch):
    """One outlier puts all other values into one bucket: no exchange of neighbours."""
    rng = np.random.default_rng(0)
    columns = np.stack([OUTLIERS[name](rng, 5000), rng.normal(size=5000)])
    columns[0, 17] = 1e6
    taken = []
    first_of_equal = _ordering._first_of_equal

    def spy(values):
        taken.append(len(values))
        return first_of_equal(values)

    monkeypatch.setattr(_ordering, "_first_of_equal", spy)
    order, ordered = stable_order(columns)
    monkeypatch.undo()
    assert len(taken) <= _ordering._MAX_PASSES + 1
    expected = np.argsort(columns, axis=1, kind="stable")
    assert_array_equal(order, expected)
    assert_array_equal(ordered, np.take_along_axis(columns, expected, axis=1))
