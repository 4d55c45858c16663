"""K folds of eras: a partition, in blocks, with an embargo on both sides."""

import pickle

import numpy as np
import optuna
import pandas as pd
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from optuna.distributions import FloatDistribution
from optuna_integration import OptunaSearchCV
from sklearn.base import clone
from sklearn.ensemble import StackingRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.tree import DecisionTreeRegressor

from sknumerai.exceptions import MissingErasError, UnknownHorizonError
from sknumerai.metrics import numerai_corr_scorer
from sknumerai.model_selection import PurgedGroupKFold


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    index = pd.MultiIndex.from_product(
        [[f"{e:04d}" for e in range(1, 61)], range(10)], names=["era", "id"]
    )
    X = pd.DataFrame(rng.normal(size=(600, 3)), index=index, columns=list("abc"))
    y = (X["a"] + rng.normal(size=600)).rename("target_ender_20")
    return X, y, index.get_level_values("era")


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_blocks_are_a_partition_with_an_embargo_around_each(data):
    numbers = np.array(
        sorted(data.draw(st.sets(st.integers(1, 90), min_size=4, max_size=50)))
    )
    embargo = data.draw(st.integers(0, 12))
    n_splits = data.draw(st.integers(2, 4))
    eras = np.random.default_rng(0).permutation(np.repeat(numbers, 2))
    cv = PurgedGroupKFold(n_splits, embargo=embargo)
    try:
        splits = list(cv.split(eras, groups=eras))
    except ValueError as error:
        assert "leaves none for training" in str(error)
        # then there is a block from which no era is far enough
        blocks = np.array_split(numbers, n_splits)
        assert any(
            (np.abs(numbers[:, None] - b).min(axis=1) <= embargo).all() for b in blocks
        )
        return
    assert len(splits) == cv.get_n_splits() == n_splits
    assert_array_equal(
        np.sort(np.concatenate([t for _, t in splits])), range(len(eras))
    )
    for (train, test), block in zip(splits, np.array_split(numbers, n_splits)):
        assert_array_equal(np.unique(eras[test]), block)
        far = np.abs(numbers[:, None] - block).min(axis=1) > embargo
        # all that may be trained on is, and nothing else
        assert_array_equal(np.unique(eras[train]), numbers[far])
        assert (np.diff(train) > 0).all() and (np.diff(test) > 0).all()
        assert len(train) == 2 * far.sum()


def test_embargo_counts_era_numbers_on_every_fourth_era():
    eras = np.arange(1, 200, 4)
    for train, test in PurgedGroupKFold(5, embargo=8).split(eras, groups=eras):
        gaps = np.abs(eras[train][:, None] - eras[test]).min(axis=1)
        assert gaps.min() == 12


def test_rows_in_any_order_give_the_same_eras():
    rng = np.random.default_rng(0)
    eras = np.repeat(np.arange(1, 41), rng.integers(1, 5, 40))
    order = rng.permutation(len(eras))
    cv = PurgedGroupKFold(3, embargo=2)
    for a, b in zip(cv.split(eras, groups=eras), cv.split(eras, groups=eras[order])):
        for rows, shuffled in zip(a, b):
            assert_array_equal(rows, np.sort(order[shuffled]))


def test_embargo_is_read_from_the_target(data):
    X, y, eras = data
    numbers = eras.astype(int).to_numpy()
    for target, embargo in [(y, 8), (y.rename("target_ender_60"), 16)]:
        for train, test in PurgedGroupKFold(3).split(X, target):
            gaps = np.abs(numbers[train][:, None] - numbers[test]).min()
            assert gaps == embargo + 1
    with pytest.raises(UnknownHorizonError, match="Pass the number of eras"):
        PurgedGroupKFold(3).split(X, y.to_numpy())
    with pytest.raises(MissingErasError, match="PurgedGroupKFold needs the era"):
        PurgedGroupKFold(3, embargo=8).split(X.to_numpy(), y.to_numpy())


def test_cross_val_predict_predicts_every_row_by_a_model_that_has_not_seen_it(data):
    X, y, eras = data
    cv = PurgedGroupKFold(3)
    got = cross_val_predict(Ridge(), X, y, cv=cv)
    for train, test in cv.split(X, y):
        model = Ridge().fit(X.iloc[train], y.iloc[train])
        np.testing.assert_allclose(got[test], model.predict(X.iloc[test]), rtol=1e-12)
    by_groups = cross_val_predict(
        Ridge(), X.to_numpy(), y, groups=eras, cv=cv, method="predict"
    )
    np.testing.assert_allclose(by_groups, got, rtol=1e-12)


