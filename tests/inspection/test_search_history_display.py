"""SearchHistoryDisplay: the trials of all kinds of searches, and what it draws."""

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.distributions import FloatDistribution
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold

from sknumerai.inspection import SearchHistoryDisplay
from sknumerai.model_selection import OptunaSearchRegressor
from tests.inspection.display_checks import (
    check_axes,
    check_pickle,
    check_without_matplotlib,
)


def objective(trial):
    lr = trial.suggest_float("lr", 1e-4, 1e-1, log=True)
    kind = trial.suggest_categorical("kind", ["a", "b", None])
    trial.suggest_categorical("flag", [True, False])
    if kind == "a":
        trial.suggest_int("n_a", 1, 3)
    value = -((np.log10(lr) + 2.5) ** 2)
    if trial.number == 3:
        raise RuntimeError("planted")
    trial.report(value - 1, 0)
    if trial.number % 7 == 5:
        raise optuna.TrialPruned
    return value


@pytest.fixture(scope="module")
def study():
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0)
    )
    study.optimize(objective, n_trials=40, catch=(RuntimeError,))
    optuna.logging.set_verbosity(level)
    return study


@pytest.fixture(scope="module")
def display(study):
    return SearchHistoryDisplay.from_study(study, plot=False)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    return X, X[:, 0] + rng.normal(size=60)


def test_trials_are_the_studys(study, display):
    assert display.direction == "maximize"
    assert display.log == ["lr"]
    for trial, row in zip(study.trials, display.trials.itertuples()):
        assert row.Index == trial.number
        assert row.state == trial.state.name.lower()
        assert np.isnan(row.value) if trial.value is None else row.value == trial.value
        for name, value in trial.params.items():
            assert display.params.loc[trial.number, name] == value
    assert display.params["n_a"].isna().sum() > 10
    done = [t.value if t.state.name == "COMPLETE" else -np.inf for t in study.trials]
    np.testing.assert_array_equal(display.best, np.maximum.accumulate(done))


def test_the_best_of_minimized_values_is_the_least():
    trials = pd.DataFrame(
        {
            "value": [3.0, 0.0, np.nan, 2.0],
            "state": ["complete", "pruned", "fail", "complete"],
        }
    )
    params = pd.DataFrame({"a": [1, 2, 3, 4]})
    display = SearchHistoryDisplay(trials, params, direction="minimize")
    assert display.best.to_list() == [3, 3, 3, 2]


def test_associations_find_what_matters(display):
    found = display.associations
    assert found.index[0] == "lr" and found["lr"] > 0.5
    assert (found.drop(["lr", "n_a"]) < 0.4).all()


def test_searches_of_the_package(rows, pyplot):
    search = OptunaSearchRegressor(
        Ridge(),
        {"alpha": FloatDistribution(1e-3, 1.0, log=True)},
        cv=KFold(2),
        scoring="r2",
        n_trials=4,
        random_state=0,
    ).fit(*rows)
    display = SearchHistoryDisplay.from_estimator(search)
    np.testing.assert_array_equal(display.trials["value"], search.cv_results_["value"])
    assert display.params["alpha"].to_list() == list(search.cv_results_["param_alpha"])
    assert display.best.iloc[-1] == search.best_score_
    assert [axis.get_xlabel() for axis in display.axes_] == ["trial", "alpha"]
    assert display.axes_[1].get_xscale() == "log"
    own = SearchHistoryDisplay.from_study(search.study_, plot=False)
    pd.testing.assert_series_equal(own.best, display.best)


@pytest.mark.filterwarnings("ignore")
def test_optunas_own_search(rows):
    integration = pytest.importorskip("optuna_integration")
    search = integration.OptunaSearchCV(
        Ridge(),
        {"alpha": FloatDistribution(1e-3, 1.0)},
        cv=2,
        n_trials=3,
        random_state=0,
    ).fit(*rows)
    display = SearchHistoryDisplay.from_estimator(search, plot=False)
    assert display.trials["value"].to_list() == [t.value for t in search.trials_]


