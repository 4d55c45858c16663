"""Values of parameters in trials, and how they go with scores."""

import numpy as np
import pandas as pd
import pytest

from sknumerai.inspection._trial_parameters import (
    association,
    is_known,
    is_numeric,
    is_wide,
    n_different,
)


def test_associations_find_what_matters():
    rng = np.random.default_rng(0)
    values = rng.normal(size=4000)
    ranks = pd.Series(values).rank()
    # of ranks themselves, fifths explain 24 parts of 25
    assert association(ranks, values) == pytest.approx(0.96, abs=1e-3)
    assert association(pd.Series(rng.normal(size=4000)), values) < 0.01
    assert association(pd.Series(rng.choice(["a", "b"], 4000)), values) < 0.01
    halves = pd.Series(np.where(values > np.median(values), "high", "low"))
    # two halves explain 3 parts of 4
    assert association(halves, values) == pytest.approx(0.75, abs=1e-3)


def test_few_trials_and_one_value_tell_nothing():
    values = np.arange(12.0)
    rare = pd.Series([1.0] * 9 + [np.nan] * 3)
    assert np.isnan(association(rare, values))
    assert association(pd.Series(["a"] * 12), values) == 0
    assert association(pd.Series(values), np.ones(12)) == 0


def test_chance_is_no_association():
    rng = np.random.default_rng(0)
    values = rng.normal(size=20)
    noise = (pd.Series(rng.normal(size=20)) for _ in range(60))
    # uncorrected, fifths of noise would tell 4 parts of 19
    assert np.mean([association(column, values) for column in noise]) < 0.12


def test_kinds_of_values():
    column = pd.Series([1, 2.5, np.nan, None], dtype=object)
    assert is_known(column).tolist() == [True, True, False, True]
    assert not is_numeric(column) and is_numeric(column[:3])
    assert not is_numeric(pd.Series([True, False], dtype=object))
    assert not is_numeric(pd.Series([np.nan], dtype=object))
    # None is a value, and so is to have none
    assert n_different(column) == 4
    assert is_wide(np.array([0.1, 10.0, np.nan]))
    assert not is_wide(np.array([0.1, 9.0])) and not is_wide(np.array([0.0, 10.0]))
