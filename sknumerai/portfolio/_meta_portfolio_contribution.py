"""What models contribute to the stake-weighted portfolio, as Signals scores it."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd

from sknumerai.metrics._aggregates import aggregate_scores, check_aggregate
from sknumerai.metrics._alpha import _check_weight
from sknumerai.metrics._cuts import MAX_MISSING, known_rows
from sknumerai.metrics._inputs import (
    check_min_coverage,
    check_no_infinity,
    check_target,
    find_eras,
)
from sknumerai.metrics._sides import Side, check_not_pooled, present_in_all
from sknumerai.portfolio._stakes import StakeShares
from sknumerai.portfolio._standard_scores import pull_back_scores, standard_scores
from sknumerai.utils import ERA_LEVEL, gaussian_ranks, row_index, signed_power

# The gradient is divided by it, as it is in the reference.
_SCALE = 50
# models whose ranks are transformed at a time
_BLOCK = 256


def meta_portfolio_contribution_score(
    y_true,
    y_pred,
    stakes,
    neutralizers,
    sample_weight,
    *,
    groups=None,
    aggregate="mean",
    min_coverage=1.0,
):
    """Compute the contribution to the stake-weighted portfolio (MPC), by era.

    In each era every model's predictions become the neutralized portfolio weights that
    Alpha is computed of. The meta portfolio is their mean weighted by stakes, at unit
    length. A model's score is the derivative of the meta portfolio's return with
    respect to the model's share of the stakes: positive if more stake on it would have
    raised the return. More is better; models without a stake have a score too.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Targets. Rows whose target is NaN (not resolved) are left out, up to a fifth of
        an era; eras without any target have no score.

    y_pred : array-like of shape (n_samples, n_models)
        Predictions of all models, on any scale, NaN where missing: the score of one
        depends on all. A missing prediction counts as the middle rank of its model. A
        model that lacks more than a fifth of an era's rows takes no part in that era:
        its score is NaN and its stake does not count.

    stakes : array-like of shape (n_models,), dict or DataFrame
        Stake of each model, finite and not negative, see
        :func:`stake_weighted_average`. Only their proportions matter.

    neutralizers : array-like of shape (n_samples, n_neutralizers)
        Finite columns to be neutral to, orthonormal under the sample weights in each
        era. A DataFrame is matched by its index.

    sample_weight : array-like of shape (n_samples,)
        Finite weights of the stocks. A Series is matched by its index.

    groups : array-like of shape (n_samples,), default=None
        Era of each row. By default the index level "era" of y_true or y_pred; where
        there is none, all rows are one era.

    aggregate : str, callable or None, default="mean"
        How the scores of eras become one, see
        :func:`sknumerai.metrics.numerai_corr_score`.

    min_coverage : float, default=1.0
        Share of the scored eras that `neutralizers` and `sample_weight` must cover, see
        :func:`sknumerai.metrics.mmc_score`.

    Returns
    -------
    score : Series of shape (n_models,) or DataFrame of shape (n_eras, n_models)
        With ``aggregate=None`` a row for each era. Weighted by the shares of the stakes
        the scores of an era sum to 0. With a single model, which is the portfolio, it
        is 0.

    Raises
    ------
    ValueError
        If the inputs do not fit each other, fewer eras are covered than `min_coverage`
        says, a neutralizer or weight is not finite, a stake is negative or NaN, all
        stakes are 0, or the models cancel so that there is no portfolio.

    See Also
    --------
    sknumerai.metrics.alpha_score : The return of each model's portfolio.
    stake_weighted_average : The stake-weighted meta model.

    Notes
    -----
    With W the centered portfolio weights (stocks by models), s the shares, v = Ws and t
    the centered target it is ``W'(t - v (v't) / (v'v)) / |v| / 50``. W is never formed:
    two products with the predictions give the scores of all models. Ranks are those of
    the rows that have all that is needed.

    References
    ----------
    Numerai, numerai-tools: ``numerai_tools.scoring.meta_portfolio_contribution``.

    Examples
    --------
    >>> from sknumerai.portfolio import meta_portfolio_contribution_score
    >>> y_true = [-0.01, 0.0, 0.03, 0.02]
    >>> y_pred = [[0.1, 0.4], [0.3, 0.1], [0.4, 0.3], [0.2, 0.2]]
    >>> market = [[0.5], [0.5], [0.5], [0.5]]
    >>> meta_portfolio_contribution_score(
    ...     y_true, y_pred, [30, 10], market, [1, 1, 1, 1]
    ... ).round(6)
    0    0.000016
    1   -0.000047
    dtype: float64
    """
    caller = "meta_portfolio_contribution_score"
    check_aggregate(aggregate, caller)
    check_min_coverage(min_coverage, caller)
    _check_weight(sample_weight, caller)
    if np.ndim(y_pred) != 2:
        raise ValueError(
            f"{caller}: y_pred must have shape (n_samples, n_models), the predictions "
            f"of all models. Got shape {np.shape(y_pred)}."
        )
    eras = find_eras(y_true, y_pred, (), groups, caller)
    target = check_target(y_true, caller)
    pred = check_no_infinity(y_pred, caller)[0]
    shares = StakeShares(stakes, y_pred, caller)
    index = row_index(y_true, y_pred)
    sides = [
        Side("neutralizers", neutralizers, index, len(pred), caller),
        Side("sample_weight", sample_weight, index, len(pred), caller),
    ]
    for side in sides:
        check_not_pooled(side, (groups, y_true, y_pred), caller)
    labels, scores, n_uncovered = [], [], 0
    for label, rows in zip(eras.labels, eras.rows()):
        rows = known_rows(label, rows, target, caller)
        if rows is None:
            continue
        rows = _covered(rows, sides)
        if rows is None:
            n_uncovered += 1
            continue
        labels.append(label)
        N, v = (side.take(rows) for side in sides)
        scores.append(_era(target[rows], pred[rows], shares, N, v, label, caller))
    _check_found(len(labels), n_uncovered, min_coverage, caller)
    table = pd.DataFrame(
        np.array(scores),
        index=pd.Index(np.array(labels), name=ERA_LEVEL),
        columns=getattr(y_pred, "columns", None),
    )
    return aggregate_scores(table, aggregate)


def _era(target, pred, shares, N, v, label, caller):
    """Score one era: (n,), (n, m), StakeShares, (n, k) and (n,) to (m,)."""
    scores = gaussian_ranks(pred)
    active = np.ones(scores.shape[1], dtype=bool)
    for start in range(0, len(active), _BLOCK):
        # some models at a time, so that no second matrix of all is made
        part = slice(start, start + _BLOCK)
        missing = np.isnan(scores[:, part])
        active[part] = missing.mean(axis=0) <= MAX_MISSING
        scores[:, part] = np.where(missing, 0.0, signed_power(scores[:, part], 1.5))
    share = shares.of(label, active)
    N = N.astype(np.float64, copy=False)
    v = v.reshape(-1, 1).astype(np.float64, copy=False)

    portfolio = scores @ share[:, None]
    # the length if the models did not cancel nor were neutralized away: what is zero
    size = share @ np.sqrt(np.einsum("ij,ij,i->j", scores, scores, v[:, 0] ** 2))
    portfolio = (portfolio - N @ (N.T @ (v * portfolio))) * v
    portfolio -= portfolio.mean()
    length = np.linalg.norm(portfolio)
    if length <= 1e-12 * size:
        raise ValueError(
            f"{caller}: the meta portfolio of era {label} is zero, so nothing "
            "contributes to it. The staked models are constant, cancel each other, or "
            "are spanned by the neutralizers."
        )
    # as True Contribution, with a portfolio of fixed length in place of an optimal one
    z, deviation = standard_scores(portfolio[:, 0], label, caller)
    q = pull_back_scores(target / len(z), z, deviation)[:, None]
    # W'q, whose mean is 0, so that W need not be centered
    q = v * (q - N @ (N.T @ (v * q)))
    gradient = (scores.T @ q)[:, 0] * np.sqrt(len(z)) / _SCALE
    return np.where(active, gradient, np.nan)


def _covered(rows, sides):
    """Rows that all side inputs have, or None where they are too few."""
    mask = present_in_all(sides, rows)
    if mask is None:
        return rows
    if mask.mean() < 1 - MAX_MISSING:
        return None
    rows = np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows
    return rows[mask]


def _check_found(n, n_uncovered, min_coverage, caller):
    if n + n_uncovered == 0:
        raise ValueError(f"{caller}: y_true has no target: nothing to score.")
    coverage = n / (n + n_uncovered)
    if n == 0 or coverage < min_coverage:
        raise ValueError(
            f"{caller}: neutralizers and sample_weight cover {n} of {n + n_uncovered} "
            f"eras, a share of {coverage:.2f}; min_coverage is {min_coverage}. An era "
            f"is covered if at least {1 - MAX_MISSING:.0%} of its rows are. Score only "
            "those eras, or pass a lower min_coverage to leave the others out."
        )
