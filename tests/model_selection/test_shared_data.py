import os
import pickle

import numpy as np
import pandas as pd
import pytest

from sknumerai.datasets import load_numerai, make_numerai
from sknumerai.model_selection._shared_data import SharedData


@pytest.fixture
def codes(tmp_path):
    """A memory map of a file, which is read only."""
    path = tmp_path / "codes"
    values = np.random.default_rng(0).integers(0, 5, (300, 20)).astype(np.int8)
    values.tofile(path)
    return np.memmap(path, np.int8, "r", shape=(300, 20))


def crossed(**objects):
    """What another process gets, and the size of the file that it is written to."""
    with SharedData(**objects) as shared:
        sent = pickle.dumps(shared)
        assert len(sent) < 500
        found = pickle.loads(sent)
        size = os.path.getsize(shared._path)
        return {name: found[name] for name in objects}, size


def is_mapped(array):
    while array is not None and not isinstance(array, np.memmap):
        array = getattr(array, "base", None)
    return array is not None


@pytest.mark.parametrize(
    "cut",
    [
        lambda m: m,
        lambda m: m[5:],
        lambda m: m[7:290, 3:17:2],
        lambda m: m.T,
        lambda m: m[10:][5:, 4:],
        lambda m: m.reshape(-1, 4).view(np.int32),
        lambda m: m[:, 0],
        lambda m: np.asarray(m[100:]),
    ],
)
def test_a_view_of_a_memory_map_stays_in_its_file(codes, cut):
    given = cut(codes)
    found, size = crossed(X=given)
    np.testing.assert_array_equal(found["X"], given)
    assert found["X"].dtype == given.dtype and is_mapped(found["X"])
    assert size < 2000


@pytest.mark.parametrize(
    "cut",
    [
        lambda m: m[::-1],
        lambda m: m[:0],
        lambda m: np.array(m),
        lambda m: m.astype(float),
        lambda m: np.array(["a", None], dtype=object),
    ],
)
def test_other_arrays_are_written(codes, cut):
    given = cut(codes)
    found, _ = crossed(X=given)
    np.testing.assert_array_equal(found["X"], given)


def test_a_map_that_was_changed_in_memory_is_not_read_from_its_file(codes):
    changed = np.memmap(codes.filename, np.int8, "c", shape=codes.shape)
    changed[0, 0] = 99
    found, _ = crossed(X=changed)
    assert found["X"][0, 0] == 99


def test_a_frame_keeps_its_labels_and_its_file(codes):
    index = pd.MultiIndex.from_product([["0001", "0002"], range(150)])
    index.names = ["era", "id"]
    frame = pd.DataFrame(codes, index, [f"f{i}" for i in range(20)], copy=False)
    found, size = crossed(X=frame.iloc[50:], y=pd.Series(np.arange(3.0)), groups=None)
    pd.testing.assert_frame_equal(found["X"], frame.iloc[50:])
    assert is_mapped(found["X"].to_numpy()) and found["groups"] is None
    assert found["y"].tolist() == [0, 1, 2]
    assert size < 20_000


def test_what_load_numerai_gives_stays_in_its_file(tmp_path):
    data = make_numerai(n_eras=8, n_samples_per_era=500, random_state=0)
    frame = data.data.join(data.target).reset_index().set_index("id")
    frame.to_parquet(tmp_path / "train.parquet")
    loaded = load_numerai(tmp_path, targets=data.target.name, verbose=0).data
    for X in (loaded, loaded.iloc[500:3333]):
        # without ids, which are written
        bare = pd.DataFrame(X.to_numpy(), columns=X.columns, copy=False)
        found, size = crossed(X=bare, matrix=X.to_numpy())
        np.testing.assert_array_equal(found["X"], X)
        np.testing.assert_array_equal(found["matrix"], X)
        assert size < 20_000 < X.size


def test_a_frame_of_several_types_is_written():
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, None], "c": ["x", "y"]})
    found = crossed(X=frame)[0]["X"]
    pd.testing.assert_frame_equal(found.copy(), frame)


def test_nothing_is_written_where_nothing_crosses_and_nothing_stays(codes):
    with SharedData(X=np.ones(3)) as shared:
        assert shared["X"].tolist() == [1, 1, 1]
        assert shared._path is None
        pickle.dumps(shared)
        path = shared._path
        assert os.path.exists(path)
    assert not os.path.exists(path)
