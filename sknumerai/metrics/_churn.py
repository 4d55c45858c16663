"""How much predictions and portfolio weights change from one era to the next."""

# SPDX-License-Identifier: BSD-3-Clause

from functools import partial
from numbers import Integral

import numpy as np

from sknumerai.metrics._snapshots import (
    check_share,
    compare_snapshots,
    cut_previous,
    cut_snapshots,
    score_pairs,
)
from sknumerai.utils import average_ranks, pearson_correlation


def churn_score(
    y_true,
    y_pred,
    *,
    previous=None,
    groups=None,
    aggregate="mean",
    top_bottom=None,
    n_previous=1,
    combine="max",
    min_overlap=0.8,
):
    """Compute how much predictions for the same assets change from era to era.

    Churn is 1 minus Spearman's correlation of an era's predictions with those of the
    era before, over the assets that are in both: 0 for the same order, 1 for an
    unrelated one, 2 for the opposite. Less is better. It follows assets, and so is a
    score of Numerai Signals and Crypto: in Numerai Classic a stock's id changes with
    every era.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or None
        Not used, but for its index where `y_pred` is an array. There so that all
        metrics are called alike.

    y_pred : Series of shape (n_samples,) or DataFrame of shape (n_samples, n_models)
        Predictions. The index holds the eras (level "era") and the assets (all other
        levels). Rows that are NaN count as not predicted, for their model only.

    previous : Series or DataFrame, default=None
        Earlier predictions of the same models, to compare with those of `y_pred`, which
        are of one era then. The index holds the assets, and the level "era" if there
        are several earlier submissions; then all are compared with.

    groups : array-like of shape (n_samples,), default=None
        Era of each row. By default the index level "era" of y_true or y_pred. Eras are
        integers, or strings that hold one: a date is written 20260925.

    aggregate : str, callable or None, default="mean"
        How the scores of eras become one, see :func:`numerai_corr_score`.

    top_bottom : int, default=None
        Instead, take so many assets with the highest predictions of each era, and as
        many with the lowest, and return 1 minus the share of them that stays. Assets
        that are in one era only count as changed then.

    n_previous : int, default=1
        With how many of the eras before it each era is compared. Numerai takes five.

    combine : {"max", "mean"}, default="max"
        How the scores against several earlier eras become one. Those that are NaN are
        left out.

    min_overlap : float, default=0.8
        Share of either era's assets that must be in both eras, or the churn is NaN. Not
        asked for with `top_bottom`.

    Returns
    -------
    churn : float, Series or DataFrame
        As :func:`numerai_corr_score` returns it. The first era has no era before it
        and no row. NaN, where the reference raises, for an era whose predictions are
        all the same, and where too few assets are in both eras.

    Raises
    ------
    MissingErasError
        If no eras are found and `previous` is not given.

    ValueError
        If there are no labels of assets, an asset comes twice in an era, no asset at
        all is in two eras, or there is one era only and nothing to compare with.

    See Also
    --------
    neutral_churn_score : The same after neutralization, which payouts depend on.
    turnover_score : Change of portfolio weights.

    Notes
    -----
    Where Numerai finds no submission to compare with it takes a churn of 1: do the
    same with ``aggregate=None`` and ``fillna(1.0)``. It ranks submissions and fills
    the assets of the universe that they lack with 0.5 first; here they are left out.
    At the borders of `top_bottom`
    rows of equal predictions are taken in the order in which they come.

    References
    ----------
    Numerai, numerai-tools: ``numerai_tools.signals.churn`` and, for several earlier
    submissions, ``calculate_max_churn_and_turnover``.

    Examples
    --------
    >>> import pandas as pd
    >>> from sknumerai.metrics import churn_score
    >>> tickers = ["AAPL", "IBM", "KO", "T"]
    >>> index = pd.MultiIndex.from_product([[1, 2, 3], tickers], names=["era", "ticker"])
    >>> y_pred = pd.Series([1, 2, 3, 4, 1, 2, 4, 3, 4, 3, 2, 1], index=index)
    >>> churn_score(None, y_pred, aggregate=None).round(3)
    era
    2    0.2
    3    1.8
    dtype: float64
    >>> today = pd.Series([1, 2, 4, 3], index=tickers)
    >>> yesterday = pd.Series([3, 4, 2, 1], index=["KO", "T", "IBM", "AAPL"])
    >>> round(churn_score(None, today, previous=yesterday), 3)
    0.2
    """
    caller = "churn_score"
    check_share(min_overlap, "min_overlap", caller)
    if top_bottom is None:
        score = partial(score_pairs, rank_churn, min_overlap=min_overlap)
    elif isinstance(top_bottom, Integral) and top_bottom >= 1:
        score = _TopBottomChurn(int(top_bottom), caller)
    else:
        raise ValueError(
            f"{caller}: top_bottom must be an integer of at least 1 or None. Got "
            f"{top_bottom!r} instead."
        )
    return _compare(
        score, y_true, y_pred, previous, groups, n_previous, combine, aggregate, caller
    )


