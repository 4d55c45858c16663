import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm, rankdata

from sknumerai.preprocessing import GaussianRankScaler


def reference(X, eras, power=1.0):
    """A loop over eras and columns with scipy."""
    X, eras = np.asarray(X, dtype=float), np.asarray(eras)
    out = np.full(X.shape, np.nan)
    for era in set(eras.tolist()):
        for j in range(X.shape[1]):
            rows = np.flatnonzero((eras == era) & ~np.isnan(X[:, j]))
            ranks = (rankdata(X[rows, j]) - 0.5) / max(len(rows), 1)
            scores = norm.ppf(ranks)
            out[rows, j] = np.sign(scores) * np.abs(scores) ** power
    return out


@settings(max_examples=60, deadline=None)
@given(
    X=arrays(
        np.float64,
        st.tuples(st.integers(1, 30), st.integers(1, 3)),
        elements=st.one_of(
            st.integers(-3, 3), st.floats(-1e300, 1e300), st.just(np.nan)
        ),
    ),
    power=st.sampled_from([1.0, 1.5, 0.7]),
    seed=st.integers(0, 5),
)
def test_against_a_loop(X, power, seed):
    eras = np.random.default_rng(seed).integers(1, 4, size=len(X))
    found = GaussianRankScaler(power).fit_transform(X, groups=eras)
    assert found.dtype == np.float64
    assert_allclose(found, reference(X, eras, power), rtol=1e-9, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    X=arrays(
        st.sampled_from([np.int8, np.uint8]),
        st.tuples(st.integers(1, 600), st.integers(1, 3)),
        elements=st.one_of(st.integers(0, 4), st.integers(0, 127)),
    ),
    power=st.sampled_from([1.0, 1.5]),
)
def test_codes_against_a_loop(X, power):
    eras = np.arange(len(X)) % 3
    found = GaussianRankScaler(power).fit_transform(X, groups=eras)
    assert found.dtype == np.float32
    assert_allclose(found, reference(X, eras, power), rtol=2e-6, atol=1e-6)


def test_codes_of_either_sign():
    X = np.random.default_rng(0).integers(-128, 128, size=(700, 4)).astype(np.int8)
    eras = np.ones(700, dtype=int)
    found = GaussianRankScaler().fit_transform(X, groups=eras)
    assert_allclose(found, reference(X, eras), rtol=2e-6, atol=1e-6)


def test_missing_values_by_choice():
    X = np.array([[1.0], [np.nan], [3.0], [2.0]])
    keep = GaussianRankScaler().fit_transform(X)
    middle = GaussianRankScaler(missing="middle").fit_transform(X)
    assert np.isnan(keep[1, 0]) and middle[1, 0] == 0
    assert_array_equal(np.delete(keep, 1, axis=0), np.delete(middle, 1, axis=0))
    with pytest.raises(ValueError, match="contains NaN"):
        GaussianRankScaler(missing="raise").fit(X)


def test_a_constant_column_is_zero():
    for X in (np.full((5, 1), 2, dtype=np.int8), np.full((5, 1), 0.1)):
        assert_array_equal(GaussianRankScaler(1.5).fit_transform(X), np.zeros((5, 1)))


def test_memory_of_a_wide_era_is_bounded():
    X = np.random.default_rng(0).integers(0, 5, size=(2_000, 3_000)).astype(np.int8)
    scaler = GaussianRankScaler().fit(X)
    tracemalloc.start()
    found = scaler.transform(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < found.nbytes + 5e7
