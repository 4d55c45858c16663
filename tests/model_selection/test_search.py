import itertools
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import warnings

import joblib
import numpy as np
import optuna
import pandas as pd
import pytest
import sklearn
from optuna.distributions import CategoricalDistribution, FloatDistribution
from sklearn.base import BaseEstimator, RegressorMixin, clone, is_regressor
from sklearn.ensemble import StackingRegressor, VotingRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknumerai.datasets import make_numerai
from sknumerai.exceptions import (
    InterruptedFitWarning,
    MissingErasError,
    OneEraWarning,
    SubmissionError,
    UnknownHorizonError,
)
from sknumerai.metrics import (
    fnc_score,
    make_era_scorer,
    numerai_corr_scorer,
    numerai_scoring,
)
from sknumerai.model_selection import (
    GroupTimeSeriesSplit,
    PurgedGroupKFold,
)
from sknumerai.neural_network import MLPRegressor
from sknumerai.submission import export_model
from sknumerai.utils import file_of
from tests.model_selection.probes import CV, alphas, search

pytestmark = pytest.mark.usefixtures("quiet_optuna")


@pytest.fixture(scope="module")
def data():
    return make_numerai(
        n_eras=40, n_samples_per_era=40, targets="target_ender_20", random_state=0
    )


class Recorder(RegressorMixin, BaseEstimator):
    """Tells what it was given; its prediction is the first feature times `sign`."""

    calls = ()

    def __init__(self, sign=1, fails=False):
        self.sign = sign
        self.fails = fails

    def fit(self, X, y, groups=None, sample_weight=None):
        if self.fails:
            raise ValueError("it fails")
        self.n_features_in_ = np.shape(X)[1]
        type(self).calls += ((X, groups, sample_weight),)
        return self

    def predict(self, X, groups=None):
        type(self).calls += (("predict", X, groups),)
        return self.sign * np.asarray(X)[:, 0].astype(float)


@pytest.fixture
def recorder():
    Recorder.calls = ()
    return Recorder()


def test_scores_are_those_of_cross_validate(data):
    found = search().fit(data.data, data.target)
    for row, alpha in enumerate(alphas(found)):
        expected = cross_val_score(
            Ridge(alpha=alpha),
            data.data,
            data.target,
            cv=CV,
            scoring=numerai_corr_scorer,
        )
        folds = [found.cv_results_[f"split{k}_test_score"][row] for k in range(3)]
        np.testing.assert_allclose(folds, expected, rtol=1e-12)
        np.testing.assert_allclose(
            found.cv_results_["mean_test_score"][row], expected.mean()
        )
    best = found.cv_results_["mean_test_score"].max()
    assert found.best_score_ == pytest.approx(best)
    assert found.best_params_ == found.cv_results_["params"][found.best_index_]
    alone = Ridge(**found.best_params_).fit(data.data, data.target)
    np.testing.assert_array_equal(found.predict(data.data), alone.predict(data.data))
    assert list(found.feature_names_in_) == list(data.data.columns)


def test_results_are_a_table(data):
    table = pd.DataFrame(search().fit(data.data, data.target).cv_results_)
    assert len(table) == 4
    assert {"param_alpha", "mean_fit_time", "std_test_score", "state"} <= set(table)
    assert table.loc[table["rank_value"] == 1, "value"].item() == table["value"].max()


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        ("sharpe", lambda s: s.mean() / s.std()),
        (lambda s: s.min(), lambda s: s.min()),
    ],
)
def test_objective(data, objective, expected):
    found = search(objective=objective).fit(data.data, data.target)
    for row in range(4):
        scores = [found.cv_results_[f"split{k}_test_score"][row] for k in range(3)]
        value = found.cv_results_["value"][row]
        assert value == pytest.approx(expected(np.array(scores)))


