"""What a round pays for its scores: rules by round, by date and by name."""

# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, fields
from numbers import Integral

import numpy as np

from sknumerai.metrics._payout_rules import CHOICE_RULES, FIXED_RULES, check_choice
from sknumerai.metrics._policy_checks import (
    check_count,
    check_date,
    check_name,
    check_number,
    check_weights,
)
from sknumerai.metrics._round_config import read_round_config
from sknumerai.metrics._score_table import read_scores, spread_over


@dataclass(frozen=True, repr=False)
class PayoutPolicy:
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

    @classmethod
    def known(cls):
        """List the rules that are shipped, in the order of time.

        Returns
        -------
        policies : list of PayoutPolicy
            Those of the time of True Contribution with what a staker had who chose
            nothing: 1 x CORR.
        """
        return [*_tc_policies(cls, 1, 0), *(cls(**fields) for fields in FIXED_RULES)]

    @classmethod
    def latest(cls):
        """Return the newest rule that this version knows.

        Returns
        -------
        policy : PayoutPolicy
            Rules change; :meth:`from_round_config` reads what is paid today.
        """
        return cls.known()[-1]

    @classmethod
    def from_name(cls, name):
        """Return a rule by its name.

        Parameters
        ----------
        name : {"tc_weekly", "tc_daily", "tc_last", "cyrus20", "ender20", "ender60"}
            Name of the rule.

        Returns
        -------
        policy : PayoutPolicy
            The rule.

        Raises
        ------
        LookupError
            If no rule has that name.
        """
        by_name = {policy.name: policy for policy in cls.known()}
        if name not in by_name:
            raise LookupError(
                f"PayoutPolicy: no rule is called {name!r}. Known are {list(by_name)}."
            )
        return by_name[name]

    @classmethod
    def for_round(cls, number):
        """Return the rule of a round.

        Parameters
        ----------
        number : int
            Number of the round.

        Returns
        -------
        policy : PayoutPolicy
            The rule. From round 311 to 649 stakers chose their multipliers: this gives
            1 x CORR, what they had who chose nothing; :meth:`true_contribution_era`
            gives other choices. Rounds 340 to 474 that opened on Tuesday to Friday
            were trials and paid nothing.

        Raises
        ------
        LookupError
            If the round is older than the first known rule.

        Examples
        --------
        >>> from sknumerai.metrics import PayoutPolicy
        >>> PayoutPolicy.for_round(1342).name, PayoutPolicy.for_round(1343).name
        ('ender20', 'ender60')
        """
        if number is None:
            raise ValueError("PayoutPolicy: the number of a round is needed. Got None.")
        number = check_count(number, "the number of a round")
        return _find(cls, number, f"round {number}", "first_round", "last_round")

    @classmethod
    def for_date(cls, date):
        """Return the rule of the rounds that open on a day.

        Parameters
        ----------
        date : str, date, datetime or Timestamp
            The day, as "2024-01-02". Times with a zone are converted to UTC.

        Returns
        -------
        policy : PayoutPolicy
            The rule, as :meth:`for_round` gives it.

        Raises
        ------
        LookupError
            If the day is before the first known rule.

        Examples
        --------
        >>> from sknumerai.metrics import PayoutPolicy
        >>> PayoutPolicy.for_date("2026-08-27").name
        'ender20'
        """
        if date is None:
            raise ValueError("PayoutPolicy: a date is needed. Got None.")
        day = check_date(date, "date")
        return _find(cls, day, f"{day}", "first_date", "last_date")

    @classmethod
    def from_round_config(cls, round_config):
        """Read the rule of a round from what Numerai's API says of it.

        Parameters
        ----------
        round_config : dict
            One element of ``numerapi.NumerAPI().list_rounds()``, numerapi 2.24 or
            newer. All of its `roundScoreConfigs` with `isPayout` and a multiplier
            other than 0 are paid.

        Returns
        -------
        policy : PayoutPolicy
            The rule, named after the round. Scores keep the API's name, but
            "correlation" is "corr" and "meta_model_contribution" "mmc". Scores of one
            name and different days, both paid, are told apart as "corr20" and
            "corr60"; of several versions of one score the newest counts.

        Raises
        ------
        ValueError
            If something is missing or cannot be read, the round pays for no score, or
            its scores are clipped or scaled differently.

        References
        ----------
        Numerai, numerapi: ``numerapi.base_api.Api.list_rounds`` and its page "Round
        score and payout configuration".

        Examples
        --------
        >>> from sknumerai.metrics import PayoutPolicy
        >>> corr = {"name": "correlation", "isPayout": True, "defaultMultiplier": 3}
        >>> corr |= {"totalScoreDays": 60, "clipThreshold": "1.0"}
        >>> round_config = {"number": 1400, "roundScoreConfigs": [corr]}
        >>> policy = PayoutPolicy.from_round_config(round_config)
        >>> policy.weights, policy.horizon, policy.clip
        ({'corr': 3.0}, 60, 1.0)
        """
        return cls(**read_round_config(round_config))

    @classmethod
    def true_contribution_era(cls, corr=1, tc=2, *, number=311):
        """Return the rule of a staker's choice in the time of True Contribution.

        From 9 April 2022 to the end of 2023 each model was paid for a choice of
        multipliers of CORR and of True Contribution (TC).

        Parameters
        ----------
        corr : float, default=1
            Multiplier of CORR: 0 or 1; from round 589 on 0 to 2. Halves were offered
            later.

        tc : float, default=2
            Multiplier of TC: 0, 1 or 2 as announced; halves and 3 were offered later,
            up to round 588. From round 589 on 0 to 1, and only with 2 x CORR.

        number : int, default=311
            A round of the time meant: 311 to 649.

        Returns
        -------
        policy : PayoutPolicy
            The rule.

        Raises
        ------
        ValueError
            If the round or the choice was not on offer.

        Notes
        -----
        The threshold of the first rounds, 300,000 NMR, had become 360,000 by March
        2023; when it rose is not known.

        References
        ----------
        Numerai, forum: "True Contribution Details" (2022) and "Stake multiplier updates
        starting round 589" (2023).

        Examples
        --------
        >>> from sknumerai.metrics import PayoutPolicy
        >>> policy = PayoutPolicy.true_contribution_era(corr=1, tc=2)
        >>> policy.weights, policy.first_date
        ({'corr': 1.0, 'tc': 2.0}, '2022-04-09')
        """
        number = check_count(number, "number")
        policies = _tc_policies(cls, corr, tc)
        for policy in policies:
            if policy.first_round <= number <= policy.last_round:
                check_choice(policy)
                return policy
        raise ValueError(
            "PayoutPolicy: True Contribution was paid for in rounds "
            f"{policies[0].first_round} to {policies[-1].last_round}. Got number="
            f"{number}."
        )

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


