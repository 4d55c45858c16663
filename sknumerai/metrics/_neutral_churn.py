"""Change of neutralized predictions, and what it costs."""

# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import replace
from functools import partial
from numbers import Real

import numpy as np
import pandas as pd

from sknumerai.metrics._churn import rank_churn
from sknumerai.metrics._cuts import MAX_MISSING
from sknumerai.metrics._feature_neutral import residuals
from sknumerai.metrics._inputs import check_min_coverage
from sknumerai.metrics._sides import Side
from sknumerai.metrics._snapshots import (
    check_share,
    compare_snapshots,
    cut_previous,
    cut_snapshots,
    score_pairs,
)
from sknumerai.utils import gaussian_ranks, row_index, same_rows


def neutral_churn_score(
    y_true,
    y_pred,
    neutralizers,
    *,
    previous=None,
    previous_neutralizers=None,
    groups=None,
    aggregate="mean",
    n_previous=1,
    combine="mean",
    min_overlap=0.8,
    min_coverage=1.0,
):
    """Compute the churn of predictions after neutralization.

    In each era the predictions are ranked with ties kept, made Gaussian and neutralized
    to that era's neutralizers; churn is 1 minus Spearman's correlation of what is left
    in an era and in the era before, over the assets that are in both. It lies between 0
    and 2 and less is better: :func:`neutral_churn_penalty` says what Numerai Signals
    holds back of a payout.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or None
        Not used, but for its index where `y_pred` is an array. There so that all
        metrics are called alike.

    y_pred : Series of shape (n_samples,) or DataFrame of shape (n_samples, n_models)
        Predictions. The index holds the eras (level "era") and the assets (all other
        levels). Rows that are NaN count as not predicted, for their model only.

    neutralizers : array-like of shape (n_samples, n_neutralizers)
        What to neutralize to. A DataFrame is matched by the labels of its index.

    previous : Series or DataFrame, default=None
        Earlier predictions of the same models, to compare with those of `y_pred`, which
        are of one era then. The index holds the assets, and the level "era" if there
        are several earlier submissions; then all are compared with.

    previous_neutralizers : array-like of shape (n_rows, n_neutralizers), default=None
        The neutralizers of the rows of `previous`.

    groups : array-like of shape (n_samples,), default=None
        Era of each row. By default the index level "era" of y_true or y_pred. Eras are
        integers, or strings that hold one: a date is written 20260925.

    aggregate : str, callable or None, default="mean"
        How the scores of eras become one, see :func:`numerai_corr_score`.

    n_previous : int, default=1
        With how many of the eras before it each era is compared. Numerai takes five.

    combine : {"max", "mean"}, default="mean"
        How the scores against several earlier eras become one. Those that are NaN are
        left out.

    min_overlap : float, default=0.8
        Share of either era's assets that must be in both eras, or the churn is NaN.

    min_coverage : float, default=1.0
        Share of the eras that `neutralizers` must cover, see :func:`mmc_score`. Eras
        that are not covered are passed over.

    Returns
    -------
    churn : float, Series or DataFrame
        As :func:`numerai_corr_score` returns it. The first era has no era before it and
        no row. NaN, where the reference raises, for an era whose predictions are all
        the same, and where too few assets are in both eras.

    Raises
    ------
    MissingErasError
        If no eras are found and `previous` is not given.

    ValueError
        If there are no labels of assets, an asset comes twice in an era, no asset at
        all is in two eras, there is one era only and nothing to compare with, a
        neutralizer is not finite, or fewer eras than `min_coverage` says have
        neutralizers.

    See Also
    --------
    churn_score : The same without neutralization.
    neutral_churn_penalty : Share of a payout that is kept.

    Notes
    -----
    Where Numerai finds no submission to compare with it takes a churn of 1: do the
    same with ``aggregate=None`` and ``fillna(1.0)``. It ranks submissions and fills
    the assets of the universe that they lack with 0.5 first; here they are left out.

    References
    ----------
    Numerai, numerai-tools: ``numerai_tools.signals.neutral_churn`` and, for several
    earlier submissions, ``calculate_mean_neutral_churn``.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sknumerai.metrics import churn_score, neutral_churn_score
    >>> rng = np.random.default_rng(0)
    >>> index = pd.MultiIndex.from_product([[1, 2], range(200)], names=["era", "ticker"])
    >>> country = pd.DataFrame(rng.integers(0, 2, (400, 1)), index=index)
    >>> own = np.tile(rng.normal(size=200), 2)
    >>> y_pred = own + 3 * country[0]
    >>> round(churn_score(None, y_pred), 2)
    0.6
    >>> round(neutral_churn_score(None, y_pred, country), 2)
    0.05
    """
    caller = "neutral_churn_score"
    check_share(min_overlap, "min_overlap", caller)
    check_min_coverage(min_coverage, caller)
    earlier = None
    if previous is not None:
        if previous_neutralizers is None:
            raise ValueError(
                f"{caller}: previous needs the neutralizers of its own rows: pass "
                "previous_neutralizers=."
            )
        earlier = _neutralize(
            cut_previous(previous, y_pred, caller),
            previous_neutralizers,
            row_index(None, previous),
            min_coverage,
            caller,
            "previous_neutralizers",
        )
    snapshots = _neutralize(
        cut_snapshots(
            y_pred,
            y_true=y_true,
            groups=groups,
            required=previous is None,
            caller=caller,
        ),
        neutralizers,
        row_index(y_true, y_pred),
        min_coverage,
        caller,
    )
    return compare_snapshots(
        partial(score_pairs, rank_churn, min_overlap=min_overlap),
        snapshots,
        earlier,
        y_pred,
        n_previous=n_previous,
        combine=combine,
        aggregate=aggregate,
        caller=caller,
    )


