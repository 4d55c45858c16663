"""What every ensemble keeps to."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_array_equal
from sklearn.linear_model import Ridge

from sknumerai.datasets import make_numerai
from sknumerai.ensemble import (
    EnsembleSelectionRegressor,
    EraBoostingRegressor,
    EraEnsembleRegressor,
    FoldAveragingRegressor,
    MultiTargetRegressor,
    NeutralizedRegressor,
    RankAveragingRegressor,
    ResidualTargetRegressor,
    SeedAveragingRegressor,
    select_ensemble,
)
from sknumerai.model_selection import GroupTimeSeriesSplit
from sknumerai.utils import fitted_eras

CV = GroupTimeSeriesSplit(2, test_size=2, embargo=4)


class Failing(Ridge):
    def fit(self, X, y, sample_weight=None):
        raise KeyboardInterrupt


class Careless(Ridge):
    """Looks at nothing."""

    def fit(self, X, y, sample_weight=None):
        self.n_fitted_ = len(y)
        return self

    def predict(self, X):
        return np.zeros(len(X))


def clone_with(model, member):
    name = "a" if hasattr(model, "estimators") else "estimator"
    return sklearn.clone(model).set_params(**{name: member})


def ensembles(member):
    return [
        EnsembleSelectionRegressor([("a", member)], CV),
        EraBoostingRegressor(member, 2),
        EraEnsembleRegressor(member, embargo=1),
        FoldAveragingRegressor(member, CV),
        MultiTargetRegressor(member),
        NeutralizedRegressor(member),
        RankAveragingRegressor([("a", member)]),
        ResidualTargetRegressor(member),
        SeedAveragingRegressor(member, 2),
    ]


each = pytest.mark.parametrize(
    "model", ensembles(Ridge()), ids=lambda model: type(model).__name__
)


@pytest.fixture(scope="module")
def data():
    return make_numerai(n_eras=16, n_samples_per_era=10, n_features=4, random_state=0)


@each
def test_a_fit_that_fails_leaves_what_was_fitted(model, data):
    X, y = data.data, data.target
    model = sklearn.clone(model).fit(X, y)
    expected = model.predict(X)
    name = "a" if hasattr(model, "estimators") else "estimator"
    model.set_params(**{name: Failing()})
    with pytest.raises(KeyboardInterrupt):
        model.fit(X.iloc[:, :2], y)
    assert model.n_features_in_ == 4
    assert_array_equal(model.predict(X), expected)
    # and the first fit that fails nothing
    fresh = sklearn.clone(model)
    with pytest.raises(KeyboardInterrupt):
        fresh.fit(X, y)
    assert vars(fresh).keys() == vars(sklearn.clone(model)).keys()


@each
@pytest.mark.parametrize("as_array", [False, True])
def test_unresolved_rows_are_refused_whatever_the_member_does(model, data, as_array):
    """LightGBM takes NaN for 0, and era boosting then learned from these eras alone."""
    y = data.target.copy()
    y.loc["0015":] = np.nan
    model = clone_with(model, Careless())
    with pytest.raises(ValueError, match=r"y contains NaN \(20 of 160 rows\)"):
        model.fit(data.data, y.to_numpy() if as_array else y, groups=data.eras)


@each
def test_targets_in_another_order_are_not_taken_by_position(model, data):
    X, y = data.data, data.target
    model = sklearn.clone(model)
    with pytest.raises(ValueError, match=r"indexes of X .* and y .* differ"):
        model.fit(X, y.sample(frac=1, random_state=0))


@each
def test_eras_of_other_rows_are_refused(model, data):
    X, y = data.data, data.target
    model = sklearn.clone(model)
    with pytest.raises(ValueError, match="159 eras for 160 rows"):
        model.fit(X, y, groups=data.eras.to_numpy()[:-1])
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples"):
        model.fit(X, y.iloc[:-1])


@pytest.mark.parametrize(
    "model",
    [
        FoldAveragingRegressor(Ridge(), []),
        EnsembleSelectionRegressor([("a", Ridge())], []),
    ],
    ids=["folds", "selection"],
)
def test_no_folds_are_named(model, data):
    with pytest.raises(ValueError, match="cv holds no splits"):
        model.fit(data.data, data.target)


@pytest.mark.parametrize(
    "train",
    [np.arange(160) >= 60, np.arange(-100, 0), np.arange(60, 160)],
    ids=["mask", "from the end", "positions"],
)
def test_folds_as_masks_and_from_the_end(train, data):
    X, y = data.data, data.target
    cv = [(train, np.arange(20))]
    expected = Ridge().fit(X[60:], y[60:])
    model = FoldAveragingRegressor(Ridge(), cv).fit(X, y)
    assert_array_equal(model.estimators_[0].coef_, expected.coef_)
    chosen = EnsembleSelectionRegressor([("a", Ridge())], cv).fit(X, y)
    early = expected.predict(X[:20])
    expected = select_ensemble(
        pd.DataFrame(early, X.index[:20]), y[:20], ranks="uniform"
    )
    assert chosen.selection_.score == expected.score


@pytest.mark.parametrize("model", ensembles(Ridge()), ids=lambda m: type(m).__name__)
def test_eras_that_were_learned_from_are_known(model):
    """Members know no eras, and nobody warned of scores of those they had seen."""
    data = make_numerai(n_eras=16, n_samples_per_era=12, random_state=0)
    X, y = data.data, data.target.rename("target_ender_20")
    seen = np.arange(1, 17)
    if isinstance(model, FoldAveragingRegressor):
        # the last fold tests two, and keeps four away from them
        seen = seen[:10]
    assert_array_equal(fitted_eras(sklearn.clone(model).fit(X, y)), seen)
    if not isinstance(model, EnsembleSelectionRegressor | FoldAveragingRegressor):
        blind = X.to_numpy(), y.to_numpy()
        again = model.fit(*blind, groups=data.eras.to_numpy())
        assert_array_equal(fitted_eras(again), seen)
        if not isinstance(model, EraBoostingRegressor | EraEnsembleRegressor):
            # nor are they those of an earlier fit
            assert fitted_eras(again.fit(*blind)) is None


def test_eras_without_the_benchmark_are_not_learned_from():
    data = make_numerai(n_eras=8, n_samples_per_era=12, random_state=0)
    late = data.benchmark.iloc[:, 0].loc["0004":]
    model = ResidualTargetRegressor(Careless(), late).fit(data.data, data.target)
    assert_array_equal(fitted_eras(model), np.arange(4, 9))