def test_parameters_are_chosen_on_validation_eras_and_tested_on_others(data):
    cv = GroupTimeSeriesSplit(2, test_size=4, valid_size=4, embargo=4)
    X, y = data.data, data.target
    found = search(cv=cv, n_trials=6).fit(X, y)
    scores = {"valid": [], "test": []}
    for train, *parts in cv.split_with_validation(X, y):
        model = Ridge(**found.best_params_).fit(X.iloc[train], y.iloc[train])
        for name, rows in zip(scores, parts):
            score = numerai_corr_scorer(model, X.iloc[rows], y.iloc[rows])
            scores[name].append(score)
    assert found.best_score_ == pytest.approx(np.mean(scores["valid"]))
    assert found.best_test_score_ == pytest.approx(np.mean(scores["test"]))
    assert found.cv_results_["value"].max() == found.best_score_
    assert not hasattr(search().fit(X, y), "best_test_score_")
    ordinary = search(cv=cv, select_on="test").fit(X, y)
    assert not any("valid" in name for name in ordinary.cv_results_)


def test_ranges_that_depend_on_each_other(data):
    def space(trial):
        n_layers = trial.suggest_int("n_layers", 1, 2)
        widths = [trial.suggest_int(f"width_{i}", 2, 6) for i in range(n_layers)]
        return {"hidden_features": tuple(widths), "lr": trial.suggest_float("lr", 0, 1)}

    net = MLPRegressor(max_epochs=1, random_state=0)
    found = search(estimator=net, param_distributions=space, n_trials=6)
    found.fit(data.data, data.target)
    lengths = {len(p["hidden_features"]) for p in found.cv_results_["params"]}
    assert lengths == {1, 2}
    chosen = found.best_params_["hidden_features"]
    assert found.best_estimator_.hidden_features == chosen


def test_several_metrics_from_one_prediction(data, recorder):
    X, y = data.data, data.target
    found = search(
        estimator=recorder,
        param_distributions={"sign": CategoricalDistribution([-1, 1])},
        scoring={"corr": numerai_corr_scorer, "r2": "r2"},
        refit="corr",
        n_trials=2,
    ).fit(X, y)
    predicted = [call for call in Recorder.calls if isinstance(call[0], str)]
    assert len(predicted) == 2 * 3
    assert found.multimetric_
    assert {"mean_test_corr", "mean_test_r2"} <= set(found.cv_results_)
    np.testing.assert_array_equal(
        found.cv_results_["value"], found.cv_results_["mean_test_corr"]
    )
    assert found.score(X, y) == numerai_corr_scorer(found.best_estimator_, X, y)


