"""Alpha and portfolio weights against numerai-tools."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numerai_tools import scoring
from numpy.testing import assert_allclose

from sknumerai.metrics import alpha_score, neutralized_weights
from tests.metrics.assets_of_eras import make_signals, make_universe


def make(seed, **kwargs):
    rng = np.random.default_rng(seed)
    p = make_signals(rng, **kwargs)
    N, v = make_universe(rng, p.index)
    y = pd.Series(rng.standard_t(3, len(p)) * 0.03, index=p.index, name="target")
    return y, p, N, v


def era(frame, number):
    return frame.xs(number, level="era").sort_index()


def test_eras_and_models_equal_numerai_tools():
    y, p, N, v = make(0)
    got = alpha_score(y, p, N, v, aggregate=None)
    assert got.columns.equals(p.columns)
    for e in got.index:
        expected = scoring.alpha(era(p, e), era(N, e), era(v, e), era(y, e))
        assert_allclose(got.loc[e], expected, rtol=1e-9, atol=1e-15)
    assert_allclose(alpha_score(y, p, N, v), got.mean(), atol=1e-15)
    one = alpha_score(y, p["model_1"], N, v.to_frame())
    assert isinstance(one, float)
    assert_allclose(one, got["model_1"].mean(), atol=1e-15)


@pytest.mark.parametrize("normalize", [False, True])
def test_weights_equal_numerai_tools(normalize):
    _, p, N, v = make(1)
    got = neutralized_weights(p, N, v, normalize=normalize)
    assert got.index.equals(p.index) and got.columns.equals(p.columns)
    for e in p.index.unique("era"):
        expected = scoring.generate_neutralized_weights(
            era(p, e), era(N, e), era(v, e), center_and_normalize=normalize
        )
        assert_allclose(era(got, e), expected, atol=1e-12)
    if normalize:
        by_era = got.groupby(level="era")
        assert_allclose(by_era.sum(), 0, atol=1e-12)
        assert_allclose(got.abs().groupby(level="era").sum(), 1, atol=1e-12)
    one = neutralized_weights(p["model_0"], N, v, normalize=normalize)
    pd.testing.assert_series_equal(one, got["model_0"])


def test_weights_are_neutral_where_the_neutralizers_are_orthonormal():
    _, p, N, v = make(2)
    weights = neutralized_weights(p, N, v)
    for e in p.index.unique("era"):
        assert_allclose(era(N, e).T @ era(weights, e), 0, atol=1e-12)


def test_alpha_is_the_mean_product_of_weights_and_target():
    y, p, N, v = make(3)
    weights = neutralized_weights(p, N, v)
    centered = y - y.groupby(level="era").transform("mean")
    expected = weights.mul(centered, axis=0).groupby(level="era").mean()
    assert_allclose(alpha_score(y, p, N, v, aggregate=None), expected, atol=1e-15)


@pytest.mark.filterwarnings("error")
def test_constant_predictions_are_zero_as_in_the_reference():
    y, p, N, v = make(4)
    p["model_0"] = 0.5
    expected = scoring.alpha(
        era(p, 20260900), era(N, 20260900), era(v, 20260900), era(y, 20260900)
    )
    got = alpha_score(y, p, N, v, aggregate=None)
    assert (got["model_0"] == 0).all() and expected["model_0"] == 0
    assert (neutralized_weights(p, N, v)["model_0"] == 0).all()
    assert neutralized_weights(p, N, v, normalize=True)["model_0"].isna().all()


def test_missing_targets_and_predictions():
    y, p, N, v = make(5)
    whole = alpha_score(y, p, N, v, aggregate=None)
    holes = p.copy()
    holes.iloc[::20, 0] = np.nan
    got = alpha_score(y, holes, N, v, aggregate=None)
    assert_allclose(got["model_1"], whole["model_1"], atol=1e-15)
    known = holes["model_0"].notna()
    for e in got.index:
        parts = (era(frame[known], e) for frame in (p[["model_0"]], N, v))
        # the reference centers the target before it leaves rows out
        expected = scoring.alpha(*parts, era(y, e))["model_0"]
        assert_allclose(got.loc[e, "model_0"], expected, rtol=1e-9, atol=1e-15)
    weights = neutralized_weights(holes, N, v)
    assert weights["model_0"].isna().equals(~known)
    expected = neutralized_weights(p.loc[known, "model_0"], N, v)
    assert_allclose(weights.loc[known, "model_0"], expected, atol=1e-14)
    y.iloc[:50] = np.nan
    got = alpha_score(y, p, N, v, aggregate=None)
    known = y.notna()
    for e in got.index:
        parts = (frame[known] for frame in (p, N, v, y))
        expected = scoring.alpha(*(era(part, e) for part in parts))
        assert_allclose(got.loc[e], expected, rtol=1e-9, atol=1e-15)


def test_side_inputs_are_matched_by_index_and_must_cover():
    y, p, N, v = make(6)
    expected = alpha_score(y, p, N, v, aggregate=None)
    shuffled = N.sample(frac=1, random_state=0), v.sample(frac=1, random_state=1)
    assert_allclose(alpha_score(y, p, *shuffled, aggregate=None), expected, atol=1e-15)
    weights = neutralized_weights(p, *shuffled)
    assert_allclose(weights, neutralized_weights(p, N, v), atol=1e-14)
    some = N[N.index.get_level_values("era") > 20260901]
    with pytest.raises(ValueError, match="cover 4 of 6 eras"):
        alpha_score(y, p, some, v)
    got = alpha_score(y, p, some, v, aggregate=None, min_coverage=0.5)
    assert_allclose(got, expected.iloc[2:], atol=1e-15)
    with pytest.raises(ValueError, match="0 of 120 rows of era 20260900 have"):
        neutralized_weights(p, some, v)
    most = N.drop(N.index[:20])
    weights = neutralized_weights(p, most, v)
    assert weights.isna().all(axis=1).sum() == 20


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), scale=st.sampled_from([0.25, 1, 4]))
def test_scale_sign_and_order(seed, scale):
    y, p, N, v = make(seed, n_eras=3, n=25, leaving=1)
    got = alpha_score(y, p, N, v, aggregate=None)
    order = np.random.default_rng(seed).permutation(len(p))
    moved = alpha_score(y.iloc[order], np.exp(p.iloc[order]), N, v, aggregate=None)
    assert_allclose(moved, got, atol=1e-14)
    assert_allclose(alpha_score(y, -p, N, v, aggregate=None), -got, atol=1e-14)
    scaled = alpha_score(scale * y + 1, p, N, v, aggregate=None)
    assert_allclose(scaled, scale * got, atol=1e-13)
    e = got.index[1]
    alone = alpha_score(era(y, e), era(p, e), era(N, e), era(v, e))
    assert_allclose(alone, got.loc[e], atol=1e-14)


def test_arrays_groups_and_live_rows():
    y, p, N, v = make(7)
    eras = p.index.get_level_values("era")
    arrays = [frame.to_numpy() for frame in (y, p, N, v)]
    got = alpha_score(*arrays, groups=eras, aggregate=None)
    assert_allclose(got, alpha_score(y, p, N, v, aggregate=None), atol=1e-15)
    weights = neutralized_weights(*arrays[1:], groups=eras)
    assert isinstance(weights, np.ndarray)
    assert_allclose(weights, neutralized_weights(p, N, v), atol=1e-15)
    one = neutralized_weights(arrays[1][:, 0], *arrays[2:], groups=eras)
    assert one.shape == (len(p),)
    live = np.where(eras == 20260905, "X", "1")
    assert neutralized_weights(*arrays[1:], groups=live).shape == p.shape


def test_bad_input_gets_a_sentence():
    y, p, N, v = make(8, n_eras=1)
    with pytest.raises(ValueError, match="1 values of neutralizers are NaN"):
        alpha_score(y, p, N.where(N != N.iloc[0, 0]), v)
    with pytest.raises(ValueError, match="1 values of sample_weight are NaN"):
        neutralized_weights(p, N, v.where(v != v.iloc[0]))
    for score in (alpha_score, neutralized_weights):
        args = (y, p, N, N) if score is alpha_score else (p, N, N)
        with pytest.raises(ValueError, match=r"sample_weight must have shape"):
            score(*args)
