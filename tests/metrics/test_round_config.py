"""Rules of payment read from the rounds of Numerai's API."""

import datetime
from decimal import Decimal

import pytest
from numpy.testing import assert_allclose

from sknumerai.metrics import PayoutPolicy


def config(name, multiplier, **others):
    """An item of roundScoreConfigs with the fields that numerapi 3.1 asks for."""
    fields = {
        "id": "b1",
        "scoreConfigId": "c1",
        "roundNumberStart": 1343,
        "roundNumberEnd": None,
        "name": name,
        "version": "3",
        "displayName": None,
        "totalScoreDays": 60,
        "returnsLagDays": 2,
        "dataDelayDays": 2,
        "universe": None,
        "isCanonScore": False,
        "isPayout": multiplier != 0,
        "scoringStart": datetime.datetime(2026, 9, 3, tzinfo=datetime.UTC),
        "scoringEnd": datetime.datetime(2026, 12, 1, tzinfo=datetime.UTC),
        "minMultiplier": multiplier,
        "maxMultiplier": multiplier,
        "defaultMultiplier": multiplier,
        "clipThreshold": 1.0,
        "stakeThreshold": None,
        "payoutFactor": 1.0,
    }
    return {**fields, **others}


def round_of(*configs, **others):
    """An element of numerapi's list_rounds."""
    return {
        "id": "a1",
        "tournament": 8,
        "number": 1345,
        "target": None,
        "openTime": datetime.datetime(2026, 9, 1, 13, tzinfo=datetime.UTC),
        "payoutFactor": None,
        "stakeThreshold": None,
        "roundScoreConfigs": list(configs),
        **others,
    }


ATOMIC = (
    config("correlation", 3.0, displayName="corr60"),
    config("meta_model_contribution", 15.0, displayName="mmc60"),
)
LEGACY = {"version": "6", "totalScoreDays": 20, "clipThreshold": 0.05}


def test_round_of_today():
    policy = PayoutPolicy.from_round_config(round_of(*ATOMIC))
    known = PayoutPolicy.latest()
    for field in ("weights", "clip", "payout_factor", "horizon"):
        assert getattr(policy, field) == getattr(known, field)
    assert (policy.first_round, policy.last_round) == (1345, 1345)
    assert (policy.first_date, policy.name) == ("2026-09-01", "round 1345")
    assert eval(repr(policy)) == policy


def test_round_of_the_rule_before():
    scores = [
        config(
            "correlation", 0.75, displayName="v2_corr20", payoutFactor=None, **LEGACY
        ),
        config("meta_model_contribution", 2.25, displayName="mmc", payoutFactor=None)
        | {**LEGACY, "version": "5"},
        # scored and not paid
        config("correlation", 0.0, displayName="corr60"),
        config("meta_model_contribution", 0.0, displayName="mmc60"),
        config("feature_neutral_correlation", 0.0, defaultMultiplier=None),
    ]
    extra = {"number": "1335", "payoutFactor": Decimal("0.125")}
    extra |= {"stakeThreshold": "72,000.000"}
    policy = PayoutPolicy.from_round_config(round_of(*scores, **extra))
    assert policy.weights == {"corr": 0.75, "mmc": 2.25}
    assert (policy.clip, policy.horizon, policy.first_round) == (0.05, 20, 1335)
    assert (policy.payout_factor, policy.stake_threshold) == (0.125, 72_000)
    # before the stakes are counted the factor is not known and the threshold decides
    policy = PayoutPolicy.from_round_config(
        round_of(*scores, number=1335, stakeThreshold="72000")
    )
    assert policy.payout_factor is None and policy.factor(144_000) == 0.5


def test_numbers_as_the_api_writes_them():
    corr = config(
        "correlation",
        1,
        defaultMultiplier=Decimal("3.0"),
        clipThreshold="1",
        payoutFactor="1.000000000000000000",
        totalScoreDays="60",
    )
    policy = PayoutPolicy.from_round_config(round_of(corr))
    assert policy.weights == {"corr": 3.0}
    assert (policy.clip, policy.payout_factor, policy.horizon) == (1, 1, 60)


def test_unknown_scores_keep_their_names():
    scores = [
        config("neutral_correlation", 1.5, displayName="neutral_corr"),
        config("alpha", 0.3),
    ]
    policy = PayoutPolicy.from_round_config(round_of(*scores))
    assert policy.weights == {"neutral_correlation": 1.5, "alpha": 0.3}
    with pytest.raises(ValueError, match="neutral_correlation"):
        policy.payout({"corr": 1.0, "alpha": 1.0})


