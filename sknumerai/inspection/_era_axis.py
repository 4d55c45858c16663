"""Eras as places on an axis."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

from sknumerai.utils import ERA_LEVEL, LIVE_ERA, era_numbers

# Eras that get a tick each; of more, round numbers do.
_FEW_ERAS = 10


class EraAxis:
    """Places of eras on an axis: their numbers, and behind them live rows.

    Parameters
    ----------
    numbers : array-like of shape (n_eras,)
        Era numbers in rising order.
    """

    def __init__(self, numbers):
        self.numbers = np.asarray(numbers)
        known = self.numbers[self.numbers != LIVE_ERA]
        steps = np.diff(known)
        self.step = float(steps.min()) if len(steps) else 1.0
        self.last = float(known[-1]) if len(known) else 0.0
        self.places = self.place(self.numbers)

    @property
    def line_width(self):
        """Width of curves: many eras are close to each other."""
        return 1.4 if len(self.numbers) <= 300 else 0.8

    def place(self, numbers):
        """Where eras lie, as floats."""
        numbers = np.asarray(numbers)
        live = numbers == LIVE_ERA
        return np.where(live, self.last + self.step, np.where(live, 0, numbers))

    def mark(self, axis, *, label=True):
        """Give an axis ticks at eras, and the label where it is the lowest."""
        from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

        axis.set_xlim(
            self.places.min() - 0.75 * self.step, self.places.max() + 0.75 * self.step
        )
        live = self.numbers[-1] == LIVE_ERA
        round_ones = MaxNLocator(nbins=10, integer=True, steps=[1, 2, 5, 10])
        if len(self.places) <= _FEW_ERAS:
            axis.xaxis.set_major_locator(FixedLocator(self.places))
        elif live:
            ticks = round_ones.tick_values(self.places[0], self.last)
            room = (self.last - self.places[0]) / 20
            kept = (ticks >= self.places[0]) & (ticks < self.places[-1] - room)
            ticks = [*ticks[kept], self.places[-1]]
            axis.xaxis.set_major_locator(FixedLocator(ticks))
        else:
            axis.xaxis.set_major_locator(round_ones)
        at = self.places[-1] if live else None
        axis.xaxis.set_major_formatter(FuncFormatter(_EraLabel(at)))
        if label:
            axis.set_xlabel("era")
        else:
            axis.tick_params(labelbottom=False)


class _EraLabel:
    """Text of a tick; a class, because figures with a closure do not pickle."""

    def __init__(self, live):
        self.live = live

    def __call__(self, place, _=None):
        return "live" if place == self.live else f"{place:.0f}"


def by_era_numbers(table, caller, what="scores"):
    """Order a table by the numbers of its eras.

    Parameters
    ----------
    table : DataFrame
        Rows are eras: the index, or its level "era".

    caller : str
        Name to begin messages with.

    what : str, default="scores"
        What messages call the table.

    Returns
    -------
    table : DataFrame
        With the eras alone as its index, in time order.

    numbers : ndarray of shape (n_eras,)
        Their numbers.
    """
    index = table.index
    if index.nlevels > 1:
        if ERA_LEVEL not in index.names:
            raise ValueError(
                f"{caller}: the index of {what} has the levels {list(index.names)} and "
                "none of them is 'era'. Its rows must be eras."
            )
        index = index.get_level_values(ERA_LEVEL)
    numbers = era_numbers(index.tolist(), allow_live=True, caller=caller)
    order = np.argsort(numbers, kind="stable")
    numbers = numbers[order]
    twice = np.flatnonzero(numbers[1:] == numbers[:-1])
    if len(twice):
        raise ValueError(
            f"{caller}: era {index[order[twice[0]]]!r} comes more than once in {what}. "
            "Select one row for each era, such as one fold's or one part's."
        )
    return table.set_axis(index).iloc[order].rename_axis(index=ERA_LEVEL), numbers
