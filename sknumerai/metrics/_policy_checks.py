"""The fields of a payout policy, checked and put into one form."""

# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Mapping
from datetime import UTC, date
from numbers import Integral, Real

import numpy as np
import pandas as pd


class Weights(Mapping):
    """A mapping that cannot change, so that policies compare and hash by value."""

    def __init__(self, items):
        self._items = tuple(items)

    def __getitem__(self, key):
        return dict(self._items)[key]

    def __iter__(self):
        return iter(dict(self._items))

    def __len__(self):
        return len(self._items)

    def __hash__(self):
        return hash(frozenset(self._items))

    def __repr__(self):
        return repr(dict(self._items))


def check_weights(weights):
    """Multipliers by name in lower case, as a mapping that cannot change."""
    if not isinstance(weights, Mapping) or not len(weights):
        raise ValueError(
            "PayoutPolicy: weights must be a dict of multipliers by score, such as "
            f"{{'corr': 3, 'mmc': 15}}. Got {weights!r}."
        )
    items = {}
    for name, weight in weights.items():
        if not isinstance(name, str) or not name.strip():
            raise ValueError(
                f"PayoutPolicy: a score's name must be a string. Got {name!r}."
            )
        key = name.strip().lower()
        if key in items:
            raise ValueError(f"PayoutPolicy: weights has two entries for {key!r}.")
        if weight is None:
            raise ValueError(f"PayoutPolicy: the weight of {key!r} is None.")
        items[key] = check_number(weight, f"the weight of {key!r}")
    return Weights(items.items())


def check_number(value, name, above=None, least=None):
    """A finite number within bounds as a float, or None."""
    if value is None:
        return None
    is_number = isinstance(value, Real) and not isinstance(value, bool | np.bool_)
    bounds = "" if above is None else f" above {above}"
    bounds = bounds if least is None else f" of at least {least}"
    if (
        not is_number
        or not np.isfinite(value)
        or (above is not None and value <= above)
        or (least is not None and value < least)
    ):
        raise ValueError(
            f"PayoutPolicy: {name} must be a finite number{bounds}. Got {value!r}."
        )
    return float(value)


def check_count(value, name):
    """An integer of at least 1 as an int, or None."""
    if value is None:
        return None
    is_count = isinstance(value, Integral) and not isinstance(value, bool | np.bool_)
    if not is_count or value < 1:
        raise ValueError(
            f"PayoutPolicy: {name} must be an integer of at least 1. Got {value!r}."
        )
    return int(value)


def check_name(value, name):
    """A string or None."""
    if value is not None and not isinstance(value, str):
        raise TypeError(f"PayoutPolicy: {name} must be a string. Got {value!r}.")
    return value


def check_date(value, name):
    """A day in UTC as "YYYY-MM-DD", or None."""
    if value is None:
        return None
    try:
        if not isinstance(value, str | date | np.datetime64):
            raise TypeError
        moment = pd.Timestamp(value)
        if moment is pd.NaT:
            raise ValueError
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"PayoutPolicy: {name} must be a day such as '2024-01-02'. Got {value!r}."
        ) from error
    if moment.tzinfo is not None:
        moment = moment.tz_convert(UTC)
    return moment.date().isoformat()
