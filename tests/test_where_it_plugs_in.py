"""The places where users put our estimators, splitters and scorers.

Nothing is switched on: the eras travel in the index. Then the same on plain arrays
with metadata routing. Then a wrong call of each kind, and what it says.
"""

import warnings

import numpy as np
import optuna
import pytest
import sklearn
from optuna.distributions import FloatDistribution
from optuna_integration import OptunaSearchCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import VotingRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sknumerai.datasets import make_numerai
from sknumerai.exceptions import (
    LeakageWarning,
    MissingErasError,
    ScoringError,
    UnknownHorizonError,
)
from sknumerai.metrics import (
    bmc_score,
    learn_payout_score,
    make_era_scorer,
    numerai_corr_score,
    numerai_corr_scorer,
    numerai_scoring,
    numerai_sharpe_scorer,
)
from sknumerai.model_selection import GroupTimeSeriesSplit
from sknumerai.neural_network import MLPRegressor, SupervisedAutoencoderRegressor


@pytest.fixture(scope="module")
def data():
    return make_numerai(
        n_eras=40, n_samples_per_era=60, targets="target_ender_20", random_state=0
    )


def mlp(**params):
    return MLPRegressor((8,), max_epochs=2, random_state=0).set_params(**params)


def sae(**params):
    model = SupervisedAutoencoderRegressor(
        (4, 4, 8), dropouts=0.1, max_epochs=2, random_state=0
    )
    return model.set_params(**params)


CV = GroupTimeSeriesSplit(n_splits=3, test_size=6)
INNER_CV = GroupTimeSeriesSplit(n_splits=2, test_size=2, embargo=8)


def pandas_scaler():
    return StandardScaler().set_output(transform="pandas")


