"""What a round pays for its scores."""

# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, fields

import numpy as np

from sknumerai.metrics._known_policies import KnownPoliciesMixin
from sknumerai.metrics._policy_checks import (
    check_count,
    check_date,
    check_name,
    check_number,
    check_weights,
)
from sknumerai.metrics._score_table import read_scores, spread_over


@dataclass(frozen=True, repr=False)
class PayoutPolicy(KnownPoliciesMixin):
    """A rule by which a round of the tournament pays for its scores.

    ``payout = stake * clip(factor * (w_1 * score_1 + w_2 * score_2 + ...))``, the clip
    being symmetric and the factor a number or ``min(1, stake_threshold /
    total_at_risk)``. The rules changed every 8 to 24 months, so they are values to pass
    around, not constants. Get one with :meth:`latest`, :meth:`for_round`,
    :meth:`for_date`, :meth:`from_name` or, for what Numerai pays this very day,
    :meth:`from_round_config`. Policies are immutable, equal if their fields are, and
    print as the call that makes them; ``dataclasses.replace`` makes a changed copy.

    Parameters
    ----------
    weights : dict of str to float
        Multiplier of each score by name: "corr", "mmc", in some rules "bmc", "tc",
        "fnc" or others. Kept in lower case.

    clip : float, default=None
        The most that can be gained or lost, as a share of the stake. None: no limit.

    payout_factor : float, default=None
        What all payouts are multiplied by before they are clipped, where it is known.
        None: it follows from `stake_threshold`, or is 1 if that is None too.

    stake_threshold : float, default=None
        NMR at risk in a round from which on the factor falls below 1.

    target : str, default=None
        Name of the target that is scored. None where it is not known or changed.

    horizon : int, default=None
        Days that the target looks ahead.

    first_round : int, default=None
        First round of the rule.

    last_round : int, default=None
        Last round of the rule. None: it is still in force, or not known.

    first_date : str or date, default=None
        Day (UTC) from which on rounds that open are paid so, kept as "YYYY-MM-DD".

    last_date : str or date, default=None
        Last day of the rule.

    name : str, default=None
        Name of the rule.

    Raises
    ------
    ValueError
        If a value is out of its range; the message says which.

    See Also
    --------
    payout_score : The payout of predictions, era by era.

    Notes
    -----
    The rules that are shipped, :meth:`known` lists them:

    ===========  ===============  ====================  ====  ===========  ========
    name         first round      pays                  clip  factor       target
    ===========  ===============  ====================  ====  ===========  ========
    "tc_weekly"  311, 2022-04-09  staker's choice       0.25  300,000 NMR  20 days
    "tc_daily"   475, 2023-05-01  staker's choice       0.05  72,000 NMR   20 days
    "tc_last"    589, 2023-10-07  staker's choice       0.05  72,000 NMR   20 days
    "cyrus20"    650, 2024-01-02  0.5 CORR + 2 MMC      0.05  72,000 NMR   cyrus_20
    "ender20"    1172 2026-01-01  0.75 CORR + 2.25 MMC  0.05  72,000 NMR   ender_20
    "ender60"    1343 2026-08-28  3 CORR + 15 MMC       1     1            ender_60
    ===========  ===============  ====================  ====  ===========  ========

    Where Numerai named only a day (1 May 2023, 1 January 2026), the round is the first
    that opened from then on: rounds opened on Saturdays up to 339, and from 340 (25
    October 2022) on Tuesday to Saturday without a gap, as rounds 311, 339, 340, 485,
    589, 650, 1175 and 1343 bear out, whose days are known. The dates of "ender20" and
    "ender60" are second-hand: read in copies of Numerai's pages and in answers of its
    API that others published.

    References
    ----------
    Numerai, documentation, "Staking" (versions of May 2023 to March 2026) and "Atomic
    Blockchain Staking". Numerai, forum: "True Contribution Details" (2022), "Daily
    Tournament - Update #2 (Payouts)" (2023), "Stake multiplier updates starting round
    589" (2023), "MMC staking starts Jan 2, 2024" (2023). Numerai, blog: "Payout Updates
    for the 2026 Season".

    Examples
    --------
    >>> from sknumerai.metrics import PayoutPolicy
    >>> PayoutPolicy.for_round(1000).weights
    {'corr': 0.5, 'mmc': 2.0}
    >>> policy = PayoutPolicy({"corr": 3, "mmc": 15}, clip=1)
    >>> policy
    PayoutPolicy({'corr': 3.0, 'mmc': 15.0}, clip=1.0)
    >>> round(policy.payout({"corr": 0.02, "mmc": 0.004}, stake=10), 6)
    1.2
    """

    weights: Mapping
    _: KW_ONLY
    clip: float = None
    payout_factor: float = None
    stake_threshold: float = None
    target: str = None
    horizon: int = None
    first_round: int = None
    last_round: int = None
    first_date: str = None
    last_date: str = None
    name: str = None

    def __post_init__(self):
        values = {
            "weights": check_weights(self.weights),
            "clip": check_number(self.clip, "clip", above=0),
            "payout_factor": check_number(self.payout_factor, "payout_factor", least=0),
            "stake_threshold": check_number(
                self.stake_threshold, "stake_threshold", above=0
            ),
            "horizon": check_count(self.horizon, "horizon"),
            "first_round": check_count(self.first_round, "first_round"),
            "last_round": check_count(self.last_round, "last_round"),
            "first_date": check_date(self.first_date, "first_date"),
            "last_date": check_date(self.last_date, "last_date"),
            "target": check_name(self.target, "target"),
            "name": check_name(self.name, "name"),
        }
        for first, last in (("first_round", "last_round"), ("first_date", "last_date")):
            start, end = values[first], values[last]
            if None not in (start, end) and start > end:
                raise ValueError(
                    f"PayoutPolicy: {first}={start!r} comes after {last}={end!r}."
                )
        for field, value in values.items():
            # the way of frozen dataclasses to set a field
            object.__setattr__(self, field, value)

    def __repr__(self):
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        weights = values.pop("weights")
        said = [f", {name}={v!r}" for name, v in values.items() if v is not None]
        return f"{type(self).__name__}({weights!r}{''.join(said)})"

    def score(self, corr=None, mmc=None, **others):
        """Weigh scores, without factor, clip and stake.

        Parameters
        ----------
        corr : float, array-like, Series or DataFrame, default=None
            CORR.

        mmc : float, array-like, Series or DataFrame, default=None
            MMC, of the same shape.

        **others : float, array-like, Series or DataFrame
            Further scores by name.

        Returns
        -------
        score : float, ndarray, Series or DataFrame
            Weighted sum, of the shape of the scores.

        Raises
        ------
        ValueError
            If a score that the rule pays for is missing.

        Examples
        --------
        >>> from sknumerai.metrics import PayoutPolicy
        >>> round(PayoutPolicy.from_name("cyrus20").score(corr=0.02, mmc=0.01), 6)
        0.03
        """
        given = {"corr": corr, "mmc": mmc, **others}
        given = {name: value for name, value in given.items() if value is not None}
        table = read_scores(given, self, "PayoutPolicy.score")
        return table.wrap(self._weigh(table))

    def payout(self, scores, *, stake=1.0, total_at_risk=None, clip=True):
        """Compute what scores of rounds are paid.

        Parameters
        ----------
        scores : DataFrame, Series or dict
            Scores by name: columns of a DataFrame whose rows are rounds or models, or
            entries of a dict, numbers, arrays, Series or DataFrames of one shape.
            Upper and lower case are the same. A name with the rule's days ("corr60"
            for a rule of 60 days, Numerai's "v2_corr20" for one of 20) is taken before
            the plain one; names that the rule does not pay for are ignored.

        stake : float or array-like of shape (n_rows,), default=1.0
            Stake, in the units that the payout is to have: at 1 the payout is a share
            of the stake.

        total_at_risk : float or array-like of shape (n_rows,), default=None
            NMR that all models together had at risk, for rules whose factor depends on
            it. None: the factor is 1, the most that it can be.

        clip : bool, default=True
            Whether to apply the rule's clip.

        Returns
        -------
        payout : float, ndarray, Series or DataFrame
            Negative where the stake burns; NaN where a score is NaN.

        Raises
        ------
        ValueError
            If a score is missing or found twice, the inputs do not fit each other, or a
            stake is negative.

        Examples
        --------
        >>> import pandas as pd
        >>> from sknumerai.metrics import PayoutPolicy
        >>> scores = pd.DataFrame({"CORR": [0.01, 0.09], "MMC": [0.002, 0.01]})
        >>> PayoutPolicy.from_name("cyrus20").payout(scores, stake=100).round(3)
        0    0.9
        1    5.0
        Name: payout, dtype: float64
        """
        caller = "PayoutPolicy.payout"
        table = read_scores(scores, self, caller)
        if total_at_risk is not None:
            total_at_risk = spread_over(table, total_at_risk, "total_at_risk", caller)
        share = self.factor(total_at_risk) * self._weigh(table)
        if clip and self.clip is not None:
            share = np.clip(share, -self.clip, self.clip)
        return table.wrap(spread_over(table, stake, "stake", caller) * share)

    def factor(self, total_at_risk=None):
        """Compute the factor of all payouts of a round.

        Parameters
        ----------
        total_at_risk : float or array-like, default=None
            NMR that all models together had at risk.

        Returns
        -------
        factor : float or ndarray
            The rule's `payout_factor` if it has one, else ``min(1, stake_threshold /
            total_at_risk)``, and 1 where the threshold or the total is not known.

        Raises
        ------
        ValueError
            If a total is negative or not finite.

        Examples
        --------
        >>> from sknumerai.metrics import PayoutPolicy
        >>> PayoutPolicy.from_name("ender20").factor(576_000)
        0.125
        """
        if total_at_risk is not None:
            total = np.asarray(total_at_risk, dtype=np.float64)
            if not (np.isfinite(total) & (total >= 0)).all():
                raise ValueError(
                    "PayoutPolicy.factor: total_at_risk must be finite and not "
                    f"negative. Got {total_at_risk!r}."
                )
        if self.payout_factor is not None:
            return self.payout_factor
        if self.stake_threshold is None or total_at_risk is None:
            return 1.0
        # nothing at risk: nothing to scale
        factor = self.stake_threshold / np.maximum(total, self.stake_threshold)
        return factor if factor.ndim else float(factor)

    @property
    def paid(self):
        """Names of the scores whose weight is not 0."""
        return tuple(name for name, weight in self.weights.items() if weight)

    def _weigh(self, table):
        return sum((self.weights[k] * v for k, v in table.values.items()), 0.0)
