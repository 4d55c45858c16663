"""Rules of payment: what each pays, when it holds, what it refuses."""

import ast
import dataclasses
import datetime
import os
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from sknumerai.metrics import PayoutPolicy

DATA = os.environ.get("SKNUMERAI_TEST_DATA")
SCORE = st.floats(-1, 1)


def plain_payout(policy, scores, stake=1.0, factor=1.0):
    """The formula of Numerai's documentation."""
    total = sum(weight * scores[name] for name, weight in policy.weights.items())
    value = factor * total
    if policy.clip is not None:
        value = max(-policy.clip, min(policy.clip, value))
    return stake * value


# --- the rules that are shipped ---------------------------------------------------


@pytest.mark.parametrize(
    "name, number, corr, mmc, expected",
    [
        ("cyrus20", 650, 0.02, 0.01, 0.5 * 0.02 + 2 * 0.01),
        ("cyrus20", 1171, 0.01871988, 0.02436461, 0.05),  # 0.05808917 clipped
        ("cyrus20", 1000, -0.04, -0.02, -0.05),
        ("ender20", 1172, 0.02, 0.01, 0.75 * 0.02 + 2.25 * 0.01),
        ("ender20", 1342, 0.05, 0.02, 0.05),
        ("ender60", 1343, 0.02, 0.01, 3 * 0.02 + 15 * 0.01),
        ("ender60", 5000, 0.2, 0.05, 1.0),
        ("ender60", 1343, -0.2, -0.05, -1.0),
    ],
)
def test_rule_pays_the_plain_formula(name, number, corr, mmc, expected):
    policy = PayoutPolicy.for_round(number)
    assert policy == PayoutPolicy.from_name(name)
    scores = {"corr": corr, "mmc": mmc}
    assert_allclose(policy.payout(scores), expected, rtol=1e-14)
    assert_allclose(policy.payout(scores), plain_payout(policy, scores), rtol=1e-14)


def test_golden_payout_without_clip():
    policy = PayoutPolicy.from_name("cyrus20")
    scores = {"corr": 0.01871988, "mmc": 0.02436461}
    assert_allclose(policy.payout(scores, clip=False), 0.05808917, atol=2e-8)
    assert_allclose(policy.score(**scores), 0.05808917, atol=2e-8)
    assert_allclose(policy.score(0.01871988, 0.02436461), 0.05808917, atol=2e-8)


@pytest.mark.parametrize(
    "date, name",
    [
        ("2022-04-09", "tc_weekly"),
        ("2023-04-30", "tc_weekly"),
        ("2023-05-01", "tc_daily"),
        ("2023-10-06", "tc_daily"),
        ("2023-10-07", "tc_last"),
        ("2024-01-01", "tc_last"),
        ("2024-01-02", "cyrus20"),
        (datetime.date(2025, 12, 31), "cyrus20"),
        (pd.Timestamp("2026-01-01"), "ender20"),
        (np.datetime64("2026-08-27"), "ender20"),
        (datetime.datetime(2026, 8, 28, 13), "ender60"),
        ("2031-01-01", "ender60"),
    ],
)
def test_rule_of_a_date(date, name):
    assert PayoutPolicy.for_date(date).name == name


def test_time_zone_counts():
    late = pd.Timestamp("2026-08-27 22:00", tz="America/New_York")
    assert PayoutPolicy.for_date(late).name == "ender60"
    assert PayoutPolicy.for_date(late.tz_convert("UTC")).name == "ender60"


def test_rules_leave_no_round_and_no_day_out():
    policies = PayoutPolicy.known()
    for one, following in zip(policies[:-1], policies[1:]):
        assert one.last_round + 1 == following.first_round
        next_day = pd.Timestamp(one.last_date) + pd.Timedelta(days=1)
        assert next_day == pd.Timestamp(following.first_date)
    assert policies[-1].last_round is None
    assert policies[-1] == PayoutPolicy.latest()
    for policy in policies:
        assert PayoutPolicy.for_round(policy.first_round) == policy
        assert PayoutPolicy.for_round(np.int64(policy.first_round)) == policy
        assert PayoutPolicy.for_date(policy.first_date) == policy
        assert PayoutPolicy.from_name(policy.name) == policy


