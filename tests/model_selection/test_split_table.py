"""Splits of any splitter as runs of eras."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold, TimeSeriesSplit

from sknumerai.datasets import make_numerai
from sknumerai.exceptions import MissingErasError
from sknumerai.model_selection import (
    CombinatorialPurgedGroupKFold,
    GroupTimeSeriesSplit,
    PurgedGroupKFold,
    split_table,
)

ERAS = np.repeat(np.arange(1, 61), 3)


@pytest.mark.parametrize(
    "cv",
    [
        GroupTimeSeriesSplit(3, embargo=4),
        PurgedGroupKFold(4, embargo=4),
        CombinatorialPurgedGroupKFold(5, 2, embargo=1),
        TimeSeriesSplit(3),
        KFold(4, shuffle=True, random_state=0),
    ],
    ids=repr,
)
def test_runs_hold_the_rows_of_the_parts(cv):
    eras = np.random.default_rng(0).permutation(ERAS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # e.g. of groups that KFold ignores
        table = split_table(cv, groups=eras)
    groups = None if isinstance(cv, KFold | TimeSeriesSplit) else eras
    for split, parts in enumerate(cv.split(np.zeros((180, 1)), None, groups)):
        for part, rows in zip(("train", "test"), parts):
            runs = table[(table["split"] == split) & (table["part"] == part)]
            assert runs["n_rows"].sum() == len(rows)
            listed = [np.arange(a, b + 1) for a, b in zip(runs["first"], runs["last"])]
            np.testing.assert_array_equal(np.concatenate(listed), np.unique(eras[rows]))
            assert runs["n_eras"].tolist() == [len(run) for run in listed]
            # runs are as long as they can be
            assert (
                runs["first"].to_numpy()[1:] > runs["last"].to_numpy()[:-1] + 1
            ).all()


def test_a_validation_set_is_a_part():
    cv = GroupTimeSeriesSplit(2, test_size=10, valid_size=5, embargo=4)
    table = split_table(cv, groups=ERAS)
    wide = cv.describe(groups=ERAS)
    assert table["part"].tolist() == ["train", "valid", "test"] * 2
    for part in ("train", "valid", "test"):
        runs = table[table["part"] == part]
        for name, column in [("first", "first"), ("last", "last"), ("eras", "n_eras")]:
            assert runs[column].tolist() == wide[f"{part}_{name}"].tolist()


def test_labels_and_the_target_s_name_are_used():
    data = make_numerai(
        n_eras=40, n_samples_per_era=5, targets="target_ender_20", random_state=0
    )
    X, y = data.data, data.target
    table = split_table(GroupTimeSeriesSplit(2, test_size=6), X, y)
    assert table["last"].tolist() == ["0020", "0034", "0026", "0040"]
    with pytest.raises(MissingErasError, match="split_table needs the era"):
        split_table(KFold(2), X.to_numpy())
    with pytest.raises(ValueError, match="needs rows to split"):
        split_table(KFold(2))
    assert isinstance(table, pd.DataFrame)
