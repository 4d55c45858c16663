"""Payouts of predictions, era by era."""

# SPDX-License-Identifier: BSD-3-Clause

import warnings
from dataclasses import replace
from numbers import Real

import numpy as np
import pandas as pd

from sknumerai.exceptions import HorizonWarning
from sknumerai.metrics._aggregates import aggregate_scores, check_aggregate
from sknumerai.metrics._by_era import Formula, score_tables
from sknumerai.metrics._contribution import contribution_of
from sknumerai.metrics._correlation import corr_of
from sknumerai.metrics._policy_argument import check_policy
from sknumerai.utils import target_horizon

# Numerai's targets look so many days ahead.
_HORIZONS = (20, 60)


def payout_score(
    y_true,
    y_pred,
    meta_model,
    *,
    policy=None,
    groups=None,
    aggregate="mean",
    clip=True,
    payout_factor=None,
    min_coverage=1.0,
):
    """Compute what predictions would be paid, by era.

    In each era CORR and MMC are weighed, scaled and clipped by the rule of a round, as
    a share of the stake: 0.01 is a payout of 1 %, -0.01 burns as much. More is better,
    the best value is the rule's clip.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Targets. Rows whose target is NaN (not resolved) are left out, up to a fifth of
        an era; eras without any target have no score. A Series whose name ends in
        another horizon than the rule pays for ("target_ender_20" with a rule of 60
        days) is warned about.

    y_pred : array-like of shape (n_samples,) or (n_samples, n_models)
        Predictions, on any scale, NaN where missing. The columns are models.

    meta_model : array-like of shape (n_samples,) or (n_samples, n_columns)
        The meta model's predictions. A pandas object is matched by its index and may
        be of more or fewer rows than are scored. With benchmark models in its place
        the score has BMC for MMC: an estimate over many more eras. Of several columns
        the mean of their ranks counts.

    policy : PayoutPolicy, int or str, default=None
        The rule, the number of a round, or the name of a rule, such as "ender60". None
        is the latest rule that this version knows.

    groups : array-like of shape (n_samples,), default=None
        Era of each row. By default the index level "era" of y_true or y_pred; where
        there is none, all rows are one era.

    aggregate : str, callable or None, default="mean"
        How the payouts of eras become one, see :func:`numerai_corr_score`.

    clip : bool, default=True
        Whether to apply the rule's clip, in each era.

    payout_factor : float, default=None
        What payouts are multiplied by before they are clipped. None: the rule's own
        number, and 1 where it depends on how much is at risk in a round.

    min_coverage : float, default=1.0
        Share of the scored eras that `meta_model` must cover, see :func:`mmc_score`.
        CORR and MMC are of the same rows and eras.

    Returns
    -------
    score : float, Series or DataFrame
        As :func:`numerai_corr_score` returns it. NaN where CORR or MMC are.

    Raises
    ------
    ValueError
        As :func:`mmc_score` raises it, or if the rule pays for other scores than CORR
        and MMC.

    LookupError
        If no rule is known for the round or the name.

    Warns
    -----
    HorizonWarning
        If the name of the target tells another horizon than the rule pays for.

    See Also
    --------
    PayoutPolicy : The rules, and payouts of scores that you have already.
    learn_payout_score : CORR + 2 BMC.

    Notes
    -----
    A mean over eras is the expectation for one round at that stake. Rounds overlap and
    stakes compound, so it is not a rate of return.

    References
    ----------
    Numerai's documentation, "Staking" and "Atomic Blockchain Staking".

    Examples
    --------
    >>> from sknumerai.metrics import payout_score
    >>> y_true, y_pred = [0, 0.5, 1, 0.5], [0.1, 0.3, 0.4, 0.2]
    >>> meta_model = [0.4, 0.1, 0.5, 0.6]
    >>> payout_score(y_true, y_pred, meta_model)
    1.0
    >>> round(payout_score(y_true, y_pred, meta_model, policy=1000, clip=False), 3)
    2.795
    """
    caller = "payout_score"
    policy = check_policy(policy, caller)
    others = set(policy.paid) - {"corr", "mmc"}
    if others:
        raise ValueError(
            f"{caller}: the rule pays for {sorted(others)}, and only 'corr' and 'mmc' "
            "follow from predictions. Compute them yourself and pass the scores to "
            "policy.payout."
        )
    if payout_factor is not None:
        policy = replace(policy, payout_factor=payout_factor)
    _check_flag(clip, "clip", caller)
    _warn_of_horizon(y_true, policy, caller)

    def combine(corr, mmc):
        scores = {"corr": corr, "mmc": mmc}
        if not policy.paid:
            return np.zeros_like(corr)
        return policy.payout({name: scores[name] for name in policy.paid}, clip=clip)

    return _combined_score(
        combine,
        y_true,
        y_pred,
        sides={"meta_model": meta_model},
        groups=groups,
        aggregate=aggregate,
        min_coverage=min_coverage,
        caller=caller,
    )


