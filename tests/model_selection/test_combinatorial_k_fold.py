"""All combinations of test blocks, and the paths that they make."""

from itertools import combinations
from math import comb

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score

from sknumerai.metrics import numerai_corr_score, numerai_corr_scorer
from sknumerai.model_selection import CombinatorialPurgedGroupKFold


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_combination_is_tested_and_trained_around(data):
    n_groups = data.draw(st.integers(2, 6))
    k = data.draw(st.integers(1, n_groups - 1))
    embargo = data.draw(st.integers(0, 3))
    numbers = np.array(
        sorted(data.draw(st.sets(st.integers(1, 150), min_size=n_groups, max_size=60)))
    )
    eras = np.random.default_rng(0).permutation(np.repeat(numbers, 2))
    cv = CombinatorialPurgedGroupKFold(n_groups, k, embargo=embargo)
    assert cv.get_n_splits() == comb(n_groups, k)
    assert cv.get_n_paths() * n_groups == cv.get_n_splits() * k
    try:
        splits = list(cv.split(eras, groups=eras))
    except ValueError as error:
        assert "leaves none for training" in str(error)
        return
    blocks = np.array_split(numbers, n_groups)
    for (train, test), chosen in zip(splits, combinations(range(n_groups), k)):
        tested = np.concatenate([blocks[b] for b in chosen])
        assert_array_equal(np.unique(eras[test]), tested)
        far = np.abs(numbers[:, None] - tested).min(axis=1) > embargo
        assert_array_equal(np.unique(eras[train]), numbers[far])


@pytest.mark.parametrize("n_groups, k", [(6, 2), (5, 4), (4, 1)])
def test_paths_go_through_all_rows_once(n_groups, k):
    rng = np.random.default_rng(0)
    eras = rng.permutation(np.repeat(np.arange(1, 41), 3))
    index = pd.MultiIndex.from_arrays([eras, np.arange(120)], names=["era", "id"])
    X = pd.DataFrame({"a": np.arange(120.0)}, index=index)
    cv = CombinatorialPurgedGroupKFold(n_groups, k, embargo=0)
    splits = list(cv.split(X))
    # the prediction says which split made it
    paths = cv.combine_paths([np.full(len(t), s) for s, (_, t) in enumerate(splits)], X)
    assert paths.shape == (120, cv.get_n_paths()) and paths.index.equals(index)
    assert paths.notna().all().all()
    for row, predicted_by in enumerate(paths.to_numpy().astype(int)):
        assert len(set(predicted_by)) == len(predicted_by)
        for split in predicted_by:
            assert row in splits[split][1]
    ids = cv.get_path_ids()
    assert ((ids >= 0).sum(axis=1) == k).all()
    for block in ids.T:
        assert sorted(block[block >= 0]) == list(range(cv.get_n_paths()))


def test_a_distribution_of_scores():
    rng = np.random.default_rng(0)
    index = pd.MultiIndex.from_product([range(1, 61), range(20)], names=["era", "id"])
    X = pd.DataFrame(rng.normal(size=(1200, 3)), index=index, columns=list("abc"))
    y = (X["a"] + rng.normal(size=1200)).rename("target_ender_20")
    cv = CombinatorialPurgedGroupKFold(5, 2, embargo=4)
    scores = cross_val_score(
        Ridge(), X, y, cv=cv, scoring=numerai_corr_scorer, error_score="raise"
    )
    assert scores.shape == (10,)
    predictions = [
        Ridge().fit(X.iloc[train], y.iloc[train]).predict(X.iloc[test])
        for train, test in cv.split(X, y)
    ]
    by_path = numerai_corr_score(y, cv.combine_paths(predictions, X, y))
    assert by_path.shape == (4,) and by_path.min() > 0.3
    search = GridSearchCV(Ridge(), {"alpha": [1.0, 1e9]}, cv=cv)
    assert search.fit(X, y).best_params_ == {"alpha": 1.0}
    with pytest.raises(ValueError, match="there are 10 splits, and predictions of 9"):
        cv.combine_paths(predictions[1:], X, y)
    with pytest.raises(ValueError, match=r"split 0 has 480 test rows, .* \(479,\)"):
        cv.combine_paths([predictions[0][1:], *predictions[1:]], X, y)


def test_parameters():
    cv = CombinatorialPurgedGroupKFold(embargo=8)
    assert repr(cv) == (
        "CombinatorialPurgedGroupKFold(embargo=8, n_groups=6, n_test_groups=2)"
    )
    assert (cv.get_n_splits(), cv.get_n_paths()) == (15, 5)
    assert vars(clone(cv)) == vars(cv)
    assert len(cv.describe(groups=np.arange(200))) == 15
    with pytest.raises(ValueError, match="n_test_groups must be less than n_groups"):
        CombinatorialPurgedGroupKFold(3, 3).get_n_splits()
    with pytest.raises(ValueError, match="'n_groups' parameter"):
        CombinatorialPurgedGroupKFold(1, 1).get_n_paths()
    eras = np.arange(5)
    with pytest.raises(ValueError, match="5 eras cannot be cut into 6 blocks"):
        cv.split(eras, groups=eras)
