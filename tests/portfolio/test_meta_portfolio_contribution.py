"""The contribution to the meta portfolio against numerai-tools and autograd."""

import numpy as np
import pandas as pd
import pytest
import torch
from numerai_tools import scoring
from numpy.testing import assert_allclose

from sknumerai.metrics import neutralized_weights
from sknumerai.portfolio import meta_portfolio_contribution_score as mpc
from tests.metrics.assets_of_eras import make_signals, make_universe


def make(seed=0, **kwargs):
    rng = np.random.default_rng(seed)
    p = make_signals(rng, **{"n_models": 6, **kwargs})
    N, v = make_universe(rng, p.index)
    y = pd.Series(rng.standard_t(3, len(p)) * 0.03, index=p.index, name="target")
    stakes = pd.Series(rng.lognormal(0, 2, p.shape[1]), index=p.columns)
    return y, p, stakes, N, v


def era(frame, number):
    return frame.xs(number, level="era").sort_index()


def expected_of(y, p, stakes, N, v):
    eras = p.index.unique("era").sort_values()
    rows = [
        scoring.meta_portfolio_contribution(
            era(p, e), stakes, era(N, e), era(v, e), era(y, e)
        )
        for e in eras
    ]
    return pd.DataFrame(rows, index=eras)


def test_eras_and_models_equal_numerai_tools():
    args = y, p, stakes, N, v = make()
    got = mpc(*args, aggregate=None)
    expected = expected_of(*args)
    assert_allclose(got, expected, rtol=1e-10, atol=1e-16)
    assert got.columns.equals(p.columns) and got.index.name == "era"
    assert_allclose(mpc(*args), got.mean(), rtol=1e-12)
    assert_allclose(mpc(*args, aggregate=np.median), got.median(), rtol=1e-12)
    zero = stakes.copy()
    zero.iloc[2:4] = 0
    got = mpc(y, p, zero, N, v, aggregate=None)
    assert_allclose(got, expected_of(y, p, zero, N, v), rtol=1e-10, atol=1e-16)
    # models without an entry have no stake, and a score
    again = mpc(y, p, zero[zero > 0], N, v, aggregate=None)
    assert_allclose(again, got, rtol=1e-12)


def test_equals_the_gradient_of_the_return():
    args = y, p, stakes, N, v = make(1, n_eras=1)
    weights = neutralized_weights(p, N, v).to_numpy()
    W = torch.tensor(weights - weights.mean(axis=0))
    shares = torch.tensor((stakes / stakes.sum()).to_numpy(), requires_grad=True)
    portfolio = W @ shares
    t = torch.tensor((y - y.mean()).to_numpy())
    (t @ portfolio / portfolio.norm()).backward()
    got = mpc(*args)
    assert_allclose(got, shares.grad / 50, rtol=1e-9)
    assert_allclose(got @ stakes, 0, atol=1e-15 * stakes.sum())


def test_identical_models_score_the_same_whatever_their_stakes():
    y, p, stakes, N, v = make(2)
    p["model_4"] = np.exp(5 * p["model_1"])  # the same ranks
    p["model_5"] = 1 - p["model_1"]
    got = mpc(y, p, stakes, N, v, aggregate=None)
    assert_allclose(got["model_4"], got["model_1"], rtol=1e-12)
    assert_allclose(got["model_5"], -got["model_1"], rtol=1e-9)
    scaled = mpc(y, p, 1e300 * stakes, N, v, aggregate=None)
    assert_allclose(scaled, got, rtol=1e-9)


def test_an_era_alone_and_rows_in_any_order():
    args = y, p, stakes, N, v = make(3)
    got = mpc(*args, aggregate=None)
    for e in got.index[:2]:
        parts = (era(frame, e) for frame in (N, v))
        alone = mpc(era(y, e), era(p, e), stakes, *parts)
        assert_allclose(alone, got.loc[e], rtol=1e-9, atol=1e-17)
    order = np.random.default_rng(0).permutation(len(p))
    moved = mpc(y.iloc[order], p.iloc[order], stakes, N, v, aggregate=None)
    assert_allclose(moved, got, rtol=1e-9, atol=1e-17)


