"""Exposures against numerai-tools, scipy and plain loops."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numerai_tools import scoring
from numpy.testing import assert_allclose
from scipy import stats

from sknumerai.metrics import (
    feature_exposures,
    max_feature_exposure,
    numerai_corr_score,
    rms_feature_exposure,
)
from tests.metrics.eras_of_models import make_rows

SIZES = [max_feature_exposure, rms_feature_exposure]
CORRELATION = {
    "pearson": lambda a, b: np.corrcoef(a, b)[0, 1],
    "spearman": lambda a, b: stats.spearmanr(a, b)[0],
}


def loop(p, X, method="pearson"):
    """Exposures of one era and model, feature by feature."""
    X = np.asarray(X, dtype=float)
    constant = (X == X[0]).all(axis=0)
    return np.array(
        [
            np.nan if constant[j] else CORRELATION[method](p, X[:, j])
            for j in range(X.shape[1])
        ]
    )


@pytest.mark.parametrize("method", ["pearson", "spearman"])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.float32, float])
def test_one_era_equals_a_plain_loop(method, dtype):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 5, (200, 7)).astype(dtype)
    X[:, 3] = 2
    p = rng.normal(size=200).round(1) + X[:, 1]
    got = feature_exposures(None, p, X, method=method)
    expected = loop(p, X, method)
    assert_allclose(got, expected, atol=1e-13)
    assert np.isnan(got[3]) and got.index.tolist() == list(range(7))
    largest = max_feature_exposure(None, p, X, method=method)
    assert_allclose(largest, np.nanmax(np.abs(expected)), atol=1e-13)
    rms = rms_feature_exposure(None, p, X, method=method)
    assert_allclose(rms, np.sqrt(np.nanmean(expected**2)), atol=1e-13)


@pytest.mark.parametrize("top_bottom", [None, 1, 20, 70])
@pytest.mark.parametrize("ties", [False, True])
def test_maximum_equals_numerai_tools(top_bottom, ties):
    rng = np.random.default_rng(1)
    X = pd.DataFrame(rng.integers(0, 5, (150, 9)).astype(np.int8)).add_prefix("f")
    X["f4"] = 2
    p = pd.Series(rng.normal(size=150) + 0.4 * X["f2"], name="p")
    p = p.round() if ties else p
    with np.errstate(all="ignore"):
        name, expected = scoring.max_feature_correlation(p, X, top_bottom)
    got = max_feature_exposure(None, p, X, top_bottom=top_bottom)
    assert_allclose(got, expected, atol=1e-12)
    vector = feature_exposures(None, p, X, top_bottom=top_bottom)
    if top_bottom != 1:
        assert vector.abs().idxmax() == name
    assert_allclose(vector.abs().max(), expected, atol=1e-12)


def test_spearman_of_the_ends_ranks_them_alone():
    rng = np.random.default_rng(2)
    X, p = rng.integers(0, 5, (60, 3)).astype(np.int8), rng.normal(size=60)
    rows = np.sort(np.r_[np.argsort(p)[:10], np.argsort(p)[-10:]])
    got = feature_exposures(None, p, X, method="spearman", top_bottom=10)
    assert_allclose(got, loop(p[rows], X[rows], "spearman"), atol=1e-13)


def test_values_of_a_small_fixture():
    i = np.arange(20)
    p = np.sin(1.7 * i) + 0.1 * i
    X = np.stack([(3 * i) % 5, (7 * i + 2) % 5, (i * i) % 5], axis=1)
    for features in (X.astype(np.int8), X / 4):
        assert_allclose(max_feature_exposure(None, p, features), 0.09492795, atol=5e-9)
        assert_allclose(rms_feature_exposure(None, p, features), 0.07438938, atol=5e-9)


def test_eras_and_models_equal_a_plain_loop():
    y, p, X = make_rows(np.random.default_rng(3))
    got = feature_exposures(y, p, X, aggregate=None)
    assert got.columns.names == ["model", "feature"]
    assert got.index.tolist() == [f"{e:04d}" for e in range(8, 13)]
    for model in p:
        for era in got.index:
            expected = loop(p.loc[era, model], X.loc[era])
            assert_allclose(got.loc[era, model], expected, atol=1e-13)
    mean = feature_exposures(y, p, X)
    assert mean.index.equals(p.columns) and mean.columns.equals(X.columns)
    assert_allclose(mean, [got[model].mean() for model in p], atol=1e-15)
    one = feature_exposures(y, p["model_1"], X)
    pd.testing.assert_series_equal(one, mean.loc["model_1"], rtol=1e-12)
    table = feature_exposures(y, p["model_1"], X, aggregate=None)
    assert_allclose(table, got["model_1"], atol=1e-14)
    assert table.columns.equals(X.columns)
    for size, function in (
        (max_feature_exposure, lambda e: e.abs().max(axis=1)),
        (rms_feature_exposure, lambda e: np.sqrt((e**2).mean(axis=1))),
    ):
        scores = size(y, p, X, aggregate=None)
        assert scores.columns.equals(p.columns)
        for model in p:
            assert_allclose(scores[model], function(got[model]), atol=1e-14)


def test_large_numbers_of_features_and_rows_cross_the_blocks():
    rng = np.random.default_rng(4)
    X = rng.integers(0, 5, (700, 1203)).astype(np.int8)
    p = rng.normal(size=(700, 2))
    expected = [np.corrcoef(X.T, p[:, j])[-1, :-1] for j in (0, 1)]
    assert_allclose(feature_exposures(None, p, X), expected, atol=1e-12)
    ranked = feature_exposures(None, p, X, method="spearman")
    one = feature_exposures(None, p[:, 1], X[:, 1100:1110], method="spearman")
    assert_allclose(ranked.iloc[1, 1100:1110], one, atol=1e-14)


def test_extreme_codes_and_offsets_lose_no_digits():
    rng = np.random.default_rng(5)
    X = rng.choice([-128, 127], (9000, 3)).astype(np.int8)
    X[:, 2] = -128
    X[0, 2] = -127
    p = rng.normal(size=9000) * 1e-9 + 1e3
    got = feature_exposures(None, p, X)
    # the loop on exact differences: the offset costs corrcoef its digits too
    assert_allclose(got, loop(p - 1e3, X), atol=1e-12)
    shifted = feature_exposures(None, p - 1e3, X.astype(float) + 1e6)
    assert_allclose(shifted, got, atol=1e-9)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_constant_features_and_predictions(method):
    y, p, X = make_rows(np.random.default_rng(6))
    X = X.copy()
    era = X.index.get_level_values("era")
    X.loc[era == "0008", "feature_1"] = 2
    X["feature_2"] = np.int8(2)
    p = p.copy()
    p.loc[era == "0009", "model_2"] = 0.5
    table = feature_exposures(y, p, X, aggregate=None, method=method)
    for model in p:
        missing = table[model].isna()
        assert missing["feature_2"].all() and missing.loc["0008", "feature_1"]
        expected = len(table) + 1 + (5 if model == "model_2" else 0)
        assert missing.sum().sum() == expected
    mean = feature_exposures(y, p, X, method=method)
    # a feature's mean is over the eras in which it is there
    present = [f"{e:04d}" for e in range(9, 13)]
    expected = table.loc[present, ("model_0", "feature_1")].mean()
    assert_allclose(mean.loc["model_0", "feature_1"], expected, atol=1e-15)
    assert mean["feature_2"].isna().all()
    # a model cannot gain by saying nothing
    assert mean.loc["model_2"].isna().all()
    assert mean.drop(columns="feature_2").iloc[:2].notna().all(axis=None)
    skipped = feature_exposures(y, p, X, aggregate=lambda s: s.mean(), method=method)
    assert skipped.loc["model_2"].notna().sum() == 5
    for size in SIZES:
        scores = size(y, p, X, aggregate=None, method=method)
        assert scores.isna().sum().tolist() == [0, 0, 1]
        assert np.isnan(scores.loc["0009", "model_2"])
        nothing = size(y, p, X[["feature_2"]], aggregate=None, method=method)
        assert nothing.isna().all(axis=None)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [*SIZES, feature_exposures])
def test_eras_of_one_row_have_no_exposure(size):
    scores = size(
        None, [1.0, 2, 3, 9], np.eye(4)[:, :2], groups=[1, 1, 1, 2], aggregate=None
    )
    assert np.isnan(scores.loc[2]).all() and not np.isnan(scores.loc[1]).any()


@pytest.mark.parametrize("size", [*SIZES, feature_exposures])
def test_nan_in_one_model_does_not_change_another(size):
    y, p, X = make_rows(np.random.default_rng(7))
    whole = size(y, p, X, aggregate=None)
    holes = p.copy()
    era = p.index.get_level_values("era")
    holes.iloc[np.flatnonzero(era == "0010")[:4], 1] = np.nan
    holes.iloc[np.flatnonzero(era == "0011")[:30], 1] = np.nan
    got = size(y, holes, X, aggregate=None)
    for model in ("model_0", "model_2"):
        assert_allclose(got[model], whole[model], atol=1e-14)
    known = holes["model_1"].notna() & (era == "0010")
    expected = size(None, p["model_1"][known], X[known], aggregate=None)
    assert_allclose(got["model_1"].loc["0010"], expected.loc["0010"], atol=1e-14)
    assert np.isnan(got["model_1"].loc["0011"]).all()
    assert np.isnan(np.asarray(got["model_1"])).sum() == np.size(
        got["model_1"].loc["0011"]
    )


@pytest.mark.parametrize("size", [*SIZES, feature_exposures])
def test_y_true_is_not_used_but_for_its_eras(size):
    y, p, X = make_rows(np.random.default_rng(8))
    by_index = size(None, p, X, aggregate=None)
    assert_allclose(size(y * np.nan, p, X, aggregate=None), by_index, atol=0)
    by_target = size(y, p.to_numpy(), X, aggregate=None)
    assert_allclose(by_target, by_index, atol=0)
    era = p.index.get_level_values("era")
    arrays = size(None, p.to_numpy(), X.to_numpy(), groups=era, aggregate=None)
    assert_allclose(arrays, by_index, atol=0)


@pytest.mark.parametrize("size", [*SIZES, feature_exposures])
def test_features_are_matched_by_index(size):
    y, p, X = make_rows(np.random.default_rng(9))
    expected = size(y, p, X, aggregate=None)
    shuffled = X.sample(frac=1, random_state=0)
    assert_allclose(size(y, p, shuffled, aggregate=None), expected, atol=1e-14)
    some = X[X.index.get_level_values("era") != "0010"]
    with pytest.raises(ValueError, match="features covers 4 of 5 eras"):
        size(y, p, some)
    got = size(y, p, some, aggregate=None, min_coverage=0.8)
    assert_allclose(got, expected.drop(index="0010"), atol=1e-14)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 999),
    scale=st.sampled_from([2.0**-20, 1, 2.0**20]),
    shift=st.sampled_from([-3, 0, 0.5]),
    method=st.sampled_from(["pearson", "spearman"]),
)
def test_scale_sign_and_neighbours_do_not_matter(seed, scale, shift, method):
    y, p, X = make_rows(np.random.default_rng(seed), n_eras=3, n=12, n_models=2)
    table = feature_exposures(y, p, X, aggregate=None, method=method)
    moved = feature_exposures(y, p * scale + shift, X, aggregate=None, method=method)
    assert_allclose(moved, table, atol=1e-9)
    turned = feature_exposures(y, -p, X, aggregate=None, method=method)
    assert_allclose(turned, -table, atol=1e-12)
    assert (table.abs().max() <= 1 + 1e-12).all()
    for size in SIZES:
        scores = size(y, p, X, aggregate=None, method=method)
        assert_allclose(size(y, -p, X, aggregate=None, method=method), scores)
        for era in scores.index:
            rows = p.index.get_level_values("era") == era
            alone = size(None, p[rows], X[rows], method=method)
            assert_allclose(alone, scores.loc[era], atol=1e-14)


def test_input_is_not_changed_and_may_be_read_only():
    rng = np.random.default_rng(10)
    X = rng.integers(0, 5, (50, 3)).astype(np.int8)
    p = rng.normal(size=50).astype(np.float32)
    before = X.copy(), p.copy()
    X.flags.writeable = p.flags.writeable = False
    assert_allclose(feature_exposures(None, p, X), loop(p.astype(float), X), atol=1e-12)
    feature_exposures(None, p, X, method="spearman", top_bottom=5)
    assert (X == before[0]).all() and (p == before[1]).all()


def test_aggregates_by_name_and_many_eras():
    y, p, X = make_rows(np.random.default_rng(11))
    table = feature_exposures(y, p["model_0"], X, aggregate=None)
    got = feature_exposures(y, p["model_0"], X, aggregate="std")
    assert_allclose(got, table.std(ddof=0), atol=1e-14)
    assert got.name == "model_0"


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"method": "kendall"}, r"method must be one of \['pearson', 'spearman'\]"),
        ({"top_bottom": 0}, "top_bottom must be an integer"),
        ({"top_bottom": 3}, "an era has 4 rows, fewer than top_bottom=3"),
        ({"aggregate": "sum"}, "aggregate must be one of"),
        ({"features": np.zeros((4, 0))}, "features has no columns"),
        ({"features": np.zeros((3, 2))}, "y_pred has 4 rows and features has 3"),
        ({"features": [[1.0], [2], [np.nan], [3]]}, "1 values of features are NaN"),
        ({"y_pred": [1, 2, 3, np.inf]}, "1 of 4 rows of y_pred are infinite"),
        ({"y_true": [1, 2]}, "y_true has 2 rows and y_pred has 4"),
    ],
)
@pytest.mark.parametrize("size", [*SIZES, feature_exposures])
def test_bad_input_gets_a_sentence(size, kwargs, message):
    arguments = {"y_true": None, "y_pred": [1, 2, 4, 3], "features": np.eye(4)}
    arguments |= kwargs
    with pytest.raises(ValueError, match=message):
        size(**arguments)


def test_live_rounds_have_exposures_but_no_scores():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 5, (50, 4)).astype(np.int8)
    p = rng.normal(size=50)
    live = max_feature_exposure(None, p, X, groups=["X"] * 50)
    assert live == max_feature_exposure(None, p, X)
    with pytest.raises(ValueError, match="there are live rows"):
        numerai_corr_score(p, p, groups=["X"] * 50)
