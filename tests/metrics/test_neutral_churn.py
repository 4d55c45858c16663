"""Neutral churn and its penalty against numerai-tools."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numerai_tools import signals
from numpy.testing import assert_allclose
from scipy.stats import norm

from sknumerai.exceptions import MissingErasError
from sknumerai.metrics import (
    churn_score,
    neutral_churn_penalty,
    neutral_churn_score,
)
from tests.metrics.assets_of_eras import make_signals, make_universe


def make(seed, **kwargs):
    rng = np.random.default_rng(seed)
    p = make_signals(rng, **kwargs)
    N, v = make_universe(rng, p.index)
    return p, N, v


def era(frame, number):
    return frame.xs(number, level="era")


def reference(p, N, now, before):
    return signals.neutral_churn(
        era(p, now), era(p, before), era(N, now), era(N, before)
    )


@pytest.mark.parametrize("leaving", [0, 6, 24])
def test_pairs_of_eras_equal_numerai_tools(leaving):
    p, N, _ = make(0, leaving=leaving)
    got = neutral_churn_score(None, p, N, aggregate=None)
    assert got.index.tolist() == list(range(20260901, 20260906))
    for e in got.index:
        for model in p:
            expected = reference(p[model], N, e, e - 1)
            assert_allclose(got.loc[e, model], expected, atol=1e-9)
            alone = neutral_churn_score(
                None,
                era(p[model], e),
                era(N, e),
                previous=era(p[model], e - 1),
                previous_neutralizers=era(N, e - 1),
            )
            assert_allclose(alone, expected, atol=1e-9)
    assert_allclose(neutral_churn_score(None, p, N), got.mean(), atol=1e-14)


# numerai-tools drops columns in a way that pandas 4 will not know
@pytest.mark.filterwarnings("ignore:The inplace keyword")
@pytest.mark.parametrize("leaving", [2, 9])
def test_mean_over_recent_submissions_equals_numerai_tools(leaving):
    p, N, v = make(1, leaving=leaving)
    p = p["model_0"].rename("signal")
    got = neutral_churn_score(None, p, N, n_previous=5, aggregate=None)
    for now in got.index:
        before = range(20260900, now)
        expected = signals.calculate_mean_neutral_churn(
            era(p, now),
            era(N, now).sort_index(),
            era(v, now).sort_index(),
            {str(b): era(p, b) for b in before},
            {str(b): era(N, b).sort_index() for b in before},
            {str(b): era(v, b).sort_index() for b in before},
        )
        assert_allclose(got[now], expected, atol=1e-9)


def test_too_few_common_assets_are_nan():
    p, N, _ = make(2, leaving=25)
    got = neutral_churn_score(None, p, N, aggregate=None)
    assert got.isna().all(axis=None)
    assert neutral_churn_score(None, p, N, min_overlap=0.75).notna().all()


def test_nan_in_one_model_does_not_change_another():
    p, N, _ = make(3, leaving=2)
    whole = neutral_churn_score(None, p, N, aggregate=None)
    holes = p.copy()
    holes.iloc[::20, 0] = np.nan
    got = neutral_churn_score(None, holes, N, aggregate=None)
    assert_allclose(got["model_1"], whole["model_1"], atol=1e-12)
    for e in got.index:
        expected = reference(holes["model_0"].dropna(), N, e, e - 1)
        assert_allclose(got.loc[e, "model_0"], expected, atol=1e-9)


@pytest.mark.filterwarnings("error")
def test_constant_and_wholly_explained_predictions_are_nan():
    p, N, _ = make(4)
    first = p.index.get_level_values("era") == 20260902
    p.loc[first, "model_0"] = 0.5
    N["copy"] = np.nan
    for e in range(20260900, 20260906):
        rows = p.index.get_level_values("era") == e
        ranks = p.loc[rows, "model_1"].rank().to_numpy()
        N.loc[rows, "copy"] = norm.ppf((ranks - 0.5) / len(ranks))
    got = neutral_churn_score(None, p, N, aggregate=None)
    assert got["model_0"].isna().tolist() == [False, True, True, False, False]
    assert got["model_1"].isna().all()


def test_neutralizers_are_matched_by_index_and_must_cover():
    p, N, _ = make(5)
    expected = neutral_churn_score(None, p, N, aggregate=None)
    shuffled = N.sample(frac=1, random_state=0)
    assert_allclose(
        neutral_churn_score(None, p, shuffled, aggregate=None), expected, atol=1e-12
    )
    arrays = neutral_churn_score(None, p, N.to_numpy(), aggregate=None)
    assert_allclose(arrays, expected, atol=1e-14)
    one = neutral_churn_score(None, p, N["factor_0"], aggregate=None)
    assert_allclose(one, neutral_churn_score(None, p, N[["factor_0"]], aggregate=None))
    # up to a fifth of an era may lack neutralizers
    third = N.index[N.index.get_level_values("era") == 20260903]
    some = N.drop(third[:24])
    got = neutral_churn_score(None, p, some, aggregate=None, min_overlap=0.7)
    kept = neutral_churn_score(
        None, p.loc[some.index], some, aggregate=None, min_overlap=0.7
    )
    assert_allclose(got, kept, atol=1e-12)
    some = N.drop(third[:25])
    with pytest.raises(ValueError, match="neutralizers cover 5 of 6 eras, a share of"):
        neutral_churn_score(None, p, some)
    got = neutral_churn_score(None, p, some, aggregate=None, min_coverage=0.8)
    rest = p.index.get_level_values("era") != 20260903
    without = neutral_churn_score(None, p[rest], N, aggregate=None)
    assert got.index.tolist() == [20260901, 20260902, 20260904, 20260905]
    assert_allclose(got, without, atol=1e-12)


def test_neutralizing_to_nothing_is_churn():
    p, *_ = make(6)
    constant = pd.DataFrame({"one": 1.0}, index=p.index)
    assert_allclose(
        neutral_churn_score(None, p, constant, aggregate=None),
        churn_score(None, p, aggregate=None),
        atol=1e-12,
    )


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999))
def test_scale_and_order_do_not_matter(seed):
    p, N, _ = make(seed, n_eras=3, n=30, leaving=1)
    got = neutral_churn_score(None, p, N, aggregate=None)
    assert (got >= 0).all(axis=None) and (got <= 2).all(axis=None)
    order = np.random.default_rng(seed).permutation(len(p))
    moved = neutral_churn_score(None, np.exp(2 * p.iloc[order]), N * 3, aggregate=None)
    assert_allclose(moved, got, atol=1e-9)


def test_bad_input_gets_a_sentence():
    p, N, _ = make(7, n_eras=2)
    with pytest.raises(ValueError, match="pass previous_neutralizers="):
        neutral_churn_score(
            None, era(p, 20260901), era(N, 20260901), previous=era(p, 20260900)
        )
    with pytest.raises(ValueError, match="1 values of neutralizers are NaN"):
        neutral_churn_score(None, p, N.where(N != N.iloc[3, 2]))
    with pytest.raises(ValueError, match="y_pred has 240 rows and neutralizers has 3"):
        neutral_churn_score(None, p, np.ones((3, 2)))
    with pytest.raises(MissingErasError):
        neutral_churn_score(None, p.droplevel("era"), N.droplevel("era"))
    with pytest.raises(ValueError, match="min_coverage must be a share"):
        neutral_churn_score(None, p, N, min_coverage=3)


@settings(max_examples=100, deadline=None)
@given(
    churn=st.floats(0, 2),
    threshold=st.floats(0, 2),
    scaling_factor=st.floats(1e-3, 1e6),
)
def test_penalty_equals_numerai_tools(churn, threshold, scaling_factor):
    kwargs = {"threshold": threshold, "scaling_factor": scaling_factor}
    got = neutral_churn_penalty(churn, **kwargs)
    expected = signals.neutral_churn_penalty(churn, **kwargs)
    assert isinstance(got, float)
    assert_allclose(got, expected, rtol=1e-12, atol=1e-300)


def test_penalty_of_arrays_and_its_known_values():
    churn = [0, 0.1, 0.15, 0.2, 0.3, 0.5, np.nan]
    share = [1, 1, 0.755, 0.538, 0.238, 0.036, np.nan]
    assert_allclose(neutral_churn_penalty(churn), share, atol=5e-4)
    series = pd.Series(churn, index=list("abcdefg"), name="model")
    got = neutral_churn_penalty(series)
    assert got.name == "model" and got.index.equals(series.index)
    frame = neutral_churn_penalty(series.to_frame())
    pd.testing.assert_frame_equal(frame, got.to_frame())
    assert neutral_churn_penalty(np.zeros((2, 3))).shape == (2, 3)


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"churn": -0.1}, r"churn must be from 0 to 2. Got values from -0.1 to -0.1"),
        ({"churn": [0, 2.5]}, "churn must be from 0 to 2"),
        ({"churn": 1, "threshold": 3}, "threshold must be a number from 0 to 2"),
        ({"churn": 1, "threshold": np.nan}, "threshold must be"),
        ({"churn": 1, "scaling_factor": 0}, "scaling_factor must be a finite number"),
        ({"churn": 1, "scaling_factor": np.inf}, "scaling_factor must be"),
    ],
)
def test_penalty_out_of_range_raises(kwargs, message):
    with pytest.raises(ValueError, match=message):
        neutral_churn_penalty(**kwargs)
