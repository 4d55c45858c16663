"""Scorers with side inputs in everything of scikit-learn that takes `scoring`.

Each score is compared with the plain loop: the metric of the fold's rows, with the side
input cut by hand.
"""

import pickle
import warnings

import numpy as np
import optuna
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose
from optuna.distributions import FloatDistribution
from optuna_integration import OptunaSearchCV
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import permutation_importance
from sklearn.linear_model import Ridge
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    KFold,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknumerai.datasets import make_numerai
from sknumerai.exceptions import ScoringError
from sknumerai.metrics import (
    alpha_score,
    bmc_score,
    cwmm_score,
    exposure_dissimilarity,
    fnc_score,
    learn_payout_score,
    legacy_fnc_score,
    make_era_scorer,
    max_feature_exposure,
    mmc_score,
    neutral_contribution_score,
    neutral_corr_score,
    numerai_scoring,
    payout_score,
    prediction_correlation_score,
    rms_feature_exposure,
)
from sknumerai.model_selection import GroupTimeSeriesSplit

SPLITTERS = {
    "time series": GroupTimeSeriesSplit(n_splits=2, test_size=4),
    "shuffled": KFold(3, shuffle=True, random_state=0),
    "groups": GroupKFold(3),
}


@pytest.fixture(scope="module")
def data():
    return make_numerai(
        n_eras=24,
        n_samples_per_era=40,
        n_features=6,
        targets="target_ender_20",
        random_state=0,
    )


@pytest.fixture(scope="module")
def sides(data):
    """Side inputs of all rows, in another order than the rows'."""
    rng = np.random.default_rng(0)
    order = rng.permutation(len(data.data))
    weight = pd.Series(rng.uniform(0.5, 1.5, len(order)), index=data.data.index)
    return {
        "benchmark": data.benchmark[["v53_lgbm_ender20"]].iloc[order],
        "meta_model": data.meta_model.iloc[order],
        "other": data.benchmark["v53_lgbm_ender60"].iloc[order],
        "example_predictions": data.benchmark["v53_lgbm_ender20"].iloc[order],
        "features": data.data.iloc[order, :4],
        "neutralizers": data.data.iloc[order, :3].astype(float),
        "sample_weight": weight.iloc[order],
    }


METRICS = {
    mmc_score: ["meta_model"],
    bmc_score: ["benchmark"],
    cwmm_score: ["meta_model"],
    payout_score: ["meta_model"],
    learn_payout_score: ["benchmark"],
    fnc_score: ["features"],
    legacy_fnc_score: ["features"],
    neutral_corr_score: ["neutralizers"],
    neutral_contribution_score: ["meta_model", "neutralizers"],
    max_feature_exposure: ["features"],
    rms_feature_exposure: ["features"],
    exposure_dissimilarity: ["features", "example_predictions"],
    prediction_correlation_score: ["other"],
    alpha_score: ["neutralizers", "sample_weight"],
}
PARAMS = {payout_score: {"policy": "ender20"}}


def by_hand(metric, names, data, sides, cv, model=None, **params):
    X, y = data.data, data.target
    scores = []
    groups = data.eras if isinstance(cv, GroupKFold) else None
    for train, test in cv.split(X, y, groups):
        fitted = clone(model or Ridge()).fit(X.iloc[train], y.iloc[train])
        cut = [sides[name].loc[X.index[test]] for name in names]
        pred = fitted.predict(X.iloc[test])
        scores.append(metric(y.iloc[test], pred, *cut, **params))
    return scores


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.__name__)
@pytest.mark.parametrize("splitter", SPLITTERS)
def test_cross_val_score_is_the_plain_loop(metric, splitter, data, sides):
    cv, params = SPLITTERS[splitter], PARAMS.get(metric, {})
    given = {name: sides[name] for name in METRICS[metric]}
    scorer = make_era_scorer(metric, **given, **params)
    got = cross_val_score(
        Ridge(),
        data.data,
        data.target,
        groups=data.eras if splitter == "groups" else None,
        cv=cv,
        scoring=scorer,
        error_score="raise",
    )
    expected = by_hand(metric, METRICS[metric], data, sides, cv, **params)
    assert_allclose(got, expected, rtol=1e-9)
    assert np.isfinite(got).all()


