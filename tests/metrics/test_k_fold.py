"""Sarfati's k-fold score against equation 19, written out."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from sknumerai.metrics import k_fold_score

RNG = np.random.default_rng(0)
SCORES = pd.DataFrame(
    RNG.normal(0.02, 0.02, size=(30, 2)),
    columns=["a", "b"],
    index=pd.Index(range(1, 31), name="era"),
)
FOLDS = np.repeat(["first", "second", "third"], [13, 13, 4])


def equation_19(parts):
    folds = [sum(part) / len(part) for part in parts]
    mean = sum(folds) / len(folds)
    return mean / np.sqrt(sum((f - mean) ** 2 for f in folds) / len(folds))


def test_equals_equation_19():
    parts = [SCORES["a"][FOLDS == fold].tolist() for fold in np.unique(FOLDS)]
    expected = equation_19(parts)
    assert_allclose(k_fold_score(SCORES["a"], FOLDS), expected, rtol=1e-12)
    assert_allclose(k_fold_score(parts), expected, rtol=1e-12)
    assert type(k_fold_score(parts)) is float


def test_many_models():
    many = k_fold_score(SCORES, FOLDS)
    assert many.index.tolist() == ["a", "b"]
    assert_allclose(many["b"], k_fold_score(SCORES["b"], FOLDS), rtol=1e-12)
    parts = [SCORES[FOLDS == fold] for fold in np.unique(FOLDS)]
    pd.testing.assert_series_equal(k_fold_score(parts), many)


def test_order_of_eras_and_names_of_folds_do_not_matter():
    order = RNG.permutation(30)
    numbers = np.select([FOLDS == "first", FOLDS == "second"], [7, 3], 5)
    expected = k_fold_score(SCORES["a"], FOLDS)
    got = k_fold_score(SCORES["a"].iloc[order], numbers[order])
    assert_allclose(got, expected, rtol=1e-12)


def test_ddof():
    ratio = k_fold_score(SCORES["a"], FOLDS, ddof=1) / k_fold_score(SCORES["a"], FOLDS)
    assert_allclose(ratio, np.sqrt(2 / 3))


@pytest.mark.filterwarnings("error")
def test_nan_where_folds_do_not_tell():
    assert np.isnan(k_fold_score([0.1, 0.2], [1, 1]))
    assert np.isnan(k_fold_score([[0.1], [0.1], [0.1]]))
    with_nan = SCORES.copy()
    with_nan.iloc[3, 0] = np.nan
    many = k_fold_score(with_nan, FOLDS)
    assert np.isnan(many["a"])
    assert_allclose(many["b"], k_fold_score(SCORES["b"], FOLDS))


@pytest.mark.parametrize(
    "scores, folds, message",
    [
        (SCORES["a"], None, "pass the fold of each era"),
        ([0.1, 0.2], None, "pass the fold of each era"),
        ([[0.1], []], None, "each fold needs the score of an era"),
        ([SCORES, SCORES["a"]], None, "the folds are of different models"),
        (SCORES["a"], [1, 2], r"got shape \(2,\) for 30 eras"),
        (SCORES["a"], [*[1.0] * 29, np.nan], "1 of 30 eras have no fold"),
        (SCORES["a"], pd.Series(FOLDS), "indexes of scores and folds differ"),
    ],
)
def test_bad_input(scores, folds, message):
    with pytest.raises(ValueError, match=message):
        k_fold_score(scores, folds)
