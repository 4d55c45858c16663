"""The same share of every era."""

import numpy as np
import pandas as pd
import pytest

from sknumerai.exceptions import MissingErasError
from sknumerai.model_selection import era_stratified_sample


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    eras = rng.permutation(
        np.repeat(np.arange(1, 11), [1, 2, 3, 10, 20, 40, 4, 8, 9, 3])
    )
    index = pd.MultiIndex.from_arrays([eras, np.arange(100)], names=["era", "id"])
    return pd.DataFrame({"a": np.arange(100)}, index=index)


@pytest.mark.parametrize("size", [0.25, 1.0, 0.1, 3, 1])
def test_size_of_each_era(frame, size):
    counts = frame.groupby("era").size()
    sample = era_stratified_sample(frame, size=size, random_state=0)
    wanted = np.minimum(
        counts, size if isinstance(size, int) else np.ceil(size * counts)
    )
    assert sample.groupby("era").size().tolist() == wanted.tolist()
    # in the order that they had, and no row twice
    assert (np.diff(sample["a"]) > 0).all()
    pd.testing.assert_frame_equal(sample, frame.loc[sample.index])


def test_arrays_are_drawn_alike(frame):
    y = frame["a"] * 2
    X, Y, rows = era_stratified_sample(frame, y, np.arange(100), random_state=1)
    assert (X["a"] * 2).equals(Y) and (X["a"].to_numpy() == rows).all()
    again = era_stratified_sample(frame, random_state=1)
    pd.testing.assert_frame_equal(again, X)
    assert not era_stratified_sample(frame, random_state=2).equals(X)
    eras = frame.index.get_level_values("era")
    by_groups = era_stratified_sample(frame.to_numpy(), groups=eras, random_state=1)
    np.testing.assert_array_equal(by_groups, X)


def test_every_row_is_drawn_as_often():
    eras = np.repeat([1, 2], [4, 8])
    rows, counts = np.arange(12), np.zeros(12)
    rng = np.random.RandomState(0)
    for _ in range(4000):
        counts[
            era_stratified_sample(rows, groups=eras, size=0.5, random_state=rng)
        ] += 1
    # a half of each: five standard errors
    assert np.abs(counts / 4000 - 0.5).max() < 5 * 0.5 / np.sqrt(4000)


def test_wrong_calls_say_what_is_wrong(frame):
    for size in (0, 0.0, 1.5, -1, "half", True):
        with pytest.raises(ValueError, match="size must be a share"):
            era_stratified_sample(frame, size=size)
    with pytest.raises(ValueError, match="nothing to draw from"):
        era_stratified_sample()
    with pytest.raises(MissingErasError):
        era_stratified_sample(frame.to_numpy())
    with pytest.raises(ValueError, match="inconsistent"):
        era_stratified_sample(frame, frame["a"].iloc[1:])
