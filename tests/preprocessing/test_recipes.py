"""Selection and features by scikit-learn's own, with eras in the index.

Each pipeline is scored by era in a walk-forward, which it can only be if no step loses
the rows' eras, and selects inside the folds.
"""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.ensemble import VotingRegressor
from sklearn.feature_selection import (
    RFE,
    SelectFromModel,
    SelectPercentile,
    mutual_info_regression,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Lasso, LassoCV, Ridge
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import PolynomialFeatures

from sknumerai.datasets import make_numerai
from sknumerai.metrics import numerai_corr_scorer
from sknumerai.model_selection import GroupTimeSeriesSplit
from sknumerai.neural_network import MLPRegressor
from sknumerai.preprocessing import (
    CorrelationClusterSelector,
    EraQuantileScaler,
    FeatureGroupStatistics,
    FeatureScaler,
    GaussianRankScaler,
    MissingCodeTransformer,
    PermutationImportanceSelector,
    StableFeatureSelector,
)

CV = GroupTimeSeriesSplit(n_splits=2, test_size=5)


@pytest.fixture(scope="module")
def data():
    return make_numerai(
        n_eras=30, n_samples_per_era=50, n_features=20, missing=0.2, random_state=0
    )


def pandas(step):
    return step.set_output(transform="pandas")


def tenth(X):
    """For max_features: scikit-learn's threshold knows no quantiles."""
    return X.shape[1] // 10


def mutual_information():
    score = partial(mutual_info_regression, discrete_features=True, random_state=0)
    return SelectPercentile(score, percentile=25)


PIPELINES = {
    "lasso quantile": [pandas(SelectFromModel(Lasso(1e-3), max_features=tenth))],
    "mutual information": [pandas(mutual_information())],
    "rfe of lasso": [pandas(RFE(Lasso(1e-4), n_features_to_select=5, step=5))],
    "polynomials, then selection": [
        StableFeatureSelector(5),
        pandas(PolynomialFeatures(2, interaction_only=True, include_bias=False)),
        StableFeatureSelector(8),
        FeatureScaler((0, 16)),
    ],
    "pca": [FeatureScaler(output_range=(-1, 1)), pandas(PCA(4)), GaussianRankScaler()],
    "clusters": [CorrelationClusterSelector(0.2, representative="target")],
    "permutation": [
        PermutationImportanceSelector(
            Ridge(), scoring=numerai_corr_scorer, cv=2, n_repeats=2, random_state=0
        )
    ],
    "missing, filled and told": [
        MissingCodeTransformer(fill="keep", add_indicator=True),
        FeatureScaler(),
    ],
    "of one's own": [
        pandas(PCA(3)),
        EraQuantileScaler(),
        FeatureGroupStatistics(passthrough=True),
    ],
    "truda's columns": [
        pandas(
            FeatureUnion(
                [
                    ("all", FeatureScaler()),
                    ("statistics", FeatureGroupStatistics(statistics=["mean"])),
                    (
                        "products",
                        make_pipeline(
                            StableFeatureSelector(4),
                            pandas(PolynomialFeatures(2, include_bias=False)),
                            FeatureScaler((0, 16)),
                        ),
                    ),
                ]
            )
        ),
        StableFeatureSelector(),
    ],
}


@pytest.mark.parametrize("name", PIPELINES)
def test_pipelines_are_scored_by_era(data, name):
    X, y = data.data, data.target
    model = make_pipeline(*map(clone, PIPELINES[name]), Ridge())
    scores = cross_val_score(
        model, X, y, cv=CV, scoring=numerai_corr_scorer, error_score="raise"
    )
    assert np.isfinite(scores).all()
    # and the steps hand the eras on: to an ensemble's member, that trains by era
    member = make_pipeline(
        *map(clone, PIPELINES[name]), MLPRegressor((4,), max_epochs=1, random_state=0)
    )
    VotingRegressor([("a", member)]).fit(X, y)
    member.fit(X, y)
    assert member[-1].eras_seen_.tolist() == list(range(1, 31))
    last = model.fit(X, y)[:-1].transform(X.loc[["0030"]])
    live = pd.concat({"X": X.loc["0030"]}, names=["era"])
    found = model[:-1].transform(live)
    np.testing.assert_array_equal(found, last)
    pd.testing.assert_index_equal(found.index, live.index)


def test_the_largest_coefficients_of_a_lasso_over_a_sample(data):
    X, y = data.data, data.target
    sample = np.arange(len(X)) % 3 == 0
    selector = SelectFromModel(LassoCV(max_iter=5000), max_features=tenth)
    selector.fit(X[sample], y[sample])
    assert selector.get_support().sum() == 2
    kept = np.abs(selector.estimator_.coef_)
    assert set(np.argsort(-kept)[:2]) == set(selector.get_support(indices=True))
    frozen = pandas(FrozenEstimator(selector))
    model = make_pipeline(frozen, Ridge()).fit(X, y)
    assert model[-1].n_features_in_ == 2


def test_mutual_information_over_a_sample_of_each_era(data):
    X, y = data.data, data.target
    sample = X.groupby(level="era").sample(frac=0.5, random_state=0).index
    selector = mutual_information().fit(X.loc[sample], y.loc[sample])
    frozen = pandas(FrozenEstimator(selector))
    model = make_pipeline(frozen, Ridge()).fit(X, y)
    assert model[-1].n_features_in_ == 5
    assert model[0].transform(X).shape == (len(X), 5)
