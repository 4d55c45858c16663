import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from sknumerai.datasets import make_numerai
from sknumerai.exceptions import LeakageWarning, OneEraWarning
from sknumerai.metrics import numerai_corr_scorer
from sknumerai.preprocessing import StableFeatureSelector
from sknumerai.preprocessing._era_correlations import era_correlations
from sknumerai.utils import check_eras


@pytest.fixture(scope="module")
def data():
    return make_numerai(
        n_eras=25, n_samples_per_era=60, n_features=15, missing=0.5, random_state=0
    )


def correlations_by_hand(X, y):
    with np.errstate(invalid="ignore", divide="ignore"):
        return pd.DataFrame(
            {
                era: [np.corrcoef(part[name], y.loc[era])[0, 1] for name in part]
                for era, part in X.groupby(level="era")
            },
            index=X.columns,
        ).T


def test_scores_against_a_loop(data):
    X, y = data.data, data.target
    model = StableFeatureSelector(None, min_coverage=0).fit(X, y)
    table = correlations_by_hand(X, y)
    assert table.isna().any(axis=None)
    enough = table.notna().sum() >= 2
    assert_array_equal(model.n_eras_, table.notna().sum())
    assert_allclose(model.mean_correlations_, table.mean(), rtol=1e-9)
    assert_allclose(model.std_correlations_, table.std(ddof=0), rtol=1e-9)
    scores = table.mean() / table.std(ddof=0)
    assert_allclose(model.scores_, scores.where(enough), rtol=1e-9)
    assert_array_equal(model.get_support(), enough)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1000),
    dtype=st.sampled_from(["int8", "float32", "float64"]),
    shift=st.sampled_from([0, 50]),
)
def test_era_correlations_against_numpy_in_any_order(seed, dtype, shift):
    rng = np.random.default_rng(seed)
    X = (rng.integers(0, 5, size=(90, 4)) + shift).astype(dtype)
    y = rng.normal(size=90) + 1000
    groups = rng.integers(1, 4, size=90)
    eras = check_eras(groups)
    found = era_correlations(X, y, eras)
    for era in (1, 2, 3):
        rows = groups == era
        oracle = np.corrcoef(X[rows].astype(float), y[rows], rowvar=False)[-1, :-1]
        assert_allclose(found[era - 1], oracle, rtol=1e-9, atol=1e-12)


def test_constants_have_no_correlation():
    y = np.arange(10.0)
    X = np.column_stack([np.full(10, 0.1), np.full(10, 1e9), y, -y])
    found = era_correlations(X, y, check_eras([1] * 10))
    assert_allclose(found, [[np.nan, np.nan, 1, -1]])
    assert np.isnan(era_correlations(X, np.full(10, 0.3), check_eras([1] * 10))).all()


def test_stable_features_are_found_whatever_their_sign():
    rng = np.random.default_rng(0)
    eras = np.repeat(np.arange(1, 41), 50)
    X = rng.normal(size=(2000, 6))
    turning = np.where(eras % 2, 1.0, -1.0)
    y = 0.4 * X[:, 1] - 0.4 * X[:, 4] + 1.5 * turning * X[:, 2] + rng.normal(size=2000)
    model = StableFeatureSelector(2).fit(X, y, groups=eras)
    assert_array_equal(model.get_support(indices=True), [1, 4])
    assert model.scores_[1] > 1 and model.scores_[4] < -1
    model.set_params(n_features=None, threshold=1.0).fit(X, y, groups=eras)
    assert_array_equal(model.get_support(indices=True), [1, 4])
    model.set_params(n_features=0.5, threshold=None).fit(X, y, groups=eras)
    assert model.get_support().sum() == 3


def test_features_that_began_late_need_coverage(data):
    X, y = data.data, data.target
    n_eras = correlations_by_hand(X, y).notna().sum()
    for coverage in (0, 0.5, 1):
        model = StableFeatureSelector(None, min_coverage=coverage).fit(X, y)
        assert_array_equal(model.get_support(), n_eras >= max(2, coverage * 25))


def test_the_order_of_rows_does_not_matter(data):
    X, y = data.data, data.target
    model = StableFeatureSelector().fit(X, y)
    order = np.random.default_rng(0).permutation(len(X))
    other = StableFeatureSelector().fit(X.iloc[order], y.iloc[order])
    assert_allclose(other.scores_, model.scores_, rtol=1e-9)


def test_one_era_is_warned_of_and_selected_by_correlation(data):
    X, y = data.data.loc[["0020"]], data.target.loc[["0020"]]
    with pytest.warns(OneEraWarning, match="60 rows are one era"):
        model = StableFeatureSelector(2).fit(X, y)
    found = correlations_by_hand(X, y).iloc[0].abs().nlargest(2).index
    assert set(model.get_feature_names_out()) == set(found)


def test_wrong_input_says_what_is_wrong(data):
    X, y = data.data, data.target
    with pytest.raises(ValueError, match="Input y contains NaN"):
        StableFeatureSelector().fit(X, y.where(y > 0))
    with pytest.raises(ValueError, match="no feature has a correlation with y"):
        StableFeatureSelector().fit(X, y * 0)
    with pytest.raises(ValueError, match="differ"):
        StableFeatureSelector().fit(X, y.iloc[::-1])
    with pytest.raises(ValueError, match="requires y"):
        StableFeatureSelector().fit(X, None)


def test_scores_of_the_eras_that_it_learned_from_are_warned_of(data):
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    X, y = data.data, data.target
    model = make_pipeline(StableFeatureSelector(3), Ridge())
    model.fit(X.loc[:"0010"], y.loc[:"0010"])
    with pytest.warns(LeakageWarning, match="5 of the 10 eras"):
        numerai_corr_scorer(model, X.loc["0006":"0015"], y.loc["0006":"0015"])


@pytest.mark.parametrize("order", ["C", "F"])
def test_no_copy_of_the_features_as_floats(order):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 5, size=(40_000, 300), dtype=np.int8)
    X = np.asarray(X, order=order)
    y, groups = rng.normal(size=40_000), np.repeat(np.arange(1, 11), 4_000)
    tracemalloc.start()
    StableFeatureSelector().fit(X, y, groups=groups)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2.5e7  # 96 MB were float64


def test_eras_of_a_handful_of_rows_do_not_count(data):
    X, y = data.data, data.target
    first = X.index.get_level_values("era")[0]
    few = X.index.isin(X.loc[[first]].index[:4])
    cut = few | (X.index.get_level_values("era") != first)
    whole = X.index.get_level_values("era") != first
    without = StableFeatureSelector().fit(X[whole], y[whole])
    selector = StableFeatureSelector().fit(X[cut], y[cut])
    assert_allclose(selector.scores_, without.scores_)
    counted = StableFeatureSelector(min_samples=2).fit(X[cut], y[cut])
    assert not np.allclose(counted.scores_, without.scores_)
    with pytest.raises(ValueError, match="has min_samples=1000 rows; the largest has"):
        StableFeatureSelector(min_samples=1000).fit(X, y)
