"""Warnings of scorers where names tell of two horizons."""

# SPDX-License-Identifier: BSD-3-Clause

import warnings

from sknumerai.exceptions import HorizonWarning
from sknumerai.utils import model_horizon, target_horizon

# Numerai's targets look so many days ahead; other numbers in names are no horizons.
HORIZONS = (20, 60)


def warn_of_horizons(target, caller, *, benchmark=None, policy=None, stacklevel=2):
    """Warn where a benchmark or a rule of payment is of another horizon.

    Parameters
    ----------
    target : object
        Name of the target, which tells its horizon, or nothing.

    caller : str
        Name to begin messages with.

    benchmark : Series, DataFrame, ndarray or None, default=None
        Benchmark models. Names tell their horizon, or nothing.

    policy : PayoutPolicy or None, default=None
        Rule of payment.

    stacklevel : int, default=2
        As in :func:`warnings.warn`, counted from the caller of this function.
    """
    days = target_horizon(target)
    if days not in HORIZONS:
        return
    names = getattr(benchmark, "columns", [getattr(benchmark, "name", None)])
    others = [n for n in names if model_horizon(n) not in (None, days)]
    if others:
        warnings.warn(
            f"{caller}: the benchmark {others[0]!r} was trained for "
            f"{model_horizon(others[0])} days ahead and {target!r} looks {days} "
            "days ahead. It is easier to add to a benchmark of another horizon, so "
            "this BMC is too good. Take a benchmark of the target's own horizon.",
            HorizonWarning,
            stacklevel=stacklevel + 1,
        )
    if policy is not None and policy.horizon not in (None, days):
        warnings.warn(
            f"{caller}: {target!r} looks {days} days ahead and the rule "
            f"{policy.name!r} pays for {policy.horizon}, so payouts are not what a "
            "round pays. Score that target, or pass the rule that pays for yours "
            "as policy.",
            HorizonWarning,
            stacklevel=stacklevel + 1,
        )
