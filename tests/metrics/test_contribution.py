"""MMC and BMC against numerai-tools and plain formulas."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numerai_tools import scoring
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm, rankdata

from sknumerai.metrics import bmc_score, mmc_score, numerai_corr_score


def make_era(seed, n=80, m=3, digits=8):
    rng = np.random.default_rng(seed)
    index = pd.Index([f"n{i:05d}" for i in rng.permutation(n)], name="id")
    y = pd.Series(rng.integers(0, 5, n) / 4, index=index, name="target")
    p = pd.DataFrame(rng.normal(size=(n, m)).round(digits), index=index)
    p.columns = [f"m{j}" for j in range(m)]
    meta = pd.Series(rng.normal(size=n).round(digits), index=index, name="meta")
    return y, p, meta


def gaussian(values):
    return norm.ppf((rankdata(values) - 0.5) / len(values))


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(20, 400),
    m=st.integers(1, 4),
    digits=st.integers(0, 8),
    top_bottom=st.sampled_from([None, 1, 7]),
)
def test_mmc_equals_numerai_tools(seed, n, m, digits, top_bottom):
    y, p, meta = make_era(seed, n, m, digits)
    expected = scoring.correlation_contribution(p, meta, y, top_bottom)
    got = mmc_score(y, p, meta, top_bottom=top_bottom)
    assert_allclose(got, expected, rtol=0, atol=1e-12)


def test_by_era_equals_a_loop_over_eras():
    eras = [make_era(seed, n=50 + seed) for seed in range(4)]
    keys = ["0009", "0010", "0100", "0002"]
    y, p, meta = (pd.concat(part, keys=keys, names=["era"]) for part in zip(*eras))
    got = mmc_score(y, p, meta, aggregate=None)
    assert got.index.tolist() == ["0002", "0009", "0010", "0100"]
    for key, (y_era, p_era, meta_era) in zip(keys, eras):
        expected = scoring.correlation_contribution(p_era, meta_era, y_era)
        assert_allclose(got.loc[key], expected, rtol=0, atol=1e-12)
    assert_allclose(mmc_score(y, p, meta), got.mean(), rtol=1e-12)
    one = mmc_score(y, p["m1"], meta, aggregate=None)
    # columns are summed in another order where there are many
    assert_allclose(one, got["m1"], rtol=0, atol=1e-14)


def test_golden_values():
    i = np.arange(20)
    p, m = np.sin(1.7 * i) + 0.1 * i, np.cos(0.9 * i) + 0.05 * i
    y = [0, 1, 2, 2, 3, 4, 2, 1, 2, 2, 3, 2, 1, 2, 4, 2, 3, 2, 0, 1]
    y = np.array(y) / 4
    assert round(mmc_score(y, p, m), 8) == 0.02436461
    assert round(mmc_score(y, p, m, target_scale=1), 8) == 0.00609115


def test_targets_outside_of_0_to_1_are_not_scaled_as_in_the_reference():
    y, p, meta = make_era(0)
    inside = mmc_score(y, p, meta)
    outside = mmc_score(y - 0.5, p, meta)
    assert_allclose(inside, 4 * outside, rtol=1e-12)
    expected = scoring.correlation_contribution(p, meta, y - 0.5)
    assert_allclose(outside, expected, rtol=0, atol=1e-12)


def test_is_the_slope_of_the_meta_models_covariance():
    y, p, meta = make_era(1, n=500)
    t = 4 * (y - y.mean())
    g, u = gaussian(meta), gaussian(p["m0"])

    # the length of the blend is kept: what is parallel to the meta model is lost
    def score(share):
        blend = g + share * u
        return t @ blend / np.sqrt(blend @ blend) * np.sqrt(g @ g) / len(y)

    slope = (score(1e-5) - score(-1e-5)) / 2e-5
    assert_allclose(mmc_score(y, p["m0"], meta), slope, rtol=1e-7)


def test_copies_of_the_meta_model_contribute_nothing():
    y, _, meta = make_era(2)
    copies = pd.DataFrame({"same": meta, "scaled": 3 * meta - 1, "cubed": meta**3})
    assert_allclose(mmc_score(y, copies, meta), 0, atol=1e-15)


def test_constants_are_zero_or_nan_and_touch_no_other_column():
    y, p, meta = make_era(3)
    p["flat"] = 0.5
    got = mmc_score(y, p, meta)
    assert got["flat"] == 0
    assert_allclose(got[:3], mmc_score(y, p[["m0", "m1", "m2"]], meta), atol=1e-15)
    assert mmc_score(y, p, meta * 0).isna().all()
    assert (mmc_score(y * 0 + 0.5, p, meta) == 0).all()


def test_nan_in_one_model_does_not_change_another():
    y, p, meta = make_era(4, n=100)
    p.iloc[:10, 1] = np.nan
    p.iloc[:30, 2] = np.nan
    got = mmc_score(y, p, meta)
    known = p["m1"].notna()
    assert got["m0"] == mmc_score(y, p["m0"], meta)
    alone = mmc_score(y[known], p.loc[known, "m1"], meta[known])
    assert_allclose(got["m1"], alone, rtol=0, atol=1e-15)
    assert np.isnan(got["m2"])


def test_one_row_has_no_contribution():
    assert np.isnan(mmc_score([0.5], [0.1], [0.3]))


def test_benchmarks_are_averaged_by_rank():
    y, p, _ = make_era(5)
    rng = np.random.default_rng(5)
    benchmarks = rng.normal(size=(80, 3)) * [1, 100, 0.01]
    ranks = sum(rankdata(column) for column in benchmarks.T)
    assert_allclose(
        bmc_score(y, p, benchmarks), mmc_score(y, p, ranks), rtol=0, atol=1e-15
    )
    one = bmc_score(y, p, benchmarks[:, :1])
    assert_array_equal(one, mmc_score(y, p, benchmarks[:, 0]))


def test_meta_model_of_several_columns_is_refused():
    y, p, meta = make_era(6)
    with pytest.raises(ValueError, match="meta_model must be one column"):
        mmc_score(y, p, pd.concat([meta, meta], axis=1))


@pytest.mark.parametrize("scale", [2, 0, "4", None])
def test_target_scale_is_4_or_1(scale):
    y, p, meta = make_era(7)
    with pytest.raises(ValueError, match="target_scale must be 4, as Numerai scores"):
        mmc_score(y, p, meta, target_scale=scale)


def test_more_rows_at_the_ends_than_there_are_raise():
    y, p, meta = make_era(8)
    with pytest.raises(ValueError, match="an era has 80 rows, fewer than top_bottom"):
        bmc_score(y, p, meta, top_bottom=41)


def test_an_era_alone_scores_as_beside_others():
    parts = [make_era(seed) for seed in range(3)]
    y, p, meta = (
        pd.concat(part, keys=[1, 2, 3], names=["era"]) for part in zip(*parts)
    )
    rng = np.random.default_rng(0)
    shuffled = rng.permutation(len(y))
    whole = mmc_score(y.iloc[shuffled], p.iloc[shuffled], meta, aggregate=None)
    for era in (1, 2, 3):
        rows = y.index.get_level_values("era") == era
        alone = mmc_score(y[rows], p[rows], meta, aggregate=None)
        assert_allclose(whole.loc[era], alone.loc[era], rtol=0, atol=1e-15)


def test_corr_and_mmc_are_of_the_same_sort_of_numbers():
    """A model that the meta model says nothing about: MMC is about CORR times std."""
    rng = np.random.default_rng(0)
    n = 20_000
    p, meta = rng.normal(size=(2, n))
    latent = 0.3 * p + rng.normal(size=n)
    y = np.searchsorted(np.quantile(latent, [0.05, 0.25, 0.75, 0.95]), latent) / 4
    corr, mmc = numerai_corr_score(y, p), mmc_score(y, p, meta)
    assert_allclose(mmc, 4 * y.std() * corr, rtol=0.1)


@pytest.mark.parametrize("bad", [np.inf, -np.inf])
def test_an_infinite_meta_model_is_refused(bad):
    y, p, meta = make_era(9)
    meta.iloc[3] = bad
    with pytest.raises(ValueError, match="1 values of meta_model are infinite"):
        mmc_score(y, p, meta)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8])
def test_models_sorted_beside_the_meta_model_keep_their_ties(dtype):
    y, p, meta = make_era(10, n=400)
    p = (10 * p).round().astype(dtype)
    for other in (meta.astype(dtype), meta.round(1), (9 * meta).astype(np.int8)):
        expected = scoring.correlation_contribution(p, other.rename("meta"), y)
        assert_allclose(mmc_score(y, p, other), expected, rtol=0, atol=1e-12)
