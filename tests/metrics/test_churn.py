"""Churn and turnover against numerai-tools and plain loops."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numerai_tools import signals
from numpy.testing import assert_allclose
from scipy import stats

from sknumerai.exceptions import MissingErasError
from sknumerai.metrics import (
    churn_score,
    neutralized_weights,
    turnover_score,
)
from tests.metrics.assets_of_eras import make_signals, make_universe

SCORES = [churn_score, turnover_score]
REFERENCE = {churn_score: signals.churn, turnover_score: signals.turnover}


def era(frame, number):
    return frame.xs(number, level="era")


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("leaving", [0, 6, 24])
def test_pairs_of_eras_equal_numerai_tools(score, leaving):
    p = make_signals(np.random.default_rng(0), leaving=leaving)
    got = score(None, p, aggregate=None)
    numbers = sorted(p.index.unique("era"))
    assert got.index.tolist() == numbers[1:] and got.index.name == "era"
    assert got.columns.equals(p.columns)
    for before, now in zip(numbers[:-1], numbers[1:]):
        for model in p:
            one, two = era(p[model], now), era(p[model], before)
            expected = REFERENCE[score](one, two)
            assert_allclose(got.loc[now, model], expected, atol=1e-12)
            assert_allclose(score(None, one, previous=two), expected, atol=1e-12)
    assert_allclose(score(None, p), got.mean(), atol=1e-14)


@pytest.mark.parametrize("top_bottom", [1, 10, 60])
@pytest.mark.parametrize("leaving", [6, 40])
def test_top_bottom_equals_numerai_tools(top_bottom, leaving):
    p = make_signals(np.random.default_rng(1), leaving=leaving)
    got = churn_score(None, p, aggregate=None, top_bottom=top_bottom)
    numbers = sorted(p.index.unique("era"))
    for before, now in zip(numbers[:-1], numbers[1:]):
        for model in p:
            expected = signals.churn(
                era(p[model], now), era(p[model], before), top_bottom
            )
            assert_allclose(got.loc[now, model], expected, atol=1e-12)
            alone = churn_score(
                None,
                era(p[model], now),
                previous=era(p[model], before),
                top_bottom=top_bottom,
            )
            assert_allclose(alone, expected, atol=1e-12)


# numerai-tools drops columns in a way that pandas 4 will not know
@pytest.mark.filterwarnings("ignore:The inplace keyword")
def test_several_earlier_submissions_equal_numerai_tools():
    rng = np.random.default_rng(2)
    p = make_signals(rng, leaving=2)["model_0"].rename("signal")
    N, v = make_universe(rng, p.index)
    weights = neutralized_weights(p, N, v, normalize=True)
    numbers = sorted(p.index.unique("era"))
    for i in (1, 3, 5):
        now, before = numbers[i], numbers[:i]
        churn, turnover = signals.calculate_max_churn_and_turnover(
            era(p, now),
            era(N, now).sort_index(),
            era(v, now).sort_index(),
            {str(b): era(p, b) for b in before},
            {str(b): era(N, b).sort_index() for b in before},
            {str(b): era(v, b).sort_index() for b in before},
        )
        got = churn_score(None, p, n_previous=5, aggregate=None)[now]
        assert_allclose(got, churn, atol=1e-12)
        got = turnover_score(None, weights, n_previous=5, aggregate=None)[now]
        assert_allclose(got, turnover, atol=1e-12)
        earlier = p[p.index.get_level_values("era") < now]
        got = churn_score(None, era(p, now), previous=earlier)
        assert_allclose(got, churn, atol=1e-12)


@pytest.mark.filterwarnings("ignore:The inplace keyword")
def test_submissions_that_lack_assets_equal_numerai_tools_once_filled():
    rng = np.random.default_rng(16)
    whole = make_signals(rng, n_eras=2, n=200)["model_0"].rename("signal")
    N, v = make_universe(rng, whole.index)
    p = whole.sample(frac=0.8, random_state=0)
    now, before = 20260901, 20260900
    churn, turnover = signals.calculate_max_churn_and_turnover(
        era(p, now),
        era(N, now).sort_index(),
        era(v, now).sort_index(),
        {"before": era(p, before)},
        {"before": era(N, before).sort_index()},
        {"before": era(v, before).sort_index()},
    )
    by_era = p.groupby(level="era")
    ranks = (by_era.rank() - 0.5) / by_era.transform("count")
    filled = ranks.reindex(whole.index).fillna(0.5)
    assert_allclose(churn_score(None, filled), churn, atol=1e-12)
    weights = neutralized_weights(filled, N, v, normalize=True)
    assert_allclose(turnover_score(None, weights), turnover, atol=1e-12)
    assert abs(churn_score(None, p, min_overlap=0.5) - churn) > 0.01


def test_mean_over_earlier_eras_and_those_that_have_no_score():
    p = make_signals(np.random.default_rng(3), leaving=10)
    got = churn_score(None, p, n_previous=4, combine="mean", aggregate=None)
    one = [
        churn_score(
            None,
            era(p, 20260905),
            previous=era(p, 20260900 + e),
            aggregate=None,
            min_overlap=0.8,
        )
        for e in range(1, 5)
    ]
    pairs = pd.concat(one)
    # of 120 tickers 10 leave each era: after three eras fewer than 80 % are left
    assert pairs["model_0"].isna().tolist() == [True, True, False, False]
    assert_allclose(got.loc[20260905], pairs.mean(), atol=1e-14)
    largest = churn_score(None, p, n_previous=4, aggregate=None)
    assert_allclose(largest.loc[20260905], pairs.max(), atol=1e-14)
    lax = churn_score(None, p, n_previous=4, aggregate=None, min_overlap=0.5)
    assert (lax >= largest).all(axis=None) and (lax != largest).any(axis=None)


@pytest.mark.parametrize("score", SCORES)
def test_too_few_common_assets_are_nan_where_the_reference_raises(score):
    p = make_signals(np.random.default_rng(4), leaving=25)
    with pytest.raises(AssertionError, match="enough overlapping"):
        REFERENCE[score](era(p["model_0"], 20260901), era(p["model_0"], 20260900))
    got = score(None, p, aggregate=None)
    assert got.isna().all(axis=None) and len(got) == 5
    assert score(None, p, min_overlap=0.75).notna().all()
    assert score(None, p).isna().all()
    assert score(None, p["model_1"], aggregate=lambda s: s.fillna(1.0).mean()) == 1


def test_turnover_that_counts_absent_assets_as_zero():
    w = pd.Series(
        [0.5, -0.5, 0.2, -0.5, 0.3],
        index=pd.MultiIndex.from_tuples(
            [(1, "a"), (1, "b"), (2, "a"), (2, "b"), (2, "c")], names=["era", "ticker"]
        ),
    )
    assert_allclose(turnover_score(None, w, absent="zero"), (0.3 + 0 + 0.3) / 2)
    assert_allclose(turnover_score(None, w, min_overlap=0.6), 0.3 / 2)
    assert np.isnan(turnover_score(None, w))
    p = make_signals(np.random.default_rng(5), leaving=30)
    got = turnover_score(None, p, absent="zero", aggregate=None)
    wide = p.unstack("era").fillna(0.0)
    for e in got.index:
        for model in p:
            change = (wide[model][e] - wide[model][e - 1]).abs().sum() / 2
            assert_allclose(got.loc[e, model], change, atol=1e-12)


def test_absent_weight_nan_is_as_absent_as_no_row():
    p = make_signals(np.random.default_rng(6), leaving=3)
    holes = p.copy()
    holes.iloc[::30, 0] = np.nan
    for absent in ("ignore", "zero"):
        got = turnover_score(None, holes, absent=absent, aggregate=None)
        alone = turnover_score(
            None, holes["model_0"].dropna(), absent=absent, aggregate=None
        )
        assert_allclose(got["model_0"], alone, atol=1e-13)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("top_bottom", [None, 10])
def test_nan_in_one_model_does_not_change_another(score, top_bottom):
    kwargs = {"top_bottom": top_bottom} if score is churn_score else {}
    p = make_signals(np.random.default_rng(7), leaving=2)
    whole = score(None, p, aggregate=None, **kwargs)
    holes = p.copy()
    holes.iloc[::20, 0] = np.nan
    got = score(None, holes, aggregate=None, **kwargs)
    assert_allclose(got["model_1"], whole["model_1"], atol=1e-14)
    expected = [
        REFERENCE[score](
            era(holes["model_0"], e).dropna(),
            era(holes["model_0"], e - 1).dropna(),
            *kwargs.values(),
        )
        for e in got.index
    ]
    assert_allclose(got["model_0"], expected, atol=1e-12)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("top_bottom", [None, 5])
def test_constant_predictions_are_nan(top_bottom):
    p = make_signals(np.random.default_rng(8))
    p.loc[p.index.get_level_values("era") == 20260902, "model_0"] = 0.5
    got = churn_score(None, p, aggregate=None, top_bottom=top_bottom)
    assert got["model_0"].isna().tolist() == [False, True, True, False, False]
    assert got["model_1"].notna().all()
    # weights that are all the same are weights
    assert turnover_score(None, p).notna().all()


def test_identical_and_opposite_predictions():
    p = make_signals(np.random.default_rng(9), n_eras=1)["model_0"]
    now = era(p, 20260900)
    assert 0 <= churn_score(None, now, previous=now) < 1e-15
    assert_allclose(churn_score(None, now, previous=1 - now), 2, atol=1e-12)
    assert churn_score(None, now, previous=now, top_bottom=20) == 0
    assert turnover_score(None, now, previous=now) == 0


def test_churn_that_rounding_made_negative_had_no_penalty():
    rng = np.random.default_rng(0)
    for n in range(2, 60):
        p = pd.Series(rng.normal(size=n), index=[f"T{i}" for i in range(n)])
        assert churn_score(None, p, previous=p) >= 0
        assert churn_score(None, p, previous=-p) <= 2


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), scale=st.sampled_from([0.25, 1, 8]))
def test_scale_order_and_other_eras_do_not_matter(seed, scale):
    rng = np.random.default_rng(seed)
    p = make_signals(rng, n_eras=4, n=20, leaving=1)
    churn = churn_score(None, p, aggregate=None)
    assert (churn >= 0).all(axis=None) and (churn <= 2).all(axis=None)
    assert_allclose(churn_score(None, scale * p - 3, aggregate=None), churn)
    assert_allclose(churn_score(None, np.exp(p), aggregate=None), churn)
    assert_allclose(churn_score(None, -p, aggregate=None), churn, atol=1e-12)
    turnover = turnover_score(None, p, aggregate=None)
    assert_allclose(turnover_score(None, scale * p, aggregate=None), scale * turnover)
    order = rng.permutation(len(p))
    for score, table in ((churn_score, churn), (turnover_score, turnover)):
        assert_allclose(score(None, p.iloc[order], aggregate=None), table, atol=1e-13)
        last = p[p.index.get_level_values("era") >= 20260902]
        assert_allclose(score(None, last, aggregate=None), table.iloc[-1:], atol=1e-13)


@pytest.mark.parametrize("score", SCORES)
def test_where_eras_and_assets_are_found(score):
    p = make_signals(np.random.default_rng(10))
    expected = score(None, p, aggregate=None)
    eras = p.index.get_level_values("era")
    by_ticker = p.droplevel("era")
    for got in (
        score(None, by_ticker, groups=eras, aggregate=None),
        score(by_ticker["model_0"], p.to_numpy(), groups=eras, aggregate=None),
        score(p["model_0"], p.to_numpy(), aggregate=None),
        score(None, p.swaplevel(), aggregate=None),
        score(None, by_ticker, groups=eras.astype(str), aggregate=None),
    ):
        assert_allclose(got, expected, atol=1e-13)
    # an asset may need two levels
    more = p.assign(country=1).set_index("country", append=True)
    assert_allclose(score(None, more, aggregate=None), expected, atol=1e-13)


@pytest.mark.parametrize("score", SCORES)
def test_models_of_an_earlier_submission_are_found_by_name(score):
    p = make_signals(np.random.default_rng(17), n_eras=2)
    now, before = era(p, 20260901), era(p, 20260900)
    got = score(None, now, previous=before[["model_1", "model_0"]].assign(more=0.0))
    expected = [score(None, now[m], previous=before[m]) for m in now]
    assert_allclose(got, expected, atol=1e-14)
    assert got.index.equals(now.columns)


def test_live_rows_come_last():
    p = make_signals(np.random.default_rng(11), n_eras=3)["model_0"]
    live = p.rename({20260902: "X", 20260901: "9", 20260900: "8"}, level="era")
    expected = churn_score(None, p, aggregate=None)
    got = churn_score(None, live, aggregate=None)
    assert got.index.tolist() == ["9", "X"]
    assert_allclose(got, expected)


def test_eras_that_are_not_neighbours_are_compared_with_the_one_present_before():
    p = make_signals(np.random.default_rng(12), leaving=1)
    some = p[p.index.get_level_values("era").isin([20260900, 20260904])]
    got = churn_score(None, some, aggregate=None)
    expected = churn_score(None, era(p, 20260904), previous=era(p, 20260900))
    assert got.index.tolist() == [20260904]
    assert_allclose(got.iloc[0], expected)


def test_churn_equals_one_minus_spearman_of_scipy():
    p = make_signals(np.random.default_rng(13), leaving=0, n_eras=2)["model_0"]
    wide = p.unstack("era")
    expected = 1 - stats.spearmanr(wide[20260900], wide[20260901])[0]
    assert_allclose(churn_score(None, p), expected, atol=1e-12)


@pytest.mark.parametrize("score", SCORES)
def test_ids_of_numerai_classic_get_a_sentence(score):
    index = pd.MultiIndex.from_tuples(
        [(e, f"n{e}{i}") for e in (1, 2) for i in range(9)], names=["era", "id"]
    )
    p = pd.Series(np.arange(18.0), index=index)
    with pytest.raises(ValueError, match="Numerai Classic gives every stock a new id"):
        score(None, p)
    with pytest.raises(ValueError, match=r"labels such as 'n20' and 'n10'"):
        score(None, era(p, 2), previous=era(p, 1))


@pytest.mark.parametrize("score", SCORES)
def test_bad_input_gets_a_sentence(score):
    p = make_signals(np.random.default_rng(14), n_eras=2)
    with pytest.raises(ValueError, match="y_pred has no labels of assets"):
        score(None, p.to_numpy(), groups=p.index.get_level_values("era"))
    with pytest.raises(ValueError, match="y_pred has no labels of assets"):
        score(None, p.droplevel("numerai_ticker"))
    with pytest.raises(MissingErasError, match="needs the era of every row"):
        score(None, p.droplevel("era"))
    with pytest.raises(ValueError, match=r"one era \(20260900\) given"):
        score(None, p[p.index.get_level_values("era") == 20260900])
    with pytest.raises(ValueError, match="comes more than once in era 20260900"):
        score(None, pd.concat([p, p.xs(20260900, level="era", drop_level=False)]))
    with pytest.raises(ValueError, match="previous= is compared with one era"):
        score(None, p, previous=era(p, 20260900))
    with pytest.raises(ValueError, match=r"previous lacks the columns \['model_1'\]"):
        score(None, era(p, 20260901), previous=era(p, 20260900)[["model_0"]])
    with pytest.raises(ValueError, match="Give the same models in both"):
        score(None, era(p, 20260901), previous=era(p, 20260900)["model_0"])
    with pytest.raises(ValueError, match="n_previous must be an integer"):
        score(None, p, n_previous=0)
    with pytest.raises(ValueError, match=r"combine must be one of \['max', 'mean'\]"):
        score(None, p, combine="min")
    with pytest.raises(ValueError, match="min_overlap must be a number between"):
        score(None, p, min_overlap=80)
    with pytest.raises(ValueError, match="aggregate must be one of"):
        score(None, p, aggregate="sum")
    with pytest.raises(ValueError, match="1 rows of y_pred are infinite"):
        score(None, pd.concat([p, p.iloc[:1] * np.inf]))
    with pytest.raises(ValueError, match="previous has no rows"):
        score(None, era(p, 20260900), previous=era(p, 20260900).iloc[:0])
    with pytest.raises(ValueError, match="y_true has 3 rows and y_pred has"):
        score([1, 2, 3], p)
    with pytest.raises(ValueError, match="y_pred must be numbers"):
        score(None, p.astype(str) + "x")


def test_bad_parameters_of_one_of_them():
    p = make_signals(np.random.default_rng(15), n_eras=2)
    with pytest.raises(ValueError, match="top_bottom must be an integer"):
        churn_score(None, p, top_bottom=0)
    with pytest.raises(ValueError, match="120 assets are predicted in era 20260901"):
        churn_score(None, p, top_bottom=61)
    with pytest.raises(ValueError, match="absent must be 'ignore' or 'zero'"):
        turnover_score(None, p, absent="fill")
