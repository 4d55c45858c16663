"""Payouts of rounds as shares of the stake, by the rule of each round."""

# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from sknumerai.metrics import PayoutPolicy
from sknumerai.metrics._policy_argument import check_policy
from sknumerai.utils import as_numbers
from sknumerai.utils._progress import bar_over


def read_rounds(scores, caller):
    """Scores by name as DataFrames of rounds by models.

    Parameters
    ----------
    scores : DataFrame or Mapping
        As :meth:`StakeSimulator.simulate` takes them.

    caller : str
        Name to begin error messages with.

    Returns
    -------
    tables : dict of str to DataFrame
        Of the same index and columns, float64.
    """
    if isinstance(scores, pd.DataFrame):
        # of two levels, score and model, as a pivot gives them
        names = scores.columns.unique(level=0)
        scores = {name: scores[name] for name in names}
    if not isinstance(scores, Mapping) or not len(scores):
        raise TypeError(
            f"{caller}: scores must be a DataFrame whose columns are scores, or a dict "
            "such as {'corr': frame, 'mmc': frame} of rounds by models. Got "
            f"{type(scores).__name__}."
        )
    tables = {}
    for name, table in scores.items():
        if isinstance(table, pd.Series):
            table = table.to_frame("model")
        if not isinstance(table, pd.DataFrame):
            raise TypeError(
                f"{caller}: the scores {name!r} must be a Series or a DataFrame whose "
                f"index is rounds. Got {type(table).__name__}."
            )
        tables[name] = table
    first_name, first = next(iter(tables.items()))
    rounds = _check_index(first, caller)
    for name, table in tables.items():
        same = table.index.equals(first.index) and table.columns.equals(first.columns)
        if not same:
            raise ValueError(
                f"{caller}: the scores {first_name!r} and {name!r} have different "
                "rounds or models. Bring them into one order first, with reindex_like."
            )
        values = as_numbers(table, f"scores {name!r}", caller)
        tables[name] = pd.DataFrame(
            values.astype(np.float64), index=rounds, columns=table.columns
        )
    return tables


def rules_of(policy, rounds, caller):
    """Rules of payment and the rounds of each.

    Parameters
    ----------
    policy : PayoutPolicy, int, str or None
        As :class:`StakeSimulator` takes it.

    rounds : Index
        Round numbers, increasing.

    caller : str
        Name to begin error messages with.

    Returns
    -------
    rules : list of (PayoutPolicy, slice)
        In the order of the rounds.
    """
    if not (isinstance(policy, str) and policy == "historical"):
        return [(check_policy(policy, caller), slice(0, len(rounds)))]
    policies = [PayoutPolicy.for_round(int(number)) for number in rounds]
    starts = [
        i for i in range(len(policies)) if not i or policies[i] != policies[i - 1]
    ]
    ends = [*starts[1:], len(policies)]
    return [(policies[a], slice(a, b)) for a, b in zip(starts, ends)]


def round_shares(
    tables, rules, *, multipliers, payout_factor, total_at_risk, caller, verbose=0
):
    """Payouts as shares of the stake.

    Parameters
    ----------
    tables : dict of str to DataFrame
        Scores of rounds by models.

    rules : list of (PayoutPolicy, slice)
        Rules and their rounds.

    multipliers : Mapping, DataFrame or None
        Multipliers of scores, for all models or by model.

    payout_factor : float or None
        Factor in the place of the rules'.

    total_at_risk : float, array-like or None
        What all models had at risk, by round.

    caller : str
        Name to begin error messages with.

    verbose : int, default=0
        Whether a progress bar appears if it takes more than two seconds.

    Returns
    -------
    shares : DataFrame of shape (n_rounds, n_models)
        NaN where a model has no score.

    clipped : ndarray of shape (n_rounds, n_models)
        Which of them the clip changed.
    """
    first = next(iter(tables.values()))
    at_risk = _by_round(total_at_risk, first.index, caller)
    shares, free = np.empty(first.shape), np.empty(first.shape)
    choices = _choices(multipliers, first.columns, caller)
    parts = [(*choice, *rule) for choice in choices for rule in rules]
    for weights, columns, policy, rows in bar_over(parts, caller, verbose, unit="rule"):
        if weights is not None:
            policy = replace(policy, weights=weights)
        if payout_factor is not None:
            policy = replace(policy, payout_factor=payout_factor)
        part = {name: table.iloc[rows, columns] for name, table in tables.items()}
        at = None if at_risk is None else at_risk[rows]
        at_cells = np.ix_(np.arange(len(first))[rows], columns)
        for out, clip in ((shares, True), (free, False)):
            if not policy.paid:
                out[at_cells] = 0.0
                continue
            paid = policy.payout(part, total_at_risk=at, clip=clip)
            out[at_cells] = paid.to_numpy()
    shares = pd.DataFrame(shares, index=first.index, columns=first.columns)
    return shares, shares.to_numpy() != np.where(np.isnan(free), shares, free)


def _choices(multipliers, models, caller):
    """Weights of scores, and the positions of the models that have them."""
    if multipliers is None or not isinstance(multipliers, pd.DataFrame):
        return [(multipliers, np.arange(len(models)))]
    missing = models.difference(multipliers.index, sort=False)
    if len(missing) or not multipliers.index.is_unique:
        raise ValueError(
            f"{caller}: multipliers must have one row for each model. Without one or "
            f"with several: {list(missing)[:3] or list(multipliers.index)[:3]}."
        )
    table = multipliers.loc[models]
    rows, which = np.unique(
        as_numbers(table, "multipliers", caller).astype(np.float64),
        axis=0,
        return_inverse=True,
    )
    return [
        (dict(zip(table.columns, row.tolist())), np.flatnonzero(which.ravel() == i))
        for i, row in enumerate(rows)
    ]


def _by_round(total_at_risk, rounds, caller):
    if total_at_risk is None:
        return None
    if isinstance(total_at_risk, pd.Series):
        missing = rounds.difference(total_at_risk.index)
        if len(missing) or not total_at_risk.index.is_unique:
            raise ValueError(
                f"{caller}: total_at_risk must have one value for each round. Without "
                f"one: {list(missing)[:3]}."
            )
        total_at_risk = total_at_risk.loc[rounds]
    values = as_numbers(total_at_risk, "total_at_risk", caller).astype(np.float64)
    if values.ndim > 1 or (values.ndim == 1 and len(values) != len(rounds)):
        raise ValueError(
            f"{caller}: total_at_risk must be a number, or one for each of "
            f"{len(rounds)} rounds. Got shape {values.shape}."
        )
    return np.broadcast_to(values, len(rounds))


def _check_index(table, caller):
    index = table.index
    numbers = index.to_numpy()
    is_rounds = index.nlevels == 1 and index.dtype.kind in "iu" and len(index)
    if not is_rounds or (np.diff(numbers.astype(np.int64)) <= 0).any():
        raise ValueError(
            f"{caller}: the index of the scores must be round numbers, increasing "
            f"integers. Got {index[:3].tolist()} of {index.dtype}: set_index('round') "
            "and sort_index()."
        )
    if not table.columns.is_unique:
        raise ValueError(f"{caller}: a model comes more than once in the scores.")
    return pd.Index(numbers.astype(np.int64), name=index.name or "round")