@pytest.mark.parametrize("aggregate", ["sharpe", "worst", "mean_plus_worst", "min"])
def test_aggregates_by_name(aggregate, data, sides):
    scorer = make_era_scorer(
        bmc_score, aggregate=aggregate, benchmark=sides["benchmark"]
    )
    cv = SPLITTERS["time series"]
    got = cross_val_score(Ridge(), data.data, data.target, cv=cv, scoring=scorer)
    expected = by_hand(bmc_score, ["benchmark"], data, sides, cv, aggregate=aggregate)
    assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize("metric", [fnc_score, max_feature_exposure])
def test_features_are_columns_of_x_or_x_itself(metric, data, sides):
    X, y, cv = data.data, data.target, SPLITTERS["shuffled"]
    names = list(X.columns[[4, 1]])
    for given, frame in ((names, X[names]), (None, X)):
        scorer = make_era_scorer(metric, features=given)
        got = cross_val_score(Ridge(), X, y, cv=cv, scoring=scorer, error_score="raise")
        expected = by_hand(metric, ["features"], data, {"features": frame}, cv)
        assert_allclose(got, expected, rtol=1e-9)


def test_features_none_is_x_of_arrays_too(data):
    X, y = data.data.to_numpy(), data.target.to_numpy()
    eras = np.asarray(data.eras)
    got = make_era_scorer(fnc_score)(Ridge().fit(X, y), X, y, groups=eras)
    expected = fnc_score(y, Ridge().fit(X, y).predict(X), X, groups=eras)
    assert got == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_grid_search_of_all_metrics(n_jobs, data, sides):
    scoring = numerai_scoring(
        benchmark=sides["benchmark"], meta_model=sides["meta_model"], policy="ender20"
    )
    search = GridSearchCV(
        Ridge(),
        {"alpha": [1.0, 1e6]},
        scoring=scoring,
        refit="expected_payout",
        cv=SPLITTERS["time series"],
        error_score="raise",
        n_jobs=n_jobs,
    ).fit(data.data, data.target)
    cv = SPLITTERS["time series"]
    for name, metric, side in (
        ("bmc", bmc_score, "benchmark"),
        ("mmc", mmc_score, "meta_model"),
    ):
        expected = by_hand(metric, [side], data, sides, cv, Ridge(alpha=1e6))
        assert_allclose(search.cv_results_[f"mean_test_{name}"][1], np.mean(expected))
    corr, bmc = (search.cv_results_[f"mean_test_{name}"] for name in ("corr", "bmc"))
    payout = search.cv_results_["mean_test_expected_payout"]
    assert_allclose(payout, 0.75 * corr + 2.25 * bmc)
    assert search.best_score_ == payout.max()


def test_cross_validate_of_all_metrics(data, sides):
    cv = SPLITTERS["shuffled"]
    got = cross_validate(
        Ridge(),
        data.data,
        data.target,
        cv=cv,
        scoring=numerai_scoring(benchmark=sides["benchmark"], policy="ender20"),
        return_train_score=True,
        error_score="raise",
    )
    expected = by_hand(bmc_score, ["benchmark"], data, sides, cv)
    assert_allclose(got["test_bmc"], expected)
    assert {"train_bmc_sharpe", "test_benchmark_coverage"} <= set(got)


def test_a_dict_of_scorers(data, sides):
    scoring = {
        "bmc": make_era_scorer(bmc_score, benchmark=sides["benchmark"]),
        "mmc": make_era_scorer(mmc_score, meta_model=sides["meta_model"]),
    }
    cv = SPLITTERS["time series"]
    got = cross_validate(
        Ridge(), data.data, data.target, cv=cv, scoring=scoring, error_score="raise"
    )
    expected = by_hand(mmc_score, ["meta_model"], data, sides, cv)
    assert_allclose(got["test_mmc"], expected)


