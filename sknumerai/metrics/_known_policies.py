"""The policies that are known: by round, by date, by name, from Numerai's API."""

# SPDX-License-Identifier: BSD-3-Clause

from sknumerai.metrics._payout_rules import CHOICE_RULES, FIXED_RULES, check_choice
from sknumerai.metrics._policy_checks import check_count, check_date
from sknumerai.metrics._round_config import read_round_config


class KnownPoliciesMixin:
    """Constructors of `PayoutPolicy` that look its fields up."""

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
        return _find(cls, number, f"round {number}", "first_round")

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
        return _find(cls, day, f"{day}", "first_date")

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


def _tc_policies(cls, corr, tc):
    weights = {"corr": corr, "tc": tc}
    return [cls(weights, horizon=20, **fields) for fields in CHOICE_RULES]


def _find(cls, value, said, first):
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
