"""The folds and scores of scikit-learn, without copies and with one prediction."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
import sklearn
from joblib import parallel_config
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import Ridge
from sklearn.metrics import make_scorer
from sklearn.model_selection import KFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknumerai.datasets import load_numerai, make_numerai
from sknumerai.exceptions import MissingErasError, UnknownHorizonError
from sknumerai.metrics import (
    fnc_score,
    make_era_scorer,
    numerai_corr_score,
    numerai_corr_scorer,
    numerai_scoring,
    numerai_sharpe_scorer,
    spearman_score,
)
from sknumerai.model_selection import (
    CombinatorialPurgedGroupKFold,
    GroupTimeSeriesSplit,
    PurgedGroupKFold,
    era_cross_validate,
)
from sknumerai.neural_network import MLPRegressor
from tests.model_selection.probes import Counting, Failing, Probe, TakesGroups

CV = GroupTimeSeriesSplit(n_splits=3, test_size=6)


@pytest.fixture(scope="module")
def data():
    return make_numerai(
        n_eras=50, n_samples_per_era=40, targets="target_ender_20", random_state=0
    )


def check_equal(found, expected):
    """All of scikit-learn's keys are there, and the scores are the same."""
    for key, value in expected.items():
        assert len(found[key]) == len(value)
        if key.startswith(("test_", "train_")):
            np.testing.assert_allclose(found[key], value, rtol=1e-12)
    more = {"era_scores", "fold_table"}
    assert set(found) - more == set(expected)


def error_of_sign(y_true, y_pred):
    return float(np.mean(np.sign(y_true - 0.5) != np.sign(y_pred - 0.5)))


SCORING = {
    "corr": numerai_corr_scorer,
    "name": "neg_mean_squared_error",
    "names": ["r2", "neg_mean_absolute_error"],
    "dict": {"corr": numerai_corr_scorer, "sharpe": numerai_sharpe_scorer, "r2": "r2"},
    "all": numerai_scoring(metrics=["corr", "spearman", "corr_sharpe"]),
}


@pytest.mark.parametrize("name", SCORING)
@pytest.mark.parametrize(
    "cv",
    [CV, PurgedGroupKFold(3), CombinatorialPurgedGroupKFold(4, 2), KFold(3)],
    ids=lambda cv: type(cv).__name__,
)
def test_equals_scikit_learn(data, name, cv):
    how = {"cv": cv, "scoring": SCORING[name], "return_indices": True}
    model = make_pipeline(StandardScaler(), Ridge())
    expected = cross_validate(model, data.data, data.target, **how)
    found = era_cross_validate(model, data.data, data.target, **how)
    check_equal(found, expected)
    for part in ("train", "test"):
        for got, wanted in zip(found.indices[part], expected["indices"][part]):
            np.testing.assert_array_equal(got, wanted)


def test_train_scores_estimators_and_weights(data):
    how = {
        "cv": CV,
        "scoring": numerai_corr_scorer,
        "params": {"sample_weight": data.data.iloc[:, 0].to_numpy() + 1.0},
        "return_train_score": True,
        "return_estimator": True,
    }
    expected = cross_validate(Ridge(), data.data, data.target, **how)
    found = era_cross_validate(Ridge(), data.data, data.target, **how)
    check_equal(found, expected)
    for got, wanted in zip(found.estimator, expected["estimator"]):
        assert type(got) is Ridge and "predict" not in vars(got)
        np.testing.assert_array_equal(got.coef_, wanted.coef_)


def test_rows_in_any_order_have_the_same_scores(data):
    X, y = data.data, data.target
    expected = era_cross_validate(Ridge(), X, y, cv=CV)
    order = np.random.default_rng(0).permutation(len(X))
    found = era_cross_validate(Ridge(), X.iloc[order], y.iloc[order], cv=CV)
    np.testing.assert_allclose(found.test_score, expected.test_score, rtol=1e-9)
    pd.testing.assert_frame_equal(found.fold_table, expected.fold_table)


