"""Scores under noise, as a table and a figure."""

# SPDX-License-Identifier: BSD-3-Clause

from sknumerai.inspection._feature_noise import KINDS
from sknumerai.inspection._panels import (
    COLOURS,
    DASHES,
    MARKERS,
    NEUTRAL,
    Display,
    open_panels,
    short,
)


class NoiseRobustnessDisplay(Display):
    """Scores of a model by the strength of the noise on its features.

    Made by :func:`noise_robustness`. Printed, it is a table. Read more in the
    :doc:`User Guide </user_guide/network_inspection>`.

    Parameters
    ----------
    table : DataFrame
        A row for each level of noise: `mean` of the era scores and its interval, `low`
        and `high`; `std`, their standard deviation over eras; `std_of_repeats`, that of
        the mean over draws of the noise; `difference` from the score without noise and
        its interval, `difference_low` and `difference_high`, of the same eras; `share` of
        the score that is left, NaN where there was none above 0; `n_eras`, the eras that
        have a score in every draw. Scores of an era are means over the draws.

    era_scores : DataFrame
        A row for each era, a column for each level and repeat.

    kind : str
        Kind of the noise.

    metric : str
        Name of the score.

    estimator : str
        What was scored.

    confidence_level : float or None
        That of the intervals.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Where it was drawn last.

    figure_ : matplotlib.figure.Figure
        The figure of that.

    line_ : matplotlib.lines.Line2D
        The mean scores.

    See Also
    --------
    noise_robustness : Makes one.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sknumerai.datasets import make_numerai
    >>> from sknumerai.inspection import noise_robustness
    >>> bunch = make_numerai(n_eras=8, n_features=8, random_state=0)
    >>> X, y = bunch.data, bunch.target
    >>> display = noise_robustness(
    ...     Ridge().fit(X, y), X, y, noise_levels=[0.5], confidence_level=None,
    ...     random_state=0,
    ... )
    >>> display.era_scores.columns.tolist()
    [(0.0, 0), (0.5, 0), (0.5, 1), (0.5, 2)]
    >>> _ = display.plot(name="ridge")  # doctest: +SKIP
    """

    def __init__(self, table, era_scores, *, kind, metric, estimator, confidence_level):
        self.table = table
        self.era_scores = era_scores
        self.kind = kind
        self.metric = metric
        self.estimator = estimator
        self.confidence_level = confidence_level

    def __repr__(self):
        n_repeats = self.era_scores.columns.get_level_values("repeat").nunique()
        draws = f"{n_repeats} draw{'s' if n_repeats > 1 else ''}"
        table = self.table.to_string(float_format="{:.4g}".format, na_rep="")
        return (
            f"{self.metric} of {self.estimator} in {len(self.era_scores)} eras, {draws} "
            f"of noise; level: {KINDS[self.kind]}\n{table}"
        )

    def _repr_html_(self):
        return self.table.to_html(float_format="{:.4g}".format, na_rep="")

    def plot(self, ax=None, *, name=None, relative=False):
        """Draw the mean score against the level of noise, with its interval.

        Several models can be drawn into one `ax`.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where it is drawn, by default in a new figure.

        name : str, default=None
            What the legend calls it, by default the estimator.

        relative : bool, default=False
            Whether what is drawn is the difference from the score without noise.

        Returns
        -------
        display : NoiseRobustnessDisplay
            The display itself, with `ax_`, `figure_` and `line_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        TypeError
            If `ax` is no Axes.
        """
        figure, axes = open_panels(
            ax, 1, "NoiseRobustnessDisplay.plot", size=(5.5, 3.6)
        )
        ax = axes[0]
        number = sum(line.get_gid() == "noise" for line in ax.lines)
        table, prefix = self.table, "difference" if relative else ""
        levels = table.index.to_numpy()
        (line,) = ax.plot(
            levels,
            table["difference" if relative else "mean"],
            color=COLOURS[number % len(COLOURS)],
            marker=MARKERS[number % len(MARKERS)],
            linestyle=DASHES[number % len(DASHES)],
            label=short(self.estimator if name is None else name),
            gid="noise",
        )
        low, high = (f"{prefix}_{end}".lstrip("_") for end in ("low", "high"))
        if low in table:
            ax.fill_between(
                levels,
                table[low].fillna(0.0) if relative else table[low],
                table[high].fillna(0.0) if relative else table[high],
                color=line.get_color(),
                alpha=0.2,
                linewidth=0,
            )
        if not number:
            ax.axhline(0, color=NEUTRAL, linewidth=0.8, zorder=0)
        ax.set_xlabel(f"{self.kind}: {KINDS[self.kind]}")
        what = f"{self.metric}, mean of {len(self.era_scores)} eras"
        ax.set_ylabel(f"difference of {what}" if relative else what)
        ax.legend(frameon=False)
        self.line_ = line
        return self._draws_on(figure, axes)
