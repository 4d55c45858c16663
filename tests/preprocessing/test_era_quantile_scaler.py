import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_array_equal
from scipy.stats import rankdata
from sklearn.preprocessing import QuantileTransformer

from sknumerai.datasets import make_numerai
from sknumerai.preprocessing import EraQuantileScaler


def reference(X, eras, n_bins, fill=np.nan):
    """The definition, value by value, in fractions of integers."""
    X, eras = np.asarray(X, dtype=float), np.asarray(eras)
    out = np.full(X.shape, float(fill))
    for era in set(eras.tolist()):
        for j in range(X.shape[1]):
            rows = np.flatnonzero((eras == era) & ~np.isnan(X[:, j]))
            for row, rank in zip(rows, rankdata(X[rows, j])):
                out[row, j] = n_bins * (2 * rank - 1) // (2 * len(rows))
    return out


@settings(max_examples=60, deadline=None)
@given(
    X=arrays(
        np.float64,
        st.tuples(st.integers(1, 40), st.integers(1, 3)),
        elements=st.one_of(st.integers(-3, 3), st.floats(-1e9, 1e9), st.just(np.nan)),
    ),
    n_bins=st.sampled_from([2, 3, 5, 10, 127]),
)
def test_against_the_definition(X, n_bins):
    eras = np.arange(len(X)) % 3
    scaler = EraQuantileScaler(n_bins, missing="keep")
    found = scaler.fit_transform(X, groups=eras)
    assert found.dtype == np.float32
    assert_array_equal(found, reference(X, eras, n_bins))
    if n_bins % 2:
        scaler.set_params(missing="middle")
        found = scaler.fit_transform(X, groups=eras)
        assert found.dtype == np.int8
        assert_array_equal(found, reference(X, eras, n_bins, fill=n_bins // 2))


@settings(max_examples=40, deadline=None)
@given(
    X=arrays(
        np.int8,
        st.tuples(st.integers(1, 600), st.integers(1, 3)),
        elements=st.one_of(st.integers(0, 4), st.integers(-128, 127)),
    ),
    n_bins=st.sampled_from([2, 5, 9]),
)
def test_codes_against_the_definition(X, n_bins):
    eras = np.arange(len(X)) % 2
    found = EraQuantileScaler(n_bins).fit_transform(X, groups=eras)
    assert found.dtype == np.int8
    assert_array_equal(found, reference(X, eras, n_bins))


@pytest.mark.parametrize("n_bins", [2, 4, 5, 10])
def test_pandas_qcut_where_nothing_is_tied_and_bins_are_equal(n_bins):
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(3 * 20 * n_bins, 4)))
    eras = pd.Series(np.arange(len(frame)) % 3)
    oracle = frame.groupby(eras).transform(
        lambda column: pd.qcut(column, n_bins, labels=False)
    )
    found = EraQuantileScaler(n_bins).fit_transform(frame.to_numpy(), groups=eras)
    assert_array_equal(found, oracle)


def test_quantile_transformer_in_each_era_cut_into_bins():
    """As numerblox's EraQuantileProcessor computes quantiles, which it does not cut."""
    X = np.random.default_rng(1).normal(size=(200, 3))
    eras = np.repeat([1, 2], 100)
    found = EraQuantileScaler().fit_transform(X, groups=eras)
    for era in (1, 2):
        rows = eras == era
        share = QuantileTransformer(n_quantiles=100).fit_transform(X[rows])
        oracle = np.maximum(np.ceil(5 * share - 1e-9) - 1, 0)
        assert_array_equal(found[rows], oracle)


def test_features_that_are_quintiles_stay_as_they_are():
    X = make_numerai(n_eras=3, n_samples_per_era=50, missing=0.5, random_state=0).data
    pd.testing.assert_frame_equal(EraQuantileScaler().fit_transform(X), X)


def test_ties_share_one_bin_and_constants_the_middle():
    X = np.array([0.0] * 60 + [1.0] * 40)[:, None]
    assert_array_equal(np.unique(EraQuantileScaler().fit_transform(X)), [1, 4])
    assert_array_equal(EraQuantileScaler().fit_transform(X[:60]), np.full((60, 1), 2))


def test_bins_differ_by_one_row_at_most():
    for n in range(1, 60):
        X = np.random.default_rng(n).permutation(n).astype(float)[:, None]
        counts = np.bincount(EraQuantileScaler().fit_transform(X)[:, 0], minlength=5)
        assert counts.max() - counts.min() <= 1, n


def test_missing_values_are_refused_unless_said():
    X = np.array([[1.0], [np.nan]])
    with pytest.raises(ValueError, match="contains NaN"):
        EraQuantileScaler().fit(X)
    with pytest.raises(ValueError, match="4 bins have no middle one"):
        EraQuantileScaler(4, missing="middle").fit(X)
