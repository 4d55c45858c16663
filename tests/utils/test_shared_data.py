import mmap
import os
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from sknumerai.datasets import load_numerai, make_numerai
from sknumerai.utils._shared_data import Sent, SharedData


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
        folder = os.path.dirname(shared._path)
        size = sum(os.path.getsize(f"{folder}/{name}") for name in os.listdir(folder))
        return {name: found[name] for name in objects}, size


def is_mapped(array):
    while isinstance(array, np.ndarray | memoryview):
        array = array.base if isinstance(array, np.ndarray) else array.obj
    return isinstance(array, mmap.mmap)


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


def test_frames_in_dicts_and_in_objects_stay_in_their_file(codes):
    """Parameters of fit were written whole, those of scorers left to joblib."""
    frame = pd.DataFrame(codes, copy=False)
    found, size = crossed(fit_params={"aux_targets": frame}, scorers=[Holder(frame)])
    for crossing in (found["fit_params"]["aux_targets"], found["scorers"][0].held):
        pd.testing.assert_frame_equal(crossing, frame)
        assert is_mapped(crossing.to_numpy())
    assert size < 5000
    sent = pickle.dumps(Sent(Holder(frame)))
    pd.testing.assert_frame_equal(pickle.loads(sent).value.held, frame)
    assert len(sent) < 3000


class Holder:
    def __init__(self, held):
        self.held = held


@pytest.mark.parametrize("order", ["C", "F", "K", "reversed", "step"])
@pytest.mark.parametrize("kind", ["float32", "datetime64[s]", "S3"])
def test_arrays_in_memory_are_written_once_in_their_order(order, kind):
    given = np.arange(60 * 50 * 40).reshape(60, 50, 40).astype(kind)
    given = {
        "C": given,
        "F": np.asfortranarray(given),
        "K": given.transpose(1, 2, 0),
        "reversed": given[::-1],
        "step": given[:, ::2],
    }[order]
    found, size = crossed(a=given, b={"again": given}, scalar=np.float64(2.0))
    np.testing.assert_array_equal(found["a"], given)
    assert is_mapped(found["a"]) and found["b"]["again"] is found["a"]
    assert given.nbytes <= size < given.nbytes + 2000
    if order in "CFK":
        assert found["a"].strides == given.strides


def test_threads_of_a_worker_get_their_own_data():
    """KeyError: another thread dropped what was mapped before it was returned."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with SharedData(number=0) as one, SharedData(number=1) as two:
            sent = [pickle.dumps(one), pickle.dumps(two)]
            with ThreadPoolExecutor(8) as pool:
                found = pool.map(
                    lambda k: pickle.loads(sent[k % 2])["number"], range(400)
                )
                assert list(found) == [0, 1] * 200
    finally:
        sys.setswitchinterval(interval)
