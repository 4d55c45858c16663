"""Scores by name in whatever holds them: found, checked and given back in its shape."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.utils import Bunch

from sknumerai.metrics import PayoutPolicy


def test_every_holder_of_scores_gives_the_same():
    policy = PayoutPolicy.from_name("ender20")
    frame = pd.DataFrame(
        {"MMC": [0.01, -0.5, np.nan], "Corr": [0.02, 0.0, 0.1], "fnc": [9, 9, 9]},
        index=pd.Index([1180, 1181, 1182], name="round"),
    )
    stake = [10, 20, 30]
    expected = [10 * 0.0375, 20 * -0.05, np.nan]
    result = policy.payout(frame, stake=stake)
    assert isinstance(result, pd.Series) and result.index.equals(frame.index)
    assert_allclose(result, expected)
    by_name = {"corr": frame["Corr"], "mmc": frame["MMC"]}
    pd.testing.assert_series_equal(policy.payout(by_name, stake=stake), result)
    pd.testing.assert_series_equal(policy.payout(Bunch(**by_name), stake=stake), result)
    arrays = {name: value.to_numpy() for name, value in by_name.items()}
    assert_allclose(policy.payout(arrays, stake=np.array(stake)), expected)
    lists = {name: value.tolist() for name, value in by_name.items()}
    assert_allclose(policy.payout(lists, stake=stake), expected)
    nullable = frame.convert_dtypes()
    assert_allclose(
        policy.payout(nullable, stake=pd.Series(stake, frame.index)), expected
    )
    for label, value in zip(frame.index, expected):
        alone = (
            policy.payout(frame.loc[label], stake=1.0)
            * stake[frame.index.get_loc(label)]
        )
        assert isinstance(alone, float)
        assert_allclose(alone, value)
    assert_allclose(
        policy.score(frame["Corr"], frame["MMC"]),
        0.75 * frame["Corr"] + 2.25 * frame["MMC"],
    )


def test_scores_of_many_models():
    policy = PayoutPolicy.from_name("ender60")
    rng = np.random.default_rng(0)
    index = pd.Index([1343, 1344, 1345], name="round")
    corr = pd.DataFrame(rng.normal(0, 0.02, (3, 2)), index, columns=["a", "b"])
    mmc = corr * 0.1
    result = policy.payout({"corr": corr, "mmc": mmc}, stake=[1, 2, 3])
    expected = (3 * corr + 15 * mmc).mul([1, 2, 3], axis=0)
    pd.testing.assert_frame_equal(result, expected)
    stakes = pd.DataFrame({"a": [1.0, 2, 3], "b": [0.0, 0, 5]}, index)
    result = policy.payout({"corr": corr, "mmc": mmc}, stake=stakes)
    pd.testing.assert_frame_equal(result, (3 * corr + 15 * mmc) * stakes)
    with pytest.raises(ValueError, match="different indexes or columns"):
        policy.payout({"corr": corr, "mmc": mmc[["b", "a"]]})
    with pytest.raises(ValueError, match="stake and the scores have different"):
        policy.payout({"corr": corr, "mmc": mmc}, stake=stakes[::-1])
    with pytest.raises(ValueError, match="one entry for each of the rows"):
        policy.payout({"corr": corr, "mmc": mmc}, stake=[1, 2])


def test_name_with_the_days_of_the_rule_comes_first():
    frame = pd.DataFrame(
        {"corr": [0.1], "mmc": [0.01], "CORR60": [0.2], "mmc60": [0.02]}
    )
    atomic = PayoutPolicy.from_name("ender60")
    assert_allclose(atomic.payout(frame, clip=False), 3 * 0.2 + 15 * 0.02)
    legacy = PayoutPolicy.from_name("ender20")
    assert_allclose(legacy.payout(frame, clip=False), 0.75 * 0.1 + 2.25 * 0.01)
    api = {"v2_corr20": 0.3, "corr": 0.1, "mmc": 0.01}
    assert_allclose(legacy.payout(api, clip=False), 0.75 * 0.3 + 2.25 * 0.01)
    with pytest.raises(ValueError, match=r"scores \['corr', 'mmc'\] are missing"):
        legacy.payout(frame[["CORR60", "mmc60"]])


def test_input_is_left_alone_and_may_be_read_only():
    values = np.array([0.01, 0.02])
    values.flags.writeable = False
    frame = pd.DataFrame({"corr": values, "mmc": values})
    before = frame.copy()
    result = PayoutPolicy.latest().payout(frame)
    pd.testing.assert_frame_equal(frame, before)
    result.iloc[0] = 7.0
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(
    "scores, kwargs, error, message",
    [
        ({"corr": 0.1}, {}, ValueError, r"pays for \['corr', 'mmc'\].*\['mmc'\] are"),
        ({}, {}, ValueError, "are missing"),
        (0.1, {}, TypeError, "must carry their names"),
        ([0.1, 0.2], {}, TypeError, "must carry their names"),
        (np.ones((2, 2)), {}, TypeError, "must carry their names"),
        ({"corr": "x", "mmc": 1}, {}, ValueError, "corr must be numbers"),
        ({"corr": np.inf, "mmc": 1}, {}, ValueError, "corr has infinite values"),
        ({"corr": [1, 2], "mmc": [1]}, {}, ValueError, "must have one shape"),
        ({"corr": [1, 2], "mmc": 1}, {}, ValueError, "must have one shape"),
        ({"corr": 1, "CORR": 2, "mmc": 1}, {}, ValueError, "2 of the scores are"),
        ({"corr": 1, "mmc": 1}, {"stake": -1}, ValueError, "stake must be finite"),
        ({"corr": 1, "mmc": 1}, {"stake": np.nan}, ValueError, "stake must be finite"),
        ({"corr": 1, "mmc": 1}, {"stake": "x"}, ValueError, "stake must be numbers"),
        ({"corr": 1, "mmc": 1}, {"stake": [1, 2]}, ValueError, "one entry for each"),
    ],
)
def test_bad_scores(scores, kwargs, error, message):
    with pytest.raises(error, match=message):
        PayoutPolicy.latest().payout(scores, **kwargs)


def test_shuffled_index_is_not_taken_by_position():
    corr = pd.Series([0.1, 0.2], index=["a", "b"])
    with pytest.raises(ValueError, match="different indexes"):
        PayoutPolicy.latest().payout({"corr": corr, "mmc": corr[::-1]})
    with pytest.raises(ValueError, match="different indexes"):
        PayoutPolicy.latest().score(corr, corr[::-1])
    frame = pd.DataFrame({"corr": corr, "mmc": corr})
    with pytest.raises(ValueError, match="stake and the scores"):
        PayoutPolicy.latest().payout(frame, stake=corr[::-1])


def test_score_names_what_is_missing():
    with pytest.raises(ValueError, match=r"\['mmc'\] are missing"):
        PayoutPolicy.latest().score(0.1)
    tc = PayoutPolicy.true_contribution_era(1, 2)
    assert_allclose(tc.score(corr=0.01, tc=0.02), 0.05)
