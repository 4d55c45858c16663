"""What takes more than a few seconds shows a bar, and says how long it will take."""

import inspect

import numpy as np
import pandas as pd
import pytest
import tqdm.auto
from sklearn.linear_model import Ridge

from sknumerai.portfolio import TrueContribution, leave_one_out_contribution
from sknumerai.preprocessing import (
    FeatureNeutralizer,
    PermutationImportanceSelector,
    neutralize,
    reduce_exposure,
)
from tests.discovery import public_objects

# public names of work that is long at the real size
LONG = {
    "load_numerai", "fetch_numerai", "write_numerai", "neutralize", "reduce_exposure",
    "PermutationImportanceSelector", "OptunaSearchRegressor", "WarmStartWalkForward",
    "era_cross_validate", "era_cross_val_predict", "TrueContribution", "plan_job",
    "leave_one_out_contribution", "FeatureNeutralizer", "EraEnsembleRegressor", "EraBoostingRegressor",
    "FoldAveragingRegressor", "SeedAveragingRegressor", "MultiTargetRegressor",
    "RankAveragingRegressor", "EnsembleSelectionRegressor", "MLPRegressor",
    "SupervisedAutoencoderRegressor", "ContextAwareRanker", "DenoisingAutoencoder",
}  # fmt: skip


@pytest.fixture
def bars(monkeypatch):
    """Descriptions and totals of the bars that are made."""
    made = []

    class Bar(tqdm.std.tqdm):
        def __init__(self, iterable=None, desc=None, total=None, **kwargs):
            super().__init__(iterable, desc, total, **kwargs)
            made.append((desc, self.total))

    monkeypatch.setattr(tqdm.auto, "tqdm", Bar)
    return made


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    index = pd.MultiIndex.from_product([[1, 2, 3], range(40)], names=["era", "id"])
    X = pd.DataFrame(rng.integers(0, 5, (120, 3)), index=index, columns=list("abc"))
    P = pd.DataFrame(rng.normal(size=(120, 2)), index=index)
    return X, P, pd.Series(rng.normal(size=120), index=index)


def test_long_work_has_a_verbose():
    found = {name.rpartition(".")[2]: obj for name, obj in public_objects()}
    without = [
        name
        for name in LONG
        if "verbose" not in inspect.signature(found[name]).parameters
    ]
    assert not without


def test_bars_over_eras_and_features(rows, bars):
    X, P, y = rows
    neutralize(P, X)
    reduce_exposure(P, X)
    TrueContribution(n_rounds=2, random_state=0).fit(P, [1, 1], y)
    leave_one_out_contribution(P, [1, 1], y)
    PermutationImportanceSelector(Ridge(), verbose=True).fit(X, y)
    table = X.join(P[0].rename("p"))
    FeatureNeutralizer(["p"], list("abc"), verbose=True).fit_transform(table)
    assert bars == [
        ("neutralize", 3),
        ("reduce_exposure", 3),
        ("TrueContribution.fit", 3),
        ("leave_one_out_contribution", 3),
        ("PermutationImportanceSelector", 3),
        ("FeatureNeutralizer.transform", 3),
    ]


def test_no_bars_where_none_are_wanted(rows, bars):
    X, P, y = rows
    neutralize(P, X, verbose=0)
    # a live era is one
    neutralize(P.loc[[1]], X.loc[[1]])
    TrueContribution(n_rounds=2, verbose=0).fit(P, [1, 1], y)
    PermutationImportanceSelector(Ridge()).fit(X, y)
    assert bars == []
