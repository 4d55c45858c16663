"""Planted leaks are found, and clean sets are not accused."""

import pickle

import numpy as np
import pandas as pd
import pytest

from sknumerai.datasets import make_numerai
from sknumerai.exceptions import LeakageError, MissingErasError, UnknownHorizonError
from sknumerai.model_selection import (
    GroupTimeSeriesSplit,
    PurgedGroupKFold,
    check_leakage,
)

TARGET = "target_ender_20"


@pytest.fixture(scope="module")
def data():
    return make_numerai(n_eras=40, n_samples_per_era=80, targets=TARGET, random_state=0)


@pytest.fixture
def sets(data):
    X = data.data
    return X.loc["0001":"0020"], X.loc["0030":"0040"]


def kinds(leaks):
    return leaks["kind"].unique().tolist()


def test_clean_sets(data, sets):
    assert check_leakage(*sets, data.target).empty
    assert check_leakage(*sets, TARGET, rule="official").empty
    leaks = check_leakage(*sets, TARGET)
    assert list(leaks) == [
        "kind",
        "train_era",
        "test_era",
        "column",
        "n_rows",
        "message",
    ]


@pytest.mark.parametrize("horizon, reach", [(20, 3), (60, 11)])
def test_which_label_windows_overlap(horizon, reach):
    """Against days: the label of era t lives from day 5 t + 2 to 5 t + horizon + 2."""
    train, test = np.arange(1, 51), np.arange(53, 60)
    leaks = check_leakage(train, test, f"target_x_{horizon}", raise_error=False)
    first = 5 * test[0] + 2
    overlap = [t for t in train if 5 * t + horizon + 2 > first]
    assert leaks["train_era"].tolist() == overlap
    assert len(overlap) == reach - 2
    assert kinds(leaks) == ["label window"]
    assert (leaks["test_era"] == 53).all()


@pytest.mark.parametrize(
    "cv",
    [
        GroupTimeSeriesSplit(3, test_size=5),
        PurgedGroupKFold(3),
        GroupTimeSeriesSplit(2, test_size=5, embargo=2),
    ],
    ids=repr,
)
def test_splits_of_our_splitters(data, cv):
    leaks = [
        check_leakage(
            data.data.iloc[train],
            data.data.iloc[test],
            data.target,
            allow_future=isinstance(cv, PurgedGroupKFold),
            raise_error=False,
        )
        for train, test in cv.split(data.data, data.target)
    ]
    if cv.embargo == "auto":
        assert all(found.empty for found in leaks)
    else:
        assert [len(found) for found in leaks] == [1, 1]


def test_an_era_in_both_sets():
    leaks = check_leakage([1, 2, 2, 3], [3, 4], embargo=0, raise_error=False)
    assert kinds(leaks) == ["same era"]
    assert leaks["train_era"].tolist() == [3]


def test_training_on_the_future():
    train, test = [*range(1, 10), *range(40, 45)], range(20, 25)
    with pytest.raises(LeakageError, match="training era 40 is after test era 20"):
        check_leakage(train, test, TARGET)
    leaks = check_leakage(train, test, TARGET, raise_error=False)
    assert leaks["train_era"].tolist() == [40, 41, 42, 43, 44]
    assert check_leakage(train, test, TARGET, allow_future=True).empty


def test_the_same_row_under_another_era(data, sets):
    train, test = sets
    era, row = test.index[5]
    labels = list(train.index)
    labels[7] = (labels[7][0], row)
    train = train.set_axis(pd.MultiIndex.from_tuples(labels, names=["era", "id"]))
    leaks = check_leakage(train, test, TARGET, raise_error=False)
    assert kinds(leaks) == ["same row"]
    found = leaks.iloc[0]
    assert (found["train_era"], found["test_era"]) == ("0001", era)
    assert found["n_rows"] == 1 and row in found["message"]


def test_tickers_come_in_every_era_and_are_no_leak():
    index = [
        pd.MultiIndex.from_product([eras, ["AAPL", "MSFT"]], names=["era", "id"])
        for eras in (range(1, 10), range(20, 30))
    ]
    train, test = (pd.Series(0.5, index=i, name=TARGET) for i in index)
    assert check_leakage(train, test).empty
    leaks = check_leakage(train, pd.concat([train.iloc[:1], test]), raise_error=False)
    # the era is there, and one of its rows
    assert leaks.groupby("kind")["n_rows"].sum()["same row"] == 1


