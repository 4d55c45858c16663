"""Stakes over overlapping rounds against a plain loop, on real rounds too."""

import os
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone

from sknumerai.metrics import PayoutPolicy
from sknumerai.portfolio import StakeSimulator

DATA = os.environ.get("SKNUMERAI_TEST_DATA")
real = pytest.mark.skipif(
    not DATA, reason="SKNUMERAI_TEST_DATA does not name the folder of real data"
)


def make(seed=0, n_rounds=150, n_models=3, first=1343, gaps=0.05, scale=1.0):
    rng = np.random.default_rng(seed)
    index = pd.RangeIndex(first, first + n_rounds, name="round")
    names = [f"m{j}" for j in range(n_models)]
    corr = pd.DataFrame(rng.normal(0.01, 0.02, (n_rounds, n_models)), index, names)
    mmc = pd.DataFrame(rng.normal(0.002, 0.008, (n_rounds, n_models)), index, names)
    corr = corr.mask(rng.random(corr.shape) < gaps)
    return {"corr": corr * scale, "mmc": mmc * scale}


def plain(share, start, n, mode):
    """One model: {round: share} to equity by time, at_risk and payout by round."""
    value, idle, least = start, start, start / n
    at_risk, paid, equity = {}, {}, {}
    last = 0.0
    for time in sorted(set(share) | {r + n for r in share}):
        for r in sorted(at_risk):
            if r in paid or r + n > time:
                continue
            gain = at_risk[r] * (0 if np.isnan(share[r]) else share[r])
            if mode == "continuous":
                gain = max(gain, -value)
                value += gain
            else:
                gain = max(gain, -at_risk[r])
                idle += at_risk[r] + gain
                last += at_risk[r] + gain
            paid[r] = gain
        locked = sum(at_risk[r] for r in at_risk if r not in paid)
        equity[time] = value if mode == "continuous" else idle + locked
        if time in share:
            if np.isnan(share[time]):
                at_risk[time] = 0.0
            elif mode == "continuous":
                at_risk[time] = value
            else:
                wanted = max(least, last) if mode == "compound" else least
                at_risk[time] = min(wanted, idle)
                idle -= at_risk[time]
            last = 0.0
    return equity, at_risk, paid


def check_against_plain(simulator, shares, start, n, mode):
    for name in shares.columns:
        equity, at_risk, paid = plain(shares[name].to_dict(), start[name], n, mode)
        scale = {"rtol": 1e-9, "atol": 1e-9}
        assert simulator.equity_.index.tolist() == list(equity)
        assert_allclose(simulator.equity_[name], list(equity.values()), **scale)
        assert_allclose(simulator.at_risk_[name], list(at_risk.values()), **scale)
        assert_allclose(simulator.payouts_[name], [paid[r] for r in at_risk], **scale)


@pytest.mark.parametrize("mode", ["continuous", "compound", "fixed"])
@pytest.mark.parametrize("policy, n, scale", [("ender60", 64, 1), ("ender20", 24, 8)])
def test_equals_a_plain_loop(mode, policy, n, scale):
    scores = make(first=1175, scale=scale)
    scores = {k: v.drop([1200, 1201, 1260]) for k, v in scores.items()}
    start = pd.Series([100.0, 5.0, 0.0], index=["m0", "m1", "m2"])
    simulator = StakeSimulator(policy, mode=mode).simulate(scores, stake=start)
    shares = PayoutPolicy.from_name(policy).payout(scores)
    pd.testing.assert_frame_equal(simulator.shares_, shares, check_index_type=False)
    check_against_plain(simulator, shares, start, n, mode)


def test_modes_and_rounds_follow_from_the_rule():
    scores = make()
    auto = StakeSimulator().simulate(scores, stake=10)
    named = StakeSimulator("ender60", mode="compound", n_concurrent=64)
    pd.testing.assert_frame_equal(
        auto.equity_, named.simulate(scores, stake=10).equity_
    )
    auto = StakeSimulator(1300).simulate(scores)
    named = StakeSimulator("ender20", mode="continuous", n_concurrent=24)
    pd.testing.assert_frame_equal(auto.equity_, named.simulate(scores).equity_)


