"""ResidualTargetRegressor: what it hands to the regressor inside."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import cross_val_score

from sknumerai.datasets import make_numerai
from sknumerai.ensemble import ResidualTargetRegressor
from sknumerai.metrics import numerai_corr_scorer
from sknumerai.model_selection import GroupTimeSeriesSplit
from sknumerai.preprocessing import residualize_target
from sknumerai.submission import export_model


class Recorder(RegressorMixin, BaseEstimator):
    """Keeps what it is fitted with."""

    def fit(self, X, y, groups=None, sample_weight=None):
        self.X_, self.y_, self.groups_, self.weight_ = X, y, groups, sample_weight
        return self

    def predict(self, X, groups=None):
        return np.zeros(len(X)) if groups is None else np.ones(len(X))


@pytest.fixture(scope="module")
def data():
    return make_numerai(n_eras=8, n_samples_per_era=40, n_features=5, random_state=0)


def fitted(data, by, y=None, X=None, **kwargs):
    X = data.data if X is None else X
    y = data.target if y is None else y
    return ResidualTargetRegressor(Recorder(), by=by).fit(X, y, **kwargs).estimator_


def test_by_a_benchmark_matched_by_index(data):
    inside = fitted(data, data.benchmark.sample(frac=1, random_state=0))
    expected = residualize_target(data.target, data.benchmark)
    pd.testing.assert_series_equal(inside.y_, expected)
    assert inside.X_ is data.data
    half = ResidualTargetRegressor(Recorder(), by=data.benchmark, proportion=0.5)
    found = half.fit(data.data, data.target).estimator_.y_
    assert_allclose(found, (expected + data.target) / 2, atol=1e-12)


def test_by_columns_of_x_or_all_of_it(data):
    X, y = data.data, data.target
    names = list(X.columns[:2])
    for by, columns in ((names, X[names]), ("X", X)):
        assert_allclose(fitted(data, by).y_, residualize_target(y, columns), atol=1e-12)
    eras = X.index.get_level_values("era")
    found = fitted(data, [0, 1], y.to_numpy(), X.to_numpy(), groups=eras).y_
    assert_allclose(found, residualize_target(y, X[names]), atol=1e-12)


def test_rows_that_the_benchmark_lacks_are_not_learned(data):
    late = data.benchmark.loc["0003":]
    weight = np.arange(len(data.data), dtype=float)
    eras = data.data.index.get_level_values("era")
    inside = fitted(data, late, sample_weight=weight, groups=eras)
    assert_array_equal(np.unique(inside.X_.index.get_level_values("era"))[0], "0003")
    assert len(inside.X_) == len(inside.y_) == len(inside.weight_) == 6 * 40
    assert_array_equal(inside.weight_, weight[80:])
    assert_array_equal(np.asarray(inside.groups_), eras[80:])
    # a run of rows is a view
    assert np.shares_memory(inside.X_.to_numpy(), data.data.to_numpy())
    holes = data.benchmark.copy()
    holes.iloc[::7] = np.nan
    inside = fitted(data, holes)
    assert len(inside.X_) == holes.iloc[:, 0].notna().sum()
    assert inside.X_.index.equals(holes.dropna().index)


def test_y_without_an_index_has_that_of_x(data):
    found = fitted(data, data.benchmark, data.target.to_numpy()).y_
    assert_allclose(found, residualize_target(data.target, data.benchmark))
    Y = np.column_stack([data.target, data.target])
    Y[3, 1] = np.nan
    found = np.asarray(fitted(data, data.benchmark, Y).y_)
    assert found.shape == Y.shape
    assert np.isnan(found).sum() == 1


def test_without_by_the_target_stays(data):
    found = ResidualTargetRegressor(Ridge()).fit(data.data, data.target)
    expected = Ridge().fit(data.data, data.target)
    assert_allclose(found.predict(data.data), expected.predict(data.data))


def test_folds_take_their_rows_of_the_benchmark(data):
    model = ResidualTargetRegressor(LinearRegression(), by=data.benchmark)
    cv = GroupTimeSeriesSplit(2, embargo=1)
    scores = cross_val_score(
        model, data.data, data.target, cv=cv, scoring=numerai_corr_scorer,
        error_score="raise",
    )  # fmt: skip
    assert np.isfinite(scores).all()


def test_eras_are_handed_to_predict(data):
    X = data.data.to_numpy()
    eras = data.data.index.get_level_values("era")
    model = ResidualTargetRegressor(Recorder()).fit(X, data.target, groups=eras)
    assert model.predict(X, groups=eras).all()
    assert not model.predict(X).any()


def test_bad_input_is_named(data):
    X, y = data.data, data.target
    with pytest.raises(ValueError, match="no value for any"):
        fitted(data, data.benchmark * np.nan)
    with pytest.raises(ValueError, match="no row of y is in by"):
        fitted(data, data.benchmark.rename(index=lambda label: f"z{label}"))
    with pytest.raises(ValueError, match="Input y contains NaN"):
        fitted(data, data.benchmark, y.where(y.index.get_level_values("era") < "0005"))
    with pytest.raises(ValueError, match="Keep X in pandas"):
        fitted(data, data.benchmark, y.to_numpy(), X.to_numpy())
    with pytest.raises(TypeError, match="give it an index"):
        fitted(data, data.benchmark.to_numpy())
    with pytest.raises(ValueError, match=r"not there.*\['gone'\]"):
        fitted(data, ["gone"])


def test_eras_and_name_of_y_are_kept_where_columns_are_taken_out(data):
    X, y = data.data, data.target
    whole = fitted(data, "X")
    assert whole.y_.name == y.name
    assert whole.y_.index.equals(y.index)
    plain = fitted(data, "X", y, X.to_numpy())
    assert_allclose(plain.y_, whole.y_, atol=1e-12)
    assert plain.y_.name == y.name


def test_can_be_exported(data, tmp_path):
    model = ResidualTargetRegressor(LinearRegression(), by=data.benchmark)
    export_model(model.fit(data.data, data.target), tmp_path / "model.pkl")
    assert (tmp_path / "model.pkl").stat().st_size > 0


def test_a_pickle_of_a_fitted_model_has_no_benchmark(data):
    X, y, benchmark = data.data, data.target, data.benchmark
    model = ResidualTargetRegressor(Ridge(), by=benchmark)
    # a search sends models to its workers before they are fitted
    assert pickle.loads(pickle.dumps(model)).by.equals(benchmark)
    text = pickle.dumps(model.fit(X, y))
    assert len(text) < 4000
    again = pickle.loads(text)
    assert_allclose(again.predict(X), model.predict(X))
    assert clone(model).by.equals(benchmark)
    with pytest.raises(TypeError, match=r"set_params\(by=benchmark"):
        again.fit(X, y)
    refitted = again.set_params(by=benchmark).fit(X, y)
    assert_allclose(refitted.predict(X), model.predict(X))
    by_name = ResidualTargetRegressor(Ridge(), by=[X.columns[0]]).fit(X, y)
    assert pickle.loads(pickle.dumps(by_name)).by == [X.columns[0]]
