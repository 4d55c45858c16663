"""EraEnsembleRegressor: slices, what the final estimator learns from, and V3X."""

import importlib.util
import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Lasso, LinearRegression, Ridge, RidgeCV
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeRegressor

from sknumerai.datasets import make_numerai
from sknumerai.ensemble import EraEnsembleRegressor
from sknumerai.ensemble._prediction import predict_by_eras
from sknumerai.ensemble._slices import make_slices
from sknumerai.exceptions import MissingErasError, UnknownHorizonError
from sknumerai.metrics import numerai_corr_score, numerai_corr_scorer
from sknumerai.model_selection import GroupTimeSeriesSplit
from sknumerai.neural_network import MLPRegressor
from sknumerai.utils import check_eras, fitted_eras
from tests.ensemble.recorder import Recorder


@pytest.fixture(scope="module")
def data():
    return make_numerai(
        n_eras=40,
        n_samples_per_era=15,
        n_features=5,
        targets="target_ender_20",
        random_state=0,
    )


def eras_of(slices, eras):
    return [eras.numbers[np.unique(eras.codes[rows])] for rows in slices]


def v3x(X, y, numbers, n_subs, sub):
    """EraEnsemble of the source, in its own terms: era numbers, inclusive slices."""
    n, first, last = len(np.unique(numbers)), numbers.min(), numbers.max()
    step, subs, stacked = n // n_subs, [], []
    for start in range(first, last, step):
        rows = (numbers >= start) & (numbers <= start + step)
        subs.append(sklearn.clone(sub).fit(X[rows], y[rows]))
        stacked.append(subs[-1].predict(X))
    return subs, RidgeCV().fit(np.column_stack(stacked), y)


@pytest.mark.parametrize("n_slices, n_models", [(3, 3), (11, 13), (20, 20), (40, 39)])
def test_the_preset_is_the_source(data, n_slices, n_models):
    X, y = data.data.to_numpy(), data.target.to_numpy()
    numbers = np.asarray(data.eras).astype(int)
    tree = DecisionTreeRegressor(max_depth=2, random_state=0)
    subs, meta = v3x(X, y, numbers, n_slices, tree)
    expected = meta.predict(np.column_stack([sub.predict(X) for sub in subs]))
    model = EraEnsembleRegressor.from_preset("v3x", estimator=tree, n_slices=n_slices)
    model.fit(data.data, data.target)
    assert len(model.estimators_) == len(subs) == n_models
    assert_allclose(model.predict(data.data), expected, atol=1e-9)


def test_slices_of_the_source():
    eras = check_eras(np.arange(1, 121))
    found = eras_of(make_slices(eras, 3, 1, "steps", ""), eras)
    assert [(part[0], part[-1]) for part in found] == [(1, 41), (41, 81), (81, 120)]
    assert len(make_slices(eras, 11, 1, "steps", "")) == 12
    assert len(make_slices(eras, 50, 1, "steps", "")) == 60


@pytest.mark.parametrize("n_slices", [1, 3, 7, 40])
@pytest.mark.parametrize("shuffled", [False, True])
def test_slices_are_as_many_as_asked_for(n_slices, shuffled):
    labels = np.repeat(np.arange(0, 160, 4), 3)
    if shuffled:
        labels = np.random.default_rng(0).permutation(labels)
    eras = check_eras(labels)
    slices = make_slices(eras, n_slices, 2, "eras", "")
    found = eras_of(slices, eras)
    assert len(found) == n_slices
    assert_array_equal(np.unique(np.concatenate(found)), np.arange(0, 160, 4))
    for one, two in zip(found, found[1:]):
        # the last ones may be shorter than the overlap
        assert len(np.intersect1d(one, two)) == min(2, len(two))
    if not shuffled:
        assert all(isinstance(rows, slice) for rows in slices)
    rows = make_slices(eras, n_slices, 2, "rows", "")
    each = [np.arange(len(labels))[part] for part in rows]
    assert_array_equal(np.sort(np.concatenate(each)), np.arange(len(labels)))
    assert max(map(len, each)) - min(map(len, each)) <= 1
    for one, two in zip(each, each[1:]):
        assert eras.codes[one].max() <= eras.codes[two].min()


class Peek(RegressorMixin, BaseEstimator):
    """Final estimator that shows what it was given."""

    def fit(self, X, y, sample_weight=None):
        self.X_, self.y_, self.weight_ = X, y, sample_weight
        return self

    def predict(self, X):
        return np.asarray(X)[:, 0]