def test_stakes_of_each_era():
    y, p, stakes, N, v = make(4)
    eras = p.index.unique("era").sort_values()
    table = pd.DataFrame({e: stakes.sample(frac=1).to_numpy() for e in eras}).T
    table.columns = p.columns
    got = mpc(y, p, table, N, v, aggregate=None)
    for e in eras[:2]:
        expected = mpc(y, p, table.loc[e], N, v, aggregate=None).loc[e]
        assert_allclose(got.loc[e], expected, rtol=1e-12)


def test_gaps_count_as_the_middle_rank_and_few_predictions_do_not_count():
    y, p, stakes, N, v = make(5, n_eras=2)
    whole = mpc(y, p, stakes, N, v, aggregate=None)
    holes = p.copy()
    one = np.flatnonzero(p.index.get_level_values("era") == 20260900)
    holes.iloc[one[:3], 0] = np.nan
    got = mpc(y, holes, stakes, N, v, aggregate=None)
    assert np.isfinite(got.to_numpy()).all()
    assert_allclose(got.loc[20260901], whole.loc[20260901], rtol=1e-12)
    # a plain loop: ranks of what there is, 0 for what there is not
    e = 20260900
    part = era(holes, e)
    s = part.apply(lambda c: scoring.tie_kept_rank__gaussianize__pow_1_5(
        c.dropna().to_frame())[c.name]).fillna(0)  # fmt: skip
    weight = era(v, e).to_numpy()[:, None]
    F = era(N, e).to_numpy()
    W = (s.to_numpy() - F @ (F.T @ (weight * s.to_numpy()))) * weight
    W -= W.mean(axis=0)
    m = W @ (stakes / stakes.sum()).to_numpy()
    t = era(y, e) - era(y, e).mean()
    expected = W.T @ (t - m * (m @ t) / (m @ m)) / np.sqrt(m @ m) / 50
    assert_allclose(got.loc[e], expected, rtol=1e-9)
    holes.iloc[one[:40], 0] = np.nan
    got = mpc(y, holes, stakes, N, v, aggregate=None)
    assert np.isnan(got.loc[e, "model_0"])
    others = stakes.drop("model_0")
    expected = mpc(y, p.drop(columns="model_0"), others, N, v, aggregate=None)
    assert_allclose(got.loc[e].iloc[1:], expected.loc[e], rtol=1e-9)


def test_missing_targets_and_rows_of_other_inputs():
    y, p, stakes, N, v = make(6)
    gaps = y.copy()
    gaps.iloc[::20] = np.nan
    known = gaps.notna()
    got = mpc(gaps, p, stakes, N, v, aggregate=None)
    parts = (y[known], p[known], stakes, N[known], v[known])
    assert_allclose(got, expected_of(*parts), rtol=1e-9, atol=1e-16)
    unresolved = y.mask(y.index.get_level_values("era") == 20260905)
    got = mpc(unresolved, p, stakes, N, v, aggregate=None)
    assert got.index.tolist() == list(range(20260900, 20260905))
    some = N[N.index.get_level_values("era") > 20260901]
    with pytest.raises(ValueError, match="cover 4 of 6 eras"):
        mpc(y, p, stakes, some, v)
    assert len(mpc(y, p, stakes, some, v, aggregate=None, min_coverage=0.5)) == 4
    with pytest.raises(ValueError, match="no target"):
        mpc(y * np.nan, p, stakes, N, v)


@pytest.mark.filterwarnings("error")
def test_input_that_means_nothing_is_refused():
    y, p, stakes, N, v = make(7)
    with pytest.raises(ValueError, match="portfolio of era 20260900 is zero"):
        mpc(y, p * 0, stakes, N, v)
    p["model_1"] = 1 - p["model_0"]
    cancel = pd.Series(3.0, index=["model_0", "model_1"])
    with pytest.raises(ValueError, match="cancel each other"):
        mpc(y, p, cancel, N, v)
    with pytest.raises(ValueError, match="no model has a stake in era"):
        mpc(y, p, stakes * 0, N, v)
    with pytest.raises(ValueError, match=r"shape \(n_samples, n_models\)"):
        mpc(y, p["model_0"], [1], N, v)
    with pytest.raises(ValueError, match="aggregate must be"):
        mpc(y, p, stakes, N, v, aggregate="mode")
    # the portfolio itself contributes nothing
    assert_allclose(mpc(y, p[["model_2"]], [5], N, v), 0, atol=1e-16)
