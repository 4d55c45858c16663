"""What a review of the search found: storages, processes that die, who is who."""

import logging
import os
import pickle
from functools import partial

import numpy as np
import optuna
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.linear_model import Ridge

from sknumerai.datasets import make_numerai
from sknumerai.metrics import (
    bmc_score,
    make_era_scorer,
    numerai_corr_scorer,
    numerai_scoring,
)
from sknumerai.model_selection import GroupTimeSeriesSplit, PurgedGroupKFold
from sknumerai.model_selection import _search_study as module
from tests.model_selection import probes
from tests.model_selection.probes import alphas

pytestmark = pytest.mark.usefixtures("quiet_optuna")
search = partial(probes.search, cv=GroupTimeSeriesSplit(2, test_size=5, embargo=8))


@pytest.fixture(scope="module")
def data():
    return make_numerai(
        n_eras=40, n_samples_per_era=30, targets="target_ender_20", random_state=0
    )


@pytest.fixture
def storage(tmp_path):
    return str(tmp_path / "search.journal")


def trials_of(storage, name="search"):
    return optuna.load_study(
        study_name=name, storage=module.open_storage(storage)
    ).get_trials(deepcopy=False)


class Stop(BaseException):
    """As if the process had been killed: nothing is cleaned up after it."""


def killed_at(monkeypatch, attribute, number):
    """Kill a search in the `number`th call that sets an attribute of a trial."""
    calls, original = [], optuna.trial.Trial.set_user_attr

    def set_user_attr(self, name, value):
        if name == attribute:
            calls.append(name)
            if len(calls) == number:
                raise Stop
        original(self, name, value)

    monkeypatch.setattr(optuna.trial.Trial, "set_user_attr", set_user_attr)
    monkeypatch.setattr(module.SearchStudy, "give_up", lambda self, trials: None)
    yield
    monkeypatch.undo()


@pytest.mark.parametrize(
    ("attribute", "batch_size"), [(module.OWNER, 1), ("folds", 1), ("folds", 3)]
)
def test_killed_while_it_writes(data, storage, monkeypatch, attribute, batch_size):
    monkeypatch.setattr(module, "JUST_BEGUN", 0.2)
    X, y = data.data, data.target
    given = {"n_trials": 13, "batch_size": batch_size}
    expected = search(**given).fit(X, y)
    # of a batch of three the first trial's scores are about to be written
    kill = killed_at(monkeypatch, attribute, 13)
    next(kill)
    with pytest.raises(Stop):
        search(**given, storage=storage).fit(X, y)
    next(kill, None)
    monkeypatch.setattr(module, "JUST_BEGUN", 0.2)
    resumed = search(**given, storage=storage).fit(X, y)
    np.testing.assert_array_equal(sorted(alphas(resumed)), sorted(alphas(expected)))
    assert len(trials_of(storage)) <= 13 + batch_size + 1


def test_a_process_that_dies_while_another_lives_leaves_it_its_trial(data, storage):
    X, y = data.data, data.target
    expected = search(n_trials=5).fit(X, y)
    search(n_trials=2, storage=storage).fit(X, y)
    study = optuna.load_study(study_name="search", storage=module.open_storage(storage))
    dies = {}

    class Other(Ridge):
        def fit(self, X, y):
            if not dies:
                # begun by another process of this machine, which is gone
                trial = study.ask()
                owner = {"host": module.socket.gethostname(), "pid": os.getpid()}
                owner |= {"started": module._started(os.getpid()), "fit": "other"}
                trial.set_user_attr(module.OWNER, {**owner, "place": 3})
                dies["number"] = trial.number
            return super().fit(X, y)

    Other.__name__ = "Ridge"
    found = search(n_trials=5, storage=storage, estimator=Other()).fit(X, y)
    np.testing.assert_array_equal(sorted(alphas(found)), sorted(alphas(expected)))
    assert dies["number"] not in found.cv_results_["number"]


@pytest.mark.parametrize("hours", [-5, 5])
def test_a_machine_whose_clock_is_off_keeps_its_trial(data, monkeypatch, hours):
    storage = optuna.storages.InMemoryStorage()
    found = search(storage=storage, n_trials=2).fit(data.data, data.target)
    # begun by another machine, which is about to say which place it has
    running = optuna.trial.create_trial(state=optuna.trial.TrialState.RUNNING)
    running.datetime_start += pd.Timedelta(hours=hours)
    found.study_.add_trial(running)
    study = module.SearchStudy(
        storage, "search", dict(found.study_.user_attrs[module.FINGERPRINT]), None,
        None, 0, "test",
    )  # fmt: skip
    study.release()
    last = study.study.get_trials()[-1]
    assert last.state == running.state
    assert study._is_just_begun(last)
    # it never did: after a while, by the clock of this process, it has died
    monkeypatch.setattr(module, "JUST_BEGUN", 0.0)
    study.release()
    study.close()
    assert study.study.get_trials()[-1].state == optuna.trial.TrialState.FAIL


