"""Forecasts: arithmetic against plain sums, memory against real fits."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.ensemble import VotingRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknumerai import neural_network
from sknumerai.inspection import _plan_job, plan_job
from sknumerai.inspection._unit_costs import UnitCosts, leaves
from sknumerai.model_selection import GroupTimeSeriesSplit
from sknumerai.neural_network import (
    ContextAwareRanker,
    DenoisingAutoencoder,
    MLPRegressor,
    SupervisedAutoencoderRegressor,
)

NETWORKS = [
    name
    for name in neural_network.__all__
    if hasattr(getattr(neural_network, name), "fit") and name != "NeuralNetRegressor"
]
SIZE = {"n_rows": 60_000, "n_features": 12, "n_eras": 60}
QUICK = {"seconds": 0.05, "verbose": 0}


@pytest.fixture
def known_costs(monkeypatch):
    """Costs that are simple numbers, in place of measured ones."""

    def use(**costs):
        costs = {"fit_start": 1.0, "fit_row": 0.01, "held_out_row": 0.002} | costs
        costs = UnitCosts(**{"predict_row": 0.001} | costs)
        monkeypatch.setattr(_plan_job, "_measure", lambda *args: costs)

    return use


def test_hours_are_the_sum_of_all_fits(known_costs):
    known_costs()
    cv = GroupTimeSeriesSplit(3, test_size=10, embargo=4)
    plan = plan_job(Ridge(), **SIZE, cv=cv, n_trials=5, n_models=2, refit=True)
    eras = np.arange(1, 61)
    total = 0.0
    for train, test in cv.split(np.zeros((60, 1)), groups=eras):
        one = 1 + 1000 * (0.01 * len(train) + 0.001 * len(test))
        total += 5 * 2 * one
    total += 2 * (1 + 0.01 * 60_000)
    assert plan.seconds == pytest.approx(total)
    assert plan.seconds_of_fit == pytest.approx(601)
    assert plan.n_fits == 3 * 5 * 2 + 2
    assert plan.folds.test.tolist() == [10_000] * 3 + [0]
    twice = plan_job(Ridge(), **SIZE, cv=cv, n_trials=5, n_models=2, speed=2.0)
    assert twice.seconds == pytest.approx(total / 2)
    only = plan_job(Ridge(), **SIZE, cv=cv, refit=False)
    assert only.n_fits == 3 and only.seconds < total / 10


def test_fits_beside_each_other_take_less_time_and_more_memory(known_costs):
    known_costs()
    job = {**SIZE, "cv": 4, "n_trials": 3, "refit": False}
    one, two = (plan_job(Ridge(), **job, n_jobs=n) for n in (1, 2))
    assert two.seconds == pytest.approx(one.seconds / 2)
    assert two.ram_needed == pytest.approx(2 * one.ram_needed, rel=0.01)
    # a single fit is not made faster by processes
    alone = plan_job(Ridge(), **SIZE, n_jobs=2)
    assert alone.seconds == alone.seconds_of_fit


def test_held_out_eras_are_those_of_the_fit(known_costs):
    """Early stopping takes the last tenth of the eras and an embargo before it."""
    known_costs(step=0.1, step_rows=100)
    plan = plan_job(MLPRegressor(), **SIZE)
    assert plan.folds.loc[0].tolist() == [46_000, 6_000, 0]
    assert plan.seconds == pytest.approx(1 + 460 + 12)
    later = plan_job(MLPRegressor(), **SIZE, target="target_ender_60")
    assert later.folds.train[0] == 38_000
    none = plan_job(MLPRegressor(n_validation_eras=0), **SIZE)
    assert none.folds.loc[0].tolist() == [60_000, 0, 0]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_is_measured(name):
    model = getattr(neural_network, name)()
    before = model.get_params()
    state = torch.random.get_rng_state()
    plan = plan_job(model, n_rows=3000, n_features=40, n_eras=30, **QUICK)
    assert model.get_params() == before and not hasattr(model, "module_")
    assert torch.equal(torch.random.get_rng_state(), state)
    costs = plan.costs
    assert 0 < costs["predict_row"] < costs["fit_row"] < 10
    assert costs["n_parameters"] > 0 and costs["row_bytes"] >= 40 * 4
    assert plan.seconds >= plan.seconds_of_epoch * plan.n_epochs * 0.99
    assert plan.n_epochs >= 4


def test_steps_are_those_of_the_whole_job():
    """Batches of "auto" depend on the rows of the job, not on those of the sample."""
    model = MLPRegressor((4,), max_epochs=1, n_validation_eras=0)
    plan = plan_job(model, **SIZE, **QUICK)
    X = np.zeros((60_000, 12), dtype=np.int8)
    X[::2] = 1
    model.fit(X, X[:, 0].astype(np.float32))
    assert plan.costs["step_rows"] == model.batch_size_ == 60_000 // 64
    assert plan.costs["n_parameters"] == sum(
        w.numel() for w in model.module_.parameters()
    )
    ranker = ContextAwareRanker(max_epochs=1, n_validation_eras=0)
    plan = plan_job(ranker, n_rows=4000, n_features=5, n_eras=10, **QUICK)
    assert plan.costs["step_rows"] == 800  # batches of two eras


def test_stages_count_their_own_epochs():
    plan = plan_job(DenoisingAutoencoder(max_epochs=3), **SIZE, **QUICK)
    assert plan.n_epochs == 3 * len(DenoisingAutoencoder()._phases())
    sae = SupervisedAutoencoderRegressor((4, 4, 4), max_epochs=7, pretrain_epochs=2)
    sae.set_params(dropouts=0.0)
    assert plan_job(sae, **SIZE, **QUICK).n_epochs == 9


def test_small_folds_have_small_batches(known_costs):
    """A step costs something whatever its rows, and folds take more of them."""
    model = MLPRegressor((4,), max_epochs=1, n_validation_eras=0)
    known_costs(step=0.1, step_rows=60_000 // 64, step_start=0.5)
    plan = plan_job(model, **SIZE, cv=GroupTimeSeriesSplit(1, test_size=45, embargo=5))
    assert plan.folds.train.tolist() == [10_000, 60_000]
    more = 10_000 / (10_000 // 64) - 10_000 / (60_000 // 64)
    expected = (1 + 100 + 0.5 * more + 45) + (1 + 600)
    assert plan.seconds == pytest.approx(expected)


def test_other_estimators_and_what_they_hold(known_costs):
    known_costs(step=0.1, step_rows=100)
    voting = VotingRegressor([("ridge", Ridge()), ("mlp", MLPRegressor((4,)))])
    assert set(leaves(voting)) == {"ridge", "mlp"}
    pipe = make_pipeline(StandardScaler(), MLPRegressor((4,)))
    per_cell = {"mlp": 0, "scaler": 8, "ridge": 16}
    models = {"mlp": MLPRegressor((4,)), "scaler": pipe, "ridge": voting}
    for name, model in models.items():
        plan = plan_job(model, **SIZE)
        assert plan.copies_features == bool(per_cell[name])
        copies = plan.memory.bytes.get("copies of the features", 0)
        assert copies == per_cell[name] * 60_000 * 12


def test_an_ensemble_is_timed_whole():
    voting = VotingRegressor([("a", Ridge()), ("b", MLPRegressor((4,), max_epochs=2))])
    plan = plan_job(voting, **SIZE, **QUICK)
    alone = plan_job(Ridge(), **SIZE, **QUICK)
    assert plan.seconds > alone.seconds > 0
    assert voting.estimators[1][1].batch_size == "auto"


def test_what_does_not_fit_is_said(known_costs):
    known_costs()
    assert plan_job(Ridge(), **SIZE, ram=1e12).fits_in_ram
    plan = plan_job(Ridge(), **SIZE, ram=1e6)
    assert not plan.fits_in_ram and plan.ram == 1e6
    assert plan.fits_in_vram is None and plan.device == "cpu"
    assert plan.disk_needed == 60_000 * 12


def test_memory_of_a_card_by_the_same_formulas(known_costs, monkeypatch):
    known_costs(step=0.1, step_rows=1000, n_parameters=10**6, row_bytes=1e4, widest=64)
    model = MLPRegressor(device="cuda")
    plan = plan_job(model, **SIZE, vram=1e9)
    on_card = plan.memory[plan.memory["where"] == "device"]
    weights, batch = 24e6, 1000 * (12 * 5 + 1e4 + 8 * 64)
    slice_ = 52_000 * (12 * 5 + 8 * 64)
    assert on_card.bytes.sum() == pytest.approx(weights + max(batch, slice_) + 5e8)
    assert plan.fits_in_vram and plan.device == "cuda"
    assert not plan_job(model, **SIZE, vram=1e8).fits_in_vram


def test_bad_input():
    with pytest.raises(ValueError, match="n_eras=60 are more than n_rows=6"):
        plan_job(Ridge(), n_rows=6, n_features=3, n_eras=60)
    with pytest.raises(ValueError, match="The 'n_rows' parameter"):
        plan_job(Ridge(), n_rows=0, n_features=3)
    with pytest.raises(ValueError, match="The 'estimator' parameter"):
        plan_job("sae", n_rows=10, n_features=3)
    with pytest.raises(ValueError, match="eras"):
        plan_job(Ridge(), **SIZE, cv=GroupTimeSeriesSplit(5, test_size=50, embargo=4))


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_formulas_against_real_fits(tmp_path):
    """Peak of RssAnon of fits, of networks and of what copies the features."""
    code = """
