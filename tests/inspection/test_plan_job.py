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
from sknumerai.inspection import _machine, _plan_job, plan_job
from sknumerai.inspection._fit_costs import Fit, growth
from sknumerai.inspection._step_costs import _count_parameters, _make_clock
from sknumerai.inspection._unit_costs import TooLarge, UnitCosts, leaves
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
        monkeypatch.setattr(_plan_job, "_measured", lambda *args: costs)

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
    assert plan.n_epochs >= 4 and plan.cpu_seconds > 0
    # known without memory for them
    job = _plan_job.Job(3000, 40, 1, 30, "target_ender_20")
    assert _count_parameters(model, job) == costs["n_parameters"]


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
    slice_ = 8192 * (12 * 5 + 8 * 64)
    rows = 52_000 * (12 + 4)
    assert on_card.bytes.sum() == pytest.approx(
        weights + max(batch, slice_) + rows + 5e8
    )
    assert plan.fits_in_vram and plan.device == "cuda"
    assert not plan_job(model, **SIZE, vram=1e8).fits_in_vram


@pytest.mark.parametrize(
    "given, vram, n_jobs, resident",
    [
        ("auto", 2e9, 1, True),
        ("auto", 0.52e9, 1, False),  # more than 60 % of what CUDA leaves
        ("auto", 1.1e9, 50, False),
        (True, 0.52e9, 1, True),
        (False, 2e9, 1, False),
    ],
)
def test_rows_that_stay_on_the_card(
    known_costs, monkeypatch, given, vram, n_jobs, resident
):
    known_costs(step=0.1, step_rows=1000, widest=64)
    monkeypatch.setattr(_plan_job, "cpu_count", lambda: 100)
    size = {"n_rows": 60_000, "n_features": 300, "n_eras": 60, "n_targets": 3}
    model = MLPRegressor(device="cuda", data_on_device=given, n_validation_eras=0)
    plan = plan_job(model, **size, vram=vram, n_jobs=n_jobs)
    assert plan.data_on_device is resident
    on_card, rest = "features and targets on the device", "batches in pinned memory"
    assert (on_card in plan.memory.index) == resident
    assert (rest in plan.memory.index) != resident
    if resident:
        assert plan.memory.bytes[on_card] == 60_000 * (300 + 3 * 4)
        assert plan.vram_needed > 60_000 * 312 + 5e8
    else:
        assert plan.memory.bytes[rest] == n_jobs * 4 * 1000 * 312
        assert plan.memory["where"][rest] == "RAM"


def test_rows_on_the_card_are_as_many_bytes_as_those_of_a_fit(known_costs):
    from sknumerai.neural_network._data_on_device import place
    from sknumerai.neural_network._training import make_dataset
    from sknumerai.utils import check_eras

    X, y = np.ones((600, 7), dtype=np.int8), np.ones((600, 2))
    whole = make_dataset(X, y, None, check_eras(np.repeat(np.arange(6), 100)))
    parts = place([whole.eras(0, 5), whole.eras(5, 6)], torch.device("meta"), True)
    held = sum(t.nbytes for part in parts for t in (part.X, part.y))
    known_costs(step=0.1, step_rows=100)
    model = MLPRegressor(device="cuda", n_validation_eras=1, embargo=0)
    plan = plan_job(model, n_rows=600, n_features=7, n_targets=2, n_eras=6, vram=1e10)
    assert plan.memory.bytes["features and targets on the device"] == held


def test_networks_within_others_are_on_the_card_too():
    net = MLPRegressor((4,), max_epochs=1, device="cuda")
    pipe = make_pipeline(StandardScaler().set_output(transform="pandas"), net)
    plan = plan_job(pipe, **SIZE, **QUICK, vram=1e9)
    assert plan.device == "cuda" and plan.data_on_device
    assert plan.measured_on == ("cuda" if torch.cuda.is_available() else "cpu")
    assert net.device == "cuda"
    assert plan.memory.bytes["network and optimizer"] == 24 * (12 * 4 + 4 + 4 + 1)
    assert plan.memory.bytes["a batch, or a slice to predict"] > 0
    assert plan.memory.bytes["copies of the features"] == 8 * 12 * 60_000
    assert plan.fits_in_vram and plan.costs["step_rows"] == 60_000 // 64
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="torch finds no CUDA device"):
            plan_job(net, **SIZE, **QUICK)


