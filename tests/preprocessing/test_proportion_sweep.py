"""How CORR and Sharpe of a model depend on the share that is neutralized."""

import importlib
from pathlib import Path

import numpy as np
import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "bench_neutralization.py"


@pytest.mark.slow
def test_sharpe_peaks_at_a_middle_share_and_corr_falls_from_there(monkeypatch):
    pytest.importorskip("lightgbm")
    if not BENCHMARK.exists():
        pytest.skip("the benchmarks are not here")
    monkeypatch.syspath_prepend(str(BENCHMARK.parent))
    bench = importlib.import_module(BENCHMARK.stem)
    small = {"n_samples": 1500, "n_train": 40, "n_test": 80, "n_estimators": 100}
    found = [bench.sweep_scores(seed, **small) for seed in range(5)]
    corr, sharpe, exposure = np.mean(found, axis=0).T
    peak = sharpe.argmax()
    assert 3 <= peak <= 7
    assert sharpe[peak] > sharpe[0] + 0.03
    assert sharpe[peak] > sharpe[-1] + 0.03
    # nearly level before
    assert corr[:peak].max() < 1.05 * corr[0]
    assert (np.diff(corr[peak:]) < 0).all()
    assert corr[-1] < 0.95 * corr[0]
    assert (np.diff(exposure) < 0).all()
    assert exposure[-1] < 1e-6