def test_sixty_four_rounds_are_in_flight_and_nothing_is_at_risk_twice():
    scores = make(1, gaps=0)
    sim = StakeSimulator(mode="fixed").simulate(scores, stake=64)
    assert_allclose(sim.at_risk_.iloc[:64], 1)
    # nothing resolves before the 65th opens
    assert_allclose(sim.equity_.iloc[:64], 64)
    assert (sim.equity_.iloc[64] != 64).all()
    assert (sim.summary_["max_leverage"] <= 1 + 1e-12).all()
    shares = sim.shares_.to_numpy()
    compound = StakeSimulator().simulate(scores, stake=64)
    # each of the concurrent rounds compounds by itself
    second = compound.at_risk_.iloc[64:128].to_numpy()
    assert_allclose(second, 1 + shares[:64], rtol=1e-9)
    assert_allclose(compound.payouts_.iloc[64:128], second * shares[64:128])
    legacy = StakeSimulator(mode="continuous").simulate(scores, stake=64)
    assert_allclose(legacy.summary_["max_leverage"], 64, rtol=0.5)


def test_stakes_in_proportion_and_money_is_kept():
    scores = make(2)
    for mode in ("continuous", "compound", "fixed"):
        one = StakeSimulator(mode=mode).simulate(scores)
        many = StakeSimulator(mode=mode).simulate(scores, stake=1000)
        assert_allclose(many.equity_, 1000 * one.equity_, rtol=1e-9)
        assert_allclose(one.equity_.iloc[-1], 1 + one.payouts_.sum(), rtol=1e-9)
        # models do not know of each other
        alone = {name: table[["m1"]] for name, table in scores.items()}
        alone = StakeSimulator(mode=mode).simulate(alone)
        assert_allclose(alone.equity_["m1"], one.equity_["m1"], rtol=1e-12)


def test_burns_stop_at_what_there_is():
    scores = make(3, gaps=0)
    bad = {name: table * 0 - 1 for name, table in scores.items()}
    sim = StakeSimulator("ender20").simulate(bad, stake=10)
    assert (sim.equity_ >= 0).all(axis=None)
    assert_allclose(sim.equity_.iloc[-1], 0, atol=1e-12)
    assert_allclose(sim.payouts_.sum(), -10)
    assert (sim.summary_["n_clipped"] == sim.summary_["n_rounds"]).all()
    gone = StakeSimulator(
        PayoutPolicy({"corr": 9}, horizon=60)
    ).simulate(bad, stake=10)  # fmt: skip
    assert_allclose(gone.equity_.iloc[-1], 0, atol=1e-12)
    assert_allclose(gone.summary_["max_drawdown"], 1)


def test_multipliers_for_all_or_by_model():
    scores = make(4)
    rule = PayoutPolicy.from_name("ender20")
    sim = StakeSimulator(rule, multipliers={"corr": 1, "mmc": 0.5}).simulate(scores)
    expected = replace(rule, weights={"corr": 1, "mmc": 0.5}).payout(scores)
    assert_allclose(sim.shares_, expected)
    table = pd.DataFrame(
        {"corr": [1, 0, 1], "mmc": [0.5, 2, 0.5]}, index=["m2", "m0", "m1"]
    )
    sim = StakeSimulator(rule, multipliers=table).simulate(scores)
    assert_allclose(sim.shares_[["m1", "m2"]], expected[["m1", "m2"]])
    only_mmc = replace(rule, weights={"mmc": 2}).payout({"mmc": scores["mmc"]})
    # a score without a weight may be missing
    assert_allclose(sim.shares_["m0"], only_mmc["m0"])
    with pytest.raises(ValueError, match="one row for each model"):
        StakeSimulator(rule, multipliers=table.iloc[:2]).simulate(scores)
    nothing = StakeSimulator(rule, multipliers={"corr": 0}).simulate(scores, stake=3)
    assert_allclose(nothing.equity_, 3)


