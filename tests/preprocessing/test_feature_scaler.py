import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.preprocessing import MinMaxScaler

from sknumerai.preprocessing import FeatureScaler

CODES = np.random.default_rng(0).integers(0, 5, size=(500, 7)).astype(np.int8)


@pytest.mark.parametrize("output_range", [(0, 1), (-1, 1), (-0.5, 0.5), (3, 10)])
def test_against_scikit_learn_where_all_codes_are_there(output_range):
    scaler = FeatureScaler(output_range=output_range).fit(CODES)
    found = scaler.transform(CODES)
    assert found.dtype == np.float32
    oracle = MinMaxScaler(output_range).fit_transform(CODES)
    assert_allclose(found, oracle, rtol=1e-6, atol=1e-7)
    assert_array_equal(scaler.inverse_transform(found).round(), CODES)


def test_few_rows_are_scaled_as_all_are():
    scaler = FeatureScaler().fit(CODES)
    assert_array_equal(scaler.transform(CODES[:1]), scaler.transform(CODES)[:1])


@settings(max_examples=50, deadline=None)
@given(
    low=st.integers(-100, 100),
    width=st.integers(1, 27),
    to_low=st.floats(-5, 5),
    to_width=st.floats(0.5, 5),
)
def test_the_range_is_kept_and_comes_back(low, width, to_low, to_width):
    X = np.arange(low, low + width + 1, dtype=np.int8)[:, None]
    target = to_low, to_low + to_width
    scaler = FeatureScaler((low, low + width), output_range=target).fit(X)
    found = scaler.transform(X)
    least, most = np.float32(target[0]), np.float32(target[1])
    assert found.min() >= least and found.max() <= most
    assert_allclose(found[[0, -1], 0], [least, most], rtol=1e-5, atol=1e-5)
    assert_array_equal(scaler.inverse_transform(found).round(), X)


def test_codes_outside_the_range_are_refused_by_name():
    X = pd.DataFrame(CODES.copy(), columns=list("abcdefg"))
    scaler = FeatureScaler().fit(X)
    X.loc[3, "c"], X.loc[4, "e"] = 9, -1
    with pytest.raises(ValueError, match=r"2 of 7 features .* 'c' with .* from 0 to 9"):
        scaler.transform(X)
    found = scaler.set_params(out_of_range="clip").transform(X)
    assert found.loc[3, "c"] == 1 and found.loc[4, "e"] == 0
    found = scaler.set_params(out_of_range="extrapolate").transform(X)
    assert found.loc[3, "c"] == 2.25 and found.loc[4, "e"] == -0.25


def test_numbers_outside_the_range_are_warned_of():
    X = CODES.astype(np.float32)
    X[0, 0] = 5
    scaler = FeatureScaler().fit(X)
    with pytest.warns(UserWarning, match="'x0' with values from 0 to 5"):
        assert scaler.transform(X)[0, 0] == 1.25
    with pytest.raises(ValueError, match="'x0'"):
        scaler.set_params(out_of_range="raise").transform(X)


def test_missing_values_stay():
    X = CODES.astype(np.float64)
    X[5, 2] = np.nan
    for out_of_range in ("auto", "clip", "raise", "extrapolate"):
        found = FeatureScaler(out_of_range=out_of_range).fit_transform(X)
        assert found.dtype == np.float64
        assert_array_equal(np.isnan(found), np.isnan(X))
    all_missing = np.full((3, 2), np.nan)
    assert np.isnan(FeatureScaler().fit_transform(all_missing)).all()


@pytest.mark.parametrize("name", ["feature_range", "output_range"])
@pytest.mark.parametrize("value", [(1, 1), (4, 0), (0,), (0, 1, 2)])
def test_wrong_ranges_say_what_is_allowed(name, value):
    with pytest.raises(ValueError, match=f"{name} must be .low, high. with low < high"):
        FeatureScaler(**{name: value}).fit(CODES)


def test_inverse_of_another_number_of_features_is_refused():
    with pytest.raises(ValueError, match=r"2 features, but .* 7 features"):
        FeatureScaler().fit(CODES).inverse_transform(np.zeros((3, 2)))


@pytest.mark.parametrize("order", ["C", "F"])
def test_nothing_but_the_result_is_allocated(order):
    X = np.asarray(np.ones((20_000, 400), dtype=np.int8), order=order)
    scaler = FeatureScaler().fit(X)
    tracemalloc.start()
    found = scaler.transform(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.nbytes == 4 * X.nbytes
    assert peak < found.nbytes + 4e6