@pytest.mark.slow
def test_several_fits_of_an_ensemble_at_a_time():
    """Processes, folds, trials, a pipeline and a network, all together."""
    pipe = make_pipeline(StandardScaler().set_output(transform="pandas"), Ridge())
    voting = VotingRegressor(
        [("pipe", pipe), ("net", MLPRegressor((4,), max_epochs=2, patience=None))]
    )
    plan = plan_job(voting, **SIZE, **QUICK, cv=3, n_trials=4, n_jobs=2)
    assert plan.n_fits == 13 and plan.not_measured is None
    assert 0 < plan.seconds_of_fit < plan.seconds < np.inf
    libraries = plan.memory.bytes["this process now: libraries"]
    assert np.isnan(libraries) or libraries > 1e8
    assert plan.memory.bytes["network and optimizer"] == 2 * 24 * (12 * 4 + 4 + 4 + 1)


def test_half_the_width_keeps_less_of_a_row():
    model = MLPRegressor((256, 256), batch_size=2048, max_epochs=1)
    full = plan_job(model, **SIZE, **QUICK).costs
    model.set_params(precision="bfloat16")
    half = plan_job(model, **SIZE, **QUICK).costs
    # what is not an activation stays in float32: features, outputs, the loss
    assert half["row_bytes"] < 0.8 * full["row_bytes"]


def test_compiling_is_counted_once_for_each_fit():
    clock = _make_clock(0.0, False, lambda: None)
    clock.spans = {"pretrain": [11.0, 1.0], "fit": [31.0, 1.0, 1.0, 4.0]}
    clock.cpu = {"pretrain": [11.0, 2.0], "fit": [31.0, 2.0, 2.0, 8.0]}
    assert clock.settled("fit") == clock.spans["fit"] and clock.compiling() == 0
    clock.compiles = True
    assert clock.settled("fit") == [1.0, 1.0, 4.0]
    assert clock.compiling() == 10 + 30 and clock.cpu_ratio() == pytest.approx(2)


def test_hours_grow_as_fits_to_more_rows_did():
    """By processors, which other work on the machine changes less than the clock."""
    n = [2000, 8000, 32_000, 128_000]
    cpu = [3 + 0.001 * each for each in n]
    fits = [Fit(a, b / 2, b, 1.0) for a, b in zip(n, cpu)]
    np.testing.assert_allclose(growth(fits), (1.5, 0.0005, 2), rtol=1e-6)
    disturbed = [
        fit._replace(seconds=fit.cpu * by) for fit, by in zip(fits, (1, 9, 2, 2))
    ]
    start, row, ratio = growth(disturbed)
    assert (start + 1e6 * row) * ratio == pytest.approx(3 + 1000)
    # work of other processes is told by the clock alone
    away = [fit._replace(cpu=0.01) for fit in fits]
    np.testing.assert_allclose(growth(away)[:2], (1.5, 0.0005), rtol=1e-6)
    # more rows never cost less, and what grows faster goes on as it did at the end
    falls = [Fit(a, b, b, 1.0) for a, b in zip(n, (5, 4, 3, 2))]
    assert growth(falls)[1] == pytest.approx(0.25 * 2 / 128_000)
    rises = [Fit(a, a**2 / 1e6, a**2 / 1e6, 1.0) for a in n]
    assert growth(rises)[:2] == pytest.approx((0, 128_000 / 1e6))
    assert growth(fits[:1])[:2] == pytest.approx((0, 2.5 / 2000))


def test_trees_are_counted_and_not_all_grown(monkeypatch):
    lightgbm = pytest.importorskip("lightgbm")
    from sknumerai.inspection import _fit_costs

    seen = []
    plain = _fit_costs._fit_lightgbm

    def fit(*args):
        seen.append(plain(*args))
        return seen[-1]

    monkeypatch.setattr(_fit_costs, "_fit_lightgbm", fit)
    model = lightgbm.LGBMRegressor(n_estimators=10**5, verbose=-1, n_jobs=1)
    plan = plan_job(model, **SIZE, **QUICK)
    assert model.n_estimators == 10**5 and len(seen) >= 2
    assert all(8 <= fitted.booster_.num_trees() <= 42 for fitted, *_ in seen)
    assert plan.seconds > 10**5 * 1e-6 and plan.cpu_seconds > 0
    # one thread tells what grows with the rows, and a last fit what threads gain
    assert {fitted.n_jobs for fitted, *_ in seen} == {1}
    plan_job(model.set_params(n_jobs=2), **SIZE, **QUICK)
    assert [fitted.n_jobs for fitted, *_ in seen][-2:] == [1, 2]
    assert model.n_jobs == 2


