"""The embargo of a target, from its name."""

import numpy as np
import pandas as pd
import pytest

from sknumerai.exceptions import UnknownHorizonError
from sknumerai.model_selection import embargo_for


@pytest.mark.parametrize(
    "rule, expected", [("official", (8, 16)), ("known", (4, 12)), ("overlap", (3, 11))]
)
def test_rules(rule, expected):
    names = ("target_ender_20", "target_ender_60")
    assert tuple(embargo_for(name, rule=rule) for name in names) == expected


@pytest.mark.parametrize(
    "target, expected",
    [
        (20, 8),
        (np.int64(60), 16),
        ("target_nomi_v4_20", 8),
        (pd.Series([0.5], name="target_cyrusd_60"), 16),
        (pd.DataFrame(columns=["target_ender_20", "target_jasper_20"]), 8),
        # the longest horizon counts, whichever target is the main one
        (pd.DataFrame(columns=["target_ender_20", "target_jasper_60"]), 16),
        (["target_jasper_60", "target_ender_20"], 16),
        # and nothing reaches further than 60 days
        (pd.DataFrame(columns=["target", "target_ender_60"]), 16),
    ],
    ids=str,
)
def test_horizons(target, expected):
    assert embargo_for(target) == expected


@pytest.mark.parametrize(
    "target, message",
    [
        ("target", "'target' does not end in one of the horizons"),
        ("target_ender_40", "'target_ender_40' does not end"),
        (["target", "target_ender_20"], "'target' does not end"),
        (["target_x_90", "target_ender_60"], "'target_x_90' does not end"),
        (pd.Series([0.5]), "a Series has no name"),
        (np.zeros(3), "a ndarray has no name"),
        (None, "a NoneType has no name"),
        ([], "horizon"),
        (5, "5 does not end"),
    ],
    ids=str,
)
def test_unknown_horizons_raise_and_say_what_to_pass(target, message):
    with pytest.raises(UnknownHorizonError, match=message) as caught:
        embargo_for(target)
    assert "embargo=0 to allow neighbours" in str(caught.value)
    assert not isinstance(caught.value, ValueError)


def test_unknown_rule_raises():
    with pytest.raises(ValueError, match=r"rule must be one of \['official'"):
        embargo_for("target_ender_20", rule="numerai")
