"""Two processes that train together do what one does with batches of twice the size."""

import os
import pickle
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from skorch.history import History

from sknumerai.neural_network import MLPRegressor
from sknumerai.neural_network._batches import EraBatches, RowBatches
from sknumerai.neural_network._processes import (
    Level,
    OneProcess,
    Shares,
    processes_of,
)
from tests.neural_network import tiny, two_processes
from tests.neural_network.test_batches import make_dataset
from tests.neural_network.tiny import X, Y, output

ROOT = Path(__file__).parents[2]
WORKER = "tests.neural_network.two_processes"
pytest.importorskip("accelerate")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return str(s.getsockname()[1])


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What both processes found, as torchrun would start them, and what they said."""
    out = tmp_path_factory.mktemp("processes")
    common = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    common |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
    started = [
        subprocess.Popen(
            [sys.executable, "-m", WORKER, str(out)],
            cwd=ROOT,
            env=os.environ | common | {"RANK": str(i), "LOCAL_RANK": str(i)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for i in range(2)
    ]
    try:
        said = [process.communicate(timeout=200)[1] for process in started]
    finally:
        for process in started:  # one that failed leaves the other waiting
            process.kill()
    assert [process.returncode for process in started] == [0, 0], "\n".join(said)
    return [
        pickle.loads((out / f"{i}.pickle").read_bytes()) | {"said": said[i]}
        for i in range(2)
    ]


def check_same(a, b, **tolerance):
    for name in a[0]:
        np.testing.assert_allclose(a[0][name], b[0][name], err_msg=name, **tolerance)
    assert len(a[1]) == len(b[1]) and a[2] == b[2]
    for mine, other in zip(a[1], b[1]):
        assert mine.keys() == other.keys()
        for name, value in mine.items():
            if isinstance(value, float):
                assert value == pytest.approx(other[name], rel=1e-3, abs=1e-4), name
            else:
                assert value == other[name], name
    np.testing.assert_allclose(a[3], b[3], **tolerance)


@pytest.mark.parametrize(
    "name", [*two_processes.NETWORKS, "all else", "two optimizers"]
)
def test_both_end_with_the_same(found, name):
    check_same(found[0][name], found[1][name], rtol=0, atol=0)


@pytest.mark.parametrize("name", two_processes.NETWORKS)
def test_both_together_are_one(found, name):
    alone = two_processes.result(two_processes.fit(name, n_processes=2))
    check_same(found[0][name], alone, rtol=1e-3, atol=2e-5)


def test_only_the_first_shows_a_bar(found):
    assert "epoch" in found[0]["said"]
    assert "epoch" not in found[1]["said"]


def test_a_loss_that_is_not_finite_ends_both(found):
    for one in found:
        assert "the loss became" in one["error"]


@pytest.mark.parametrize("name", two_processes.OTHERWISE)
def test_other_rows_or_parameters_are_refused_by_both(found, name):
    mine, other = (one["refused"].get(name) for one in found)
    assert mine is not None and mine == other
    words = {"max_epochs": "max_epochs", "held out": "n_validation_eras"}
    assert words.get(name, "given all rows") in mine
    if name == "fewer":
        assert "(360 x 20 and 120 x 20)" in mine


class Of:
    def __init__(self, index, n):
        self.index, self.n = index, n


@pytest.mark.parametrize("n", [2, 3])
@pytest.mark.parametrize("min_rows", [1, 2])
@pytest.mark.parametrize("groups", [[1, 1, 2, 2, 2, 3, 4], [2, 1, 3, 2, 1, 4, 2, 5]])
@pytest.mark.parametrize("Batches", [RowBatches, EraBatches])
def test_shares_make_up_the_batch(Batches, groups, min_rows, n):
    dataset, _ = make_dataset(groups)

    def batches():
        generator = torch.Generator().manual_seed(0)
        return Batches(dataset, 3, min_rows=min_rows, generator=generator)

    parts = [list(Shares(batches(), Of(i, n), 1)) for i in range(n)]
    for whole, *shares in zip(batches(), *parts, strict=True):
        rows = [row for share in shares for row in share.batch.X[:, 0].tolist()]
        assert rows == whole.X[:, 0].tolist()
        # or a step would be made without a gradient
        assert any(share.weight for share in shares)
        for share in shares:
            assert len(share) == len(whole.X)
            if Batches is RowBatches:
                assert share.weight == len(share.batch.X)
                assert share.weight == 0 or share.weight >= min_rows
            if share.batch.groups is not None:
                assert sorted(set(share.batch.groups.tolist())) == list(
                    range(share.weight)
                )


def test_too_few_eras_for_a_loss_that_compares_them_are_not_divided():
    dataset, _ = make_dataset([1, 2, 3])
    parts = [
        list(Shares(EraBatches(dataset, 4, shuffle=False), Of(i, 2), 2))
        for i in range(2)
    ]
    assert [[share.weight for share in part] for part in parts] == [[3], [0]]


def test_one_process_alone_is_as_without():
    model = tiny.tiny(MLPRegressor)
    expected = output(model.fit(X, Y))
    np.testing.assert_array_equal(
        output(model.set_params(distributed=True).fit(X, Y)), expected
    )
    assert isinstance(processes_of(model, torch.device("cpu"))[0], OneProcess)


def test_processes_that_accelerate_does_not_see(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RuntimeError, match="torchrun"):
        tiny.tiny(MLPRegressor, distributed=True).fit(X, Y)


def test_without_accelerate_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(ImportError, match=r"pip install 'sknumerai\[distributed\]'"):
        tiny.tiny(MLPRegressor, distributed=True).fit(X, Y)


class Alone:
    """Processes that agree."""

    def __init__(self):
        self.n_levelled = 0

    def level(self, module):
        self.n_levelled += 1

    def agree(self, value):
        return value / 2


def test_an_epoch_without_a_batch_has_no_loss():
    """It was a KeyError, before fit could say that no batch could be trained on."""
    net, alone = SimpleNamespace(history=History(), module_=None), Alone()
    for loss in (None, 3.0):
        net.history.new_epoch()
        if loss is not None:
            net.history.record("train_loss", loss)
        Level(alone).on_epoch_end(net)
    assert [row.get("train_loss") for row in net.history] == [None, 1.5]
    assert alone.n_levelled == 2


@pytest.mark.slow
def test_started_by_torchrun(tmp_path):
    # accelerate launch starts processes for GPUs; on the CPU it needs MPI for more than one
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    subprocess.run(
        [*launch, "--master-port", free_port(), "-m", WORKER, str(tmp_path)],
        cwd=ROOT,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert len(list(tmp_path.iterdir())) == 2