def opening_day(number):
    """The calendar that the class documents: Saturdays, from 340 on Tue to Sat."""
    if number < 340:
        return pd.Timestamp("2022-10-22") - pd.Timedelta(weeks=339 - number)
    weeks, days = divmod(number - 340, 5)
    return pd.Timestamp("2022-10-25") + pd.Timedelta(weeks=weeks, days=days)


@pytest.mark.parametrize(
    "number, published",
    [
        (311, "2022-04-09"),
        (339, "2022-10-22"),
        (340, "2022-10-25"),
        (485, "2023-05-16"),
        (589, "2023-10-07"),
        (650, "2024-01-02"),
        (1175, "2026-01-06"),
        (1343, "2026-08-28"),
        (1345, "2026-09-01"),
    ],
)
def test_calendar_meets_the_days_that_numerai_named(number, published):
    assert opening_day(number) == pd.Timestamp(published)


def test_rounds_and_days_of_the_rules_fit_the_calendar():
    for policy in PayoutPolicy.known():
        first, last = policy.first_round, policy.last_round or 1400
        for number in {first, last, (first + last) // 2}:
            assert PayoutPolicy.for_date(opening_day(number)) == policy


@pytest.mark.parametrize(
    "find, value", [("for_round", 310), ("for_date", "2022-04-08")]
)
def test_before_the_first_known_rule(find, value):
    with pytest.raises(LookupError, match=r"known from round 311, 2022-04-09, on"):
        getattr(PayoutPolicy, find)(value)


def test_true_contribution_era():
    make = PayoutPolicy.true_contribution_era
    policy = make(corr=1, tc=2)
    assert policy.weights == {"corr": 1, "tc": 2}
    assert (policy.clip, policy.first_round, policy.last_round) == (0.25, 311, 474)
    assert_allclose(policy.payout({"corr": 0.02, "tc": -0.03}), 0.02 - 0.06)
    assert_allclose(policy.payout({"corr": 0.1, "tc": 0.2}), 0.25)
    assert make(0, 3, number=588).clip == 0.05
    assert make(2, 1, number=589).weights == {"corr": 2, "tc": 1}
    # who chose nothing was paid for CORR, and needs no TC
    default = PayoutPolicy.for_round(400)
    assert default == make(corr=1, tc=0, number=400)
    assert default.payout({"corr": 0.03}) == 0.03
    # a stake on neither paid nothing
    assert make(0, 0).payout({"corr": 0.5, "tc": 0.5}) == 0
    frame = pd.DataFrame({"corr": [0.5, 0.2]}, index=["a", "b"])
    nothing = make(0, 0).payout(frame)
    assert nothing.tolist() == [0, 0] and nothing.index.tolist() == ["a", "b"]


@pytest.mark.parametrize(
    "corr, tc, number",
    [(2, 0, 400), (1, 4, 400), (-1, 1, 400), (0.3, 1, 400), (1, 2, 589), (1, 1, 600)],
)
def test_choices_that_were_not_on_offer(corr, tc, number):
    with pytest.raises(ValueError, match="a staker could choose corr from 0 to"):
        PayoutPolicy.true_contribution_era(corr, tc, number=number)


@pytest.mark.parametrize("number", [310, 650])
def test_true_contribution_had_its_time(number):
    with pytest.raises(ValueError, match="rounds 311 to 649"):
        PayoutPolicy.true_contribution_era(number=number)


# --- a value ----------------------------------------------------------------------


@pytest.mark.parametrize("policy", PayoutPolicy.known(), ids=lambda p: p.name)
def test_repr_pickle_equality_and_hash(policy):
    assert eval(repr(policy)) == policy
    ast.parse(repr(policy), mode="eval")
    copy = pickle.loads(pickle.dumps(policy))
    assert copy == policy and hash(copy) == hash(policy)
    assert policy in {copy}
    assert dataclasses.replace(policy, clip=0.5) != policy
    assert policy != "a policy"


def test_order_and_case_of_weights_do_not_matter():
    one = PayoutPolicy({"CORR": 3, " mmc": 15.0})
    other = PayoutPolicy({"mmc": 15, "corr": np.float32(3)})
    assert one == other and hash(one) == hash(other)
    assert dict(one.weights) == {"corr": 3.0, "mmc": 15.0}


def test_policies_do_not_change():
    policy, weights = PayoutPolicy.latest(), {"corr": 1.0}
    with pytest.raises(dataclasses.FrozenInstanceError):
        policy.clip = 2.0
    with pytest.raises(TypeError):
        policy.weights["corr"] = 2.0
    own = PayoutPolicy(weights)
    weights["corr"] = 7.0
    assert own.weights == {"corr": 1.0}
    with pytest.raises(KeyError):
        own.weights["mmc"]


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"weights": {}}, "weights must be a dict"),
        ({"weights": [3, 15]}, "weights must be a dict"),
        ({"weights": {"corr": "3"}}, "weight of 'corr' must be a finite number"),
        ({"weights": {"corr": None}}, "weight of 'corr' is None"),
        ({"weights": {"corr": np.nan}}, "weight of 'corr' must be a finite number"),
        ({"weights": {1: 3}}, "name must be a string"),
        ({"weights": {"corr": 1, "CORR": 2}}, "two entries for 'corr'"),
        ({"clip": 0}, "clip must be a finite number above 0"),
        ({"clip": True}, "clip must be a finite number above 0"),
        ({"payout_factor": -1}, "payout_factor must be a finite number of at least 0"),
        ({"stake_threshold": np.inf}, "stake_threshold must be a finite number"),
        ({"horizon": 20.5}, "horizon must be an integer"),
        ({"first_round": 0}, "first_round must be an integer of at least 1"),
        ({"first_round": 9, "last_round": 8}, "first_round=9 comes after last_round=8"),
        ({"first_date": "2024-02-02", "last_date": "2024-02-01"}, "comes after"),
        ({"first_date": "someday"}, "first_date must be a day such as"),
        ({"first_date": pd.NaT}, "first_date must be a day such as"),
        ({"first_date": 20240102}, "first_date must be a day such as"),
    ],
)
def test_bad_fields(kwargs, message):
    with pytest.raises(ValueError, match=message):
        PayoutPolicy(**{"weights": {"corr": 1}, **kwargs})


