"""Numbers as arguments."""

# SPDX-License-Identifier: BSD-3-Clause

import argparse
from decimal import Decimal, InvalidOperation

# No count of anything here is larger
_MOST = 10**15


def count(text):
    """Read an integer of at least 0; see :func:`whole`.

    Parameters
    ----------
    text : str
        What was given.

    Returns
    -------
    value : int
        The number.
    """
    return _integer(text, 0)


def whole(text):
    """Read an integer of at least 1, such as 2746268, 2,746,268, 2_746_268 or 2.7e6.

    Parameters
    ----------
    text : str
        What was given.

    Returns
    -------
    value : int
        The number.
    """
    return _integer(text, 1)


def positive(text):
    """Read a number above 0.

    Parameters
    ----------
    text : str
        What was given.

    Returns
    -------
    value : float
        The number.
    """
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def _integer(text, least):
    wrong = argparse.ArgumentTypeError(
        f"{text!r} is not an integer of at least {least}"
    )
    try:
        # not float: it holds no more than 16 digits
        value = Decimal(text.replace(",", ""))
    except InvalidOperation:
        raise wrong from None
    if not value.is_finite() or value < least:
        raise wrong
    if value > _MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is more than {_MOST:.0e}")
    if value != int(value):
        raise wrong
    return int(value)
