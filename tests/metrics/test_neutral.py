"""FNC and the neutral scores of Signals against numerai-tools and plain formulas."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numerai_tools import scoring
from numpy.testing import assert_allclose
from scipy.stats import norm, rankdata

from sknumerai.metrics import (
    fnc_score,
    legacy_fnc_score,
    mmc_score,
    neutral_contribution_score,
    neutral_corr_score,
    numerai_corr_score,
)
from sknumerai.utils import _aligned_input

ATOL = 1e-9


def make_era(seed, n=200, m=3, k=12, digits=8):
    rng = np.random.default_rng(seed)
    # sorted, as the reference wants it
    index = pd.Index([f"n{i:05d}" for i in range(n)], name="id")
    y = pd.Series(rng.integers(0, 5, n) / 4, index=index, name="target")
    F = pd.DataFrame(rng.integers(0, 5, (n, k)).astype(np.int8), index=index)
    F.columns = [f"f{j}" for j in range(k)]
    p = pd.DataFrame(rng.normal(size=(n, m)).round(digits), index=index)
    p.columns = [f"m{j}" for j in range(m)]
    p += 0.3 * F.to_numpy()[:, :1]
    meta = pd.Series(rng.normal(size=n).round(digits), index=index, name="meta")
    return y, p, meta, F


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(40, 300),
    m=st.integers(1, 4),
    k=st.integers(1, 20),
    digits=st.sampled_from([0, 2, 8, 8, 8]),
    top_bottom=st.sampled_from([None, 1, 9]),
)
def test_equal_numerai_tools(seed, n, m, k, digits, top_bottom):
    y, p, meta, F = make_era(seed, n, m, k, digits)
    if digits < 8:
        # residuals of tied predictions may be equal but for rounding, and which of them
        # ranks higher, or is among the highest, is then chance
        top_bottom = None
    else:
        got = fnc_score(y, p, F, top_bottom=top_bottom)
        expected = scoring.feature_neutral_corr(p, F, y, top_bottom)
        assert_allclose(got, expected, rtol=0, atol=ATOL)
    got = neutral_corr_score(y, p, F, top_bottom=top_bottom)
    expected = scoring.neutral_correlation(p, F, y, top_bottom=top_bottom)
    assert_allclose(got, expected, rtol=0, atol=ATOL)
    got = neutral_contribution_score(y, p, meta, F, top_bottom=top_bottom)
    expected = scoring.neutral_contribution(p, meta, F, y, top_bottom)
    assert_allclose(got, expected, rtol=0, atol=ATOL)


def test_rank_deficient_features():
    y, p, meta, F = make_era(0)
    F["copy"] = F["f0"]
    F["sum"] = F["f1"] + F["f2"]
    F["missing"] = np.int8(2)
    expected = scoring.feature_neutral_corr(p, F, y)
    assert_allclose(fnc_score(y, p, F), expected, rtol=0, atol=ATOL)
    plain = F.drop(columns=["copy", "sum", "missing"])
    assert_allclose(fnc_score(y, p, F), fnc_score(y, p, plain), rtol=0, atol=ATOL)
    expected = scoring.neutral_contribution(p, meta, F, y)
    got = neutral_contribution_score(y, p, meta, F)
    assert_allclose(got, expected, rtol=0, atol=ATOL)


def test_float_features_and_arrays_give_the_same():
    y, p, _, F = make_era(1)
    expected = fnc_score(y, p, F)
    for features in (
        F / 4,
        F.astype(object),
        F.to_numpy(),
        F.astype(np.float32),
        F.astype("Int8"),
    ):
        assert_allclose(fnc_score(y, p, features), expected, rtol=0, atol=ATOL)


def test_golden_values():
    i = np.arange(20)
    p = np.sin(1.7 * i) + 0.1 * i
    y = [0, 1, 2, 2, 3, 4, 2, 1, 2, 2, 3, 2, 1, 2, 4, 2, 3, 2, 0, 1]
    y = np.array(y) / 4
    F = np.stack([3 * i % 5, (7 * i + 2) % 5, i * i % 5], axis=1) / 4
    assert round(fnc_score(y, p, F), 8) == -0.02318908
    assert round(fnc_score(y, p, F, top_bottom=5), 8) == -0.05975277
    assert round(legacy_fnc_score(y, p, F), 8) == 0.25498133


@pytest.mark.parametrize("digits", [8, 1])
def test_legacy_fnc_equals_the_documented_formula(digits):
    y, p, _, F = make_era(2, digits=digits)
    X = F.to_numpy() / 4
    got = legacy_fnc_score(y, p, X)
    for name in p:
        ranks = (rankdata(p[name], method="ordinal") - 0.5) / len(p)
        rest = ranks - X @ (np.linalg.pinv(X) @ ranks)
        expected = np.corrcoef(rankdata(rest / rest.std(), method="ordinal"), y)[0, 1]
        assert_allclose(got[name], expected, rtol=0, atol=ATOL)


def test_by_era_equals_a_loop_over_eras():
    parts = [make_era(seed, n=60 + seed) for seed in range(4)]
    keys = ["0009", "0010", "0100", "0002"]
    y, p, meta, F = (pd.concat(part, keys=keys, names=["era"]) for part in zip(*parts))
    rows = np.random.default_rng(0).permutation(len(y))
    y, p = y.iloc[rows], p.iloc[rows]
    fnc = fnc_score(y, p, F, aggregate=None)
    contribution = neutral_contribution_score(y, p, meta, F, aggregate=None)
    assert fnc.index.tolist() == ["0002", "0009", "0010", "0100"]
    for key, (y_era, p_era, meta_era, F_era) in zip(keys, parts):
        expected = scoring.feature_neutral_corr(p_era, F_era, y_era)
        assert_allclose(fnc.loc[key], expected, rtol=0, atol=ATOL)
        expected = scoring.neutral_contribution(p_era, meta_era, F_era, y_era)
        assert_allclose(contribution.loc[key], expected, rtol=0, atol=ATOL)


def test_one_constant_model_does_not_spoil_the_frame():
    """The reference raises for all models when one of them is constant."""
    y, p, meta, F = make_era(3)
    models = p.copy()
    models["flat"] = 0.5
    with pytest.raises(AssertionError):
        scoring.feature_neutral_corr(models, F, y)
    for score in (
        lambda p: fnc_score(y, p, F),
        lambda p: legacy_fnc_score(y, p, F),
        lambda p: neutral_corr_score(y, p, F),
        lambda p: neutral_contribution_score(y, p, meta, F),
    ):
        got = score(models)
        assert np.isnan(got["flat"])
        assert_allclose(got[:3], score(p), rtol=0, atol=ATOL)


def test_a_bet_on_features_alone_has_no_score():
    """What is left of it is rounding, of which the reference gives a correlation."""
    y, p, _, F = make_era(4)
    p["bet"] = norm.ppf((rankdata(F["f0"]) - 0.5) / len(F))
    F["bet"] = p["bet"]
    got = fnc_score(y, p, F)
    assert np.isnan(got["bet"]) and np.isfinite(got[:3]).all()
    assert np.isnan(neutral_corr_score(y, p, F)["bet"])


def test_a_meta_model_that_features_explain_gives_nan():
    y, p, _, F = make_era(5)
    # two values: Gaussian ranks are linear in the feature
    F["two"] = (F["f0"] > 2).astype(np.int8)
    meta = F["two"].astype(float)
    assert neutral_contribution_score(y, p, meta, F).isna().all()


def test_nan_in_one_model_does_not_change_another():
    y, p, _, F = make_era(6)
    p.iloc[:20, 1] = np.nan
    got = fnc_score(y, p, F)
    known = p["m1"].notna()
    assert_allclose(got["m0"], fnc_score(y, p["m0"], F), rtol=0, atol=ATOL)
    # targets are centered before rows are left out
    expected = scoring.feature_neutral_corr(p.loc[known, ["m1"]], F[known], y)["m1"]
    assert_allclose(got["m1"], expected, rtol=0, atol=ATOL)
    lacking = fnc_score(y, p["m1"].fillna(0), F[known])
    frame = p.loc[known, ["m1"]].fillna(0)
    expected = scoring.feature_neutral_corr(frame, F[known], y)["m1"]
    assert_allclose(lacking, expected, rtol=0, atol=ATOL)


def test_ties_are_broken_by_label_in_whatever_order_rows_come():
    y, p, meta, F = make_era(12, digits=0, k=1)
    top_bottom = 20
    rows = np.random.default_rng(0).permutation(len(y))
    for score in (
        lambda y, p: fnc_score(y, p, F, top_bottom=top_bottom),
        lambda y, p: neutral_corr_score(y, p, F, top_bottom=top_bottom),
        lambda y, p: neutral_contribution_score(y, p, meta, F, top_bottom=top_bottom),
        lambda y, p: legacy_fnc_score(y, p, F / 4),
    ):
        ours = score(y.iloc[rows], p.iloc[rows])
        assert_allclose(ours, score(y, p), rtol=0, atol=1e-12)


def test_without_information_in_features_fnc_is_corr():
    y, p, meta, F = make_era(7)
    constant = F * 0 + 2
    assert_allclose(fnc_score(y, p, constant), numerai_corr_score(y, p), atol=1e-12)
    got = neutral_contribution_score(y, p, meta, constant)
    assert_allclose(got, mmc_score(y, p, meta), atol=1e-12)


def test_missing_features_raise_and_name_the_columns():
    y, p, _, F = make_era(8)
    F = F.astype(float)
    F.iloc[3, 2] = np.nan
    with pytest.raises(
        ValueError, match=r"1 values of features .*1 columns \(\['f2'\]"
    ):
        fnc_score(y, p, F)


def test_a_single_feature_may_be_a_series():
    y, p, _, F = make_era(9)
    one = fnc_score(y, p, F["f0"])
    assert_allclose(one, fnc_score(y, p, F[["f0"]]), rtol=0, atol=1e-15)


def test_more_features_than_rows_leave_nothing():
    y, p, _, F = make_era(10, n=20, k=40)
    assert fnc_score(y, p, F).isna().all()


def test_mixed_columns_are_read_era_by_era():
    """An int8 frame with one float column must not become float64 as a whole."""
    y, p, _, F = make_era(11)
    mixed = F.assign(extra=np.linspace(0, 1, len(F)))
    sizes = []
    as_numbers = _aligned_input.as_numbers

    def spy(values, *args):
        sizes.append(len(values))
        return as_numbers(values, *args)

    eras = np.repeat([1, 2, 3, 4], 50)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_aligned_input, "as_numbers", spy)
        fnc_score(y, p["m0"], mixed, groups=eras)
    assert sizes == [50] * 4
