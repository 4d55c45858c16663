"""Ranks against scipy, to the last bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal
from scipy import stats

from sknumerai.utils import (
    average_ranks,
    check_eras,
    era_gaussian_ranks,
    era_normalized_ranks,
    gaussian_ranks,
    normalized_ranks,
    signed_power,
)

RNG = np.random.default_rng(0)
VALUES = {
    "float64": RNG.normal(size=501),
    "float32 ties": RNG.normal(size=501).round(1).astype(np.float32),
    "float16": RNG.normal(size=501).astype(np.float16),
    "feature codes": RNG.integers(0, 5, 501).astype(np.int8),
    "all of int8": RNG.integers(-128, 128, 501).astype(np.int8),
    "all of uint8": RNG.integers(0, 256, 501).astype(np.uint8),
    "bool": RNG.integers(0, 2, 501).astype(bool),
    "int64 beyond float64": 2**60 + RNG.integers(0, 99, 501),
    "nan and inf": np.r_[RNG.normal(size=50), [np.nan] * 3, np.inf, -np.inf, 0.0, -0.0],
    "constant": np.full(7, 0.1),
    "one": np.array([3.0]),
    "none": np.array([]),
    "all nan": np.full(4, np.nan),
}


def reference(values):
    return stats.rankdata(values, nan_policy="omit") if len(values) else values


@pytest.mark.parametrize("kind", VALUES)
def test_average_ranks_equal_scipy(kind):
    values = VALUES[kind]
    values.flags.writeable = False
    before = values.copy()
    ranks = average_ranks(values)
    assert_array_equal(ranks, reference(values))
    assert ranks.dtype == np.float64
    assert_array_equal(values, before)


@settings(max_examples=100, deadline=None)
@given(
    hnp.arrays(
        np.float64,
        st.integers(1, 30),
        elements=st.sampled_from([-1.0, -0.0, 0.0, 0.5, np.inf, np.nan]),
    )
)
def test_any_ties_equal_scipy(values):
    assert_array_equal(average_ranks(values), reference(values))


def test_columns_are_ranked_one_by_one():
    frame = np.column_stack([VALUES["float64"], VALUES["float32 ties"]])
    expected = np.column_stack([reference(column) for column in frame.T])
    for layout in (np.ascontiguousarray, np.asfortranarray):
        assert_array_equal(average_ranks(layout(frame)), expected)


def test_normalized_ranks_count_what_is_there():
    values = np.array([3.0, np.nan, 1.0, 1.0])
    assert_array_equal(normalized_ranks(values), [2.5 / 3, np.nan, 1 / 3, 1 / 3])


@pytest.mark.filterwarnings("error")
def test_gaussian_ranks_are_quantiles_of_the_normal():
    values = VALUES["float32 ties"]
    expected = stats.norm.ppf((stats.rankdata(values) - 0.5) / len(values))
    assert_array_equal(gaussian_ranks(values), expected)
    assert_array_equal(gaussian_ranks(np.full(3, 0.2)), 0)
    assert np.isfinite(gaussian_ranks(np.arange(10))).all()


def test_signed_power_keeps_the_sign():
    assert_array_equal(signed_power([-4, 0, 9], 0.5), [-2, 0, 3])


@pytest.mark.parametrize("is_sorted", [True, False])
@pytest.mark.parametrize("ndim", [1, 2])
@pytest.mark.parametrize(
    "by_era, alone",
    [(era_normalized_ranks, normalized_ranks), (era_gaussian_ranks, gaussian_ranks)],
)
def test_an_era_ranks_as_if_it_were_alone(by_era, alone, ndim, is_sorted):
    groups = np.repeat([1, 2, 3], [5, 1, 9])
    if not is_sorted:
        groups = RNG.permutation(groups)
    values = RNG.normal(size=(15, 2)).round(1)
    values = values if ndim == 2 else values[:, 0]
    ranks = by_era(values, check_eras(groups))
    for era in (1, 2, 3):
        assert_array_equal(ranks[groups == era], alone(values[groups == era]))


def test_wrong_shapes_raise():
    with pytest.raises(ValueError, match="one or two dimensions"):
        average_ranks(np.zeros((2, 2, 2)))
    with pytest.raises(ValueError, match="got 2 eras for 3 rows"):
        era_gaussian_ranks([1, 2, 3], check_eras([1, 2]))
