"""NeutralizedRegressor: the function neutralize on what is predicted."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn import config_context
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline

from sknumerai.datasets import make_numerai
from sknumerai.ensemble import NeutralizedRegressor
from sknumerai.metrics import max_feature_exposure, numerai_corr_scorer
from sknumerai.model_selection import GroupTimeSeriesSplit
from sknumerai.neural_network import ContextAwareRanker
from sknumerai.preprocessing import neutralize, reduce_exposure
from sknumerai.submission import export_model
from sknumerai.utils import check_eras, era_gaussian_ranks


@pytest.fixture(scope="module")
def data():
    return make_numerai(n_eras=8, n_samples_per_era=60, n_features=6, random_state=0)


@pytest.fixture(scope="module")
def plain(data):
    return KNeighborsRegressor().fit(data.data, data.target)


def era_mean(values, index):
    values = pd.Series(values, index=index, dtype=np.float64)
    return values.groupby(level="era").transform("mean")


@pytest.mark.parametrize("proportion", [0.0, 0.4, 1.0])
def test_predictions_are_neutral_and_keep_the_mean_of_their_era(
    data, plain, proportion
):
    X, y = data.data, data.target
    model = NeutralizedRegressor(KNeighborsRegressor(), proportion=proportion)
    found = model.fit(X, y).predict(X)
    pred = pd.Series(plain.predict(X), index=X.index)
    expected = neutralize(pred, X, proportion=proportion)
    shift = era_mean(pred, X.index) - era_mean(expected, X.index)
    assert_allclose(found, expected + shift, atol=1e-12)


def test_some_features_groups_top_features_and_ranks(data, plain):
    X, y = data.data, data.target
    names = list(X.columns)
    pred = pd.Series(plain.predict(X), index=X.index)
    shares = {"a": 0.5, "b": 1.0}
    groups = {"a": names[:2], "b": names[2:]}
    for kwargs in (
        {"features": names[1:3]},
        {"feature_groups": groups, "proportion": shares},
        {"top_k": 2},
    ):
        model = NeutralizedRegressor(KNeighborsRegressor(), **kwargs).fit(X, y)
        given = dict(kwargs)
        part = X[given.pop("features")] if "features" in given else X
        expected = neutralize(pred, part, **given)
        shift = era_mean(pred, X.index) - era_mean(expected, X.index)
        assert_allclose(model.predict(X), expected + shift, atol=1e-12)
    model = NeutralizedRegressor(KNeighborsRegressor(), normalize=True).fit(X, y)
    ranks = pd.Series(era_gaussian_ranks(pred, check_eras(None, X)), index=X.index)
    expected = neutralize(ranks, X)
    shift = era_mean(ranks, X.index) - era_mean(expected, X.index)
    assert_allclose(model.predict(X), expected + shift, atol=1e-9)


def test_a_limit_of_exposure(data, plain):
    X, y = data.data, data.target
    model = NeutralizedRegressor(KNeighborsRegressor(), max_exposure=0.1).fit(X, y)
    found = model.predict(X)
    pred = pd.Series(plain.predict(X), index=X.index)
    assert_allclose(found, reduce_exposure(pred, X, max_exposure=0.1), atol=1e-12)
    assert max_feature_exposure(None, pd.Series(found, index=X.index), X) <= 0.1


def test_a_live_era_alone_is_as_beside_others(data):
    X, y = data.data, data.target
    model = NeutralizedRegressor(KNeighborsRegressor()).fit(X, y)
    whole = model.predict(X)
    last = X.index.get_level_values("era") == "0008"
    live = X[last].rename(index={"0008": "X"}, level="era")
    assert_allclose(model.predict(live), whole[last], atol=1e-12)
    found = model.predict(live.droplevel("era"))
    assert_allclose(found, whole[last], atol=1e-12)


def test_arrays_with_groups_and_without_a_float_copy(data):
    X, y = data.data, data.target
    eras = X.index.get_level_values("era")
    model = NeutralizedRegressor(KNeighborsRegressor(), features=[0, 3])
    found = model.fit(X.to_numpy(), y).predict(X.to_numpy(), groups=eras)
    frame = NeutralizedRegressor(
        KNeighborsRegressor(), features=list(X.columns[[0, 3]])
    ).fit(X, y)
    assert_allclose(found, frame.predict(X), atol=1e-12)


def test_several_targets(data):
    X = data.data
    Y = np.column_stack([data.target, 1 - data.target])
    found = NeutralizedRegressor(KNeighborsRegressor()).fit(X, Y).predict(X)
    assert found.shape == (len(X), 2)
    one = NeutralizedRegressor(KNeighborsRegressor()).fit(X, data.target)
    assert_allclose(found[:, 0], one.predict(X), atol=1e-12)


def test_in_searches_pipelines_and_pickles(data):
    X, y = data.data, data.target
    cv = GroupTimeSeriesSplit(2, embargo=1)
    model = NeutralizedRegressor(KNeighborsRegressor(), features=list(X.columns[:2]))
    scores = cross_val_score(
        model, X, y, cv=cv, scoring=numerai_corr_scorer, error_score="raise"
    )
    assert np.isfinite(scores).all()
    search = GridSearchCV(
        model,
        {"proportion": [0.0, 0.5], "estimator__n_neighbors": [5, 9]},
        cv=cv,
        scoring=numerai_corr_scorer,
        error_score="raise",
    ).fit(X, y, groups=X.index.get_level_values("era"))
    again = pickle.loads(pickle.dumps(search.best_estimator_))
    assert_allclose(again.predict(X), search.predict(X), rtol=0, atol=0)
    inside = NeutralizedRegressor(make_pipeline(KNeighborsRegressor())).fit(X, y)
    assert np.isfinite(inside.predict(X)).all()


def test_eras_reach_a_network_inside(data):
    X, y = data.data.to_numpy(), data.target.to_numpy()
    eras = data.data.index.get_level_values("era")
    ranker = ContextAwareRanker(max_epochs=1, random_state=0)
    model = NeutralizedRegressor(ranker, proportion=0).fit(X, y, groups=eras)
    assert len(model.estimator_.eras_seen_) == 8
    expected = ContextAwareRanker(max_epochs=1, random_state=0)
    expected = expected.fit(X, y, groups=eras).predict(X, groups=eras)
    assert_allclose(model.predict(X, groups=eras), expected, atol=1e-6)
    pipe = NeutralizedRegressor(make_pipeline(ranker), proportion=0)
    found = pipe.fit(X, y, groups=eras).predict(X, groups=eras)
    assert_allclose(found, expected, atol=1e-6)
    with config_context(enable_metadata_routing=True):
        routed = NeutralizedRegressor(ranker, proportion=0).fit(X, y, groups=eras)
        assert_allclose(routed.predict(X, groups=eras), expected, atol=1e-6)


def test_weights_reach_the_regressor(data):
    X, y = data.data, data.target
    weight = np.random.default_rng(0).uniform(size=len(X))
    model = NeutralizedRegressor(LinearRegression())
    model.fit(X, y, sample_weight=weight)
    expected = LinearRegression().fit(X, y, sample_weight=weight)
    assert_allclose(model.estimator_.coef_, expected.coef_)


def test_bad_input_is_named(data):
    X, y = data.data, data.target
    model = NeutralizedRegressor(KNeighborsRegressor(), features=["gone"])
    with pytest.raises(ValueError, match=r"not there.*\['gone'\]"):
        model.fit(X, y)
    model = NeutralizedRegressor(KNeighborsRegressor()).fit(X, y)
    with pytest.raises(ValueError, match=X.columns[2]):
        model.predict(X.drop(columns=X.columns[2]))
    with pytest.raises(ValueError, match="Got both"):
        NeutralizedRegressor(
            KNeighborsRegressor(), features=[0], feature_groups={"a": [0]}
        ).fit(X, y)
    with pytest.raises(ValueError, match="proportion"):
        NeutralizedRegressor(KNeighborsRegressor(), proportion=1.5).fit(X, y)
    with pytest.raises(ValueError, match="era"):
        NeutralizedRegressor(KNeighborsRegressor()).fit(X.reset_index("era"), y)


@pytest.mark.parametrize(
    "settings",
    [
        {"device": "cpu", "proportion": 0.5},
        {"max_exposure": 0.1},
        {"top_k": 2},
        {"normalize": True},
    ],
    ids=str,
)
def test_can_be_exported(data, settings, tmp_path):
    X, y = data.data, data.target
    model = NeutralizedRegressor(LinearRegression(), **settings).fit(X**2, y)
    export_model(model, tmp_path / "model.pkl")
    assert (tmp_path / "model.pkl").stat().st_size > 0


def test_a_prediction_that_is_missing_leaves_the_era_its_others(data):
    class Gap(KNeighborsRegressor):
        def predict(self, X):
            return np.r_[np.nan, super().predict(X)[1:]]

    X, y = data.data, data.target
    found = NeutralizedRegressor(Gap()).fit(X, y).predict(X)
    assert np.isnan(found).tolist() == [True] + [False] * (len(X) - 1)


def test_settings_that_exclude_each_other_are_named(data):
    X, y = data.data, data.target
    for kwargs in ({"top_k": 2}, {"proportion": 0.3}):
        model = NeutralizedRegressor(LinearRegression(), max_exposure=0.1, **kwargs)
        with pytest.raises(ValueError, match="takes away what exceeds it"):
            model.fit(X, y)
    with pytest.raises(ValueError, match="no group"):
        NeutralizedRegressor(LinearRegression(), feature_groups={}).fit(X, y)
    with pytest.raises(ValueError, match="device must be"):
        NeutralizedRegressor(LinearRegression(), device="abacus").fit(X, y)


def test_fitted_for_cuda_it_predicts_where_there_is_none(data, monkeypatch):
    X, y = data.data, data.target
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    model = NeutralizedRegressor(Ridge(), device="cuda").fit(X, y)
    monkeypatch.undo()
    if torch.cuda.is_available():
        pytest.skip("CUDA is here")
    expected = NeutralizedRegressor(Ridge()).fit(X, y).predict(X)
    assert_allclose(pickle.loads(pickle.dumps(model)).predict(X), expected, atol=1e-9)
    with pytest.raises(ValueError, match="torch finds no CUDA here"):
        NeutralizedRegressor(Ridge(), device="cuda").fit(X, y)
