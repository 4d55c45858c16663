"""Numbers as arguments of commands."""

import argparse

import pytest

from sknumerai.cli._numbers import count, positive, whole


@pytest.mark.parametrize(
    "text, value",
    [
        ("2746268", 2746268),
        ("2,746,268", 2746268),
        ("2_746_268", 2746268),
        ("1e6", 1_000_000),
        ("2.7e6", 2_700_000),
        ("1E+3", 1000),
        ("12.0", 12),
        ("999999999999999", 999_999_999_999_999),
    ],
)
def test_whole_numbers(text, value):
    assert whole(text) == value == count(text)
    assert isinstance(whole(text), int)


@pytest.mark.parametrize(
    "text",
    ["", "many", "2.5", "1e-3", "1.00001e3", "-1", "nan", "inf", "1e6 rows", "0x10"],
)
def test_others_are_refused(text):
    for read, least in ((whole, 1), (count, 0)):
        with pytest.raises(argparse.ArgumentTypeError, match=f"of at least {least}"):
            read(text)


def test_limits():
    assert count("0") == 0
    with pytest.raises(argparse.ArgumentTypeError, match="'0' is not an integer"):
        whole("0")
    # and such an exponent would take for ever
    for text in ("1e16", "1e999999999"):
        with pytest.raises(argparse.ArgumentTypeError, match=r"more than 1e\+15"):
            whole(text)
    with pytest.raises(argparse.ArgumentTypeError, match="'0' is not a number above 0"):
        positive("0")
    assert positive("0.5") == 0.5
