"""Bars of progress with an estimate of the time that is left."""

# SPDX-License-Identifier: BSD-3-Clause

import contextlib


class NoBar:
    """What stands in for a bar where none is wanted."""

    total = 0

    def update(self, n=1):
        """Show nothing."""


def bar_over(parts, caller, verbose, *, unit):
    """Show how many parts of the work are done, if that takes more than two seconds.

    Parameters
    ----------
    parts : sequence
        What is worked on, one after the other.

    caller : str
        Left of the bar.

    verbose : bool or int
        Whether to show it.

    unit : str
        What a part is.

    Returns
    -------
    parts : iterable
        The same. One part, such as a live era, has no bar.
    """
    if not verbose or len(parts) < 2:
        return parts
    # not at the top: exported models take this module with them
    from tqdm.auto import tqdm

    return tqdm(parts, caller, unit=unit, delay=2)


def bar_of(total, caller, verbose, *, unit):
    """Show how much of the work is done, as `bar_over` does, where it has no sequence.

    Parameters
    ----------
    total : int
        How many parts there are.

    caller, verbose, unit : object
        As in :func:`bar_over`.

    Returns
    -------
    bar : context manager
        Gives what has `update` and `total`.
    """
    if not verbose or total < 2:
        return contextlib.nullcontext(NoBar())
    from tqdm.auto import tqdm

    return tqdm(None, caller, total, unit=unit, delay=2)
