"""How many eras must lie between training and test for a target."""

# SPDX-License-Identifier: BSD-3-Clause

import re

import numpy as np
import pandas as pd

from sknumerai.exceptions import UnknownHorizonError
from sknumerai.utils import target_horizon

# Eras by rule and horizon in days. A label of 20 days is fixed by prices of the next 22
# trading days, so it overlaps those of the next 3 weekly eras and is known after 4.
EMBARGO = {
    "official": {20: 8, 60: 16},
    "known": {20: 4, 60: 12},
    "overlap": {20: 3, 60: 11},
}
# Where a target's name says nothing of its horizon: Numerai's purge for 20-day targets
UNKNOWN_EMBARGO = 8


def embargo_for(target, *, rule="official"):
    """Tell how many eras must lie between training and test for a target.

    The horizon is the number at the end of a target's name: 20 or 60 days. Of several
    targets the longest horizon counts: a model trained on a 60-day auxiliary target
    has seen 60 days ahead, whatever it is scored on.

    Parameters
    ----------
    target : str, list of str, Series, DataFrame or int
        Name or names of targets, pandas objects that carry them, or a horizon in days.

    rule : {"official", "known", "overlap"}, default="official"
        What the embargo is for. With "overlap" (3 and 11 eras for 20 and 60 days) no
        training label shares a day with a test label. With "known" (4 and 12) every
        training label was known when the test era began, as live. "official" (8 and
        16) is what Numerai purges for its benchmark models.

    Returns
    -------
    embargo : int
        Number of eras, for the parameter `embargo` of splitters.

    Raises
    ------
    UnknownHorizonError
        If the name does not tell the horizon, for example ``"target"`` or an array.

    ValueError
        If `rule` is none of the three.

    References
    ----------
    Numerai's documentation, "Benchmark Models".

    Examples
    --------
    >>> from sknumerai.model_selection import embargo_for
    >>> embargo_for("target_ender_60"), embargo_for("target_ender_20", rule="known")
    (16, 4)
    """
    if rule not in EMBARGO:
        raise ValueError(
            f"embargo_for: rule must be one of {list(EMBARGO)}. Got {rule!r} instead."
        )
    eras = EMBARGO[rule]
    names = _names(target)
    horizons = [_horizon(name) for name in names]
    known = [h for h in horizons if h is not None]
    # no target reaches further than the longest horizon: beside it names don't matter
    told = max(eras) in known or (known and None not in horizons)
    if told and all(h in eras for h in known):
        return eras[max(known)]
    raise UnknownHorizonError(
        "The horizon of the target is not known: "
        f"{_describe(target, names, horizons, eras)}. Pass the number of eras to keep "
        "free between training and test, e.g. embargo=8 for 20-day targets, embargo=16 "
        "for 60-day targets, or embargo=0 to allow neighbours. A Series or DataFrame "
        "whose names end in _20 or _60 tells it by itself."
    )


def embargo_or_usual(target):
    """Tell the embargo of what estimators hold back by themselves.

    Parameters
    ----------
    target : str, list of str, Series, DataFrame, ndarray or None
        Names of targets, or pandas objects that carry them.

    Returns
    -------
    embargo : int
        That of the longest horizon that a name tells, 8 where none does.

    Raises
    ------
    UnknownHorizonError
        If a name tells a horizon that is not known, such as ``target_x_90``.
    """
    known = []
    for name in _names(target):
        try:
            known.append(embargo_for(name))
        except UnknownHorizonError:
            if re.fullmatch(r"target_.*_\d+d?", str(name)):
                raise
    return max(known, default=UNKNOWN_EMBARGO)


def _names(target):
    if isinstance(target, pd.DataFrame):
        return list(target.columns)
    if isinstance(target, str | int | np.integer):
        return [target]
    if isinstance(target, list | tuple | pd.Index):
        return list(target)
    return [getattr(target, "name", None)]


def _horizon(name):
    if isinstance(name, int | np.integer) and not isinstance(name, bool):
        return int(name)
    return target_horizon(name)


def _describe(target, names, horizons, eras):
    if names == [None]:
        return f"a {type(target).__name__} has no name"
    bad = [n for n, h in zip(names, horizons) if h not in eras][:3]
    said = ", ".join(repr(n) for n in bad)
    return f"{said} does not end in one of the horizons {sorted(eras)}"
