"""Workers share the cores: processes times threads are no more than there are."""

import threading
import time

import joblib
import numpy as np
import pytest
from optuna.distributions import FloatDistribution
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import VotingRegressor
from skorch.callbacks import Callback

from sknumerai.datasets import make_numerai
from sknumerai.ensemble import SeedAveragingRegressor
from sknumerai.model_selection import (
    GroupTimeSeriesSplit,
    OptunaSearchRegressor,
    era_cross_validate,
)
from sknumerai.neural_network import MLPRegressor

CV = GroupTimeSeriesSplit(2, test_size=4, embargo=4)


class Threads(RegressorMixin, BaseEstimator):
    """Learns how many threads torch has where it is fitted."""

    def __init__(self, alpha=0.0, random_state=None):
        self.alpha = alpha
        self.random_state = random_state

    def fit(self, X, y):
        import torch

        self.threads_ = torch.get_num_threads()
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X):
        return np.arange(len(X), dtype=float)


class Concurrent(Callback):
    """Counts the networks that are trained at a time."""

    now = most = 0
    lock = threading.Lock()

    def on_batch_begin(self, net, **kwargs):
        with self.lock:
            Concurrent.now += 1
            Concurrent.most = max(Concurrent.most, Concurrent.now)
        time.sleep(0.001)

    def on_batch_end(self, net, **kwargs):
        with self.lock:
            Concurrent.now -= 1


def threads_of(scored, X, y):
    return scored.threads_


@pytest.fixture(scope="module")
def data():
    data = make_numerai(30, n_samples_per_era=20, n_features=5, random_state=0)
    return data.data, data.target


@pytest.mark.slow
def test_processes_divide_the_threads(data, monkeypatch):
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    most = max(1, joblib.cpu_count() // 2)
    with joblib.parallel_config("loky"):
        found = era_cross_validate(
            Threads(), *data, cv=CV, n_jobs=2, return_estimator=True, verbose=0
        )
        counts = [model.threads_ for model in found.estimator]
        voting = VotingRegressor([("a", Threads()), ("b", Threads())], n_jobs=2)
        counts += [model.threads_ for model in voting.fit(*data).estimators_]
        seeds = SeedAveragingRegressor(Threads(), n_seeds=2, n_jobs=2).fit(*data)
        counts += [model.threads_ for model in seeds.estimators_]
        search = OptunaSearchRegressor(
            Threads(),
            {"alpha": FloatDistribution(0.0, 1.0)},
            cv=CV,
            scoring=threads_of,
            n_trials=2,
            n_jobs=2,
            refit=False,
        ).fit(*data)
        counts += search.cv_results_["mean_test_score"].tolist()
    assert len(counts) == 8 and max(counts) <= most


def test_networks_in_threads_are_trained_one_at_a_time(data):
    """Each of them takes all threads of torch: beside each other they would be too many."""
    model = MLPRegressor(
        (4,), max_epochs=3, n_validation_eras=0, callbacks=[Concurrent()]
    )
    Concurrent.now = Concurrent.most = 0
    with joblib.parallel_config("threading"):
        era_cross_validate(model, *data, cv=CV, n_jobs=2, verbose=0)
        SeedAveragingRegressor(model, n_seeds=3, n_jobs=3).fit(*data)
    assert Concurrent.most == 1 and Concurrent.now == 0