@pytest.mark.parametrize("field", ["name", "target"])
def test_names_are_strings(field):
    with pytest.raises(TypeError, match=f"{field} must be a string"):
        PayoutPolicy({"corr": 1}, **{field: 3})


@pytest.mark.parametrize("number", [None, "1343", 1343.0, True, 0])
def test_bad_round_numbers(number):
    with pytest.raises(ValueError, match="number of a round"):
        PayoutPolicy.for_round(number)


@pytest.mark.parametrize("date", [None, "soon", 20240102])
def test_bad_dates(date):
    with pytest.raises(ValueError, match=r"a date is needed|date must be a day"):
        PayoutPolicy.for_date(date)


def test_unknown_name():
    with pytest.raises(LookupError, match=r"called 'ender61'.*'ender60'"):
        PayoutPolicy.from_name("ender61")


# --- payouts ----------------------------------------------------------------------


@given(corr=SCORE, mmc=SCORE, more=st.floats(0, 1), stake=st.floats(0, 1e6))
@pytest.mark.parametrize("policy", PayoutPolicy.known()[3:], ids=lambda p: p.name)
def test_monotone_and_bounded(policy, corr, mmc, more, stake):
    payout = policy.payout({"corr": corr, "mmc": mmc}, stake=stake)
    assert abs(payout) <= policy.clip * stake
    assert policy.payout({"corr": corr + more, "mmc": mmc}, stake=stake) >= payout
    expected = plain_payout(policy, {"corr": corr, "mmc": mmc}, stake)
    assert_allclose(payout, expected, rtol=1e-12, atol=1e-12)