@pytest.mark.parametrize("kind", ["memory", "database", "journal"])
def test_a_storage_of_optuna_is_taken_as_it_is(data, tmp_path, kind):
    X, y = data.data, data.target
    storage = {
        "memory": optuna.storages.InMemoryStorage,
        "database": lambda: optuna.storages.RDBStorage(f"sqlite:///{tmp_path}/s.db"),
        "journal": lambda: module.open_storage(tmp_path / "s.journal"),
    }[kind]()
    expected = alphas(search().fit(X, y))
    first = search(storage=storage, n_trials=2).fit(X, y)
    found = search(storage=storage).fit(X, y)
    assert alphas(found) == expected and alphas(first) == expected[:2]
    assert len(optuna.load_study(study_name="search", storage=storage).trials) == 4
    assert pickle.loads(pickle.dumps(found)).storage is None
    clone(found).fit(X, y)
    with pytest.raises(ValueError, match="storage"):
        search(storage=3).fit(X, y)


def test_a_second_fit_leaves_nothing_of_the_first(data):
    X, y = data.data, data.target
    cv = GroupTimeSeriesSplit(2, test_size=4, valid_size=4, embargo=4)
    found = search(cv=cv, n_trials=2).fit(X, y)
    assert found.best_test_score_ is not None and found.refit_time_ > 0
    found.set_params(cv=PurgedGroupKFold(2, embargo=1), refit=False).fit(X, y)
    for name in ("best_estimator_", "best_test_score_", "refit_time_"):
        assert not hasattr(found, name)
    with pytest.raises(AttributeError, match="refit=True"):
        found.predict(X)


def test_another_process_may_search_without_a_refit(data, storage):
    X, y = data.data, data.target
    search(storage=storage, refit=False, n_trials=2).fit(X, y)
    assert len(alphas(search(storage=storage, n_trials=3).fit(X, y))) == 3


def test_equal_folds_have_no_sharpe_ratio(data):
    scoring = {"score": lambda e, X, y: 0.1}
    with pytest.raises(RuntimeError, match=r"none of 4 trials.*is NaN"):
        search(scoring=scoring, objective="sharpe").fit(data.data, data.target)
    with pytest.raises(ValueError, match=r"needs two of them\. Got 1"):
        cv = GroupTimeSeriesSplit(1, test_size=5, embargo=8)
        search(cv=cv, objective="sharpe").fit(data.data, data.target)


def one_space(trial):
    return {"alpha": trial.suggest_float("alpha", 1, 10)}


def another_space(trial):
    return {"alpha": trial.suggest_float("alpha", 1, 20)}


another_space.__qualname__ = "one_space"


def scaled(factor):
    return lambda estimator, X, y: factor * estimator.score(X, y)


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("param_distributions", one_space, another_space),
        ("scoring", lambda e, X, y: e.score(X, y), lambda e, X, y: -e.score(X, y)),
        ("scoring", scaled(1), scaled(2)),
        ("objective", lambda s: s.min(), lambda s: s.max()),
        ("batch_size", 1, 2),
    ],
)
def test_another_function_is_another_search(data, storage, name, first, second):
    X, y = data.data, data.target
    search(storage=storage, n_trials=1, **{name: first}).fit(X, y)
    with pytest.raises(ValueError, match=f"{name} was"):
        search(storage=storage, **{name: second}).fit(X, y)
    search(storage=storage, n_trials=2, **{name: first}).fit(X, y)


def test_another_benchmark_or_weight_is_another_search(data, storage):
    X, y = data.data, data.target
    benchmark = data.benchmark["v53_lgbm_ender20"]
    other = benchmark.copy()
    other.iloc[len(other) // 2] = 0.123
    score = partial(make_era_scorer, bmc_score)
    search(storage=storage, n_trials=1, scoring=score(benchmark=benchmark)).fit(X, y)
    with pytest.raises(ValueError, match="scoring was"):
        search(storage=storage, scoring=score(benchmark=other)).fit(X, y)
    weights = np.ones(len(X))
    given = {"storage": storage, "study_name": "weights", "n_trials": 1}
    search(**given).fit(X, y, sample_weight=weights)
    with pytest.raises(ValueError, match="fit_params was"):
        search(**given).fit(X, y, sample_weight=2 * weights)


class Slow(RegressorMixin, BaseEstimator):
    def __init__(self, alpha=1.0, n_jobs=None, verbose=0, tol=1.0):
        self.alpha, self.n_jobs, self.verbose, self.tol = alpha, n_jobs, verbose, tol

    def fit(self, X, y):
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X):
        return np.asarray(X)[:, 0] + 0.0