def learn_payout_score(
    y_true,
    y_pred,
    benchmark,
    *,
    corr_weight=1.0,
    bmc_weight=2.0,
    groups=None,
    aggregate="mean",
    min_coverage=1.0,
):
    """Compute CORR + 2 BMC, the score to learn from, by era.

    Sarfati's "LearnPayout" selects models and stops training. BMC stands for MMC, whose
    meta model is known for few eras and contains the models of others that were trained
    on them; CORR weighs more than in the payout of his time, 0.5 CORR + 2 MMC, as the
    score that lasts. More is better; his models have means of 0.007 to 0.035.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Targets. Rows whose target is NaN (not resolved) are left out, up to a fifth of
        an era; eras without any target have no score.

    y_pred : array-like of shape (n_samples,) or (n_samples, n_models)
        Predictions, on any scale, NaN where missing. The columns are models.

    benchmark : array-like of shape (n_samples,) or (n_samples, n_benchmarks)
        Predictions of the benchmark, out of sample. Of several, the mean of their
        ranks. A pandas object is matched by its index.

    corr_weight : float, default=1.0
        Weight of CORR.

    bmc_weight : float, default=2.0
        Weight of BMC. With weights 3 and 15 this is the payout from round 1343 on with
        BMC for MMC.

    groups : array-like of shape (n_samples,), default=None
        Era of each row. By default the index level "era" of y_true or y_pred; where
        there is none, all rows are one era.

    aggregate : str, callable or None, default="mean"
        How the scores of eras become one, see :func:`numerai_corr_score`.

    min_coverage : float, default=1.0
        Share of the scored eras that `benchmark` must cover, see :func:`mmc_score`.

    Returns
    -------
    score : float, Series or DataFrame
        As :func:`numerai_corr_score` returns it. NaN where CORR or BMC are.

    Raises
    ------
    ValueError
        As :func:`bmc_score` raises it, or if a weight is no finite number.

    See Also
    --------
    payout_score : What a round pays.
    bmc_score : The contribution to benchmark models.

    References
    ----------
    Sarfati, A. (2024). Numerai Tournament. Equations 17 and 18.

    Examples
    --------
    >>> from sknumerai.metrics import learn_payout_score
    >>> y_true, y_pred = [0, 0.5, 1, 0.5], [0.1, 0.3, 0.4, 0.2]
    >>> benchmark = [0.4, 0.1, 0.5, 0.6]
    >>> round(learn_payout_score(y_true, y_pred, benchmark), 3)
    3.29
    """
    caller = "learn_payout_score"
    for name, weight in (("corr_weight", corr_weight), ("bmc_weight", bmc_weight)):
        is_number = isinstance(weight, Real) and not isinstance(weight, bool)
        if not is_number or not np.isfinite(weight):
            raise ValueError(
                f"{caller}: {name} must be a finite number. Got {weight!r} instead."
            )

    return _combined_score(
        lambda corr, bmc: corr_weight * corr + bmc_weight * bmc,
        y_true,
        y_pred,
        sides={"benchmark": benchmark},
        groups=groups,
        aggregate=aggregate,
        min_coverage=min_coverage,
        caller=caller,
    )


def _combined_score(
    combine, y_true, y_pred, *, sides, groups, aggregate, min_coverage, caller
):
    """Score CORR and the contribution from one sort, and combine the two by era.

    CORR is of all rows with a target, as it is paid, also where the other input lacks
    some of them.
    """
    check_aggregate(aggregate, caller)
    formulas = {
        "corr": Formula(corr_of),
        "contribution": Formula(_contribution_of, tuple(sides)),
    }
    tables = score_tables(
        formulas,
        y_true,
        y_pred,
        sides=sides,
        groups=groups,
        min_coverage=min_coverage,
        caller=caller,
    )
    table = tables["contribution"]
    corr = tables["corr"].loc[table.index].to_numpy()
    # in place of the contribution, whose index and names it keeps
    table[:] = combine(corr, table.to_numpy())
    return table if aggregate is None else aggregate_scores(table, aggregate)


def _contribution_of(target, pred, **side):
    (other,) = side.values()
    return contribution_of(target, pred, other)


def _check_flag(value, name, caller):
    if not isinstance(value, bool | np.bool_):
        raise TypeError(
            f"{caller}: {name} must be True or False. Got {value!r}. The height of the "
            "clip is the policy's: dataclasses.replace(policy, clip=...)."
        )


def _warn_of_horizon(y_true, policy, caller):
    name = getattr(y_true, "name", None)
    if isinstance(y_true, pd.DataFrame) and y_true.shape[1] == 1:
        name = y_true.columns[0]
    horizon = target_horizon(name)
    if horizon not in _HORIZONS or policy.horizon in (None, horizon):
        return
    rule = f"The rule {policy.name!r}" if policy.name else "The rule"
    warnings.warn(
        f"{caller}: {name!r} looks {horizon} days ahead. {rule} pays for a target of "
        f"{policy.horizon} days ({policy.target or 'of any name'}), so this is not "
        "what a round pays. Score that target, or pass the rule that pays for yours.",
        HorizonWarning,
        stacklevel=3,
    )