@given(corr=st.floats(-0.01, 0.01), mmc=st.floats(-0.002, 0.002), k=st.floats(-1, 1))
@pytest.mark.parametrize("policy", PayoutPolicy.known()[3:], ids=lambda p: p.name)
def test_linear_inside_the_clip(policy, corr, mmc, k):
    whole = policy.payout({"corr": corr, "mmc": mmc})
    assert abs(whole) < policy.clip
    scaled = policy.payout({"corr": k * corr, "mmc": k * mmc})
    assert_allclose(scaled, k * whole, atol=1e-15)
    parts = [{"corr": corr, "mmc": 0}, {"corr": 0, "mmc": mmc}]
    parts = [policy.payout(part) for part in parts]
    assert_allclose(sum(parts), whole, atol=1e-15)


def test_factor():
    policy = PayoutPolicy.from_name("ender20")
    assert policy.factor() == policy.factor(1_000) == policy.factor(72_000) == 1
    assert policy.factor(0) == 1
    assert policy.factor(720_000) == 0.1
    assert_array_equal(policy.factor([72_000, 144_000]), [1, 0.5])
    scores = {"corr": 0.1, "mmc": 0.1}
    # the factor comes before the clip: .3 * .1 is inside it
    assert_allclose(policy.payout(scores, total_at_risk=720_000), 0.03)
    assert policy.payout(scores) == 0.05
    atomic = PayoutPolicy.latest()
    assert atomic.factor(1e9) == 1
    assert atomic.payout(scores, total_at_risk=1e9) == 1
    half = dataclasses.replace(policy, payout_factor=0.5)
    assert half.factor(1e9) == 0.5
    assert_allclose(half.payout({"corr": 0.02, "mmc": 0}), 0.0075)
    for bad in (-1, np.nan, np.inf):
        with pytest.raises(ValueError, match="total_at_risk"):
            policy.factor(bad)
        with pytest.raises(ValueError, match="total_at_risk"):
            policy.payout(scores, total_at_risk=bad)


# --- real rounds ------------------------------------------------------------------


@pytest.mark.skipif(
    not DATA, reason="SKNUMERAI_TEST_DATA does not name the folder of real data"
)
def test_payouts_of_real_rounds_under_two_rules():
    files = [Path(DATA) / f"live_rounds_{name}.csv" for name in ("corr", "mmc")]
    if not all(file.exists() for file in files):
        pytest.skip(f"{files} are not there")
    corr, mmc = (pd.read_csv(file, index_col="roundNumber") for file in files)
    assert corr.index.equals(mmc.index) and corr.columns.equals(mmc.columns)
    # rounds 843 to 1171 and 1172 to 1197 were paid by different rules
    parts = {}
    for name in ("cyrus20", "ender20"):
        policy = PayoutPolicy.from_name(name)
        rows = corr.index.to_series().between(policy.first_round, policy.last_round)
        scores = {"corr": corr[rows], "mmc": mmc[rows]}
        payout = policy.payout(scores)
        weighted = (
            policy.weights["corr"] * corr[rows] + policy.weights["mmc"] * mmc[rows]
        )
        pd.testing.assert_frame_equal(payout, weighted.clip(-0.05, 0.05))
        # a model that has no score has no payout
        assert payout.isna().equals(corr[rows].isna() | mmc[rows].isna())
        unclipped = policy.payout(scores, clip=False)
        pd.testing.assert_frame_equal(unclipped, weighted)
        assert (unclipped.abs() > 0.05).to_numpy().sum() > 0
        parts[name] = payout
    assert sum(map(len, parts.values())) == len(corr)
    # the meta model adds nothing to itself: its payout is that of CORR alone
    own = parts["cyrus20"]["NUMERAI_SWMM"]
    alone = (0.5 * corr["NUMERAI_SWMM"].loc[own.index]).clip(-0.05, 0.05)
    assert_allclose(own, alone, atol=1e-12)
