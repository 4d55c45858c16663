"""Results in the form of what was given."""

import numpy as np
import pandas as pd
import pytest

from sknumerai.utils._frames import like

MATRIX = np.array([[1.0], [2.0]])
INDEX = pd.Index(["a", "b"], name="id")


@pytest.mark.parametrize(
    "given, expected",
    [
        ([3, 4], MATRIX[:, 0]),
        (np.zeros((2, 1)), MATRIX),
        (
            pd.Series([3, 4], INDEX, name="one"),
            pd.Series([1.0, 2.0], INDEX, name="one"),
        ),
        (
            pd.DataFrame({"one": [3, 4]}, INDEX),
            pd.DataFrame({"one": [1.0, 2.0]}, INDEX),
        ),
    ],
)
def test_numbers_come_back_in_the_form_of_what_was_given(given, expected):
    found = like(given, MATRIX)
    assert type(found) is type(expected)
    np.testing.assert_array_equal(found, expected)
    if isinstance(expected, pd.Series):
        pd.testing.assert_series_equal(found, expected)
    elif isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(found, expected)