def turnover_score(
    y_true,
    y_pred,
    *,
    previous=None,
    groups=None,
    aggregate="mean",
    absent="ignore",
    n_previous=1,
    combine="max",
    min_overlap=0.8,
):
    """Compute how much of a portfolio is traded from era to era.

    Turnover is half the sum of the absolute changes of the assets' weights. For weights
    whose sizes sum to 1 it lies between 0, nothing traded, and 1, all sold and bought
    anew. Less is better.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or None
        Not used, but for its index where `y_pred` is an array. There so that all
        metrics are called alike.

    y_pred : Series of shape (n_samples,) or DataFrame of shape (n_samples, n_models)
        Portfolio weights, not ranks: for Signals those of
        ``neutralized_weights(..., normalize=True)``. The index holds the eras (level
        "era") and the assets (all other levels).

    previous : Series or DataFrame, default=None
        Earlier weights to compare with those of `y_pred`, which are of one era then.
        The index holds the assets, and the level "era" if there are several earlier
        eras; then all are compared with.

    groups : array-like of shape (n_samples,), default=None
        Era of each row. By default the index level "era" of y_true or y_pred. Eras are
        integers, or strings that hold one: a date is written 20260925.

    aggregate : str, callable or None, default="mean"
        How the scores of eras become one, see :func:`numerai_corr_score`.

    absent : {"ignore", "zero"}, default="ignore"
        What becomes of assets that are in one of two eras only, or whose weight is NaN:
        they are left out, as Numerai does, or their weight in the other is 0, so
        that buying and selling them counts.

    n_previous : int, default=1
        With how many of the eras before it each era is compared. Numerai takes five.

    combine : {"max", "mean"}, default="max"
        How the scores against several earlier eras become one. Those that are NaN are
        left out.

    min_overlap : float, default=0.8
        Share of either era's assets that must be in both eras, or the turnover is NaN.
        Not asked for with ``absent="zero"``.

    Returns
    -------
    turnover : float, Series or DataFrame
        In the unit of the weights, as :func:`numerai_corr_score` returns it. The first
        era has no row. NaN, where the reference raises, where too few assets are in
        both eras.

    Raises
    ------
    MissingErasError
        If no eras are found and `previous` is not given.

    ValueError
        If there are no labels of assets, an asset comes twice in an era, no asset at
        all is in two eras, or there is one era only and nothing to compare with.

    See Also
    --------
    neutralized_weights : The weights that Numerai takes the turnover of.
    churn_score : Change of ranks.

    Notes
    -----
    The reference's docstring says that missing weights are filled with zero; its code
    leaves assets out that are not in both eras. The default follows the code, which is
    what Numerai runs, and ``absent="zero"`` the docstring.

    References
    ----------
    Numerai, numerai-tools: ``numerai_tools.signals.turnover`` and, for several earlier
    submissions, ``calculate_max_churn_and_turnover``.

    Examples
    --------
    >>> import pandas as pd
    >>> from sknumerai.metrics import turnover_score
    >>> weights = pd.Series([0.5, -0.3, -0.2], index=["AAPL", "IBM", "KO"])
    >>> before = pd.Series([0.3, -0.5, -0.2], index=["AAPL", "IBM", "KO"])
    >>> round(turnover_score(None, weights, previous=before), 6)
    0.2
    """
    caller = "turnover_score"
    check_share(min_overlap, "min_overlap", caller)
    if absent not in ("ignore", "zero"):
        raise ValueError(
            f"{caller}: absent must be 'ignore' or 'zero'. Got {absent!r} instead."
        )
    score = partial(score_pairs, half_change, min_overlap=min_overlap)
    if absent == "zero":
        score = _turnover_of_all
    return _compare(
        score, y_true, y_pred, previous, groups, n_previous, combine, aggregate, caller
    )