@pytest.mark.parametrize(
    "model",
    [
        Ridge(),
        MLPRegressor(),
        ContextAwareRanker(),
        make_pipeline(StandardScaler(), Ridge()),
    ],
    ids=["ridge", "mlp", "ranker", "pipeline"],
)
def test_what_is_too_large_to_measure_is_told_without_a_traceback(model, monkeypatch):
    monkeypatch.setattr(_machine, "free_ram", lambda: 1e6)
    size = {"n_rows": 10**12, "n_features": 3555, "verbose": 0}
    plan = plan_job(model, **size, cv=3, n_trials=2)
    assert (
        "features takes" in plan.not_measured and "0.0 GB are free" in plan.not_measured
    )
    assert np.isnan([plan.seconds, plan.seconds_of_fit, plan.cpu_seconds]).all()
    assert plan.fits_in_ram is False and plan.ram_needed > 55e12
    assert plan.n_eras == 10**5 and plan.n_fits == 7
    # the least is not the whole
    assert plan_job(model, **size, ram=1e18).fits_in_ram is None


def test_a_step_that_is_too_large_is_tried_in_part(monkeypatch):
    from sknumerai.inspection import _step_costs

    monkeypatch.setattr(_step_costs, "_LARGE_STEP", 2**16)
    size = {"n_rows": 4000, "n_features": 30, "n_eras": 1, **QUICK}
    ranker = ContextAwareRanker(max_epochs=1, n_validation_eras=0)
    whole = plan_job(ranker, **size)
    assert whole.not_measured is None and whole.costs["step_rows"] == 4000
    monkeypatch.setattr(_machine, "free_ram", lambda: 2e6)
    part = plan_job(ranker, **size)
    assert "a step of 4,000 rows x 30 features" in part.not_measured
    for name in ("n_parameters", "step_rows", "n_epochs"):
        assert part.costs[name] == whole.costs[name]
    assert part.costs["row_bytes"] == pytest.approx(whole.costs["row_bytes"], rel=0.3)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 9 TiB"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB"),
        TooLarge("a step", UnitCosts(*[float("nan")] * 4)),
    ],
    ids=lambda error: type(error).__name__,
)
def test_memory_that_gives_out_is_told(monkeypatch, error):
    def measured(*args):
        raise error

    monkeypatch.setattr(_plan_job, "_measured", measured)
    plan = plan_job(Ridge(), **SIZE)
    assert plan.not_measured and np.isnan(plan.seconds)
    monkeypatch.setattr(
        _plan_job, "_measured", lambda *args: (_ for _ in ()).throw(RuntimeError("no"))
    )
    with pytest.raises(RuntimeError, match="no"):
        plan_job(Ridge(), **SIZE)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_few_features_are_not_predicted_in_slices_of_millions_of_rows(known_costs):
    known_costs(widest=256)
    plan = plan_job(MLPRegressor(), n_rows=10**6, n_features=5, **QUICK)
    bytes_ = plan.memory.bytes["a batch, or a slice to predict"]
    assert bytes_ == 8192 * (5 * 5 + 8 * 256)


def test_products_of_features_are_counted(known_costs):
    """The command line's ridge casts blocks and holds features x features."""
    from sknumerai.cli._ridge import BlockRidge

    known_costs()
    plan = plan_job(BlockRidge(), n_rows=40_000, n_features=2000)
    # 556 MB were measured
    assert plan.memory.bytes["products of features"] == pytest.approx(556e6, rel=0.1)
    assert not plan.copies_features


def test_bad_input():
    with pytest.raises(ValueError, match="n_eras=60 are more than n_rows=6"):
        plan_job(Ridge(), n_rows=6, n_features=3, n_eras=60)
    with pytest.raises(ValueError, match="The 'n_rows' parameter"):
        plan_job(Ridge(), n_rows=0, n_features=3)
    with pytest.raises(ValueError, match="The 'n_eras' parameter"):
        plan_job(Ridge(), n_rows=10**7, n_features=3, n_eras=10**7)
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
