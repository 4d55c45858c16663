"""The benchmark for the first machine with a GPU runs."""

import importlib.util
from pathlib import Path

import pytest
import torch

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "bench_gpu.py"


@pytest.fixture(scope="module")
def bench():
    if not BENCHMARK.exists():
        pytest.skip("the benchmarks are not here")
    spec = importlib.util.spec_from_file_location("bench_gpu", BENCHMARK)
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    return bench


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_cuda_it_says_so(bench, capsys):
    assert bench.main([]) == 0
    said = capsys.readouterr().out
    assert "no CUDA device" in said and "--device cpu --quick" in said


def test_all_tasks_run_on_the_cpu(bench, capsys):
    ways = ["plain", "bfloat16", "batches sent"]
    assert bench.main(["--device", "cpu", "--quick", "--ways", *ways]) == 0
    table = capsys.readouterr().out.split("Medians of")[1]
    for task in ("epoch, sae", "epoch, ranker", "neutralization", "CORR of 10 models"):
        assert task in table
    assert table.count("batches sent") == 2
