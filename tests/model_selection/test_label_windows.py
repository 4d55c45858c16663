"""In no splitter does a test row's label window overlap a training row's.

Windows are counted in days here, not in eras: what the splitters know is not used.
"""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sknumerai.model_selection import (
    CombinatorialPurgedGroupKFold,
    GroupTimeSeriesSplit,
    PurgedGroupKFold,
    check_leakage,
)

# Eras are a week apart, and a target of 20 days is the return from the second trading
# day after the submission to the twenty-second.
DAYS_PER_ERA, DELAY = 5, 2


def window(era, horizon):
    """The first day of a label and the one after its last."""
    start = DAYS_PER_ERA * era + DELAY
    return start, start + horizon


def overlap(train, test, horizon):
    """Whether any label of a training era shares a day with one of a test era."""
    a, a_end = window(np.asarray(train)[:, None], horizon)
    b, b_end = window(np.asarray(test)[None, :], horizon)
    return bool(((a < b_end) & (b < a_end)).any())


def test_windows_reach_as_far_as_the_rule_says():
    for horizon, reach in [(20, 3), (60, 11)]:
        assert overlap([1], [1 + reach], horizon)
        assert not overlap([1], [2 + reach], horizon)


SPLITTERS = {
    "walk forward": GroupTimeSeriesSplit,
    "with validation": GroupTimeSeriesSplit,
    "k folds": PurgedGroupKFold,
    "combinations": CombinatorialPurgedGroupKFold,
}


@pytest.mark.parametrize("name", SPLITTERS)
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_test_label_overlaps_a_training_label(name, data):
    horizon = data.draw(st.sampled_from([20, 60]))
    every = data.draw(st.sampled_from([1, 2, 4, 5]))
    first = data.draw(st.integers(1, 900))
    numbers = first + every * np.arange(data.draw(st.integers(30, 140)))
    # some eras are missing altogether
    lost = data.draw(st.sets(st.integers(0, len(numbers) - 1), max_size=10))
    numbers = np.delete(numbers, sorted(lost))
    params = {
        "walk forward": {"n_splits": data.draw(st.integers(1, 4))},
        "with validation": {"n_splits": 2, "valid_size": data.draw(st.integers(1, 6))},
        "k folds": {"n_splits": data.draw(st.integers(2, 5))},
        "combinations": {"n_groups": 5, "n_test_groups": 2},
    }[name]
    eras = np.random.default_rng(0).permutation(np.repeat(numbers, 2))
    target = pd.Series(0.5, index=range(len(eras)), name=f"target_any_{horizon}")
    cv = SPLITTERS[name](**params)
    try:
        splits = list(cv.split(eras, target, groups=eras))
    except ValueError as error:
        assume("embargo" not in str(error) and "too few" not in str(error))
        raise
    if name == "with validation":
        triples = list(cv.split_with_validation(eras, target, groups=eras))
        splits = [pair for a, b, c in triples for pair in ((a, b), (a, c), (b, c))]
    for train, test in splits:
        train, test = np.unique(eras[train]), np.unique(eras[test])
        assert not overlap(train, test, horizon)
        future = name in ("k folds", "combinations")
        assert check_leakage(train, test, target, allow_future=future).empty
        if not future:
            assert train.max() < test.min()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_check_leakage_finds_exactly_the_overlaps(data):
    horizon = data.draw(st.sampled_from([20, 60]))
    train, test = (
        sorted(data.draw(st.sets(st.integers(1, 80), min_size=1, max_size=30)))
        for _ in range(2)
    )
    leaks = check_leakage(
        train, test, f"target_x_{horizon}", allow_future=True, raise_error=False
    )
    assert leaks["train_era"].tolist() == [
        t for t in train if overlap([t], test, horizon)
    ]
