import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.inspection import permutation_importance
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeRegressor

from sknumerai.datasets import make_numerai
from sknumerai.exceptions import MissingErasError
from sknumerai.metrics import make_era_scorer, numerai_corr_scorer, spearman_score
from sknumerai.model_selection import GroupTimeSeriesSplit
from sknumerai.neural_network import MLPRegressor
from sknumerai.preprocessing import PermutationImportanceSelector

CV = GroupTimeSeriesSplit(n_splits=2, test_size=4)


@pytest.fixture(scope="module")
def data():
    return make_numerai(n_eras=30, n_samples_per_era=40, n_features=6, random_state=0)


def selector(**params):
    params = {"scoring": numerai_corr_scorer, "n_repeats": 3} | params
    return PermutationImportanceSelector(Ridge(), random_state=0, **params)


def test_on_the_rows_of_fit_against_scikit_learn(data):
    X, y = data.data, data.target
    scoring = make_era_scorer(spearman_score)
    model = selector(scoring=scoring, n_features=2, within_eras=False).fit(X, y)
    oracle = permutation_importance(
        Ridge().fit(X, y), X, y, scoring=scoring, n_repeats=3, random_state=model_seed()
    )
    assert_allclose(model.importances_mean_, oracle.importances_mean)
    assert_allclose(model.importances_std_, oracle.importances_std)
    best = np.sort(np.argsort(-oracle.importances_mean)[:2])
    assert_array_equal(model.get_support(indices=True), best)


def model_seed():
    return np.random.RandomState(0)


def test_in_the_test_eras_of_folds(data):
    X, y = data.data, data.target
    model = selector(cv=CV, within_eras=False).fit(X, y)
    seed, found = model_seed(), []
    for train, test in CV.split(X, y):
        ridge = Ridge().fit(X.iloc[train], y.iloc[train])
        found.append(
            permutation_importance(
                ridge,
                X.iloc[test],
                y.iloc[test],
                scoring=numerai_corr_scorer,
                n_repeats=3,
                random_state=seed,
            ).importances
        )
    assert_allclose(model.importances_mean_, np.hstack(found).mean(axis=1))


def test_within_eras_against_a_loop(data):
    # rows in no order of eras
    X = data.data.sample(frac=1, random_state=0)
    y = data.target.loc[X.index]
    model = selector(cv=CV).fit(X, y)
    seed, found = model_seed(), []
    for train, test in CV.split(X, y):
        ridge = Ridge().fit(X.iloc[train], y.iloc[train])
        part, target = X.iloc[test], y.iloc[test]
        codes = part.index.get_level_values("era").astype(int).to_numpy()
        whole, state = numerai_corr_scorer(ridge, part, target), seed.randint(2**31)
        losses = []
        for name in X:
            rng, of_one = np.random.RandomState(state), []
            for _ in range(3):
                keys, other = rng.random_sample(len(part)), part.copy()
                for code in np.unique(codes):
                    rows = np.flatnonzero(codes == code)
                    order = rows[np.argsort(keys[rows])]
                    column = other.columns.get_loc(name)
                    other.iloc[rows, column] = part[name].to_numpy()[order]
                of_one.append(whole - numerai_corr_scorer(ridge, other, target))
            losses.append(of_one)
        found.append(losses)
    assert_allclose(model.importances_mean_, np.hstack(found).mean(axis=1))


def test_what_differs_from_era_to_era_alone_does_not_count(data):
    X, y = data.data.astype(float), data.target
    number = X.index.get_level_values("era").astype(int)
    X["level"] = np.asarray(number, dtype=float)
    trend = y + 0.5 * X["level"]
    within = selector().fit(X, trend)
    assert within.importances_mean_[-1] == 0
    assert selector(within_eras=False).fit(X, trend).importances_mean_[-1] > 0.1
    # without eras all rows are one, and a score need not know eras
    plain = selector(scoring="r2").fit(X.to_numpy(), trend.to_numpy())
    assert plain.importances_mean_[-1] > 0.1
    with pytest.raises(MissingErasError, match="needs the era of every row"):
        selector(scoring="r2", within_eras=True).fit(X.to_numpy(), trend.to_numpy())


