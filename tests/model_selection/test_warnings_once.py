"""What is the same in all folds is warned of once."""

import warnings

import pytest
from optuna.distributions import FloatDistribution
from sklearn.linear_model import Ridge
from sklearn.metrics import make_scorer, r2_score

from sknumerai.datasets import make_numerai
from sknumerai.exceptions import HorizonWarning
from sknumerai.metrics import bmc_score, make_era_scorer, numerai_scoring
from sknumerai.model_selection import (
    GroupTimeSeriesSplit,
    OptunaSearchRegressor,
    WarmStartWalkForward,
    era_cross_validate,
)

CV = GroupTimeSeriesSplit(3, test_size=4, embargo=2)


@pytest.fixture(scope="module")
def data():
    return make_numerai(
        n_eras=30, n_samples_per_era=30, targets="target_ender_20", random_state=0
    )


@pytest.fixture(scope="module")
def scoring(data):
    benchmark = data.benchmark.iloc[:, 0].rename("v53_lgbm_ender60")
    return numerai_scoring(benchmark=benchmark, metrics=["corr", "bmc", "lpayout"])


def cross_validated(data, scoring, **how):
    data = data.data, data.target.to_frame()
    return era_cross_validate(Ridge(), *data, cv=CV, scoring=scoring, verbose=0, **how)


def walked(data, scoring):
    walk = WarmStartWalkForward(Ridge(), CV, warm_start=False, scoring=scoring)
    return walk.fit(data.data, data.target)


def searched(data, scoring):
    space = {"alpha": FloatDistribution(1, 9)}
    how = {"cv": CV, "n_trials": 2, "refit": "bmc", "random_state": 0}
    search = OptunaSearchRegressor(Ridge(), space, scoring=scoring, **how)
    return search.fit(data.data, data.target)


@pytest.mark.parametrize("run", [cross_validated, walked, searched])
def test_other_horizons_are_told_once_whatever_the_folds(data, scoring, run):
    """Each fold warned, twice where eras are scored too: thirty lines of the same."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        run(data, scoring)
    said = [w for w in said if w.category is HorizonWarning]
    # the benchmark, and the rule of the payouts
    assert ["'v53_lgbm_ender60'" in str(w.message) for w in said] == [True, False]
    assert {w.filename for w in said} == {__file__}


def test_each_scorer_tells(data, scoring):
    """And others have nothing to tell."""
    bmc = make_era_scorer(bmc_score, benchmark=scoring.side_inputs["benchmark"])
    scorers = {"all": scoring, "bmc": bmc, "r2": make_scorer(r2_score)}
    with pytest.warns(HorizonWarning) as said:
        found = cross_validated(data, scorers, n_jobs=2)
    assert len([w for w in said if w.category is HorizonWarning]) == 3
    # and the scorer itself is as it was
    with pytest.warns(HorizonWarning):
        bmc(Ridge().fit(data.data, data.target), data.data, data.target)
    assert {"test_all_bmc", "test_bmc", "test_r2"} <= set(found)