def test_factor_of_the_round():
    scores = make(5)
    rounds = scores["corr"].index
    total = pd.Series(np.linspace(50e3, 700e3, len(rounds)), index=rounds)
    rule = PayoutPolicy.from_name("ender20")
    expected = rule.payout(scores, total_at_risk=total)
    shuffled = total.sample(frac=1, random_state=0)
    sim = StakeSimulator(rule).simulate(scores, total_at_risk=shuffled)
    assert_allclose(sim.shares_, expected)
    sim = StakeSimulator(rule, payout_factor=0.2).simulate(scores)
    assert_allclose(sim.shares_, replace(rule, payout_factor=0.2).payout(scores))
    with pytest.raises(ValueError, match=r"Without one: \[1492\]"):
        StakeSimulator(rule).simulate(scores, total_at_risk=total.iloc[:-1])


@pytest.mark.filterwarnings("error")
def test_models_that_never_stake_are_quiet():
    scores = make(9)
    scores["corr"]["m1"] = np.nan
    sim = StakeSimulator().simulate(scores, stake=[0, 10, 10])
    summary = sim.summary_
    assert summary["n_rounds"].iloc[:2].tolist() == [0, 0]
    assert summary["mean_payout"].isna().tolist() == [True, True, False]
    assert summary["final"].iloc[:2].tolist() == [0, 10]


def test_summary():
    scores = make(6)
    sim = StakeSimulator("ender20").simulate(scores, stake=50)
    summary, shares = sim.summary_, sim.shares_
    assert_allclose(summary["n_rounds"], shares.count())
    assert_allclose(summary["mean_payout"], shares.mean())
    assert_allclose(summary["std_payout"], shares.std(ddof=0))
    assert_allclose(summary["positive_share"], (shares > 0).sum() / shares.count())
    assert_allclose(summary["n_clipped"], (shares.abs() == 0.05).sum())
    assert_allclose(summary["profit"], sim.equity_.iloc[-1] - 50)
    assert_allclose(summary["earned"] - summary["burned"], summary["profit"])
    fallen = 1 - sim.equity_ / sim.equity_.cummax()
    assert_allclose(summary["max_drawdown"], fallen.max())
    flight = sim.at_risk_.rolling(24, min_periods=1).sum()
    leverage = (flight / sim.equity_.loc[flight.index]).max()
    assert_allclose(summary["max_leverage"], leverage)


def test_rules_of_their_time():
    scores = make(7, n_rounds=60, first=1150)
    sim = StakeSimulator("historical").simulate(scores)
    for policy in ("cyrus20", "ender20"):
        rule = PayoutPolicy.from_name(policy)
        rows = slice(None, 1171) if policy == "cyrus20" else slice(1172, None)
        part = {name: table.loc[rows] for name, table in scores.items()}
        assert_allclose(sim.shares_.loc[rows], rule.payout(part))
    late = {name: table.set_axis(table.index + 170) for name, table in scores.items()}
    with pytest.raises(ValueError, match=r"targets of \['20', '60'\] days"):
        StakeSimulator("historical").simulate(late)
    StakeSimulator("historical", mode="fixed", n_concurrent=64).simulate(late)
    early = {name: table.set_axis(table.index - 950) for name, table in scores.items()}
    with pytest.raises(LookupError, match="is not known"):
        StakeSimulator("historical").simulate(early)


def test_one_model_and_pickles_and_clones():
    scores = make(8)
    one = pd.DataFrame({name: table["m0"] for name, table in scores.items()})
    sim = StakeSimulator("ender20").simulate(one, stake=7)
    many = StakeSimulator("ender20").simulate(scores, stake=7)
    assert sim.equity_.columns.tolist() == ["model"]
    assert_allclose(sim.equity_["model"], many.equity_["m0"])
    both = StakeSimulator("ender20").simulate(pd.concat(scores, axis=1), stake=7)
    pd.testing.assert_frame_equal(both.summary_, many.summary_)
    again = pickle.loads(pickle.dumps(sim))
    pd.testing.assert_frame_equal(again.summary_, sim.summary_)
    assert clone(sim).get_params() == sim.get_params()


