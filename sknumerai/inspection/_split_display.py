"""Which eras a splitter trains on, validates on and tests, as a figure."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd
from sklearn.model_selection import check_cv

from sknumerai.inspection._era_axis import EraAxis
from sknumerai.inspection._panels import NEUTRAL, Display, legend_above, open_panels
from sknumerai.model_selection import split_table
from sknumerai.model_selection._folds import check_splitter
from sknumerai.utils import check_eras, era_numbers

# Light to dark in this order, so that grey tells them apart too.
COLOURS_OF = {"valid": "#F0E442", "train": "#56B4E9", "test": "#A34700"}
PARTS = ("train", "valid", "test")
# The most splits of which each gets a number.
_FEW_SPLITS = 40


class SplitDisplay(Display):
    """Layout of splits: training, embargo, validation and test by era.

    It is recommended to use :meth:`from_splitter` to make one. Read more in the
    :doc:`User Guide </user_guide/inspection>`.

    Parameters
    ----------
    table : DataFrame
        One row for each run of eras, as :func:`split_table` gives it.

    eras : array-like of shape (n_eras,)
        Labels of all eras, those in no split among them.

    Attributes
    ----------
    embargo : DataFrame
        Runs of eras between training and validation or test eras of a split that are in
        neither: `split`, `first`, `last` and `n_eras`. Where data have every fourth era
        alone, an embargo may lie between two of them and is none here.

    shared : DataFrame
        For each split the number of eras of which rows are in several parts: `split`
        and `n_eras`. Splitters that keep eras whole have none.

    figure_ : matplotlib.figure.Figure
        The figure of the last `plot`.

    axes_ : ndarray of matplotlib.axes.Axes
        Its panel.

    ax_ : matplotlib.axes.Axes
        The same.

    See Also
    --------
    split_table : The table.
    check_leakage : Whether the splits leak.

    Examples
    --------
    >>> import numpy as np
    >>> from sknumerai.inspection import SplitDisplay
    >>> from sknumerai.model_selection import PurgedGroupKFold
    >>> eras = np.repeat(np.arange(1, 13), 2)
    >>> display = SplitDisplay.from_splitter(
    ...     PurgedGroupKFold(3, embargo=2), groups=eras, plot=False
    ... )
    >>> display.embargo
       split  first  last  n_eras
    0      0      5     6       2
    1      1      3     4       2
    2      1      9    10       2
    3      2      7     8       2
    """

    def __init__(self, table, eras):
        self.table = table
        self.eras = eras

    @property
    def embargo(self):
        """Runs of eras between training and other eras that are in neither."""
        labels, found = list(self.eras), []
        for split, parts in self._parts().items():
            taken = np.stack(list(parts.values())).any(axis=0)
            apart = {name: mask for name, mask in parts.items() if name != "train"}
            is_test = np.stack(list(apart.values())).any(axis=0) if apart else ~taken
            for first, stop in _runs(~taken):
                if first == 0 or stop == len(labels):
                    continue
                # between two training runs nothing is kept apart
                if is_test[first - 1] or is_test[stop]:
                    found.append((split, labels[first], labels[stop - 1], stop - first))
        return pd.DataFrame(found, columns=["split", "first", "last", "n_eras"])

    @property
    def shared(self):
        """Number of eras of each split whose rows are in several parts."""
        counts = {
            split: int((np.sum(list(parts.values()), axis=0) > 1).sum())
            for split, parts in self._parts().items()
        }
        return pd.DataFrame({"split": list(counts), "n_eras": list(counts.values())})

    def plot(self, ax=None):
        """Draw the splits, one below the other.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw. By default in a new figure.

        Returns
        -------
        self : SplitDisplay
            With `figure_` and `ax_`. Parts of a split that share eras are drawn in
            lanes of their own.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        ValueError
            If there are several axes.
        """
        caller = "SplitDisplay.plot"
        numbers = self._numbers()
        eras = EraAxis(numbers)
        splits = list(self._parts())
        height = float(np.clip(1.3 + 0.26 * len(splits), 2.2, 12))
        figure, axes = open_panels(ax, 1, caller, size=(9.0, height))
        axis = axes[0]
        place = dict(zip(self.eras, eras.places))
        is_shared = dict(zip(self.shared["split"], self.shared["n_eras"] > 0))
        named = [part for part in PARTS if part in set(self.table["part"])]
        for part in named:
            lane = named.index(part)
            for split, runs in self.table[self.table["part"] == part].groupby("split"):
                top, size = splits.index(split) - 0.4, 0.8
                if is_shared[split]:
                    size = 0.8 / len(named)
                    top += lane * size
                axis.broken_barh(
                    _spans(runs, place, eras.step),
                    (top, size),
                    facecolor=COLOURS_OF[part],
                    linewidth=0,
                    label=part,
                )
        for split, runs in self.embargo.groupby("split"):
            axis.broken_barh(
                _spans(runs, place, eras.step),
                (splits.index(split) - 0.4, 0.8),
                facecolor="none",
                edgecolor=NEUTRAL,
                hatch="//////",
                linewidth=0,
                label="embargo",
            )
        axis.set_ylim(len(splits) - 0.4, -0.6)
        if len(splits) <= _FEW_SPLITS:
            axis.set_yticks(range(len(splits)), splits)
        axis.set_ylabel("split")
        drawn = dict(zip(*reversed(axis.get_legend_handles_labels())))
        order = [n for n in ("train", "embargo", "valid", "test") if n in drawn]
        legend_above(axis, [drawn[name] for name in order])
        eras.mark(axis)
        return self._draws_on(figure, axes)

    @classmethod
    def from_splitter(cls, cv, X=None, y=None, *, groups=None, plot=True, ax=None):
        """Split rows and draw the eras of each part.

        Parameters
        ----------
        cv : splitter, int or iterable of (train, test)
            Splitter of this package or of scikit-learn, a number for
            :class:`GroupTimeSeriesSplit`, or positions of rows.

        X : array-like of shape (n_samples, n_features), default=None
            Rows to split. Not needed where `groups` is given.

        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Targets, needed where the splitter reads its embargo from their name.

        groups : array-like of shape (n_samples,), default=None
            Era of each row. By default the index level "era" of X or y.

        plot : bool, default=True
            Whether to draw now. Without, matplotlib is not needed.

        ax : Axes, default=None
            See :meth:`plot`.

        Returns
        -------
        display : SplitDisplay
            The splits, and what was drawn.

        Raises
        ------
        MissingErasError
            If no eras are found.

        UnknownHorizonError
            If the splitter cannot tell its embargo from y's name.

        ValueError
            If the splitter cannot split the rows, or gives no splits.
        """
        caller = f"{cls.__name__}.from_splitter"
        given = X if X is not None else groups if groups is not None else y
        if given is None:
            raise ValueError(f"{caller} needs rows to split: pass X, or groups alone.")
        eras = check_eras(
            groups, X, y, n_samples=len(given), required=True, caller=caller
        )
        cv = check_splitter(cv, caller)
        # positions of rows become a splitter too
        cv = check_cv(cv) if isinstance(cv, list) else cv
        table = split_table(cv, X, y, groups=groups)
        if not len(table):
            raise ValueError(f"{caller}: {cv!r} gives no splits.")
        display = cls(table, eras.labels)
        return display.plot(ax) if plot else display

    def _numbers(self):
        return era_numbers(
            np.asarray(self.eras).tolist(), allow_live=True, caller="SplitDisplay"
        )

    def _parts(self):
        """By split and part a mask of the eras."""
        at = {label: i for i, label in enumerate(self.eras)}
        found = {}
        for row in self.table.itertuples():
            parts = found.setdefault(row.split, {})
            mask = parts.setdefault(row.part, np.zeros(len(at), dtype=bool))
            mask[at[row.first] : at[row.last] + 1] = True
        return found


def _runs(mask):
    """Where each run of true values begins, and the position after its end."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return edges.reshape(-1, 2).tolist()


def _spans(runs, place, step):
    first = np.array([place[label] for label in runs["first"]])
    last = np.array([place[label] for label in runs["last"]])
    return list(zip(first - 0.5 * step, last - first + step))