def test_a_column_that_is_the_target(data, sets):
    train, test = sets
    for planted in (
        train.assign(feature_zz=data.target),
        train.assign(feature_zz=1 - 3 * data.target),
        train.assign(
            feature_zz=data.target.groupby("era").rank().where(lambda r: r > 9)
        ),
    ):
        leaks = check_leakage(planted, test, data.target, raise_error=False)
        assert leaks["column"].tolist() == ["feature_zz"]
        assert kinds(leaks) == ["column"]
        # by name alone nothing tells
        assert check_leakage(planted, test, TARGET).empty
    with pytest.raises(
        LeakageError, match=r"column 'target_ender_20' .* is the target"
    ):
        check_leakage(train.assign(**{TARGET: data.target}), test, TARGET)
    with pytest.raises(LeakageError, match=r"'target_other_60' .* is a target"):
        check_leakage(train.assign(target_other_60=0.5), test, TARGET)
    with pytest.raises(LeakageError, match="era is a column"):
        check_leakage(train.assign(era=1), test, TARGET)


def test_a_score_that_knows_the_future(data, sets):
    """A prediction of a model that was trained on these rows, as a feature."""
    train, test = sets
    rng = np.random.default_rng(0)
    noise = pd.Series(rng.normal(size=len(train)), index=train.index)
    score = 2 * (data.target - 0.5) + 0.5 * noise
    leaks = check_leakage(
        train.assign(a_score=score), test, data.target, raise_error=False
    )
    assert leaks["column"].tolist() == ["a_score"]
    # one that is as good as a model may be passes
    honest = 0.05 * (data.target - 0.5) + noise
    assert check_leakage(train.assign(a_score=honest), test, data.target).empty


def test_several_targets_and_missing_values(data, sets):
    train, test = sets
    y = data.target.to_frame().assign(target_gaps_60=data.target.iloc[::-1].to_numpy())
    y.iloc[::3, 1] = np.nan
    X = train.astype(np.float32).assign(text="x", leak=y["target_gaps_60"])
    X.iloc[::5, 0] = np.nan
    leaks = check_leakage(X, test, y, embargo=3, raise_error=False)
    assert leaks["column"].tolist() == ["leak"]
    assert "'target_gaps_60'" in leaks["message"].iloc[0]


def test_few_rows_accuse_nobody():
    rng = np.random.default_rng(0)
    index = pd.MultiIndex.from_product([[1, 2], range(5)], names=["era", "id"])
    X = pd.DataFrame(rng.normal(size=(10, 50)), index=index)
    y = pd.Series(rng.normal(size=10), index=index, name=TARGET)
    assert check_leakage(X, [90], y).empty
    # but what equals the target
    with pytest.raises(LeakageError, match="column 7 "):
        check_leakage(X, [90], X[7].rename(TARGET))


def test_the_error_brings_the_table_through_a_pickle():
    with pytest.raises(LeakageError, match=r"label window: .*11 more") as caught:
        check_leakage(range(1, 51), range(45, 70, 1), embargo=12, rule="overlap")
    error = pickle.loads(pickle.dumps(caught.value))
    assert str(error) == str(caught.value)
    pd.testing.assert_frame_equal(error.leaks, caught.value.leaks)


def test_wrong_calls_say_what_is_wrong(data, sets):
    train, test = sets
    with pytest.raises(UnknownHorizonError, match="Pass the number of eras"):
        check_leakage([1], [2])
    with pytest.raises(MissingErasError, match="check_leakage, train needs the era"):
        check_leakage(train.reset_index(drop=True), test, TARGET)
    with pytest.raises(ValueError, match="check_leakage, test: there are no rows"):
        check_leakage(train, [], TARGET)
    with pytest.raises(ValueError, match="embargo must be"):
        check_leakage(train, test, TARGET, embargo=-1)
    with pytest.raises(ValueError, match="max_correlation must be"):
        check_leakage(train, test, TARGET, max_correlation=0)
    with pytest.raises(ValueError, match="rule must be one of"):
        check_leakage(train, test, TARGET, rule="weak")
    with pytest.raises(ValueError, match="are not eras"):
        check_leakage(["a"], [1], embargo=1)
    with pytest.raises(ValueError, match="target's index is not that"):
        check_leakage(train, test, data.target.droplevel("era"))
    with pytest.raises(ValueError, match="none of the training rows"):
        check_leakage(train, test, data.target.loc["0030":"0040"])