def test_scores_of_eras(data):
    X, y = data.data, data.target
    scoring = {
        "corr": numerai_corr_scorer,
        "r2": "r2",
        "more": numerai_scoring(metrics=["corr", "spearman"]),
        "errors": make_era_scorer(error_of_sign, greater_is_better=False),
    }
    found = era_cross_validate(Ridge(), X, y, cv=CV, scoring=scoring)
    table = found.era_scores
    assert list(table) == ["corr", "more_corr", "more_spearman", "errors"]
    assert table.index.names == ["split", "era"] and len(table) == 18
    for split, (train, test) in enumerate(CV.split(X, y)):
        model = Ridge().fit(X.iloc[train], y.iloc[train])
        args = y.iloc[test], model.predict(X.iloc[test])
        by_hand = numerai_corr_score(*args, aggregate=None)
        np.testing.assert_allclose(table["corr"].loc[split], by_hand, rtol=1e-12)
        assert table.loc[split].index.tolist() == by_hand.index.tolist()
        by_hand = spearman_score(*args, aggregate=None)
        np.testing.assert_allclose(table["more_spearman"].loc[split], by_hand)
        for name in ("corr", "errors", "more_corr"):
            mean = table[name].loc[split].mean()
            assert found[f"test_{name}"][split] == pytest.approx(mean)
    assert (table["errors"] < 0).all()
    one = era_cross_validate(Ridge(), X, y, cv=CV)
    assert list(one.era_scores) == ["numerai_corr"]
    assert one.test_score.mean() == pytest.approx(found.test_corr.mean())
    without = era_cross_validate(
        Ridge(), X, y, cv=CV, scoring="r2", return_era_scores=True
    )
    assert "era_scores" not in without
    without = era_cross_validate(Ridge(), X, y, cv=CV, return_era_scores=False)
    assert "era_scores" not in without


def test_one_era_is_scored(data):
    cv = GroupTimeSeriesSplit(2, test_size=1)
    found = era_cross_validate(Ridge(), data.data, data.target, cv=cv)
    assert found.era_scores.index.tolist() == [(0, "0049"), (1, "0050")]
    np.testing.assert_allclose(found.era_scores["numerai_corr"], found.test_score)


def test_one_prediction_for_all_scores(data):
    Counting.calls.clear()
    era_cross_validate(
        Counting(),
        data.data,
        data.target,
        cv=CV,
        scoring={
            "a": numerai_corr_scorer,
            "b": numerai_sharpe_scorer,
            "c": "r2",
            "d": numerai_scoring(metrics=["corr"]),
        },
    )
    assert Counting.calls == [240, 240, 240]
    era_cross_validate(
        Counting(), data.data, data.target, cv=CV, return_train_score=True
    )
    assert len(Counting.calls) == 3 + 6


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    """40 eras of 1000 rows of 1000 features: 40 MB that nobody should copy."""
    path = tmp_path_factory.mktemp("map") / "X.npy"
    matrix = np.lib.format.open_memmap(path, "w+", np.int8, (40_000, 1000))
    matrix[:, 0] = np.arange(40_000) % 5
    matrix.flush()
    matrix = np.load(path, mmap_mode="r")
    index = pd.MultiIndex.from_product([range(1, 41), range(1000)], names=["era", "id"])
    X = pd.DataFrame(matrix, index=index, copy=False)
    y = pd.Series(matrix[:, 0] / 4.0, index=index, name="target_ender_20")
    return matrix, X, y, np.repeat(np.arange(1, 41), 1000)