def neutral_churn_penalty(churn, *, threshold=0.1, scaling_factor=10.0):
    """Compute the share of a positive payout that is kept at some neutral churn.

    ``min(1, 2 / (1 + exp(scaling_factor * (churn - threshold))))``: all of it up to
    the threshold, then less and less. Losses are not changed, so multiply positive
    payouts only.

    Parameters
    ----------
    churn : float or array-like
        Neutral churn, from 0 to 2, such as :func:`neutral_churn_score` gives. NaN stays
        NaN.

    threshold : float, default=0.1
        Churn up to which everything is kept, from 0 to 2.

    scaling_factor : float, default=10.0
        How fast the kept share falls beyond it, above 0.

    Returns
    -------
    share : float, ndarray, Series or DataFrame
        Between 0 and 1, as many as `churn`, with its labels.

    Raises
    ------
    ValueError
        If `churn`, `threshold` or `scaling_factor` is outside its range.

    References
    ----------
    Numerai, numerai-tools: ``numerai_tools.signals.neutral_churn_penalty``.

    Examples
    --------
    >>> from sknumerai.metrics import neutral_churn_penalty
    >>> neutral_churn_penalty([0.05, 0.15, 0.3, 0.5]).round(3)
    array([1.   , 0.755, 0.238, 0.036])
    """
    caller = "neutral_churn_penalty"
    if not (isinstance(threshold, Real) and 0 <= threshold <= 2):
        raise ValueError(
            f"{caller}: threshold must be a number from 0 to 2. Got {threshold!r} "
            "instead."
        )
    if not (isinstance(scaling_factor, Real) and 0 < scaling_factor < np.inf):
        raise ValueError(
            f"{caller}: scaling_factor must be a finite number above 0. Got "
            f"{scaling_factor!r} instead."
        )
    values = np.asarray(churn, dtype=np.float64)
    if (values < 0).any() or (values > 2).any():
        raise ValueError(
            f"{caller}: churn must be from 0 to 2. Got values from "
            f"{np.nanmin(values):.6g} to {np.nanmax(values):.6g}."
        )
    # no overflow, however large the scaling factor: the exponent is not positive
    decay = np.exp(-scaling_factor * np.maximum(values - threshold, 0))
    share = 2 * decay / (1 + decay)
    if isinstance(churn, pd.Series):
        return pd.Series(share, index=churn.index, name=churn.name)
    if isinstance(churn, pd.DataFrame):
        return pd.DataFrame(share, index=churn.index, columns=churn.columns)
    return share if values.ndim else float(share)


def _neutralize(
    snapshots, neutralizers, index, min_coverage, caller, name="neutralizers"
):
    """The same snapshots with what neutralization leaves of their values."""
    n_samples = sum(len(snapshot.values) for snapshot in snapshots)
    side = Side("neutralizers", neutralizers, index, n_samples, caller)
    neutral = []
    for snapshot in snapshots:
        rows, assets, values = snapshot.rows, snapshot.assets, snapshot.values
        covered = side.present(rows)
        if covered is not None and not covered.all():
            if covered.mean() < 1 - MAX_MISSING:
                continue
            rows = np.arange(n_samples)[rows][covered]
            assets, values = assets[covered], values[covered]
        N = side.take(rows).reshape(len(values), -1)
        left = neutral_signal(values, N)
        neutral.append(replace(snapshot, rows=rows, assets=assets, values=left))
    n, coverage = len(neutral), len(neutral) / max(len(snapshots), 1)
    if coverage < min_coverage or not n:
        raise ValueError(
            f"{caller}: {name} cover {n} of {len(snapshots)} eras, a share of "
            f"{coverage:.2f}; min_coverage is {min_coverage}. An era is covered if at "
            f"least {1 - MAX_MISSING:.0%} of its rows are."
        )
    return neutral


def neutral_signal(values, neutralizers):
    """Neutralized Gaussian ranks of one era: (n, m) and (n, k) to (n, m).

    NaN stays NaN. A column that the neutralizers explain altogether, a constant one
    among them, is zero: no rounding is left to be ranked.
    """
    out = np.full(values.shape, np.nan)
    # models that have the same rows share one factorization
    for rows, columns in same_rows(values):
        scores = gaussian_ranks(values[np.ix_(rows, columns)])
        out[np.ix_(rows, columns)] = residuals(scores, neutralizers[rows])
    return out
