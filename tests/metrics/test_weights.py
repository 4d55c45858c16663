"""Sample weights from targets."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from sknumerai.metrics import target_magnitude_weight


def test_equals_a_plain_formula():
    y = np.random.default_rng(0).integers(0, 5, (50, 3)) / 4
    y[3, 1] = y[7, :2] = np.nan
    expected = np.nanmean(np.abs(y - 0.5), axis=1)
    weight = target_magnitude_weight(y)
    assert_allclose(weight, expected / expected.mean(), rtol=1e-14)
    assert weight.mean() == pytest.approx(1)


def test_pandas_keep_their_index_and_one_target_works():
    y = pd.Series([-0.01, 0.02, 0.0], index=list("abc"), name="resp")
    weight = target_magnitude_weight(y, center=0)
    assert weight.index.equals(y.index)
    assert_allclose(weight, [1, 2, 0])
    assert_allclose(target_magnitude_weight(y.to_frame(), center=0), weight)


@pytest.mark.parametrize(
    "y, message",
    [
        ([[np.nan, np.nan], [1, 0]], "1 of 2 rows have no target"),
        ([0.5, 0.5], "all targets are 0.5, so all weights would be 0"),
        ([0.5, np.inf], "1 infinite values"),
    ],
)
def test_what_has_no_weight_raises(y, message):
    with pytest.raises(ValueError, match=message):
        target_magnitude_weight(y)