def test_permutation_importance(data, sides):
    X, y = data.data, data.target
    model = Ridge().fit(X, y)
    scoring = numerai_scoring(benchmark=sides["benchmark"], policy="ender20")
    found = permutation_importance(
        model, X, y, scoring=scoring, n_repeats=2, random_state=0
    )
    scorer = make_era_scorer(bmc_score, benchmark=sides["benchmark"])
    alone = permutation_importance(
        model, X, y, scoring=scorer, n_repeats=2, random_state=0
    )
    assert_allclose(found["bmc"].importances, alone.importances, atol=1e-12)
    assert alone.importances_mean.max() > 0


def test_halving_search_takes_a_single_number(data, sides):
    X, y = data.data, data.target
    params = {"alpha": [1.0, 1e3, 1e6, 1e9]}
    scorer = make_era_scorer(bmc_score, benchmark=sides["benchmark"])
    search = HalvingGridSearchCV(
        Ridge(),
        params,
        scoring=scorer,
        cv=KFold(2),
        min_resources=480,
        random_state=0,
        error_score="raise",
    ).fit(X, y)
    assert np.isfinite(search.best_score_)


def optuna_search(scoring, cv, **params):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # experimental, says Optuna of its search
        return OptunaSearchCV(
            Ridge(),
            {"alpha": FloatDistribution(1, 1e4, log=True)},
            cv=cv,
            scoring=scoring,
            n_trials=2,
            random_state=0,
            error_score="raise",
            **params,
        )


@pytest.mark.filterwarnings("ignore")
def test_optuna_search_with_eras_in_the_index(data, sides):
    scorer = make_era_scorer(
        learn_payout_score, benchmark=sides["benchmark"], corr_weight=3, bmc_weight=15
    )
    cv = SPLITTERS["time series"]
    search = optuna_search(scorer, cv).fit(data.data, data.target)
    assert all(trial.state.name == "COMPLETE" for trial in search.trials_)
    expected = by_hand(
        learn_payout_score,
        ["benchmark"],
        data,
        sides,
        cv,
        Ridge(**search.best_params_),
        corr_weight=3,
        bmc_weight=15,
    )
    assert search.best_score_ == pytest.approx(np.mean(expected))


@pytest.mark.filterwarnings("ignore")
def test_optuna_says_what_is_wrong_with_a_benchmark(data):
    """Of a ValueError it says that dtypes are not compatible with add.reduce."""
    scorer = make_era_scorer(bmc_score, benchmark=data.benchmark.loc["0001":"0010"])
    search = optuna_search(scorer, KFold(2))
    with pytest.raises(ScoringError, match="benchmark covers 10 of 12 eras"):
        search.fit(data.data, data.target)


def test_arrays_with_routing(data, sides):
    # y keeps the index, by which the benchmark is matched
    X, y = data.data.to_numpy(), data.target
    cv = GroupKFold(3)
    scorer = make_era_scorer(bmc_score, benchmark=sides["benchmark"])
    scoring = numerai_scoring(benchmark=sides["benchmark"], policy="ender20")
    with sklearn.config_context(enable_metadata_routing=True):
        given = {"params": {"groups": data.eras}, "cv": cv, "error_score": "raise"}
        one = cross_val_score(Ridge(), X, y, scoring=scorer, **given)
        all_of_them = cross_validate(Ridge(), X, y, scoring=scoring, **given)
        search = GridSearchCV(
            Ridge(), {}, scoring=scoring, refit="bmc", cv=cv, error_score="raise"
        ).fit(X, y, groups=data.eras)
    expected = by_hand(bmc_score, ["benchmark"], data, sides, cv)
    assert_allclose(one, expected)
    assert_allclose(all_of_them["test_bmc"], expected)
    assert search.best_score_ == pytest.approx(np.mean(expected))