@pytest.mark.parametrize("as_frame", [True, False])
def test_folds_are_views_of_the_memory_map(mapped, as_frame):
    matrix, X, y, eras = mapped
    # caches of code, indexes and ids that have nothing to do with the rows
    era_cross_validate(Probe(), X, y, cv=CV, return_indices=False)
    tracemalloc.start()
    try:
        found = era_cross_validate(
            Probe(),
            X if as_frame else matrix,
            y,
            groups=None if as_frame else eras,
            cv=GroupTimeSeriesSplit(5, test_size=4),
            return_estimator=True,
            return_train_score=True,
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # the matrix has 40 MB, the smallest training set 12 MB
    assert peak < 8e6
    files = {str(matrix.filename)}
    assert {model.fit_file_ for model in found.estimator} == files
    assert {model.predict_file_ for model in found.estimator} == files
    assert all(model.y_is_view_ for model in found.estimator)
    assert [m.fit_shape_[0] for m in found.estimator] == [
        12_000,
        16_000,
        20_000,
        24_000,
        28_000,
    ]


@pytest.mark.parametrize("form", ["frame", "part", "array", "part of columns"])
def test_processes_map_the_file(mapped, form):
    """And read the numbers that are in it, which joblib alone mistakes for frames."""
    matrix, X, y, eras = mapped
    rows = slice(3000, 38_000)
    X, y, eras = {
        "frame": (X, y, None),
        "part": (X.iloc[rows], y.iloc[rows], None),
        "array": (matrix, y, eras),
        "part of columns": (matrix[:, :7], y, eras),
    }[form]
    how = {"groups": eras, "cv": CV}
    found = era_cross_validate(Probe(), X, y, n_jobs=2, return_estimator=True, **how)
    assert {model.fit_file_ for model in found.estimator} == {str(matrix.filename)}
    assert {model.predict_file_ for model in found.estimator} == {str(matrix.filename)}
    alone = era_cross_validate(Probe(), X, y, **how)
    assert (alone.test_score > 0.9).all()
    np.testing.assert_array_equal(found.test_score, alone.test_score)
    pd.testing.assert_frame_equal(found.era_scores, alone.era_scores)


def test_processes_map_what_load_numerai_gives(tmp_path):
    data = make_numerai(
        n_eras=40, n_samples_per_era=50, targets="target_ender_20", random_state=0
    )
    frame = data.data.join(data.target).reset_index().set_index("id")
    frame.to_parquet(tmp_path / "train.parquet")
    loaded = load_numerai(tmp_path, targets="target_ender_20", verbose=0)
    found = era_cross_validate(
        Probe(), loaded.data, loaded.target, cv=CV, n_jobs=2, return_estimator=True
    )
    assert {m.fit_file_ for m in found.estimator} == {str(loaded.map_path)}
    alone = era_cross_validate(Probe(), data.data, data.target, cv=CV)
    np.testing.assert_array_equal(found.test_score, alone.test_score)


class Adding(Ridge):
    """Adds to the target a column of a frame that it is given."""

    def fit(self, X, y, other=None):
        return super().fit(X, y + other.iloc[:, 0].to_numpy())


def test_processes_read_the_maps_that_scorers_and_parameters_hold(data, tmp_path):
    """Scores of two processes differed from those of one, without an error."""
    X, y = data.data, data.target
    np.save(tmp_path / "X.npy", X.to_numpy())
    matrix = np.load(tmp_path / "X.npy", mmap_mode="r")
    Z = pd.DataFrame(matrix, X.index, X.columns, copy=False)
    scoring = make_era_scorer(fnc_score, features=Z)
    how = {"cv": CV, "scoring": scoring, "params": {"other": Z}}
    # joblib maps arrays from 1 MB
    with parallel_config("loky", max_nbytes=1):
        one, two = (era_cross_validate(Adding(), X, y, n_jobs=n, **how) for n in (1, 2))
    np.testing.assert_array_equal(one.test_score, two.test_score)


def test_training_on_both_sides_is_gathered(mapped):
    matrix, X, y, _ = mapped
    found = era_cross_validate(
        Probe(), X, y, cv=PurgedGroupKFold(3), return_estimator=True
    )
    # the first and the last fold train on one run of eras
    assert [m.fit_file_ is None for m in found.estimator] == [False, True, False]
    assert {m.predict_file_ for m in found.estimator} == {str(matrix.filename)}


def test_eras_that_are_passed_reach_fit_predict_and_scorers(data):
    X, y = data.data.to_numpy(), data.target.to_numpy()
    cv = GroupTimeSeriesSplit(3, test_size=6, embargo=8)
    expected = era_cross_validate(
        MLPRegressor(4, max_epochs=1, random_state=0), data.data, data.target, cv=cv
    )
    for how in ({"groups": data.eras}, {"params": {"groups": data.eras.to_numpy()}}):
        for pipe in (False, True):
            model = TakesGroups()
            model = make_pipeline("passthrough", model) if pipe else model
            found = era_cross_validate(model, X, y, cv=cv, return_estimator=True, **how)
            for split, fitted in enumerate(found.estimator):
                fitted = fitted[-1] if pipe else fitted
                given = np.unique(np.asarray(fitted.fit_groups_))
                row = found.fold_table.loc[split]
                assert (given[0], given[-1]) == (row.train_first, row.train_last)
                given = np.unique(np.asarray(fitted.predict_groups_))
                assert (given[0], given[-1]) == (row.test_first, row.test_last)
    model = MLPRegressor(4, max_epochs=1, random_state=0)
    found = era_cross_validate(model, X, y, cv=cv, groups=data.eras)
    np.testing.assert_allclose(found.test_score, expected.test_score, rtol=1e-6)
    with sklearn.config_context(enable_metadata_routing=True):
        for how in ({"groups": data.eras}, {"params": {"groups": data.eras}}):
            found = era_cross_validate(model, X, y, cv=cv, scoring=None, **how)
            np.testing.assert_allclose(found.test_score, expected.test_score, rtol=1e-6)
    with pytest.raises(ValueError, match="the eras are given twice"):
        era_cross_validate(
            model, X, y, groups=data.eras, params={"groups": data.eras}, cv=cv
        )


def test_splits_may_be_given_as_positions(data):
    X, y = data.data, data.target
    splits = list(CV.split(X, y))
    expected = era_cross_validate(Ridge(), X, y, cv=CV)
    found = era_cross_validate(Ridge(), X, y, cv=iter(splits))
    np.testing.assert_array_equal(found.test_score, expected.test_score)
    three = era_cross_validate(Ridge(), X, y, cv=3)
    assert three.fold_table["test_eras"].tolist() == [10, 10, 10]


def test_a_fold_that_fails(data):
    X, y = data.data, data.target
    model = Failing(most=int(CV.describe(X, y)["train_rows"][1]))
    with pytest.raises(RuntimeError, match="more than 1200 rows"):
        era_cross_validate(model, X, y, cv=CV)
    how = {"cv": CV, "scoring": SCORING["all"], "error_score": np.nan}
    with pytest.warns(FitFailedWarning, match="1 of 3 folds failed; .* nan"):
        found = era_cross_validate(model, X, y, **how)
    assert np.isnan(found.test_spearman).tolist() == [False, False, True]
    assert found.era_scores.index.unique("split").tolist() == [0, 1]
    with pytest.raises(
        ValueError, match=r"3 of 3 folds failed(.|\n)*more than 10 rows"
    ):
        era_cross_validate(Failing(), X, y, **how)


def fails_late(y_true, y_pred):
    if np.shape(y_true)[0] > 1200 or y_true.index[0][0] == "0045":
        raise RuntimeError("it fails late")
    return 1.0


def fails(y_true, y_pred):
    raise RuntimeError("it fails")


@pytest.mark.filterwarnings("ignore:Scoring failed", "ignore:era_cross_validate")
def test_a_scorer_that_fails_leaves_the_others(data):
    """All scores of the fold were NaN, and there was an error if it failed always."""
    X, y = data.data, data.target
    scoring = {
        "late": make_scorer(fails_late),
        "always": make_scorer(fails),
        "corr": numerai_corr_scorer,
    }
    how = {"cv": CV, "scoring": scoring, "error_score": np.nan}
    how["return_train_score"] = True
    with pytest.warns(UserWarning, match=r"'always' failed in 3 of 3 (.|\n)*it fails"):
        found = era_cross_validate(Ridge(), X, y, **how)
    check_equal(found, cross_validate(Ridge(), X, y, **how))
    assert np.isnan(found.test_late).tolist() == [False, False, True]
    assert np.isnan(found.train_late).tolist() == [False, False, True]
    assert np.isnan(found.test_always).all() and len(found.era_scores) == 18
    with pytest.raises(RuntimeError, match="it fails"):
        era_cross_validate(Ridge(), X, y, **how | {"error_score": "raise"})
    how = {"cv": CV, "scoring": make_scorer(fails), "error_score": -1.0, "verbose": 0}
    with pytest.warns(UserWarning, match=r"'score' failed in 3 of 3 folds"):
        found = era_cross_validate(Ridge(), X, y, **how)
    assert found.test_score.tolist() == [-1, -1, -1] and "era_scores" not in found


def test_wrong_calls_say_what_is_wrong(data):
    X, y = data.data, data.target
    with pytest.raises(MissingErasError, match="needs the era of every row"):
        era_cross_validate(Ridge(), X.to_numpy(), y.to_numpy(), cv=CV)
    with pytest.raises(MissingErasError, match="era_cross_validate needs the era"):
        era_cross_validate(Ridge(), X.to_numpy(), y.to_numpy(), cv=KFold(2))
    with pytest.raises(UnknownHorizonError, match="Pass the number of eras"):
        era_cross_validate(Ridge(), X, y.rename("target"))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        era_cross_validate(Ridge(), X, y.iloc[1:], cv=CV)
    with pytest.raises(ValueError, match="error_score must be 'raise' or a number"):
        era_cross_validate(Ridge(), X, y, error_score="ignore")
    with pytest.raises(ValueError, match="a list of scoring must hold names"):
        era_cross_validate(Ridge(), X, y, scoring=[numerai_corr_scorer])
    with pytest.raises(ValueError, match="3 is no scorer"):
        era_cross_validate(Ridge(), X, y, scoring={"a": 3})
    with pytest.raises(ValueError, match="scoring must be a scorer"):
        era_cross_validate(Ridge(), X, y, scoring=3)
    with pytest.raises(TypeError, match="cv must be a number of splits, a splitter or"):
        era_cross_validate(Ridge(), X, y, cv="walk")
    with pytest.raises(ValueError, match="cv holds no splits"):
        era_cross_validate(Ridge(), X, y, cv=[])
