"""Published figures of real score panels, from the panels through our summaries.

Where a published figure does not come out, the test says what does and why.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from sknumerai.metrics import (
    autocorrelation,
    compare_scores,
    deflated_sharpe,
    effective_n_eras,
    score_summary,
)

DATA = os.environ.get("SKNUMERAI_TEST_DATA")

pytestmark = pytest.mark.skipif(
    not DATA, reason="SKNUMERAI_TEST_DATA does not name the folder of real data"
)

GOOD = ["FEARINDEX", "REPUTATION", "VIDEIGREN", "SHATTEREDX", "JOS_STACK", "MELONADA"]
LONG = 200  # rounds that a model needs for its autocorrelation to be steady


def panel(name, index):
    path = Path(DATA) / name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    return pd.read_csv(path).set_index(index)


@pytest.fixture(scope="module")
def benchmark():
    """Scores of the official v53_lgbm_ender20 in the eras of the public meta model."""
    prefix = "benchmark_v53_lgbm_ender20|per_era_"
    scores = panel("v53_per_era_scores.csv", "era").filter(like=prefix)
    return scores.rename(columns=lambda name: name.removeprefix(prefix))


@pytest.fixture(scope="module")
def corr():
    return panel("live_rounds_corr.csv", "roundNumber")


@pytest.fixture(scope="module")
def mmc():
    return panel("live_rounds_mmc.csv", "roundNumber")


def test_benchmark_model(benchmark):
    assert benchmark.index[[0, -1]].tolist() == [1133, 1219]
    # the published deviations and Sharpe ratio divide by n - 1
    summary = score_summary(benchmark, statistics="all", ddof=1)
    one, two = summary.loc["corr"], summary.loc["mmc"]
    assert one["n_eras"] == two["n_eras"] == 87
    # published as 0.0209, cut off, not rounded
    assert one["mean"] == pytest.approx(0.02095, abs=1e-5)
    assert round(one["std"], 4) == 0.0178
    assert round(one["sharpe"], 2) == 1.17
    assert round(one["positive_share"], 2) == 0.91
    assert round(one["worst"], 3) == -0.029
    assert round(benchmark["corr"].max(), 3) == 0.063
    assert round(two["mean"], 4) == 0.0071
    assert round(two["std"], 4) == 0.0118
    assert round(two["positive_share"], 2) == 0.69
    # by our default, which is Numerai's
    default = score_summary(benchmark)
    assert default["std"].round(4).loc[["corr", "mmc"]].tolist() == [0.0177, 0.0117]
    assert round(default.loc["corr", "sharpe"], 2) == 1.18


def test_autocorrelation_of_the_benchmark_model(benchmark):
    lags = {1: 0.71, 2: 0.45, 4: 0.10, 5: 0.12}
    for lag, expected in lags.items():
        assert round(autocorrelation(benchmark["corr"], lag=lag), 2) == expected
    assert round(autocorrelation(benchmark["mmc"]), 2) == 0.74
    assert round(autocorrelation(benchmark["mmc"], lag=4), 2) == 0.26
    assert round(autocorrelation(benchmark["corr60"], lag=4), 2) == 0.61
    assert round(benchmark["corr"].corr(benchmark["mmc"]), 2) == 0.77


def test_last_eras_of_the_benchmark_model(benchmark):
    last = score_summary(benchmark.tail(20))
    assert round(last.loc["corr", "mean"], 3) == 0.011
    assert round(last.loc["mmc", "mean"], 4) == -0.0004


def test_uncertainty_of_the_benchmark_model(benchmark):
    """87 eras are worth far fewer, and MMC might be nothing."""
    effective = effective_n_eras(benchmark["corr"], horizon=20)
    assert 15 < effective < 35
    assert effective_n_eras(benchmark["corr60"], horizon=60) < 12
    bounds = score_summary(benchmark, confidence_level=0.95, horizon=20, random_state=0)
    assert bounds.loc["corr", "mean_low"] > 0.01
    assert bounds.loc["mmc", "mean_low"] < 0.002
    assert bounds.notna().all(axis=None)
    deflated = deflated_sharpe(benchmark["mmc"], n_trials=50, horizon=20)
    assert 0.3 < deflated["probability"] < 0.95


def test_runs_of_one_recipe_are_hard_to_tell_apart():
    scores = panel("v53_per_era_scores.csv", "era").filter(like="|per_era_corr")
    scores = scores.loc[:, ~scores.columns.str.endswith("60")]
    scores.columns = scores.columns.str.split("|").str[0]
    seeds = scores.filter(like="candidate")
    assert seeds.shape == (87, 3)
    table = compare_scores(
        seeds, baseline="candidate_v_seed42", horizon=20, random_state=0
    )
    assert (table["p_adjusted"] > 0.05).all()
    assert (table["standard_error"] < 0.0025).all()


def test_live_rounds(corr, mmc):
    scores = score_summary(corr, nan_policy="omit")
    contributions = score_summary(mmc, nan_policy="omit")
    assert scores.loc["NUMERAI_SWMM", ["mean", "std"]].round(4).tolist() == [
        0.0231,
        0.0205,
    ]
    good = scores.loc[GOOD]
    assert good["mean"].round(3).between(0.021, 0.023).all()
    # published as 0.016 to 0.017; VIDEIGREN has 0.0175
    assert good["std"].round(4).between(0.016, 0.0175).all()
    assert contributions.loc[GOOD, "mean"].round(3).between(0.004, 0.006).all()
    assert contributions.loc[GOOD, "std"].round(3).between(0.006, 0.011).all()
    # EGG_001 belongs to them by its mean, not by its deviation
    assert scores.loc["EGG_001", ["mean", "std"]].round(4).tolist() == [0.0226, 0.0209]


def test_tutorials_and_benchmarks_of_live_rounds(corr, mmc):
    scores = score_summary(corr, nan_policy="omit")["mean"]
    contributions = score_summary(mmc, nan_policy="omit")["mean"]
    tutorials = scores.filter(like="NB_").round(4)
    # published as 0.0102 to 0.0107: NB_FEAT_NEUTRAL has 0.0101
    assert tutorials.drop("NB_FEAT_NEUTRAL").between(0.0102, 0.0107).all()
    assert tutorials["NB_FEAT_NEUTRAL"] == 0.0101
    assert contributions.filter(like="NB_").round(3).isin([-0.002, -0.003]).all()
    assert scores.filter(like="V51_").round(3).between(0.015, 0.018).all()
    assert (contributions.filter(like="V51_") < 0.0005).all()


def test_newest_benchmarks_of_live_rounds(corr, mmc):
    names = corr.columns[corr.columns.str.startswith("V52_")]
    assert len(names) == 8
    assert (corr[names].notna().sum() == 64).all()
    assert corr[names].tail(64).notna().all(axis=None)
    scores = score_summary(corr[names].tail(64))["mean"].round(3)
    contributions = score_summary(mmc[names].tail(64))["mean"].round(3)
    # published as 0.000 to 0.005, which the two trained on cyrusd stay below
    cyrusd = scores.filter(like="CYRUSD")
    assert scores.drop(cyrusd.index).between(0, 0.005).all()
    assert cyrusd.to_dict() == {
        "V52_LGBM_CYRUSD60": -0.001,
        "V52_LGBM_CYRUSD20": -0.002,
    }
    assert contributions.between(-0.011, -0.003).all()


def test_autocorrelation_of_live_rounds(corr):
    first = score_summary(corr, nan_policy="omit")
    # daily rounds of 20 days; published as 0.84 to 0.93, for models of many rounds
    long = first.loc[first["n_eras"] > LONG, "autocorrelation"]
    assert len(long) == 23
    assert long.between(0.84, 0.93).all()
    short = first.loc[first["n_eras"] <= LONG, "autocorrelation"].round(2)
    assert short.between(0.81, 0.94).all()
    # 355 rounds are worth about 15
    effective = effective_n_eras(corr["NUMERAI_SWMM"], block_size=40)
    assert effective < 25


def pairwise_median(scores):
    correlations = scores.corr().to_numpy()
    return np.nanmedian(correlations[np.triu_indices(len(correlations), 1)])


def test_models_of_live_rounds_are_alike_in_corr_not_in_mmc(corr, mmc):
    names = corr.columns[corr.notna().sum() > 340]
    assert len(names) == 22
    assert_allclose(
        [pairwise_median(corr[names]), pairwise_median(mmc[names])],
        [0.73, 0.03],
        atol=0.005,
    )
    # all 32 models, with pairs that share but 64 rounds, give other medians
    assert_allclose(
        [pairwise_median(corr), pairwise_median(mmc)], [0.75, 0.09], atol=0.005
    )