@pytest.mark.parametrize("cv", [None, GroupTimeSeriesSplit(2, test_size=4, embargo=8)])
def test_arrays_and_groups_give_the_same(data, cv):
    X, y = data.data, data.target
    expected = selector(cv=cv).fit(X, y)
    order = np.random.default_rng(0).permutation(len(X))
    model = selector(cv=cv)
    model.fit(X.to_numpy(), y.to_numpy(), groups=data.eras)
    assert_allclose(model.importances_mean_, expected.importances_mean_)
    assert_array_equal(model.eras_seen_, np.arange(1, 31))
    with pytest.raises(MissingErasError):
        model.fit(X.to_numpy()[order], y.to_numpy()[order])


@pytest.mark.filterwarnings("ignore:The groups parameter is ignored")
def test_eras_are_handed_to_a_model_that_takes_them(data):
    seen = []

    class Model(Ridge):
        def fit(self, X, y, groups=None):
            seen.append(len(groups))
            return super().fit(X, y)

    X, y = data.data, data.target
    PermutationImportanceSelector(Model(), cv=2, n_repeats=1).fit(
        X.to_numpy(), y.to_numpy(), groups=data.eras
    )
    assert seen == [600, 600]


def test_noise_is_told_from_signal_only_in_rows_that_were_not_fitted():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 4))
    y = X[:, 2] + rng.normal(size=400)
    by_heart = PermutationImportanceSelector(
        DecisionTreeRegressor(random_state=0), threshold=0.1, random_state=0
    )
    assert by_heart.set_params(n_features=None).fit(X, y).get_support().all()
    held_out = by_heart.set_params(cv=4).fit(X, y)
    assert_array_equal(held_out.get_support(indices=True), [2])


def test_missing_values_where_the_model_takes_them(data):
    X, y = data.data.astype("float32"), data.target
    X.iloc[:50, 0] = np.nan
    trees = HistGradientBoostingRegressor(max_iter=2)
    model = PermutationImportanceSelector(trees, n_repeats=1, n_features=2).fit(X, y)
    assert model.transform(X).shape == (len(X), 2)
    with pytest.raises(ValueError, match="contains NaN"):
        model.set_params(estimator=Ridge()).fit(X, y)


def test_in_a_pipeline_with_several_jobs(data):
    X, y = data.data, data.target
    one = make_pipeline(selector(n_features=3, cv=CV), Ridge()).fit(X, y)
    two = make_pipeline(selector(n_features=3, cv=CV, n_jobs=2), Ridge()).fit(X, y)
    assert_array_equal(one.predict(X), two.predict(X))
    assert one[-1].n_features_in_ == 3


@pytest.mark.filterwarnings("ignore:make_era_scorer")  # of scores of fitted eras
def test_several_targets_are_handed_to_the_model_gaps_and_all(data):
    X = data.data
    Y = pd.DataFrame({"main": data.target, "other": np.nan}, index=X.index)
    network = MLPRegressor((4,), max_epochs=1, random_state=0)
    model = PermutationImportanceSelector(
        network, scoring=numerai_corr_scorer, n_repeats=1, random_state=0
    )
    with pytest.raises(ValueError, match="NaN"):
        model.fit(X, Y[["other", "main"]])
    Y.loc["0010":, "other"] = data.target.loc["0010":]
    assert model.fit(X, Y).transform(X).shape == (len(X), 3)


@pytest.mark.parametrize("within_eras", [True, False])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_frame_on_a_memory_map_crosses_to_workers_as_it_is(
    data, tmp_path, order, within_eras
):
    # joblib takes a transposed map for another matrix
    values = data.data.to_numpy(np.int8)
    (values if order == "C" else values.T).tofile(tmp_path / "codes")
    codes = np.memmap(tmp_path / "codes", np.int8, "r", shape=values.shape, order=order)
    columns = data.data.columns
    X = pd.DataFrame(codes, index=data.data.index, columns=columns, copy=False)
    assert np.shares_memory(X.to_numpy(), codes)
    expected = selector(within_eras=within_eras).fit(data.data, data.target)
    found = selector(within_eras=within_eras, n_jobs=2).fit(X, data.target)
    assert_array_equal(found.importances_mean_, expected.importances_mean_)