def test_default_index_is_labels_in_folds(data):
    """Rows of a frame with a default index keep their numbers in folds."""
    X, y = data.data.reset_index(drop=True), data.target.reset_index(drop=True)
    benchmark = data.benchmark[["v53_lgbm_ender20"]].reset_index(drop=True)
    scorer = make_era_scorer(bmc_score, benchmark=benchmark)
    eras = data.eras.to_numpy()
    for test in (np.arange(400, 800), np.arange(0, 400), np.arange(0, 960, 2)):
        # a slice keeps a default index, other rows do not
        rows = slice(test[0], test[-1] + 1) if len(test) == 400 else test
        model = Ridge().fit(X, y)
        pred = model.predict(X.iloc[rows])
        got = scorer(model, X.iloc[rows], y.iloc[rows], groups=eras[rows])
        expected = bmc_score(
            y.to_numpy()[rows], pred, benchmark.to_numpy()[rows], groups=eras[rows]
        )
        assert got == pytest.approx(expected, rel=1e-12)
    shuffled = np.random.default_rng(0).permutation(len(X))
    got = scorer(model, X.iloc[shuffled], y.iloc[shuffled], groups=eras[shuffled])
    assert got == pytest.approx(scorer(model, X, y, groups=eras), rel=1e-9)


def test_era_beside_the_numbers_of_a_default_index(data):
    """The index of ``X.set_index("era", append=True)`` and a plain benchmark."""
    numbers = pd.RangeIndex(len(data.data))
    index = pd.MultiIndex.from_arrays(
        [numbers, data.eras.to_numpy()], names=[None, "era"]
    )
    X, y = data.data.set_axis(index), data.target.set_axis(index)
    benchmark = data.benchmark[["v53_lgbm_ender20"]].set_axis(numbers)
    model, test = Ridge().fit(X, y), np.random.default_rng(0).permutation(len(X))
    scorer = make_era_scorer(bmc_score, benchmark=benchmark)
    expected = scorer(model, X, y)
    assert scorer(model, X.iloc[test], y.iloc[test]) == pytest.approx(expected)


def test_y_without_index_takes_that_of_x(data, sides):
    X, y = data.data, data.target
    scorer = make_era_scorer(bmc_score, benchmark=sides["benchmark"])
    model = Ridge().fit(X, y)
    assert scorer(model, X, y.to_numpy()) == scorer(model, X, y)


def test_pipeline_that_drops_the_index(data, sides):
    scorer = make_era_scorer(bmc_score, benchmark=sides["benchmark"])
    model = make_pipeline(StandardScaler(), Ridge())
    cv = SPLITTERS["time series"]
    got = cross_val_score(model, data.data, data.target, cv=cv, scoring=scorer)
    expected = by_hand(bmc_score, ["benchmark"], data, sides, cv, model)
    assert_allclose(got, expected)


def test_clones_of_a_search_share_the_side_inputs(data, sides):
    for scoring in (
        make_era_scorer(bmc_score, benchmark=sides["benchmark"]),
        numerai_scoring(benchmark=sides["benchmark"]),
    ):
        for held in (scoring, {"a": scoring}):
            search = clone(GridSearchCV(Ridge(), {}, scoring=held, refit=False))
            copy = search.scoring["a"] if isinstance(held, dict) else search.scoring
            assert copy is not scoring
            assert copy.side_inputs["benchmark"] is sides["benchmark"]
        loaded = pickle.loads(pickle.dumps(scoring))
        model = Ridge().fit(data.data, data.target)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = scoring(model, data.data, data.target)
            assert loaded(model, data.data, data.target) == expected


def test_search_prints_no_data(data):
    scorer = make_era_scorer(bmc_score, benchmark=data.benchmark)
    search = GridSearchCV(Ridge(), {}, scoring=scorer)
    assert "benchmark=<DataFrame of shape (960, 2)>" in repr(search)
    assert len(repr(search.get_params())) < 1000
    assert "numerai_scoring(features=<4 columns of X>" in repr(
        GridSearchCV(Ridge(), {}, scoring=numerai_scoring(features=list("abcd")))
    )
