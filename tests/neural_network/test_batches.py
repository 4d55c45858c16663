"""Batches hold every row once, in eras where they should."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sknumerai.neural_network._batches import EraBatches, EraDataset, RowBatches
from sknumerai.utils import check_eras


def make_dataset(groups):
    """Rows whose feature is their position."""
    eras = check_eras(groups)
    n = len(groups)
    order = eras.order()
    X = torch.arange(n, dtype=torch.int32)[:, None]
    y = torch.arange(n, dtype=torch.float32)[:, None]
    weight = torch.arange(n, dtype=torch.float32)
    rows = None if order is None else torch.from_numpy(order)
    return EraDataset(X, y, weight, rows, eras.starts), eras


groups_of_rows = st.lists(st.integers(1, 6), min_size=1, max_size=40)


@settings(deadline=None, max_examples=60)
@given(groups_of_rows, st.integers(1, 7), st.booleans(), st.booleans())
def test_every_row_once(groups, size, shuffle, by_era):
    dataset, _ = make_dataset(groups)
    kind = EraBatches if by_era else RowBatches
    batches = list(kind(dataset, size, shuffle=shuffle))
    seen = torch.cat([batch.X[:, 0] for batch in batches])
    assert sorted(seen.tolist()) == list(range(len(groups)))
    for batch in batches:
        assert (batch.X[:, 0] == batch.y[:, 0]).all()
        assert (batch.y[:, 0] == batch.sample_weight).all()


@settings(deadline=None, max_examples=60)
@given(groups_of_rows, st.integers(1, 4), st.booleans())
def test_era_batches_hold_whole_eras(groups, size, shuffle):
    dataset, eras = make_dataset(groups)
    for batch in EraBatches(dataset, size, shuffle=shuffle):
        rows = batch.X[:, 0].numpy()
        held = np.unique(eras.codes[rows])
        assert len(held) <= size
        assert len(rows) == np.isin(eras.codes, held).sum()
        if batch.groups is None:
            assert len(held) == 1
        else:
            expected = np.searchsorted(held, eras.codes[rows])
            assert batch.groups.tolist() == expected.tolist()


@pytest.mark.parametrize("groups", [[1, 1, 2, 2, 2, 3, 4], [2, 1, 3, 2, 1, 4, 2]])
def test_part_of_the_eras(groups):
    dataset, eras = make_dataset(groups)
    part = dataset.eras(1, 3)
    seen = torch.cat([b.X[:, 0] for b in EraBatches(part, 1, shuffle=False)])
    assert sorted(eras.numbers[eras.codes[seen.numpy()]]) == sorted(
        g for g in groups if g in (2, 3)
    )


def test_rows_in_era_order_are_views_of_the_store():
    dataset, _ = make_dataset([1, 1, 2, 2, 3])
    for batch in EraBatches(dataset, 1):
        first = int(batch.X[0, 0])
        assert batch.X.data_ptr() == dataset.X[first:].data_ptr()


def test_a_last_batch_of_one_row_is_left_out_where_two_are_needed():
    dataset, _ = make_dataset([1] * 9)
    sizes = [len(b.X) for b in RowBatches(dataset, 4, min_rows=2)]
    assert sizes == [4, 4]
    assert len(RowBatches(dataset, 4, min_rows=2)) == 2
    assert len(RowBatches(dataset, 4)) == 3