@pytest.mark.parametrize(
    "params, message",
    [
        ({"mode": "daily"}, "mode must be 'auto' or one of"),
        ({"n_concurrent": 0}, "n_concurrent must be an integer of at least 1"),
        ({"policy": PayoutPolicy({"corr": 1})}, "does not say how many days"),
        ({"policy": PayoutPolicy({"tc": 1}, horizon=20)}, r"\['tc'\] are missing"),
    ],
)
def test_parameters_that_mean_nothing_are_refused(params, message):
    with pytest.raises(ValueError, match=message):
        StakeSimulator(**params).simulate(make())


def test_input_that_means_nothing_is_refused():
    scores, sim = make(), StakeSimulator()
    with pytest.raises(ValueError, match="have different rounds or models"):
        sim.simulate({**scores, "mmc": scores["mmc"].iloc[1:]})
    for index in (scores["corr"].index[::-1], scores["corr"].index.astype(str)):
        moved = {name: table.set_axis(index) for name, table in scores.items()}
        with pytest.raises(ValueError, match="increasing integers"):
            sim.simulate(moved)
    for stake, message in (
        (-1, "not negative"),
        (np.nan, "finite"),
        ([1, 2], "one for each of 3 models"),
        ({"m0": 1, "m1": 1, "x": 1}, r"Without scores: \['x'\]"),
    ):
        with pytest.raises(ValueError, match=message):
            sim.simulate(scores, stake=stake)
    infinite = {
        **scores,
        "mmc": scores["mmc"].replace(scores["mmc"].iloc[0, 0], np.inf),
    }
    with pytest.raises(ValueError, match="infinite"):
        sim.simulate(infinite)
    with pytest.raises(TypeError, match="must be a Series or a DataFrame"):
        sim.simulate({"corr": [1, 2], "mmc": [1, 2]})
    with pytest.raises(TypeError, match="scores must be"):
        sim.simulate([0.1])


def read(name):
    path = Path(DATA) / name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    return pd.read_csv(path, index_col=0) if path.suffix == ".csv" else path


@real
@pytest.mark.parametrize("mode", ["continuous", "compound", "fixed"])
def test_real_rounds_of_32_models(mode):
    scores = {name: read(f"live_rounds_{name}.csv") for name in ("corr", "mmc")}
    n = 64 if mode != "continuous" else 24
    sim = StakeSimulator("historical", mode=mode, n_concurrent=n)
    sim.simulate(scores, stake=100)
    assert sim.equity_.shape == (355 + n, 32)
    shares = pd.concat(
        rule.payout({k: v.loc[a:b] for k, v in scores.items()})
        for rule, a, b in (
            (PayoutPolicy.from_name("cyrus20"), 843, 1171),
            (PayoutPolicy.from_name("ender20"), 1172, 1197),
        )
    )
    assert_allclose(sim.shares_, shares)
    start = pd.Series(100.0, index=shares.columns)
    check_against_plain(sim, shares, start, n, mode)
    assert_allclose(sim.equity_.iloc[-1], 100 + sim.payouts_.sum(), atol=1e-9)
    assert sim.summary_.loc["BGDA_60_AUTO", "n_rounds"] == 112


@real
def test_real_weekly_rounds_with_choices_of_true_contribution():
    frame = pd.read_parquet(read("leaderboard_tc.parquet"))
    frame = frame[frame["round"] >= 272]
    tables = frame.pivot(index="round", columns="model", values=["corr", "tc", "stake"])
    stakes = tables["stake"].bfill().iloc[0]
    stakes = stakes[stakes > 100].astype("float64")
    scores = {name: tables[name][stakes.index] for name in ("corr", "tc")}
    rule = PayoutPolicy.true_contribution_era(corr=1, tc=2, number=400)
    sim = StakeSimulator(rule, n_concurrent=4).simulate(scores, stake=stakes)
    shares = np.clip(scores["corr"] + 2 * scores["tc"], -0.25, 0.25)
    assert_allclose(sim.shares_, shares, rtol=1e-6, atol=1e-9)
    some = sim.shares_.iloc[:, ::25]
    check_against_plain(sim, some, stakes, 4, "continuous")
    assert len(stakes) > 90 and (sim.summary_["n_clipped"] > 0).any()