def rank_churn(now, before):
    """Churn of one pair of eras and one model: (n,) and (n,) to a float."""
    correlation = pearson_correlation(average_ranks(now), average_ranks(before))
    # rounding may carry a correlation past 1
    return np.clip(1 - correlation, 0, 2)


def half_change(now, before):
    """Turnover of one pair of eras and one model: (n,) and (n,) to a float."""
    return np.abs(now - before).sum() / 2


def _compare(
    score, y_true, y_pred, previous, groups, n_previous, combine, aggregate, caller
):
    earlier = None
    if previous is not None:
        earlier = cut_previous(previous, y_pred, caller)
    snapshots = cut_snapshots(
        y_pred, y_true=y_true, groups=groups, required=previous is None, caller=caller
    )
    return compare_snapshots(
        score,
        snapshots,
        earlier,
        y_pred,
        n_previous=n_previous,
        combine=combine,
        aggregate=aggregate,
        caller=caller,
    )


class _TopBottomChurn:
    """Share of the assets at either end that does not stay there."""

    def __init__(self, n, caller):
        self.n, self.caller = n, caller
        self._found = {}

    def __call__(self, now, before):
        out = np.full(now.values.shape[1], np.nan)
        for j, (ends, ends_before) in enumerate(
            zip(self._ends(now), self._ends(before))
        ):
            if ends is not None and ends_before is not None:
                pairs = zip(ends, ends_before)
                stay = sum(np.isin(a, b, assume_unique=True).sum() for a, b in pairs)
                out[j] = 1 - stay / (2 * self.n)
        return out

    def _ends(self, snapshot):
        # an era is compared with those before it and those after it; two submissions
        # without eras have the same label, so that does not tell them apart
        key = id(snapshot)
        if key not in self._found:
            self._found[key] = [self._of(snapshot, c) for c in snapshot.values.T]
        return self._found[key]

    def _of(self, snapshot, column):
        """Numbers of the assets at the bottom and at the top, None if all are equal."""
        known = np.flatnonzero(~np.isnan(column))
        if len(known) < 2 * self.n:
            raise ValueError(
                f"{self.caller}: {len(known)} assets are predicted in era "
                f"{snapshot.label}, fewer than top_bottom={self.n} at either end "
                f"({2 * self.n}). Use a smaller top_bottom."
            )
        values = column[known]
        if (values == values[0]).all():
            return None
        codes = snapshot.codes[known[np.argsort(values, kind="stable")]]
        return codes[: self.n], codes[-self.n :]


def _turnover_of_all(now, before):
    a, b = now.overlap(before)
    both = np.abs(np.nan_to_num(a) - np.nan_to_num(b)).sum(axis=0)
    shared = np.abs(np.nan_to_num(a)).sum(axis=0) + np.abs(np.nan_to_num(b)).sum(axis=0)
    # the weights of assets that are in one era only change by all they are
    size = sum(np.nansum(np.abs(s.values), axis=0) for s in (now, before))
    return (both + size - shared) / 2