def test_stacking(data):
    X, y, _ = data
    members = [("a", Ridge()), ("b", DecisionTreeRegressor(max_depth=2))]
    cv = PurgedGroupKFold(3, embargo=8)
    stack = StackingRegressor(members, LinearRegression(), cv=cv).fit(X, y)
    out_of_fold = [cross_val_predict(m, X, y, cv=cv) for _, m in members]
    final = LinearRegression().fit(np.column_stack(out_of_fold), y)
    np.testing.assert_allclose(stack.final_estimator_.coef_, final.coef_, rtol=1e-9)


@pytest.mark.filterwarnings("ignore")  # experimental, says Optuna of its search
def test_searches_and_scores(data):
    X, y, eras = data
    how = {"cv": PurgedGroupKFold(3), "scoring": numerai_corr_scorer}
    scores = cross_val_score(Ridge(), X, y, error_score="raise", **how)
    search = GridSearchCV(Ridge(), {"alpha": [1.0, 1e9]}, error_score="raise", **how)
    assert search.fit(X, y).best_score_ == pytest.approx(scores.mean())
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    search = OptunaSearchCV(
        Ridge(),
        {"alpha": FloatDistribution(0.1, 10, log=True)},
        n_trials=2,
        random_state=0,
        error_score="raise",
        **how,
    )
    search.fit(X, y)
    assert all(trial.state.name == "COMPLETE" for trial in search.trials_)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = cross_val_score(
            Ridge(),
            X.to_numpy(),
            y,
            params={"groups": np.asarray(eras)},
            error_score="raise",
            **how,
        )
    np.testing.assert_allclose(routed, scores, rtol=1e-9)


def test_parameters_are_those_of_an_estimator(data):
    X, y, _ = data
    cv = PurgedGroupKFold(3, embargo=4)
    assert repr(cv) == "PurgedGroupKFold(embargo=4, n_splits=3)"
    assert cv.get_params() == {"n_splits": 3, "embargo": 4}
    before = vars(cv).copy()
    list(cv.split(X, y))
    cv.describe(X, y)
    assert vars(cv) == before
    for copy in (clone(cv), pickle.loads(pickle.dumps(cv))):
        assert copy is not cv and vars(copy) == before
    search = GridSearchCV(Ridge(), {"alpha": [1.0]}, cv=cv)
    search.set_params(cv__embargo=16)
    assert clone(search).cv.embargo == 16
    with pytest.raises(ValueError, match=r"has no parameters \['shuffle'\]; it has"):
        cv.set_params(shuffle=True)
    assert sklearn.utils.metadata_routing.get_routing_for_object(cv).consumes(
        "split", {"groups"}
    )


def test_describe_tells_eras_and_rows(data):
    X, y, _ = data
    table = PurgedGroupKFold(3).describe(X, y)
    assert table.loc[1].to_dict() == {
        "train_first": "0001",
        "train_last": "0060",
        "train_eras": 24,
        "train_rows": 240,
        "test_first": "0021",
        "test_last": "0040",
        "test_eras": 20,
        "test_rows": 200,
        "embargoed_eras": 16,
    }


@pytest.mark.parametrize(
    "kwargs, n_eras, message",
    [
        ({"n_splits": 1}, 50, "'n_splits' parameter of PurgedGroupKFold must be"),
        ({"embargo": -1}, 50, "'embargo' parameter"),
        ({"embargo": True}, 50, "embargo must be a number of eras"),
        ({}, 4, "4 eras cannot be cut into 5 blocks"),
        ({"embargo": 30}, 30, "split 0 tests 6 of the 30 eras, and an embargo of 30"),
    ],
    ids=str,
)
def test_what_cannot_be_split_raises_with_the_arithmetic(kwargs, n_eras, message):
    eras = np.arange(1, n_eras + 1)
    with pytest.raises(ValueError, match=message):
        PurgedGroupKFold(**{"embargo": 1} | kwargs).split(eras, groups=eras)