def test_a_scorer_of_all_metrics(data):
    scoring = numerai_scoring(
        benchmark=data.benchmark["v53_lgbm_ender20"], metrics=["corr_sharpe", "bmc"]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        found = search(scoring=scoring, refit="bmc").fit(data.data, data.target)
    np.testing.assert_array_equal(
        found.cv_results_["value"], found.cv_results_["mean_test_bmc"]
    )


def test_eras_and_weights_reach_the_estimator(data, recorder):
    X, y = data.data.to_numpy(), data.target.to_numpy()
    eras = data.eras.to_numpy()
    weights = np.arange(len(X))
    found = search(
        estimator=recorder,
        param_distributions={"sign": CategoricalDistribution([-1, 1])},
        n_trials=1,
        refit=False,
    ).fit(X, y, groups=eras, sample_weight=weights)
    calls = iter(Recorder.calls)
    for train, test in CV.split(X, y, groups=eras):
        given, groups, weight = next(calls)
        np.testing.assert_array_equal(given, X[train])
        np.testing.assert_array_equal(groups, eras[train])
        np.testing.assert_array_equal(weight, weights[train])
        np.testing.assert_array_equal(next(calls)[2], eras[test])
    with pytest.raises(AttributeError, match="refit=False"):
        found.predict(X)


def test_the_same_on_arrays_in_a_pipeline_with_routing_and_from_y(data):
    X, y = data.data, data.target
    eras = data.eras.to_numpy()
    expected = search().fit(X, y)
    arrays = X.to_numpy(), y.to_numpy()
    given = search().fit(*arrays, groups=eras)
    assert alphas(given) == alphas(expected)
    assert given.score(*arrays, groups=eras) == pytest.approx(expected.score(X, y))
    assert alphas(search().fit(X.to_numpy(), y)) == alphas(expected)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = search().fit(*arrays, groups=eras)
        assert alphas(routed) == alphas(expected)
        many = search(scoring={"a": numerai_corr_scorer}, refit="a")
        assert alphas(many.fit(*arrays, groups=eras)) == alphas(expected)
    pipeline = make_pipeline(StandardScaler(), MLPRegressor((2,), max_epochs=1))
    tuned = search(
        estimator=pipeline,
        param_distributions={"mlpregressor__lr": FloatDistribution(1e-3, 1e-2)},
        n_trials=1,
    ).fit(*arrays, groups=eras)
    # as many eras as there are, held out by number, not one
    assert len(tuned.best_estimator_[-1].eras_seen_) == 40


def test_parallel_and_local_results_are_equal(data):
    X, y = data.data, data.target
    for batch_size in (1, 2):
        expected = search(batch_size=batch_size).fit(X, y)
        found = search(batch_size=batch_size, n_jobs=2).fit(X, y)
        assert alphas(found) == alphas(expected)
        np.testing.assert_array_equal(
            found.cv_results_["value"], expected.cv_results_["value"]
        )


class Mapped(Ridge):
    """Raises where its rows did not come from a file."""

    def fit(self, X, y):
        mapped = file_of(X.to_numpy()) is not None
        if not mapped or os.getpid() == int(os.environ["THE_SEARCH"]):
            raise RuntimeError("these rows were received")
        return super().fit(X, y)


@pytest.mark.slow
# joblib 1.5 of the way in which distributed calls it
@pytest.mark.filterwarnings("ignore:`apply_async` is deprecated")
def test_a_cluster_of_dask_maps_the_data_and_gives_the_same(
    data, tmp_path, monkeypatch
):
    distributed = pytest.importorskip("distributed")
    X, y = data.data, data.target
    expected = search(refit=False).fit(X, y)
    path = tmp_path / "codes"
    values = X.to_numpy()
    values.tofile(path)
    mapped = np.memmap(path, values.dtype, "r", shape=values.shape)
    mapped = pd.DataFrame(mapped, X.index, X.columns, copy=False)
    monkeypatch.setenv("THE_SEARCH", str(os.getpid()))
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    )
    with cluster, distributed.Client(cluster), joblib.parallel_config("dask"):
        found = search(estimator=Mapped(), n_jobs=-1, refit=False).fit(mapped, y)
    assert alphas(found) == alphas(expected)
    np.testing.assert_allclose(
        found.cv_results_["value"], expected.cv_results_["value"], rtol=1e-12
    )


@pytest.mark.parametrize("url", ["{}/a/search.journal", "sqlite:///{}/search.db"])
def test_a_search_goes_on_where_it_was(data, tmp_path, url):
    X, y = data.data, data.target
    expected = search(n_trials=13).fit(X, y)
    storage = url.format(tmp_path)
    begun = search(n_trials=11, storage=storage).fit(X, y)
    assert alphas(begun) == alphas(expected)[:11]
    ended = search(n_trials=13, storage=storage).fit(X, y)
    assert alphas(ended) == alphas(expected)
    assert ended.best_params_ == expected.best_params_
    again = search(n_trials=13, storage=storage).fit(X, y)
    assert len(again.cv_results_["params"]) == 13


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cv": GroupTimeSeriesSplit(3, test_size=4, embargo=8)}, "cv was"),
        ({"estimator": Ridge(fit_intercept=False)}, "estimator was"),
        ({"param_distributions": {"alpha": FloatDistribution(1, 2)}}, "param_dist"),
        ({"objective": "sharpe"}, "objective was"),
        ({"random_state": 1}, "random_state was"),
    ],
)
def test_a_storage_of_another_search_is_refused(data, tmp_path, change, said):
    storage = tmp_path / "search.journal"
    search(n_trials=1, storage=storage).fit(data.data, data.target)
    with pytest.raises(ValueError, match=said):
        search(storage=storage, **change).fit(data.data, data.target)
    other = search(n_trials=1, storage=storage, study_name="other", **change)
    other.fit(data.data, data.target)