def test_the_final_estimator_learns_out_of_slice(data):
    """Against a loop over rows, slices and the embargo."""
    X, y = data.data, data.target
    weight = np.arange(len(y), dtype=float)
    model = EraEnsembleRegressor(
        DecisionTreeRegressor(random_state=0), final_estimator=Peek(), embargo=3
    ).fit(X, y, sample_weight=weight)
    given = model.final_estimator_
    numbers = X.index.get_level_values("era").astype(int)
    spans = [(1, 15), (15, 28), (28, 40)]
    stacked = np.asarray(model.predict_slices(X))
    expected, kept = [], []
    for i, era in enumerate(numbers):
        honest = [not (a - 3 <= era <= b + 3) for a, b in spans]
        if any(honest):
            others = stacked[i, honest].mean()
            expected.append([z if h else others for z, h in zip(stacked[i], honest)])
            kept.append(i)
    assert_allclose(given.X_, expected)
    assert_array_equal(given.y_, y.iloc[kept])
    assert_array_equal(given.weight_, weight[kept])
    assert given.X_.index.equals(X.index[kept])
    model.set_params(stacking="in_sample").fit(X, y, sample_weight=weight)
    assert_allclose(model.final_estimator_.X_, stacked)


def test_noise_is_not_trusted(data):
    """In sample a tree that knows its rows by heart looks perfect; out of it, as it is."""
    rng = np.random.default_rng(0)
    X, y = data.data, data.target
    noise = pd.Series(rng.normal(size=len(y)), y.index)
    tree = DecisionTreeRegressor(random_state=0)
    faithful = EraEnsembleRegressor.from_preset("v3x", estimator=tree)
    assert faithful.fit(X, noise).final_estimator_.coef_.sum() > 0.5
    repaired = EraEnsembleRegressor(tree, final_estimator=RidgeCV()).fit(X, noise)
    assert abs(repaired.final_estimator_.coef_.sum()) < 0.3


def test_embargo_of_the_name(data):
    X, y = data.data, data.target
    model = EraEnsembleRegressor(Ridge(), final_estimator=Peek())
    auto = len(model.fit(X, y).final_estimator_.y_)
    assert auto == len(model.set_params(embargo=8).fit(X, y).final_estimator_.y_)
    model.set_params(embargo="auto")
    assert auto == len(model.fit(X, y.rename("target")).final_estimator_.y_)
    with pytest.raises(ValueError, match="embargo of 16 eras from slice 2"):
        model.fit(X, y.rename("target_ender_60"))
    with pytest.raises(UnknownHorizonError, match="target_ender_90"):
        model.fit(X, y.rename("target_ender_90"))


def test_a_final_estimator_that_leaves_all_out_is_replaced(data):
    model = EraEnsembleRegressor(Ridge(), final_estimator=Lasso(alpha=10.0))
    with pytest.warns(UserWarning, match="Lasso predicts a constant"):
        model.fit(data.data, data.target)
    assert model.final_estimator_ is None
    expected = np.asarray(model.predict_slices(data.data)).mean(axis=1)
    assert_allclose(model.predict(data.data), expected)


def test_slices_are_views_with_their_metadata(data):
    X, y = data.data, data.target
    model = EraEnsembleRegressor(Recorder(), final_estimator=LinearRegression())
    plain = X.to_numpy()
    model.fit(plain, y.to_numpy(), groups=data.eras)
    assert_array_equal(model.predict(plain, data.eras), model.predict(plain))
    for member in model.estimators_:
        assert np.shares_memory(member.X_, plain)
        assert len(member.groups_) == len(member.X_) == len(member.y_)
    model.fit(X, y)
    assert model.estimators_[1].y_.name == "target_ender_20"
    assert np.shares_memory(model.estimators_[1].X_.to_numpy(), plain)


def test_without_eras_rows_are_cut(data):
    X, y = data.data.to_numpy(), data.target.to_numpy()
    model = EraEnsembleRegressor(Ridge()).fit(X, y)
    parts = np.array_split(np.arange(len(X)), 3)
    for member, rows in zip(model.estimators_, parts):
        assert_allclose(member.coef_, Ridge().fit(X[rows], y[rows]).coef_)
    assert not hasattr(model, "eras_seen_")


def test_an_embargo_without_eras_is_not_ignored(data):
    X, y = data.data.to_numpy(), data.target.to_numpy()
    model = EraEnsembleRegressor(Ridge(), embargo=16)
    for groups in (None, np.ones(len(y), dtype=int)):
        with pytest.raises(MissingErasError, match="embargo=16 counts eras"):
            model.fit(X, y, groups=groups)
    # "auto" and 0 cut the rows, and leave a slice's own alone out
    model = EraEnsembleRegressor(Ridge(), final_estimator=Peek())
    for embargo in ("auto", 0):
        model.set_params(embargo=embargo).fit(X, pd.Series(y, name="target_ender_60"))
        assert len(model.final_estimator_.y_) == len(y)
    # in sample there is none to keep
    model.set_params(embargo=16, stacking="in_sample").fit(X, y)