def check_policy(policy, caller):
    """Take a policy, the number of a round, a name, or None for the latest rule."""
    if policy is None:
        return PayoutPolicy.latest()
    if isinstance(policy, PayoutPolicy):
        return policy
    if isinstance(policy, str):
        return PayoutPolicy.from_name(policy)
    if isinstance(policy, Integral) and not isinstance(policy, bool | np.bool_):
        return PayoutPolicy.for_round(policy)
    raise TypeError(
        f"{caller}: policy must be a PayoutPolicy, the number of a round, the name of "
        f"a rule or None. Got {policy!r}. For a round of numerapi's list_rounds: "
        "PayoutPolicy.from_round_config(round)."
    )


def _tc_policies(cls, corr, tc):
    weights = {"corr": corr, "tc": tc}
    return [cls(weights, horizon=20, **fields) for fields in CHOICE_RULES]


def _find(cls, value, said, first, last):
    policies = cls.known()
    for policy in reversed(policies):
        if getattr(policy, first) <= value:
            return policy
    oldest = policies[0]
    raise LookupError(
        f"PayoutPolicy: what {said} paid is not known. Rules are known from round "
        f"{oldest.first_round}, {oldest.first_date}, on; before, stakers chose between "
        "CORR and an older MMC. Make the rule that you mean: PayoutPolicy({'corr': 1, "
        "'mmc': 1}, clip=0.25)."
    )