def test_candidates_of_scikit_learns_searches(rows):
    grid = {"alpha": [0.1, 1, 10], "fit_intercept": [True, False]}
    make = SearchHistoryDisplay.from_estimator
    search = GridSearchCV(Ridge(), grid, cv=2).fit(*rows)
    display = make(search, plot=False)
    np.testing.assert_array_equal(
        display.trials["value"], search.cv_results_["mean_test_score"]
    )
    assert display.best.iloc[-1] == search.best_score_
    scoring = ["r2", "neg_mean_squared_error"]
    search = GridSearchCV(Ridge(), grid, cv=2, scoring=scoring, refit="r2").fit(*rows)
    assert make(search, plot=False).best.iloc[-1] == search.best_score_
    other = make(search, metric="neg_mean_squared_error", plot=False)
    assert (other.trials["value"] < 0).all()
    with pytest.raises(ValueError, match=r"no metric 'corr'.*one of \['r2', 'neg_mean"):
        make(search, metric="corr", plot=False)


def test_what_is_drawn(display, pyplot):
    axes = display.plot().axes_
    names = list(display.associations.index)
    assert [axis.get_xlabel() for axis in axes] == ["trial", *names]
    history = axes[0]
    complete, pruned, failed = history.collections
    trials = display.trials
    for marks, state in ((complete, "complete"), (pruned, "pruned")):
        expected = trials.loc[trials["state"] == state, "value"]
        np.testing.assert_allclose(marks.get_offsets()[:, 0], expected.index)
        np.testing.assert_allclose(marks.get_offsets()[:, 1], expected)
    assert failed.get_offsets()[:, 0].tolist() == [3]
    (best,) = history.lines
    np.testing.assert_allclose(best.get_ydata(), display.best)
    texts = [text.get_text() for text in history.get_legend().get_texts()]
    assert texts == ["complete (later: darker)", "pruned", "no value", "best so far"]
    lr, kind = axes[1 + names.index("lr")], axes[1 + names.index("kind")]
    assert lr.get_xscale() == "log"
    assert [text.get_text() for text in kind.get_xticklabels()] == ["None", "a", "b"]
    n_a = axes[1 + names.index("n_a")]
    there = display.params["n_a"].notna() & (trials["state"] == "complete")
    assert len(n_a.collections[0].get_offsets()) == there.sum()
    display.figure_.canvas.draw()


def test_parameters_are_chosen(display, pyplot):
    assert len(display.plot(n_params=2).axes_) == 3
    axes = display.plot(params=["flag"]).axes_
    assert [text.get_text() for text in axes[1].get_xticklabels()] == ["False", "True"]
    assert len(display.plot(params=[]).axes_) == 1
    with pytest.raises(ValueError, match=r"no parameters \['beta'\].*\['lr', 'kind'"):
        display.plot(params="beta")
    with pytest.raises(ValueError, match="n_params must be an integer of at least 0"):
        display.plot(n_params=-1)


def test_axes_pickle_and_matplotlib(pyplot, monkeypatch):
    trials = pd.DataFrame({"value": [0.1, 0.2], "state": "complete"})
    display = SearchHistoryDisplay(trials, pd.DataFrame({"alpha": [1.0, 500.0]}))
    check_axes(display, pyplot, 2)
    pd.testing.assert_frame_equal(check_pickle(display).trials, trials)
    check_without_matplotlib(display, monkeypatch)
    assert display.plot().axes_[1].get_xscale() == "log"


def test_bad_input_gets_a_sentence():
    with pytest.raises(ValueError, match="Ridge has no cv_results_ and no study_"):
        SearchHistoryDisplay.from_estimator(Ridge())
    study = optuna.create_study(directions=["maximize", "minimize"])
    with pytest.raises(ValueError, match="the study has 2 objectives"):
        SearchHistoryDisplay.from_study(study)
    with pytest.raises(ValueError, match="no trial of the study has ended"):
        SearchHistoryDisplay.from_study(optuna.create_study())