def test_the_same_search_on_another_machine_is_the_same(data, storage):
    X, y = data.data, data.target
    eras = data.eras.to_numpy()
    given = {"storage": storage, "n_trials": 1}
    search(**given, estimator=Slow(), scoring=None).fit(X, y)
    for estimator, scoring in (
        (Slow(n_jobs=2, verbose=1), None),
        (Slow(tol=1), numerai_corr_scorer),
    ):
        search(**given, estimator=estimator, scoring=scoring).fit(X, y)
    search(**given, estimator=Slow()).fit(X.to_numpy(), y.to_numpy(), groups=eras)


def test_a_study_of_another_direction_is_refused(data, storage):
    for name, directions in (("a", ["minimize"]), ("b", ["maximize", "minimize"])):
        optuna.create_study(
            study_name=name,
            storage=module.open_storage(storage),
            directions=directions,
        )
        with pytest.raises(ValueError, match="minimize, and a search maximizes"):
            search(storage=storage, study_name=name).fit(data.data, data.target)


def test_a_file_that_is_no_journal(data, tmp_path):
    (tmp_path / "notes").write_text("no journal\n")
    for name, said in (("notes", "no journal of Optuna"), ("", "is a folder")):
        with pytest.raises(ValueError, match=said):
            search(storage=tmp_path / name).fit(data.data, data.target)


def test_trials_that_are_told_are_not_told_again(data, caplog):
    optuna.logging.set_verbosity(optuna.logging.INFO)
    optuna.logging.enable_propagation()
    with caplog.at_level(logging.INFO):
        search(pruner=optuna.pruners.MedianPruner(1)).fit(data.data, data.target)
    optuna.logging.disable_propagation()
    assert "Skipped telling" not in caplog.text


def test_columns_of_scikit_learns_searches(data):
    found = search().fit(data.data, data.target).cv_results_
    expected = {"mean_fit_time", "std_fit_time", "mean_score_time", "std_score_time"}
    expected |= {"mean_test_score", "std_test_score", "rank_test_score", "params"}
    assert expected <= set(found)
    best = found["mean_test_score"].argmax()
    assert found["rank_test_score"][best] == 1


def test_a_splitter_of_the_users_own_with_a_validation_set(data):
    class Own:
        def get_n_splits(self, X=None, y=None, groups=None):
            return 2

        def split_with_validation(self, X, y=None, groups=None):
            inner = GroupTimeSeriesSplit(2, test_size=4, valid_size=4, embargo=4)
            return inner.split_with_validation(X, y, groups)

        def split(self, X, y=None, groups=None):
            raise AssertionError("the three parts were asked for")

    found = search(cv=Own(), select_on="valid").fit(data.data, data.target)
    assert "mean_valid_score" in found.cv_results_


def test_a_scorer_of_several_scores_in_a_dict(data):
    scoring = {"a": numerai_scoring(metrics=["corr", "spearman"])}
    found = search(scoring=scoring, refit="a_corr").fit(data.data, data.target)
    assert found.best_score_ == found.cv_results_["mean_test_a_corr"].max()
    scoring = {"score": numerai_corr_scorer, "b": numerai_corr_scorer}
    with pytest.raises(ValueError, match="refit must name"):
        search(scoring=scoring).fit(data.data, data.target)
    found = search(scoring=scoring, refit="score").fit(data.data, data.target)
    assert found.best_score_ == found.cv_results_["mean_test_score"].max()


def test_scores_of_minus_infinity_and_an_error(data):
    def scoring(estimator, X, y):
        if estimator.alpha > 1e4:
            raise ValueError("too large")
        return -np.inf

    found = search(scoring=scoring, error_score=np.nan, n_trials=8)
    found.fit(data.data, data.target)
    assert found.best_params_["alpha"] <= 1e4


def test_an_error_of_the_space_is_not_hidden_by_the_sampler(data):
    def space(trial):
        trial.suggest_float("alpha", 1, 10)
        raise KeyError("mine")

    sampler = optuna.samplers.GridSampler({"alpha": [1.0]})
    with pytest.raises(KeyError, match="mine"):
        search(param_distributions=space, sampler=sampler).fit(data.data, data.target)