def test_one_slice_does_not_learn_in_sample_in_silence(data):
    X, y = data.data, data.target
    tree = DecisionTreeRegressor(random_state=0)
    model = EraEnsembleRegressor(tree, n_slices=1, embargo=0)
    with pytest.raises(ValueError, match="n_slices=1 leaves no model"):
        model.fit(X, y)
    model.set_params(stacking="in_sample").fit(X, y)
    assert len(model.estimators_) == 1


def test_rows_in_any_order(data):
    X, y = data.data, data.target
    model = EraEnsembleRegressor(Ridge()).fit(X, y)
    shuffled = X.sample(frac=1, random_state=0)
    other = EraEnsembleRegressor(Ridge()).fit(shuffled, y[shuffled.index])
    assert_allclose(other.predict(X), model.predict(X), atol=1e-6)
    assert_array_equal(fitted_eras(model), np.arange(1, 41))


def test_prediction_by_blocks_of_whole_eras(data):
    X = data.data

    class Means(BaseEstimator):
        """Depends on the rows of the era, as attention does."""

        def predict(self, X, groups):
            sizes.append(len(X))
            eras = check_eras(groups).rows()
            out = np.empty(len(X))
            for rows in eras:
                out[rows] = np.asarray(X)[rows].mean()
            return out

    for frame in (X, X.sample(frac=1, random_state=0)):
        sizes = []
        eras = check_eras(None, frame)
        groups = frame.index.get_level_values("era").to_numpy()
        found = predict_by_eras(Means(), frame, eras, {"groups": groups}, block=100)
        assert max(sizes) == 105 and len(sizes) == 6
        assert_allclose(found, Means().predict(frame, groups))


def test_with_metadata_routing(data):
    X, y = data.data.to_numpy(), data.target.to_numpy()
    outer = GroupTimeSeriesSplit(1, test_size=4, embargo=2)
    model = EraEnsembleRegressor(MLPRegressor((4,), max_epochs=1, random_state=0))
    model.set_params(embargo=2)
    with sklearn.config_context(enable_metadata_routing=True):
        scores = cross_val_score(
            model, X, y, cv=outer, scoring=numerai_corr_scorer,
            params={"groups": data.eras}, error_score="raise",
        )  # fmt: skip
        # the regressors that are taken by default ask for weights
        weighted = EraEnsembleRegressor(embargo=2, n_slices=2)
        weighted.fit(X, y, groups=data.eras, sample_weight=np.ones(len(y)))
        assert np.ptp(weighted.predict(X)) > 0
    framed = cross_val_score(
        model, data.data, data.target, cv=outer, scoring=numerai_corr_scorer
    )
    assert_allclose(scores, framed, atol=1e-6)


def test_in_a_grid_search_with_components_and_a_pickle(data):
    X, y = data.data, data.target
    cv = GroupTimeSeriesSplit(1, test_size=4, embargo=2)
    model = EraEnsembleRegressor(make_pipeline(PCA(0.9), Ridge()), embargo=2)
    grid = {"n_slices": [3, 4], "estimator__ridge__alpha": [1, 10]}
    search = GridSearchCV(model, grid, cv=cv, scoring=numerai_corr_scorer).fit(X, y)
    best = search.best_estimator_
    assert_array_equal(pickle.loads(pickle.dumps(best)).predict(X), best.predict(X))
    assert np.isfinite(numerai_corr_score(y, best.predict(X)))


def test_bad_input_is_named(data):
    X, y = data.data, data.target
    with pytest.raises(ValueError, match="n_slices=41 is more than the 40 eras"):
        EraEnsembleRegressor(Ridge(), n_slices=41).fit(X, y)
    with pytest.raises(ValueError, match="embargo of 30 eras from slice 1 of 3"):
        EraEnsembleRegressor(Ridge(), embargo=30).fit(X, y)
    with pytest.raises(NotFittedError):
        EraEnsembleRegressor().predict(X)
    with pytest.raises(ValueError, match="chunk_ensemble"):
        EraEnsembleRegressor.from_preset("v4x")
    with pytest.raises(ValueError, match="1d array"):
        EraEnsembleRegressor(Ridge()).fit(X, np.column_stack([y, y]))
    if importlib.util.find_spec("xgboost") is None:
        with pytest.raises(ImportError, match=r"sknumerai\[boosting\]"):
            EraEnsembleRegressor.from_preset("v3x")
