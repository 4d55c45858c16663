"""What explains contributions, as tables and figures."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

from sknumerai.inspection._panels import Display, open_panels


class ContributionDisplay(Display):
    """Importances and shapes of the metrics that explain contributions.

    Made by :func:`explain_contribution`. Printed, it is a table. Read more in the
    :doc:`User Guide </user_guide/contribution>`.

    Parameters
    ----------
    importances : DataFrame
        A row for each term, a metric or a pair ("fnc & corr"), the largest first: `importance`, the mean size of its score over the rows, and its
        `standard_error`; `share` of the sum; `monotonicity`, the Spearman correlation
        of the metric and its score over the bins (NaN for pairs); `lowest` and
        `highest` score.

    shapes : dict of DataFrame
        For each metric a row for each bin: `lower` edge, which is in the bin, and
        `upper` edge, which is not, `score`, `standard_error`, `n_rows`. A bin of
        missing values has NaN edges and comes last.

    interactions : dict of DataFrame
        For each pair of metrics the score of each bin of the first (rows) and second
        (columns).

    n_rows : int
        Number of rows that were learned from.

    n_left_out : int
        Number of rows with a contribution that lack a metric.

    n_rounds : int
        Number of rounds that were learned from.

    r2 : float
        Share of the variance of contributions that is explained. In-sample.

    held_out_r2 : float
        The same for rounds that had no part in learning. At most 1; negative where
        the mean would be better.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure of the last `plot`.

    axes_ : ndarray of matplotlib.axes.Axes
        Its panels, in the order of the terms.

    ax_ : matplotlib.axes.Axes
        The first of them.

    See Also
    --------
    explain_contribution : Makes one.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sknumerai.inspection import explain_contribution
    >>> rng = np.random.default_rng(0)
    >>> metrics = pd.DataFrame(rng.normal(size=(300, 2)), columns=["fnc", "corr"])
    >>> tc = 2 * metrics["fnc"] + rng.normal(size=300)
    >>> display = explain_contribution(tc, metrics, interactions=0, random_state=0)
    >>> list(display.shapes["fnc"].columns)
    ['lower', 'upper', 'score', 'standard_error', 'n_rows']
    >>> display.plot().axes_.shape  # doctest: +SKIP
    (3,)
    """

    def __init__(
        self,
        importances,
        shapes,
        interactions,
        *,
        n_rows,
        n_left_out,
        n_rounds,
        r2,
        held_out_r2,
    ):
        self.importances = importances
        self.shapes = shapes
        self.interactions = interactions
        self.n_rows = n_rows
        self.n_left_out = n_left_out
        self.n_rounds = n_rounds
        self.r2 = r2
        self.held_out_r2 = held_out_r2

    def __str__(self):
        table = self.importances.rename_axis(index=None)
        left_out = f", {self.n_left_out:,} left out" if self.n_left_out else ""
        return (
            f"{self.n_rows:,} rows{left_out}, {self.n_rounds} rounds, R2 "
            f"{self.r2:.3f}, held out {self.held_out_r2:.3f}\n"
            f"{table.to_string(float_format='{:.4g}'.format, na_rep='')}"
        )

    def plot(self, terms=None, *, ax=None):
        """Draw importances, shapes and interactions.

        Parameters
        ----------
        terms : str, tuple or list of these, default=None
            What is drawn, a panel each: "importances", metrics, and pairs of metrics
            (tuples). None is the importances and all metrics, the most important first.

        ax : Axes or array-like of Axes, default=None
            As many as there are panels, or one whose place they share. By default a
            new figure.

        Returns
        -------
        self : ContributionDisplay
            With `figure_` and `axes_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        ValueError
            If there is no such term, or another number of axes.
        """
        caller = "ContributionDisplay.plot"
        terms = self._terms(terms, caller)
        figure, axes = open_panels(ax, len(terms), caller, n_columns=3, size=(4.2, 3.2))
        low, high = self._limits(terms)
        for axis, term in zip(axes, terms):
            if isinstance(term, tuple):
                self._draw_pair(axis, term)
            elif term == "importances":
                self._draw_importances(axis)
            else:
                self._draw_shape(axis, term)
                # one scale for all: flat shapes are to look flat
                axis.set_ylim(low, high)
        return self._draws_on(figure, axes)

    def _terms(self, terms, caller):
        if terms is None:
            return [
                "importances",
                *(t for t in self.importances.index if t in self.shapes),
            ]
        terms = [terms] if isinstance(terms, str | tuple) else list(terms)
        known = {name: name for name in ("importances", *self.shapes)}
        for pair in self.interactions:
            known |= dict.fromkeys([pair, pair[::-1], " & ".join(pair)], pair)
        for term in terms:
            if term not in known:
                raise ValueError(
                    f"{caller}: there is no term {term!r}. There are 'importances', "
                    f"{list(self.shapes)} and {list(self.interactions)}."
                )
        if not terms:
            raise ValueError(f"{caller}: terms is empty.")
        return [known[term] for term in terms]

    def _limits(self, terms):
        shapes = [self.shapes[t] for t in terms if t in self.shapes]
        if not shapes:
            return 0, 1
        low = min((s["score"] - s["standard_error"]).min() for s in shapes)
        high = max((s["score"] + s["standard_error"]).max() for s in shapes)
        margin = 0.05 * (high - low) or 1.0
        return low - margin, high + margin

    def _draw_importances(self, axis):
        table = self.importances[::-1]
        axis.barh(table.index, table["importance"], xerr=table["standard_error"])
        axis.set_xlabel("mean size of the score")

    def _draw_shape(self, axis, name):
        shape = self.shapes[name]
        known = shape[shape["lower"].notna()]
        edges = np.append(known["lower"], known["upper"].iloc[-1])
        score, error = known["score"], known["standard_error"]
        axis.stairs(score + error, edges, baseline=score - error, fill=True, alpha=0.3)
        axis.stairs(score, edges, baseline=None)
        gap = shape[shape["lower"].isna()]
        if len(gap):
            axis.axhline(gap["score"].iloc[0], linestyle=":", label="missing")
            axis.legend()
        axis.axhline(0, color="0.6", linewidth=0.8)
        axis.set_xlabel(name)
        axis.set_ylabel("score")

    def _draw_pair(self, axis, pair):
        frame = self.interactions[pair]
        edges = [
            np.append(labels.left, labels.right[-1])
            for labels in (frame.index, frame.columns)
        ]
        largest = np.abs(frame.to_numpy()).max() or 1.0
        mesh = axis.pcolormesh(
            *edges, frame.to_numpy().T, cmap="RdBu_r", vmin=-largest, vmax=largest
        )
        axis.figure.colorbar(mesh, ax=axis, label="score")
        axis.set_xlabel(pair[0])
        axis.set_ylabel(pair[1])