MODELS = {
    "mlp": mlp(),
    "sae": sae(),
    "pipeline": make_pipeline(StandardScaler(), mlp()),
    "voting": VotingRegressor([("mlp", mlp()), ("sae", sae()), ("ridge", Ridge())]),
    "voting of pipelines": VotingRegressor(
        [("a", make_pipeline(pandas_scaler(), mlp())), ("b", Ridge())]
    ),
    "transformed target": TransformedTargetRegressor(
        mlp(), transformer=FunctionTransformer(np.sqrt, np.square, check_inverse=False)
    ),
    "as a transformer": make_pipeline(sae(), Ridge()),
    "grid search": GridSearchCV(
        mlp(), {"lr": [1e-3, 1e-2]}, cv=INNER_CV, scoring=numerai_corr_scorer
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_cross_val_score_with_eras_in_the_index(data, name):
    X, y = data.data, data.target
    scores = cross_val_score(
        MODELS[name], X, y, cv=CV, scoring=numerai_corr_scorer, error_score="raise"
    )
    assert scores.shape == (3,) and np.isfinite(scores).all()


def test_cross_val_score_with_groups_passed(data):
    X, y, eras = data.data, data.target, data.eras
    scores = cross_val_score(
        mlp(), X, y, groups=eras, cv=CV, scoring=numerai_corr_scorer
    )
    from_index = cross_val_score(mlp(), X, y, cv=CV, scoring=numerai_corr_scorer)
    np.testing.assert_array_equal(scores, from_index)


def test_the_score_is_that_of_the_loop_by_hand(data):
    X, y = data.data, data.target
    by_hand = [
        numerai_corr_score(
            y.iloc[test], mlp().fit(X.iloc[train], y.iloc[train]).predict(X.iloc[test])
        )
        for train, test in CV.split(X, y)
    ]
    scores = cross_val_score(mlp(), X, y, cv=CV, scoring=numerai_corr_scorer)
    np.testing.assert_allclose(scores, by_hand, rtol=1e-12)


def test_several_scorers_and_processes(data):
    X, y = data.data, data.target
    scoring = {"corr": numerai_corr_scorer, "sharpe": numerai_sharpe_scorer}
    one = cross_validate(mlp(), X, y, cv=CV, scoring=scoring)
    two = cross_validate(mlp(), X, y, cv=CV, scoring=scoring, n_jobs=2)
    for name in ("test_corr", "test_sharpe"):
        np.testing.assert_allclose(one[name], two[name], rtol=1e-6)


def test_grid_search_with_groups(data):
    X, y, eras = data.data, data.target, data.eras
    search = GridSearchCV(
        make_pipeline(pandas_scaler(), mlp()),
        {"mlpregressor__lr": [1e-3, 1e-2]},
        cv=CV,
        scoring=numerai_corr_scorer,
        error_score="raise",
    ).fit(X, y, groups=eras)
    assert np.isfinite(search.best_score_)
    assert search.best_estimator_[-1].eras_seen_.tolist() == list(range(1, 41))


def optuna_search(estimator, n_trials=2, scoring=numerai_corr_scorer):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # experimental, says Optuna of its search
        return OptunaSearchCV(
            estimator,
            {"lr": FloatDistribution(1e-3, 1e-2, log=True)},
            cv=CV,
            scoring=scoring,
            n_trials=n_trials,
            random_state=0,
            error_score="raise",
        )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("model", [mlp(), sae()])
def test_optuna_search_with_eras_in_the_index(data, model):
    X, y = data.data, data.target
    for groups in (None, data.eras):
        search = optuna_search(model).fit(X, y, groups=groups)
        assert all(trial.state.name == "COMPLETE" for trial in search.trials_)
        assert np.isfinite(search.best_score_)
        assert search.best_estimator_.eras_seen_.tolist() == list(range(1, 41))


@pytest.mark.parametrize(
    "name",
    ["mlp", "sae", "pipeline", "voting", "voting of pipelines", "grid search"],
)
def test_plain_arrays_with_routing(data, name):
    X, y = data.data.to_numpy(), data.target.to_numpy()
    cv = GroupTimeSeriesSplit(n_splits=3, test_size=6, embargo=8)
    model = sklearn.clone(MODELS[name])
    with sklearn.config_context(enable_metadata_routing=True):
        scores = cross_val_score(
            model,
            X,
            y,
            cv=cv,
            scoring=numerai_corr_scorer,
            params={"groups": data.eras},
            error_score="raise",
        )
        fitted = model.fit(X, y, groups=data.eras)
    assert np.isfinite(scores).all()
    if name in ("mlp", "sae"):
        assert fitted.eras_seen_.tolist() == list(range(1, 41))
    with_index = cross_val_score(
        MODELS[name], data.data, data.target, cv=CV, scoring=numerai_corr_scorer
    )
    np.testing.assert_allclose(scores, with_index, rtol=1e-5, atol=1e-7)


def test_fit_with_groups(data):
    X, y = data.data.to_numpy(), data.target.to_numpy()
    for model in (mlp(), sae()):
        fitted = model.fit(X, y, groups=data.eras)
        assert fitted.eras_seen_.tolist() == list(range(1, 41))
        assert fitted.predict(X, groups=data.eras).shape == y.shape


@pytest.mark.parametrize("name", MODELS)
def test_benchmark_of_each_fold(data, name):
    X, y, benchmark = data.data, data.target, data.benchmark[["v53_lgbm_ender20"]]
    scoring = numerai_scoring(benchmark=benchmark, policy="ender20")
    with warnings.catch_warnings():
        # the folds do not overlap
        warnings.simplefilter("error", LeakageWarning)
        found = cross_validate(
            MODELS[name], X, y, cv=CV, scoring=scoring, error_score="raise"
        )
    train, test = next(iter(CV.split(X, y)))
    model = sklearn.clone(MODELS[name]).fit(X.iloc[train], y.iloc[train])
    pred = model.predict(X.iloc[test])
    by_hand = bmc_score(y.iloc[test], pred, benchmark.iloc[test])
    assert found["test_bmc"][0] == pytest.approx(by_hand, rel=1e-5)
    assert (found["test_benchmark_coverage"] == 1).all()


@pytest.mark.parametrize("name", [n for n in MODELS if n != "as a transformer"])
def test_scores_of_fitted_eras_are_warned_of(data, name):
    """As scikit-learn's own scores on training rows are."""
    X, y = data.data.loc["0001":"0024"], data.target.loc["0001":"0024"]
    cv = GroupTimeSeriesSplit(n_splits=1, test_size=4, embargo=4)
    with pytest.warns(LeakageWarning, match="16 of the 16 eras that are scored"):
        cross_validate(
            MODELS[name],
            X,
            y,
            cv=cv,
            scoring=numerai_corr_scorer,
            return_train_score=True,
            error_score="raise",
        )


@pytest.mark.filterwarnings("ignore")
def test_optuna_search_for_the_expected_payout(data):
    scorer = make_era_scorer(
        learn_payout_score, benchmark=data.benchmark, corr_weight=3, bmc_weight=15
    )
    search = optuna_search(mlp(), scoring=scorer).fit(data.data, data.target)
    assert all(trial.state.name == "COMPLETE" for trial in search.trials_)
    assert np.isfinite(search.best_score_)


def test_grid_search_for_the_expected_payout(data):
    search = GridSearchCV(
        make_pipeline(pandas_scaler(), mlp()),
        {"mlpregressor__lr": [1e-3, 1e-2]},
        cv=CV,
        scoring=numerai_scoring(
            benchmark=data.benchmark[["v53_lgbm_ender20"]],
            meta_model=data.meta_model,
            features=list(data.data.columns[:5]),
            policy="ender20",
        ),
        refit="expected_payout",
        error_score="raise",
    ).fit(data.data, data.target)
    assert np.isfinite(search.cv_results_["mean_test_fnc"]).all()
    assert search.best_score_ == search.cv_results_["mean_test_expected_payout"].max()


def test_wrong_side_inputs_say_what_is_wrong(data):
    X, y, benchmark = data.data, data.target, data.benchmark[["v53_lgbm_ender20"]]
    model = mlp().fit(X.loc["0001":"0020"], y.loc["0001":"0020"])
    late = X.loc["0031":"0040"], y.loc["0031":"0040"]
    with pytest.raises(TypeError, match="bmc_score needs benchmark"):
        make_era_scorer(bmc_score)
    with pytest.raises(TypeError, match="numerai_corr_score takes no benchmark"):
        make_era_scorer(numerai_corr_score, benchmark=benchmark)
    scorer = make_era_scorer(bmc_score, benchmark=benchmark.loc["0001":"0035"])
    with pytest.raises(ScoringError, match="benchmark covers 5 of 10 eras"):
        scorer(model, *late)
    scorer = make_era_scorer(bmc_score, benchmark=benchmark.to_numpy())
    with pytest.raises(ScoringError, match="2400 rows, 600 are scored"):
        scorer(model, *late)
    scorer = make_era_scorer(bmc_score, benchmark=benchmark.droplevel("id"))
    with pytest.raises(ScoringError, match="come more than once"):
        scorer(model, *late)


def test_wrong_calls_say_what_is_wrong(data):
    X, y = data.data, data.target
    arrays = X.to_numpy(), y.to_numpy()
    no_eras = X.reset_index(drop=True), y.reset_index(drop=True)
    with pytest.raises(MissingErasError, match="needs the era of every row"):
        cross_val_score(mlp(), *arrays, cv=GroupTimeSeriesSplit(3, embargo=8))
    with pytest.raises(MissingErasError, match="needs the era of every row"):
        numerai_corr_scorer(mlp().fit(*no_eras), *no_eras)
    with pytest.raises(UnknownHorizonError, match="Pass the number of eras"):
        cross_val_score(mlp(), X, y.rename("target"), cv=CV)
    with pytest.raises(ValueError, match="40 eras"):
        cross_val_score(mlp(), X, y, cv=GroupTimeSeriesSplit(30, test_size=6))
    with pytest.raises(ValueError, match="differ"):
        cross_val_score(mlp(), X, y.iloc[::-1], cv=CV)
    with pytest.raises(ValueError, match="2399 eras for 2400 rows"):
        cross_val_score(mlp(), *arrays, groups=data.eras[:-1], cv=CV)


@pytest.mark.filterwarnings("ignore")
def test_optuna_does_not_swallow_missing_eras(data):
    arrays = data.data.to_numpy(), data.target.to_numpy()
    with pytest.raises(LookupError):
        optuna_search(mlp()).set_params(error_score=np.nan).fit(*arrays)


def test_multi_column_targets_score_the_main_one(data):
    bunch = make_numerai(
        n_eras=40,
        n_samples_per_era=60,
        targets=["target_ender_20", "target_jasper_20"],
        random_state=0,
    )
    X, Y = bunch.data, bunch.target
    scorer = make_era_scorer(numerai_corr_score)
    scores = cross_val_score(mlp(), X, Y, cv=CV, scoring=scorer, error_score="raise")
    train, test = next(iter(CV.split(X, Y)))
    fitted = mlp().fit(X.iloc[train], Y.iloc[train])
    main = numerai_corr_score(Y.iloc[test, 0], fitted.predict(X.iloc[test])[:, 0])
    assert scores[0] == pytest.approx(main)
