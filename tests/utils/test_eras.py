"""The one era look-up."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from sknumerai.exceptions import MissingErasError
from sknumerai.utils import (
    LIVE_ERA,
    check_eras,
    era_numbers,
    one_era,
    refuse_era_column,
)

LABELS = ["0010", "0009", "0010", "0100", "0009"]
CODES = [1, 0, 1, 2, 0]


@pytest.mark.parametrize(
    "groups",
    [
        LABELS,
        np.array(LABELS),
        np.array(LABELS, dtype=object),
        pd.Series(LABELS),
        pd.Series(LABELS, dtype=object),
        pd.Series(LABELS, dtype="string"),
        pd.Series(LABELS, dtype="category"),
        pd.Categorical(LABELS, categories=["0100", "0010", "0009", "0001"]),
        pd.Index(LABELS),
        [int(label) for label in LABELS],
        np.array([int(label) for label in LABELS], dtype=np.int16),
        pd.Series([int(label) for label in LABELS], dtype="Int64"),
        [float(label) for label in LABELS],
        [f"era{int(label)}" for label in LABELS],
    ],
    ids=lambda groups: f"{type(groups).__name__} {getattr(groups, 'dtype', '')}",
)
def test_all_kinds_of_labels_are_ordered_by_number(groups):
    eras = check_eras(groups)
    assert_array_equal(eras.codes, CODES)
    assert_array_equal(eras.numbers, [9, 10, 100])
    assert eras.n_eras == len(eras.labels) == 3
    assert_array_equal(eras.counts, [2, 2, 1])
    assert_array_equal(eras.starts, [0, 2, 4, 5])


def test_rows_and_order():
    eras = check_eras(LABELS)
    assert_array_equal(eras.order(), [1, 4, 0, 2, 3])
    assert [rows.tolist() for rows in eras.rows()] == [[1, 4], [0, 2], [3]]
    in_order = check_eras([1, 1, 2, 5])
    assert in_order.order() is None
    assert in_order.rows() == [slice(0, 2), slice(2, 3), slice(3, 4)]


def test_order_of_look_up():
    index = pd.MultiIndex.from_arrays([LABELS, range(5)], names=["era", "id"])
    X = pd.DataFrame({"f": range(5)}, index=index)
    y = pd.Series(range(5), index=pd.Index([1, 2, 3, 4, 5], name="id"))
    assert_array_equal(check_eras(None, X).codes, CODES)
    assert_array_equal(check_eras(None, X.to_numpy(), X["f"]).codes, CODES)
    assert_array_equal(check_eras([1, 1, 1, 2, 2], X).codes, [0, 0, 0, 1, 1])
    assert check_eras(None, y, X.to_numpy()) is None
    assert check_eras(None, None, X) is not None


def test_levels_that_no_row_uses_are_no_eras():
    index = pd.MultiIndex.from_arrays([LABELS, range(5)], names=["era", "id"])
    X = pd.DataFrame({"f": range(5)}, index=index)
    eras = check_eras(None, X.iloc[[0, 3]])
    assert eras.labels.tolist() == ["0010", "0100"]
    assert_array_equal(eras.codes, [0, 1])


def test_no_eras():
    assert check_eras(None, np.zeros((3, 2))) is None
    with pytest.raises(MissingErasError, match=r"here needs .*groups=eras"):
        check_eras(None, np.zeros((3, 2)), required=True, caller="here")
    assert one_era(3).n_eras == 1


def test_live_rows():
    with pytest.raises(ValueError, match=r"live rows \(era 'X'\)"):
        check_eras(["0001", "X"])
    eras = check_eras(["X", "0001", "X"], allow_live=True)
    assert_array_equal(eras.codes, [1, 0, 1])
    assert eras.numbers.tolist() == [1, LIVE_ERA]
    assert era_numbers(["eraX", "x"], allow_live=True).tolist() == [LIVE_ERA] * 2


@pytest.mark.parametrize(
    "groups, message",
    [
        ([1, 2, None], "1 of 3 rows have no era"),
        ([1.0, np.nan, np.nan], "2 of 3 rows have no era"),
        ([1.5, 2, 3], "are not eras"),
        (["a", "2", "3"], "are not eras"),
        ([True, False, True], "are not eras"),
        (["1", "0001", "2"], "'1' and '0001' are the same era"),
        ([[1, 2, 3]], r"one-dimensional, got shape \(1, 3\)"),
        ([1, 2], "got 2 eras for 3 rows"),
    ],
)
def test_labels_that_are_no_eras_raise(groups, message):
    with pytest.raises(ValueError, match=message):
        check_eras(groups, np.zeros((3, 1)))


def test_indexes_that_differ_raise():
    X = pd.DataFrame({"f": [1, 2]}, index=["a", "b"])
    y = pd.Series([1, 2], index=["b", "a"])
    with pytest.raises(ValueError, match=r"X \(2 rows\) and y .* 2 labels are in both"):
        check_eras([1, 2], X, y)
    with pytest.raises(ValueError, match=r"X \(2 rows\) and groups"):
        check_eras(pd.Series([1, 2], index=["b", "a"]), X)
    # a default index, or an array, is matched by position
    check_eras([1, 2], X, y.reset_index(drop=True))
    check_eras([1, 2], X, y.to_numpy())
    # an era level more is no difference
    with_era = X.set_index(pd.Index([1, 1], name="era"), append=True)
    check_eras(None, with_era, pd.Series([1, 2], index=["a", "b"]))


def test_messages_name_the_objects_they_mean():
    a, b = (pd.Series([1, 2], index=i) for i in (["a", "b"], ["b", "a"]))
    with pytest.raises(ValueError, match=r"indexes of y_true .* and y_pred"):
        check_eras(None, a, b, names=("y_true", "y_pred"))
    # an object that is None keeps its name
    with pytest.raises(ValueError, match=r"indexes of y .* and the third input"):
        check_eras(None, None, a, b)
    with pytest.raises(ValueError, match=r"indexes of X .* and input 4"):
        check_eras(None, a, None, None, b)


def test_era_column_is_refused():
    refuse_era_column(np.zeros((2, 2)), "fit")
    with pytest.raises(ValueError, match="fit: X has a column 'era'"):
        refuse_era_column(pd.DataFrame({"era": [1]}), "fit")


def test_eras_pickle():
    eras = pickle.loads(pickle.dumps(check_eras(LABELS)))
    assert_array_equal(eras.codes, CODES)


def test_no_rows():
    assert check_eras([]).n_eras == 0


def test_the_same_numbers_in_another_order_are_other_rows():
    X = pd.DataFrame({"f": range(4)})
    y = pd.Series(range(4))
    check_eras(None, X, y)
    check_eras(None, X, y.set_axis(list("abcd")))
    with pytest.raises(ValueError, match="y holds the rows in another order"):
        check_eras(None, X, y.iloc[[2, 0, 1, 3]])
    with pytest.raises(ValueError, match="X holds the rows in another order"):
        check_eras(None, X.iloc[[2, 0, 1, 3]], y)


@pytest.mark.parametrize("label", ["9" * 30, 2**64 - 1])
def test_numbers_that_are_too_large_are_no_eras(label):
    with pytest.raises(ValueError, match="are not eras"):
        check_eras([label])