def test_of_several_versions_the_newest_counts():
    old = config("correlation", 9.0, version="9", clipThreshold=0.2)
    new = config("correlation", 3.0, version="10")
    for order in ((old, new), (new, old)):
        policy = PayoutPolicy.from_round_config(round_of(*order))
        assert (policy.weights, policy.clip) == ({"corr": 3.0}, 1.0)
    later = config("correlation", 5.0, version="1", roundNumberStart=1344)
    policy = PayoutPolicy.from_round_config(round_of(old, new, later))
    assert policy.weights == {"corr": 5.0}


def test_two_horizons_are_two_scores():
    twenty = config("correlation", 1.0, totalScoreDays=20)
    policy = PayoutPolicy.from_round_config(round_of(twenty, *ATOMIC))
    assert policy.weights == {"corr20": 1.0, "corr60": 3.0, "mmc": 15.0}
    assert policy.horizon is None
    scores = {"corr20": 0.01, "corr60": 0.02, "mmc": 0.001}
    assert_allclose(policy.payout(scores), 0.01 + 0.06 + 0.015)


def test_horizon_from_the_displayed_name():
    corr = config("correlation", 3.0, totalScoreDays=None, displayName="corr60")
    assert PayoutPolicy.from_round_config(round_of(corr)).horizon == 60
    short = config("v2_corr20", 3.0, totalScoreDays=None)
    policy = PayoutPolicy.from_round_config(round_of(short))
    assert (policy.weights, policy.horizon) == ({"corr": 3.0}, 20)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"name": None}, r"roundScoreConfigs\[0\] says nothing of \['name'\]"),
        ({"isPayout": None}, r"says nothing of \['isPayout'\]"),
        ({"defaultMultiplier": None}, "has no defaultMultiplier"),
        ({"defaultMultiplier": "three"}, "defaultMultiplier .* must be a number"),
        ({"clipThreshold": True}, "clipThreshold .* must be a number"),
        ({"payoutFactor": float("nan")}, "payoutFactor .* must be a number"),
        ({"totalScoreDays": 20.5}, "totalScoreDays .* must be a whole number"),
        (
            {"clipThreshold": 0.05},
            "differ in clipThreshold: {'corr': 0.05, 'mmc': 1.0}",
        ),
        ({"payoutFactor": 0.5}, "differ in payoutFactor"),
    ],
)
def test_round_that_cannot_be_read(change, message):
    scores = [{**ATOMIC[0], **change}, ATOMIC[1]]
    with pytest.raises(ValueError, match=message):
        PayoutPolicy.from_round_config(round_of(*scores))


def test_missing_keys_of_a_score():
    short = {"name": "correlation", "isPayout": True, "defaultMultiplier": 3}
    assert PayoutPolicy.from_round_config(round_of(short)).weights == {"corr": 3}
    for key in short:
        with pytest.raises(ValueError, match=key):
            rest = {k: v for k, v in short.items() if k != key}
            PayoutPolicy.from_round_config(round_of(rest))


@pytest.mark.parametrize(
    "value, error, message",
    [
        (None, TypeError, r"must be a dict, one element of numerapi.NumerAPI\(\)"),
        ([round_of(*ATOMIC)], TypeError, "must be a dict"),
        ({"number": 1}, ValueError, r"no list 'roundScoreConfigs'.*numerapi 2.24"),
        (round_of(), ValueError, "no list 'roundScoreConfigs'"),
        (round_of("corr"), TypeError, r"roundScoreConfigs\[0\] must be a dict"),
        (round_of({**ATOMIC[0], "isPayout": "yes"}), TypeError, "True or False"),
        (round_of(*ATOMIC, number=None), ValueError, "no 'number'"),
        (round_of(*ATOMIC, number="x"), ValueError, "number .* must be a number"),
        (round_of(config("correlation", 0.0)), ValueError, "pays for no score"),
        (
            round_of(config("correlation", 0.0, isPayout=True)),
            ValueError,
            "pays for no score",
        ),
    ],
)
def test_rounds_that_are_none(value, error, message):
    with pytest.raises(error, match=message):
        PayoutPolicy.from_round_config(value)
