"""FoldAveragingRegressor: which rows each member has seen, and how they are weighed."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.tree import ExtraTreeRegressor

from sknumerai.datasets import make_numerai
from sknumerai.ensemble import FoldAveragingRegressor
from sknumerai.exceptions import MissingErasError, UnknownHorizonError
from sknumerai.metrics import numerai_corr_scorer
from sknumerai.model_selection import GroupTimeSeriesSplit
from sknumerai.neural_network import MLPRegressor
from sknumerai.submission import export_model
from sknumerai.utils._shared_data import SharedData
from tests.ensemble.recorder import Recorder

CV = GroupTimeSeriesSplit(5, test_size=2, embargo=2)


@pytest.fixture(scope="module")
def data():
    return make_numerai(n_eras=20, n_samples_per_era=20, n_features=5, random_state=0)


def test_against_a_loop(data):
    X, y = data.data, data.target
    folds = [train for train, _ in CV.split(X, y)]
    each = [Ridge().fit(X.iloc[f], y.iloc[f]).predict(X) for f in folds]
    model = FoldAveragingRegressor(Ridge(), CV).fit(X, y)
    assert_allclose(model.predict(X), np.mean(each, axis=0))
    model.set_params(weights="donate").fit(X, y)
    donate = [1 / 16, 1 / 16, 1 / 8, 1 / 4, 1 / 2]
    assert_allclose(model.weights_, donate)
    assert_allclose(model.predict(X), np.average(each, axis=0, weights=donate))
    model.set_params(last=2, weights=[1, 3]).fit(X, y)
    assert_allclose(
        model.predict(X), np.average(each[-2:], axis=0, weights=[1, 3]), rtol=1e-6
    )
    model.set_params(weights="equal", aggregation="median", last=3).fit(X, y)
    assert_allclose(model.predict(X), np.median(each[-3:], axis=0))


def test_seeds_of_the_last_folds(data):
    tree = ExtraTreeRegressor(max_depth=3)
    model = FoldAveragingRegressor(
        tree, CV, 2, "donate", n_seeds=3, random_state=0
    ).fit(data.data, data.target)
    assert len({member.random_state for member in model.estimators_}) == 6
    assert_allclose(model.weights_, np.full(6, 1 / 6))
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.predict(data.data), model.predict(data.data))
    assert_array_equal(
        model.fit(data.data, data.target).predict(data.data), again.predict(data.data)
    )


def test_each_fold_is_a_view_of_its_rows_with_their_metadata(data):
    X, y = data.data.to_numpy(), data.target.to_numpy()
    weight = np.arange(len(y), dtype=float)
    model = FoldAveragingRegressor(Recorder(), CV, last=2)
    model.fit(X, y, groups=data.eras, sample_weight=weight)
    folds = [train for train, _ in CV.split(X, y, data.eras)][-2:]
    for member, train in zip(model.estimators_, folds):
        assert np.shares_memory(member.X_, X)
        assert_array_equal(member.X_, X[train])
        assert_array_equal(member.y_, y[train])
        assert_array_equal(member.weight_, weight[train])
        assert_array_equal(member.groups_, np.asarray(data.eras)[train])
    # neighbours in the frame too
    framed = FoldAveragingRegressor(Recorder(), CV, last=1).fit(data.data, data.target)
    inside = framed.estimators_[0]
    assert np.shares_memory(inside.X_.to_numpy(), data.data.to_numpy())
    assert inside.X_.index.equals(inside.y_.index)
    scattered = FoldAveragingRegressor(Recorder(), KFold(2, shuffle=True)).fit(X, y)
    assert len(scattered.estimators_[0].X_) == len(X) // 2


def test_with_metadata_routing(data):
    X, y = data.data.to_numpy(), data.target.to_numpy()
    outer = GroupTimeSeriesSplit(1, test_size=4, embargo=2)
    inner = GroupTimeSeriesSplit(2, test_size=2, embargo=1)
    model = FoldAveragingRegressor(MLPRegressor((4,), max_epochs=1), inner)
    model.set_params(estimator__random_state=0)
    with sklearn.config_context(enable_metadata_routing=True):
        scores = cross_val_score(
            model, X, y, cv=outer, scoring=numerai_corr_scorer,
            params={"groups": data.eras}, error_score="raise",
        )  # fmt: skip
    framed = cross_val_score(
        model, data.data, data.target, cv=outer, scoring=numerai_corr_scorer
    )
    assert_allclose(scores, framed, atol=1e-7)


def test_in_a_grid_search(data):
    outer = GroupTimeSeriesSplit(1, test_size=4, embargo=2)
    model = FoldAveragingRegressor(
        Ridge(), GroupTimeSeriesSplit(3, test_size=2, embargo=1)
    )
    grid = {"estimator__alpha": [1, 100], "last": [1, None]}
    search = GridSearchCV(model, grid, cv=outer, scoring=numerai_corr_scorer)
    search.fit(data.data, data.target)
    assert len(search.best_estimator_.estimators_) in (1, 3)


def test_bad_input_is_named(data):
    X, y = data.data, data.target
    with pytest.raises(ValueError, match="last=6 is more than the 5 folds"):
        FoldAveragingRegressor(Ridge(), CV, 6).fit(X, y)
    with pytest.raises(ValueError, match="2 numbers, one for each of the folds"):
        FoldAveragingRegressor(Ridge(), CV, 2, [1, 2, 3]).fit(X, y)
    with pytest.raises(ValueError, match="has no parameter random_state"):
        FoldAveragingRegressor(LinearRegression(), CV, n_seeds=2).fit(X, y)
    with pytest.raises(MissingErasError, match="groups=eras"):
        FoldAveragingRegressor(Ridge(), CV).fit(X.to_numpy(), y.to_numpy())
    with pytest.raises(NotFittedError):
        FoldAveragingRegressor(Ridge(), CV).predict(X)


@pytest.fixture
def mapped(tmp_path):
    """A frame on a row-major numpy.memmap, whose first feature is the target."""
    X = np.random.default_rng(0).normal(size=(1200, 50))
    np.save(tmp_path / "X.npy", X)
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    index = pd.MultiIndex.from_product([range(1, 21), range(60)], names=["era", "id"])
    return pd.DataFrame(X, index, copy=False).add_prefix("f")


def test_processes_read_the_numbers_of_a_memory_map(mapped):
    """The coefficient was 0, without an error."""
    model = FoldAveragingRegressor(Ridge(1e-6), CV, n_jobs=2)
    with parallel_config("loky", max_nbytes=1):
        model.fit(mapped, mapped["f0"])
        # what members keep of their rows comes back as it is
        members = FoldAveragingRegressor(Recorder(), KFold(2), n_jobs=2)
        members.fit(mapped, mapped["f0"], sample_weight=mapped["f1"])
    for member in model.estimators_:
        assert_allclose(member.coef_, np.eye(50)[0], atol=1e-6)
    for member in members.estimators_:
        rows = mapped.loc[member.X_.index]
        pd.testing.assert_frame_equal(member.X_, rows)
        pd.testing.assert_series_equal(member.weight_, rows["f1"])


def test_an_export_does_not_carry_what_a_worker_has_mapped(mapped, tmp_path):
    model = FoldAveragingRegressor(Ridge(), CV).fit(mapped, mapped["f0"])
    with SharedData(X="mapped" * 1000) as shared:
        pickle.loads(pickle.dumps(shared))
        export_model(model, tmp_path / "model.pkl")
    assert b"mapped" * 100 not in (tmp_path / "model.pkl").read_bytes()


def test_a_number_of_folds_keeps_eras_whole_and_an_embargo():
    """It cut rows by KFold, in the middle of eras, and trained on neighbours."""
    data = make_numerai(
        n_eras=60, n_samples_per_era=10, targets="target_ender_20", random_state=0
    )
    X, y, groups = data.data, data.target, data.eras
    expected = FoldAveragingRegressor(Ridge(), GroupTimeSeriesSplit(3)).fit(X, y)
    found = FoldAveragingRegressor(Ridge(), 3).fit(X, y)
    assert_array_equal(found.predict(X), expected.predict(X))
    blind = X.reset_index(drop=True), y.reset_index(drop=True)
    for routed in (False, True):
        with sklearn.config_context(enable_metadata_routing=routed):
            again = FoldAveragingRegressor(Ridge(), 3)
            again.fit(*blind, groups=groups.to_numpy())
        assert_array_equal(again.predict(blind[0]), expected.predict(X))
    with pytest.raises(UnknownHorizonError):
        found.fit(X, y.rename("mine"))
    # rows without eras are rows
    rows = FoldAveragingRegressor(Ridge(), KFold(3)).fit(*blind)
    found = FoldAveragingRegressor(Ridge(), 3).fit(*blind)
    assert_array_equal(found.predict(blind[0]), rows.predict(blind[0]))
