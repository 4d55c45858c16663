"""Views of files, which know where in the file they begin."""

import os

import numpy as np
import pandas as pd
import pytest

from sknumerai.utils import file_of, map_file


@pytest.fixture
def matrix(tmp_path):
    np.save(tmp_path / "X.npy", np.arange(60, dtype=np.int16).reshape(12, 5))
    return np.load(tmp_path / "X.npy", mmap_mode="r")


VIEWS = {
    "whole": lambda m: m,
    "rows": lambda m: m[3:9],
    "transposed": lambda m: m.T,
    "rows of the transpose": lambda m: m.T[2:, 1:],
    "columns": lambda m: m[:, 1:4],
    "steps": lambda m: m[::3, ::2],
    "backwards": lambda m: m[::-1, ::-1],
    "vector": lambda m: m[:, 2],
    "one row": lambda m: m[4:5],
}


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("memmap", [True, False])
def test_a_view_knows_its_place_in_the_file(matrix, name, memmap):
    path = str(matrix.filename)
    whole = matrix
    if not memmap:
        whole = map_file(path, matrix.dtype, matrix.shape, matrix.offset)
    view = VIEWS[name](whole)
    filename, offset = file_of(view)
    assert filename == path
    again = map_file(filename, view.dtype, view.shape, offset, view.strides)
    np.testing.assert_array_equal(again, VIEWS[name](np.asarray(matrix)))
    assert not again.flags.writeable and not isinstance(again, np.memmap)
    assert file_of(again) == (filename, offset)


def test_a_frame_s_array_does_too(matrix):
    whole = map_file(matrix.filename, matrix.dtype, matrix.shape, matrix.offset)
    X = pd.DataFrame(whole, columns=list("abcde"), copy=False)
    for frame in (X, X.iloc[2:7], X.iloc[:, 1:3]):
        assert file_of(frame.to_numpy())[0] == str(matrix.filename)


def test_what_is_in_memory_has_no_file(matrix):
    private = np.load(matrix.filename, mmap_mode="c")
    for values in (np.arange(6).reshape(2, 3).T, private, matrix * 2, [1, 2], None):
        assert file_of(values) is None


def test_a_file_that_was_replaced_is_another(matrix):
    path = matrix.filename
    array = map_file(path, matrix.dtype, matrix.shape, matrix.offset)
    np.save(f"{path}.new.npy", np.zeros((12, 5), dtype=np.int16))
    os.replace(f"{path}.new.npy", path)
    assert file_of(array) is None
    np.testing.assert_array_equal(array, np.arange(60).reshape(12, 5))
    os.unlink(path)
    assert file_of(array) is None
