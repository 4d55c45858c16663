"""Batches are the same wherever the rows lie."""

import threading

import numpy as np
import pytest
import torch

from sknumerai.neural_network import _data_on_device, _training
from sknumerai.neural_network._batches import EraBatches, RowBatches
from sknumerai.neural_network._data_on_device import (
    Ahead,
    PinnedDataset,
    ResidentDataset,
    ahead,
    place,
)
from tests.neural_network import tiny
from tests.neural_network.test_batches import make_dataset
from tests.neural_network.tiny import X, output, target_for

CPU = torch.device("cpu")
GROUPS = {
    "in order": [1, 1, 2, 2, 2, 3, 4, 4],
    "out of order": [2, 1, 3, 2, 1, 4, 2, 1],
}


KINDS = {
    "resident": lambda dataset: ResidentDataset.of(dataset, CPU),
    "pinned": PinnedDataset.of,  # in ordinary memory without CUDA
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("groups", GROUPS.values(), ids=list(GROUPS))
@pytest.mark.parametrize("Batches", [RowBatches, EraBatches])
@pytest.mark.parametrize("shuffle", [True, False])
def test_batches_are_the_same(kind, groups, Batches, shuffle, monkeypatch):
    monkeypatch.setattr(_data_on_device, "_PIECE", 8)  # two rows
    dataset, _ = make_dataset(groups)
    dataset.meta_model = torch.rand(len(groups), 2)
    for part in (dataset, dataset.eras(1, 3)):
        both = [
            list(Batches(d, 3, shuffle, generator=torch.Generator().manual_seed(0)))
            for d in (part, KINDS[kind](part))
        ]
        for mine, other in zip(*both, strict=True):
            for a, b in zip(mine, other, strict=True):
                assert (a is None) == (b is None)
                assert a is None or torch.equal(a, b)


def memory(monkeypatch, free):
    monkeypatch.setattr(_data_on_device, "free_bytes", lambda device: free)
    monkeypatch.setattr(ResidentDataset, "of", classmethod(lambda *args: "resident"))
    monkeypatch.setattr(PinnedDataset, "of", classmethod(lambda *args: "pinned"))


@pytest.mark.parametrize(
    "wanted, free, found",
    [
        ("auto", 100, "resident"),
        ("auto", 79, "pinned"),
        (True, 0, "resident"),
        (False, 100, "pinned"),
    ],
)
def test_where_rows_go(wanted, free, found, monkeypatch):
    memory(monkeypatch, free)
    train, valid = make_dataset([1] * 8)[0], make_dataset([1] * 4)[0]  # 48 bytes of X
    cuda = torch.device("cuda")
    assert place([train, valid], cuda, wanted) == [found, found]
    if wanted != "auto":
        assert place([train, None], cuda, wanted) == [found, None]
    assert place([train, None], CPU, wanted) == [train, None]


def test_too_large_for_the_device_says_what_to_do(monkeypatch):
    def full(*args):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(ResidentDataset, "of", full)
    dataset, _ = make_dataset([1] * 8)
    with pytest.raises(MemoryError, match="data_on_device=False"):
        place([dataset, None], torch.device("cuda"), True)


@pytest.mark.parametrize(
    "Network, kind",
    [*((Network, "resident") for Network in tiny.SIZES), (tiny.MLPRegressor, "pinned")],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_networks_are_the_same(Network, kind, monkeypatch):
    """The rows out of era order, some held out."""
    mixed = np.random.default_rng(0).permutation(len(X))
    y = target_for(Network).iloc[mixed]
    model = tiny.tiny(Network, n_validation_eras=2, embargo=0, batch_by="era")
    expected = model.fit(X.iloc[mixed], y)
    expected = [output(expected), expected.history_[0]]
    monkeypatch.setattr(
        _training, "place", lambda parts, *_: [KINDS[kind](d) for d in parts]
    )
    model.fit(X.iloc[mixed], y)
    np.testing.assert_array_equal(output(model), expected[0])
    for name, value in expected[1].items():
        assert name == "dur" or model.history_[0][name] == value


def test_ahead_gives_all_batches_in_their_order():
    dataset, _ = make_dataset(GROUPS["in order"])
    assert ahead(RowBatches(dataset, 3)).dataset is dataset
    batches = RowBatches(PinnedDataset.of(dataset), 1, shuffle=False)
    first = ahead(batches)
    assert isinstance(first, Ahead) and len(first) == len(batches)
    seen = [int(batch.X) for batch in first]
    assert seen == list(range(len(dataset)))


def test_ahead_hands_on_errors_and_leaves_no_thread():
    before = threading.active_count()

    def broken():
        yield from (1, 2, 3)
        raise ZeroDivisionError

    batches = iter(Ahead(broken()))
    assert [next(batches) for _ in range(3)] == [1, 2, 3]
    with pytest.raises(ZeroDivisionError):
        next(batches)
    assert threading.active_count() == before
    for batch in Ahead(iter(range(100))):
        if batch == 3:
            break
    assert threading.active_count() == before


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("data_on_device", ["auto", True, False])
def test_on_a_gpu(data_on_device):
    model = tiny.tiny(tiny.MLPRegressor, device="cuda", data_on_device=data_on_device)
    expected = output(tiny.tiny(tiny.MLPRegressor).fit(X, tiny.Y))
    np.testing.assert_allclose(output(model.fit(X, tiny.Y)), expected, atol=1e-4)
