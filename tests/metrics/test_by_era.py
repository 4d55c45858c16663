"""Scores of eras by any function of one era."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import mean_squared_error, r2_score

from sknumerai.exceptions import MissingErasError
from sknumerai.metrics import era_scores, numerai_corr_score

ERAS = np.array([2, 1, 2, 1, 10, 10, 2])


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return rng.integers(0, 5, 7) / 4, rng.normal(size=(7, 2))


def test_equals_a_plain_loop(data):
    y, p = data
    got = era_scores(mean_squared_error, y, p, groups=ERAS)
    expected = [
        [mean_squared_error(y[ERAS == e], p[ERAS == e, j]) for j in (0, 1)]
        for e in (1, 2, 10)
    ]
    assert_allclose(got, expected, rtol=0)
    assert got.index.tolist() == [1, 2, 10] and got.columns.tolist() == [0, 1]
    one = era_scores(mean_squared_error, y, p[:, 1], groups=ERAS)
    assert_allclose(one, np.array(expected)[:, 1], rtol=0)


def test_metric_of_the_package_gives_the_same_either_way(data):
    y, p = data
    index = pd.Index(ERAS, name="era")
    y, p = pd.Series(y, index=index), pd.DataFrame(p, index=index, columns=["a", "b"])
    got = era_scores(numerai_corr_score, y, p)
    pd.testing.assert_frame_equal(got, numerai_corr_score(y, p, aggregate=None))


def test_further_inputs_are_cut_too(data):
    y, p = data
    third = np.arange(7.0)
    frame = pd.DataFrame({"f": third, "g": third})

    def metric(y_true, y_pred, other, frame):
        assert other.tolist() == frame["f"].tolist()
        return other.sum()

    got = era_scores(metric, y, p[:, 0], third, frame, groups=ERAS)
    assert got.tolist() == [4, 8, 9]


def test_a_third_input_of_another_length_raises(data):
    y, p = data
    with pytest.raises(ValueError, match="y_true has 7 rows and the third input has 6"):
        era_scores(r2_score, y, p, np.arange(6), groups=ERAS)


def test_no_eras_raise(data):
    with pytest.raises(MissingErasError, match="era_scores needs the era"):
        era_scores(r2_score, *data)


def test_missing_targets_are_left_out_for_any_metric():
    y = np.array([0, 1, 0, 1, 0, np.nan, np.nan])
    p = np.array([0, 1, 0, 1, 0.5, 7, 7])
    eras = np.array([1, 1, 1, 1, 1, 1, 2])
    got = era_scores(mean_squared_error, y, p, groups=eras)
    assert got.index.tolist() == [1] and got[1] == pytest.approx(0.05)