def test_a_storage_of_other_data_is_refused(data, tmp_path):
    storage = tmp_path / "search.journal"
    search(n_trials=1, storage=storage).fit(data.data, data.target)
    with pytest.raises(ValueError, match="data was"):
        search(storage=storage).fit(
            data.data, data.target[::-1].set_axis(data.target.index)
        )


SCRIPT = """
    import os, signal, sys
    from optuna.distributions import FloatDistribution
    from sklearn.linear_model import Ridge
    from sknumerai.datasets import make_numerai
    from sknumerai.model_selection import GroupTimeSeriesSplit, OptunaSearchRegressor

    # what a shell runs in the background is told to ignore it
    signal.signal(signal.SIGINT, signal.default_int_handler)

    class Killed(Ridge):
        n_fits = 0
        def fit(self, X, y):
            Killed.n_fits += 1
            if Killed.n_fits == int(sys.argv[2]):
                os.kill(os.getpid(), int(sys.argv[3]))
            return super().fit(X, y)

    data = make_numerai(
        n_eras=40, n_samples_per_era=40, targets="target_ender_20", random_state=0
    )
    found = OptunaSearchRegressor(
        Killed(),
        {"alpha": FloatDistribution(1, 1e6, log=True)},
        cv=GroupTimeSeriesSplit(3, test_size=5, embargo=8),
        n_trials=12,
        random_state=0,
        storage=sys.argv[1],
    ).fit(data.data, data.target)
    print(Killed.n_fits, *[p["alpha"] for p in found.cv_results_["params"]])
"""