import sys, threading
import numpy as np, pandas as pd
from lightgbm import LGBMRegressor
from sklearn.linear_model import Ridge
from sknumerai.inspection._machine import anonymous
from sknumerai.neural_network import MLPRegressor
n, k = 100_000, 250
X = np.memmap(sys.argv[1], np.int8, "w+", shape=(n, k))
X[:] = np.random.default_rng(0).integers(0, 5, (n, k), dtype=np.int8)
eras = 1 + np.arange(n) * 40 // n
index = pd.MultiIndex.from_arrays([eras, np.arange(n)], names=["era", "id"])
names = [f"f{i}" for i in range(k)]
X = pd.DataFrame(X, index=index, columns=names, copy=False)
y = pd.Series(np.random.default_rng(1).random(n, dtype=np.float32), index=index)
y.name = "target_ender_20"
small = X.iloc[:2000], y.iloc[:2000]
for model in (
    MLPRegressor((256, 128), batch_size=16_384, max_epochs=1),
    Ridge(),
    LGBMRegressor(n_estimators=5, verbose=-1, n_jobs=1),
):
    model.set_params(**{"n_validation_eras": 0} if "lr" in model.get_params() else {})
    model.fit(*small)
    before, peak, done = anonymous(), [0], threading.Event()
    def watch():
        while not done.wait(0.001):
            peak[0] = max(peak[0], anonymous())
    thread = threading.Thread(target=watch)
    thread.start()
    model.fit(X, y)
    done.set()
    thread.join()
    print(peak[0] - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "X.bin")],
        # Each thread keeps tens of MB of what it freed, and so does malloc of blocks
        # below 32 MB: how many depends on the machine (120 to 190 MB were measured).
        # Blocks that are mapped go back at once, then runs agree to 1 %.
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "MALLOC_MMAP_THRESHOLD_": "65536",
        },
        check=True,
        capture_output=True,
        text=True,
    )
    measured = [int(line) / 1e6 for line in done.stdout.split()]
    lightgbm = pytest.importorskip("lightgbm")
    models = [
        MLPRegressor((256, 128), batch_size=16_384, max_epochs=1, n_validation_eras=0),
        Ridge(),
        lightgbm.LGBMRegressor(n_estimators=5, verbose=-1),
    ]
    size = {"n_rows": 100_000, "n_features": 250, "n_eras": 40}
    for model, found in zip(models, measured):
        plan = plan_job(model, **size, **QUICK)
        parts = plan.memory[plan.memory["where"] == "RAM"].bytes.iloc[1:]
        forecast = parts.sum() / 1e6
        name = type(model).__name__
        assert 0.5 * forecast < found < 1.2 * forecast + 30, (name, found, forecast)


def test_table_of_the_folds_is_of_whole_rows():
    plan = plan_job(Ridge(), n_rows=1001, n_features=3, n_eras=7, cv=2, embargo=0,
                    **QUICK)  # fmt: skip
    assert plan.folds.dtypes.eq(np.int64).all()
    assert isinstance(plan.memory, pd.DataFrame)
    assert plan.folds.iloc[-1].tolist() == [1001, 0, 0]


def test_more_jobs_than_cores_are_refused_before_a_process_is_started(monkeypatch):
    def start(*args, **kwargs):
        raise AssertionError("processes were started")

    monkeypatch.setattr(_plan_job, "Parallel", start)
    with pytest.raises(ValueError, match=r"n_jobs=100000 \(--jobs\) .* cores"):
        plan_job(Ridge(), **SIZE, **QUICK, n_jobs=100_000)