def run_script(storage, killed_at, number=0):
    code = textwrap.dedent(SCRIPT)
    return subprocess.run(
        [sys.executable, "-c", code, str(storage), str(killed_at), str(int(number))],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_search_that_ended_early_gives_what_an_uninterrupted_one_gives(
    data, tmp_path, number
):
    expected = search(n_trials=12).fit(data.data, data.target)
    storage = tmp_path / "search.journal"
    # in the second fold of the twelfth trial
    ended = run_script(storage, 3 * 11 + 2, number)
    if number == signal.SIGKILL:
        assert ended.returncode == -number
    else:
        # Ctrl-C ends the search alone, which is refitted with the best so far
        assert ended.returncode == 0 and "interrupted after 11 trials" in ended.stderr
    resumed = run_script(storage, 0)
    assert resumed.returncode == 0, resumed.stderr
    n_fits, *found = resumed.stdout.split()
    np.testing.assert_array_equal(np.array(found, float), alphas(expected))
    # the trial that was cut off, and the last fit
    assert int(n_fits) == 3 + 1


@pytest.mark.slow
def test_processes_share_a_study_and_repeat_nothing(data, tmp_path):
    storage = tmp_path / "search.journal"
    code = textwrap.dedent(SCRIPT).replace("Killed.n_fits,", "")
    command = [sys.executable, "-c", code, str(storage), "0"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    assert [process.wait() for process in running] == [0, 0]
    found = search(n_trials=12, storage=storage, estimator=Ridge())
    study = optuna.load_study(
        study_name="search",
        storage=optuna.storages.JournalStorage(
            optuna.storages.journal.JournalFileBackend(str(storage))
        ),
    )
    complete = [t for t in study.trials if t.state == optuna.trial.TrialState.COMPLETE]
    values = [trial.params["alpha"] for trial in complete]
    assert len(values) == len(set(values)) == found.n_trials


def test_a_pruned_trial_ends_after_its_fold(data):
    class Prune(optuna.pruners.BasePruner):
        def prune(self, study, trial):
            return trial.number == 1 and trial.last_step == 1

    found = search(pruner=Prune()).fit(data.data, data.target)
    assert found.cv_results_["state"].tolist() == ["complete", "pruned"] + 2 * [
        "complete"
    ]
    assert np.isnan(found.cv_results_["split2_test_score"][1])
    assert np.isfinite(found.cv_results_["split1_test_score"][1])
    trial = found.study_.trials[1]
    scores = [found.cv_results_[f"split{k}_test_score"][1] for k in range(2)]
    assert trial.intermediate_values[1] == pytest.approx(np.mean(scores))
    assert found.best_index_ != 1


def test_trials_that_fail(data, recorder):
    space = {"fails": CategoricalDistribution([True, False])}
    params = {"estimator": recorder, "param_distributions": space, "n_trials": 8}
    with pytest.raises(ValueError, match="it fails"):
        search(**params).fit(data.data, data.target)
    found = search(**params, error_score=np.nan).fit(data.data, data.target)
    failed = [p["fails"] for p in found.cv_results_["params"]]
    assert set(failed) == {True, False}
    assert [e == "ValueError: it fails" for e in found.cv_results_["error"]] == failed
    assert found.best_params_ == {"fails": False}
    space["fails"] = CategoricalDistribution([True])
    with pytest.raises(RuntimeError, match=r"none of 8 trials.*it fails"):
        search(**params, error_score=np.nan).fit(data.data, data.target)


def test_a_score_that_is_nan_is_no_best_one(data):
    found = search(scoring=lambda e, X, y: np.nan if e.alpha > 1e3 else 1 / e.alpha)
    found.set_params(n_trials=6).fit(data.data, data.target)
    assert "failed" not in found.cv_results_["state"]
    assert "fail" in found.cv_results_["state"]
    assert found.best_params_["alpha"] < 1e3


def test_ctrl_c_keeps_the_best_so_far(data):
    class Interrupted(Ridge):
        n_fits = itertools.count(1)

        def fit(self, X, y):
            if next(self.n_fits) == 8:
                raise KeyboardInterrupt
            return super().fit(X, y)

    with pytest.warns(InterruptedFitWarning, match="after 2 trials"):
        found = search(estimator=Interrupted()).fit(data.data, data.target)
    expected = search(n_trials=2).fit(data.data, data.target)
    assert alphas(found) == alphas(expected)
    Interrupted.n_fits = itertools.count(6)
    with pytest.raises(KeyboardInterrupt):
        search(estimator=Interrupted()).fit(data.data, data.target)


@pytest.fixture
def pythons_own_handler():
    """A process that was begun in the background ignores Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_in_a_network_ends_the_search(data, pythons_own_handler):
    class Swallows(Ridge):
        n_fits = itertools.count(1)

        def fit(self, X, y):
            if next(self.n_fits) == 5:
                with pytest.raises(KeyboardInterrupt):
                    signal.raise_signal(signal.SIGINT)
            return super().fit(X, y)

    with pytest.warns(InterruptedFitWarning, match="after 1 trials"):
        found = search(estimator=Swallows()).fit(data.data, data.target)
    assert len(alphas(found)) == 1


def test_it_is_a_regressor_for_voting_stacking_and_searches(data):
    X, y = data.data, data.target
    inner = search(cv=GroupTimeSeriesSplit(2, test_size=3, embargo=8), n_trials=2)
    assert is_regressor(inner)
    # stacking hands on y without its name and index, and half of the eras
    small = clone(inner).set_params(cv=GroupTimeSeriesSplit(1, test_size=3, embargo=8))
    for ensemble in (
        VotingRegressor([("search", inner), ("ridge", Ridge())]),
        StackingRegressor([("search", small)], cv=PurgedGroupKFold(2, embargo=8)),
    ):
        assert np.isfinite(ensemble.fit(X, y).predict(X)).all()
    cv = GroupTimeSeriesSplit(2, test_size=3, embargo=8)
    outer = GridSearchCV(
        small, {"n_trials": [1, 2]}, cv=cv, scoring=numerai_corr_scorer
    )
    assert np.isfinite(outer.fit(X, y).best_score_)
    found = cross_validate(small, X, y, cv=cv, scoring=numerai_corr_scorer)
    assert np.isfinite(found["test_score"]).all()


def test_pickles_and_exports_hold_no_study(data, tmp_path):
    storage = f"sqlite:///{tmp_path}/search.db"
    found = search(storage=storage, n_trials=2).fit(data.data, data.target)
    again = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(again.predict(data.data), found.predict(data.data))
    assert not hasattr(again, "study_") and hasattr(found, "study_")
    assert again.cv_results_["value"].tolist() == found.cv_results_["value"].tolist()
    path = tmp_path / "predict.pkl"
    export_model(found, path)
    live = data.data.loc[["0040"]].droplevel("era")
    assert len(pd.read_pickle(path)(live, None)) == len(live)
    for stored in (path.read_bytes(), pickle.dumps(found)):
        assert str(tmp_path).encode() not in stored
    voting = VotingRegressor([("search", found)]).fit(data.data, data.target)
    with pytest.raises(SubmissionError, match="best_estimator_ in its place"):
        export_model(voting, path)


def test_without_eras_it_says_so(data):
    X, y = data.data.to_numpy(), data.target.to_numpy()
    with pytest.warns(OneEraWarning, match="no eras were found"):
        found = search(cv=None).fit(X, y)
    expected = cross_val_score(
        Ridge(**found.best_params_), X, y, cv=KFold(5), scoring="r2"
    )
    assert found.best_score_ == pytest.approx(expected.mean())
    with pytest.raises(MissingErasError):
        search().fit(X, y)
    with pytest.raises(UnknownHorizonError):
        search(cv=None).fit(data.data, y)


@pytest.mark.parametrize(
    ("params", "error", "said"),
    [
        ({"param_distributions": {}}, ValueError, "no parameter to search"),
        ({"param_distributions": [1]}, TypeError, "Got a list"),
        ({"param_distributions": {"alpha": (1, 2)}}, TypeError, r"range of 'alpha'"),
        (
            {"param_distributions": {"beta": FloatDistribution(0, 1)}},
            ValueError,
            r"no parameters \['beta'\]",
        ),
        ({"param_distributions": lambda trial: [1]}, TypeError, "gave a list"),
        ({"param_distributions": lambda trial: {"b": 1}}, ValueError, "no parameters"),
        ({"scoring": ["r2", "neg_max_error"]}, ValueError, "refit must name"),
        ({"select_on": "valid"}, ValueError, "needs a splitter with a validation"),
        ({"n_trials": 0}, ValueError, "n_trials"),
        ({"objective": "median"}, ValueError, "objective"),
        ({"storage": 3}, ValueError, "storage"),
        ({"sampler": "tpe"}, ValueError, "sampler"),
    ],
)
def test_wrong_arguments(data, params, error, said):
    with pytest.raises(error, match=said):
        search(**params).fit(data.data, data.target)


def test_a_wrong_scorer_of_several_metrics_says_which_there_are(data):
    scoring = numerai_scoring(metrics=["corr", "spearman"])
    with pytest.raises(ValueError, match=r"one of \['corr', 'spearman'\]"):
        search(scoring=scoring).fit(data.data, data.target)


def test_an_own_sampler_is_used_as_it_is(data):
    sampler = optuna.samplers.GridSampler({"alpha": [1.0, 10.0, 100.0]})
    found = search(sampler=sampler, n_trials=3).fit(data.data, data.target)
    assert sorted(alphas(found)) == [1, 10, 100]
    assert clone(found).get_params()["sampler"] is not sampler


def test_timeout_and_bar(data, capsys):
    found = search(n_trials=10_000, timeout=0.2, verbose=1).fit(data.data, data.target)
    assert 0 < len(alphas(found)) < 10_000
    shown = capsys.readouterr().err
    assert "OptunaSearchRegressor" in shown and "best=" in shown


def test_a_map_that_a_scorer_holds_is_the_same_in_workers(data, tmp_path):
    X, y = data.data, data.target
    np.save(tmp_path / "features.npy", X.to_numpy().astype(np.float32))
    features = pd.DataFrame(
        np.load(tmp_path / "features.npy", mmap_mode="r"),
        X.index,
        X.columns,
        copy=False,
    )
    scoring = make_era_scorer(fnc_score, features=features)
    expected = search(scoring=scoring, n_trials=2).fit(X, y)
    found = search(scoring=scoring, n_trials=2, n_jobs=2).fit(X, y)
    np.testing.assert_array_equal(
        found.cv_results_["value"], expected.cv_results_["value"]
    )
