"""What stakes would have become over rounds that overlap."""

# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from sknumerai.portfolio._round_payouts import read_rounds, round_shares, rules_of
from sknumerai.portfolio._stake_accounts import ACCOUNTS
from sknumerai.portfolio._stake_summary import stake_summary
from sknumerai.utils import as_numbers
from sknumerai.utils._progress import bar_over


class StakeSimulator(BaseEstimator):
    """Simulate the stakes of models over rounds that overlap.

    A round's scores are known, and its stake is paid or burned, long after the next
    rounds have opened: 64 rounds of a 60-day target are in flight at a time. Each
    round's stake is set when it opens, its payout follows from the rule of payment, and
    arrives when the round resolves; only then can it be staked again.

    Parameters
    ----------
    policy : PayoutPolicy, int or str, default=None
        The rule of payment, the number of a round, or the name of a rule, such as
        "ender20". None is the latest rule that this version knows. "historical" is for
        each round the rule that it was paid by.

    mode : {'auto', 'continuous', 'compound', 'fixed'}, default='auto'
        How the stake of a round is set, see Notes. 'auto': 'compound' where the target
        of the rule looks 60 days ahead, else 'continuous', as it was at the time.

    n_concurrent : int or 'auto', default='auto'
        How many rounds are in flight: round r resolves before round r + n_concurrent
        opens. 'auto': the days of the rule's target and 4 more, 64 or 24, as rounds
        open on each business day. For the weekly rounds up to 339 pass 4.

    multipliers : dict or DataFrame, default=None
        Multipliers of scores by name, in the place of those of the rule, such as
        ``{"corr": 1, "tc": 2}``. A DataFrame has a row for each model and a column for
        each score. Clip and factor stay the rule's.

    payout_factor : float, default=None
        What payouts are multiplied by before they are clipped, in the place of the
        rule's own factor. It is 1 there unless `total_at_risk` is given to
        :meth:`simulate`.

    verbose : int, default=1
        Whether progress bars over rules and multipliers and over the rounds appear if
        they take more than two seconds.

    Attributes
    ----------
    equity_ : DataFrame of shape (n_times, n_models)
        The curve: what each model has, idle or staked, when a round opens and all that
        were due have resolved. It goes on after the last round to the time when that
        resolves. Rounds in flight count at their stake.

    at_risk_ : DataFrame of shape (n_rounds, n_models)
        Stake of each round, 0 where a model has no score.

    payouts_ : DataFrame of shape (n_rounds, n_models)
        What each round paid in the end, negative where it burned.

    shares_ : DataFrame of shape (n_rounds, n_models)
        Payouts as a share of the round's stake; NaN where a model has no score.

    summary_ : DataFrame of shape (n_models, 13)
        A row for each model: `n_rounds` in which it staked, `stake`, `final` equity,
        `profit`, `return` (the profit as a share of the stake), `earned` and `burned`
        by rounds that paid and burned, `mean_payout` and `std_payout` (shares of the
        round's stake), `positive_share` of rounds, `n_clipped`, `max_drawdown` of the
        equity as a share of its peak, `max_leverage` (the most that was at risk at a
        time, as a share of the equity).

    See Also
    --------
    sknumerai.metrics.PayoutPolicy : The rules of payment.
    sknumerai.metrics.payout_score : The payout of predictions, by era.

    Notes
    -----
    'continuous' is Numerai's staking up to round 1342. One stake is at risk in full in
    every round that is open. A payout changes it when its round resolves, and rounds
    that open from then on take the changed value: it compounds at resolution. With 24
    rounds in flight burns can add up to more than there is; what is left then burns.

    'compound' and 'fixed' are those of Atomic Blockchain Staking. A round's stake is
    locked until it resolves, nothing is at risk twice, and the stake is spread: a round
    takes ``stake / n_concurrent`` of it. With 'compound' a round takes what was released
    since the round before it opened, if that is more, so that each of the concurrent
    rounds compounds by itself; with 'fixed' payouts stay idle. In both, a round gets no
    more than is idle, and what is released to a round without a submission stays idle.

    A model without a score in a round (NaN in one that is paid for) has not staked in
    it. Leave out rounds that are not resolved: they would look like that. Rounds that
    the table lacks altogether pass without a stake.

    Real stakes were changed by their owners, released with a delay, and paid by rules
    whose factor is known only after a round closed, so this answers what a stake left
    alone would have become. Stakes here do not change the scores, nor the factor.

    References
    ----------
    Numerai, documentation, "Staking" and "Atomic Blockchain Staking".

    Examples
    --------
    >>> import pandas as pd
    >>> from sknumerai.portfolio import StakeSimulator
    >>> rounds = pd.RangeIndex(1180, 1184, name="round")
    >>> scores = pd.DataFrame({"corr": [0.02, 0.04, -0.01, 0.01], "mmc": 0.002}, rounds)
    >>> simulator = StakeSimulator("ender20", n_concurrent=2).simulate(scores, stake=100)
    >>> simulator.at_risk_["model"].round(3).tolist()
    [100.0, 100.0, 101.95, 105.4]
    >>> simulator.equity_["model"].round(3).tolist()
    [100.0, 100.0, 101.95, 105.4, 105.094, 106.359]
    """

    def __init__(
        self,
        policy=None,
        *,
        mode="auto",
        n_concurrent="auto",
        multipliers=None,
        payout_factor=None,
        verbose=1,
    ):
        self.policy = policy
        self.mode = mode
        self.n_concurrent = n_concurrent
        self.multipliers = multipliers
        self.payout_factor = payout_factor
        self.verbose = verbose

    def simulate(self, scores, *, stake=1.0, total_at_risk=None):
        """Simulate the stakes of models that have these scores.

        Parameters
        ----------
        scores : DataFrame or dict of str to DataFrame or Series
            Resolved scores, the index being round numbers: for one model a DataFrame
            whose columns are scores ("corr", "mmc"), or a dict of Series; for several a
            dict of DataFrames of rounds by models, or one DataFrame whose columns have
            the levels score and model. NaN where a model did not submit.

        stake : float or array-like of shape (n_models,), default=1.0
            What each model starts with. A dict or Series is matched by the name of the
            model.

        total_at_risk : float or array-like of shape (n_rounds,), default=None
            NMR that all of the tournament's models together had at risk, for rules
            whose factor depends on it.

        Returns
        -------
        self : StakeSimulator
            With the result in its attributes.

        Raises
        ------
        ValueError
            If the inputs do not fit each other, round numbers are no increasing
            integers, a score is missing or infinite, a stake is negative or not finite,
            or rules of the rounds differ in what 'auto' follows from.

        LookupError
            If no rule is known for a round or a name.
        """
        caller = "StakeSimulator"
        tables = read_rounds(scores, caller)
        first = next(iter(tables.values()))
        rules = rules_of(self.policy, first.index, caller)
        mode, n_concurrent = self._resolve(rules, caller)
        start = _start(stake, first.columns, caller)
        shares, clipped = round_shares(
            tables,
            rules,
            multipliers=self.multipliers,
            payout_factor=self.payout_factor,
            total_at_risk=total_at_risk,
            caller=caller,
            verbose=self.verbose,
        )
        account = ACCOUNTS[mode](start, n_concurrent)
        self.equity_, self.at_risk_, self.payouts_, leverage = _run(
            account, shares, n_concurrent, caller, self.verbose
        )
        self.shares_ = shares
        self.summary_ = stake_summary(
            start, self.equity_, self.at_risk_, self.payouts_, shares, clipped, leverage
        )
        return self

    def _resolve(self, rules, caller):
        horizons = {policy.horizon for policy, _ in rules}
        mode, n_concurrent = self.mode, self.n_concurrent
        if mode not in ("auto", *ACCOUNTS):
            raise ValueError(
                f"{caller}: mode must be 'auto' or one of {list(ACCOUNTS)}. Got {mode!r}."
            )
        is_auto = isinstance(n_concurrent, str) and n_concurrent == "auto"
        is_count = isinstance(n_concurrent, Integral) and n_concurrent >= 1
        if not is_auto and (not is_count or isinstance(n_concurrent, bool)):
            raise ValueError(
                f"{caller}: n_concurrent must be an integer of at least 1 or 'auto'. "
                f"Got {n_concurrent!r}."
            )
        if len(horizons) > 1 and (is_auto or mode == "auto"):
            raise ValueError(
                f"{caller}: the rounds were paid by rules of targets of "
                f"{sorted(map(str, horizons))} days, which have another number of "
                "concurrent rounds and another way of staking. Simulate them apart, "
                "or pass mode= and n_concurrent=."
            )
        horizon = next(iter(horizons))
        if is_auto and horizon is None:
            raise ValueError(
                f"{caller}: the rule does not say how many days its target looks ahead. "
                "Pass n_concurrent=, such as 64, or a rule with a horizon."
            )
        if mode == "auto":
            mode = "compound" if horizon is not None and horizon >= 60 else "continuous"
        return mode, horizon + 4 if is_auto else int(n_concurrent)


def _run(account, shares, n_concurrent, caller, verbose):
    """Open and resolve all rounds in their order."""
    rounds, values = shares.index.to_numpy(), shares.to_numpy()
    at_risk, payouts = np.zeros(values.shape), np.zeros(values.shape)
    share = np.nan_to_num(values)
    due = rounds + n_concurrent
    times = np.union1d(rounds, due)
    equity = np.empty((len(times), values.shape[1]))
    leverage = np.zeros(values.shape[1])
    i = resolved = 0
    for t, time in enumerate(bar_over(times, caller, verbose, unit="round")):
        while resolved < len(rounds) and due[resolved] <= time:
            stake = at_risk[resolved]
            payouts[resolved] = account.resolve(stake, stake * share[resolved])
            resolved += 1
        equity[t] = account.equity()
        if i < len(rounds) and rounds[i] == time:
            at_risk[i] = account.open(~np.isnan(values[i]))
            i += 1
            open_now = at_risk[resolved:i].sum(axis=0)
            used = equity[t] > 0
            leverage[used] = np.maximum(
                leverage[used], open_now[used] / equity[t][used]
            )
    like = {"index": shares.index, "columns": shares.columns}
    return (
        pd.DataFrame(
            equity,
            index=pd.Index(times, name=shares.index.name),
            columns=shares.columns,
        ),
        pd.DataFrame(at_risk, **like),
        pd.DataFrame(payouts, **like),
        leverage,
    )


def _start(stake, models, caller):
    """What each model starts with, shape (n_models,)."""
    if isinstance(stake, dict):
        stake = pd.Series(stake)
    if isinstance(stake, pd.Series):
        unknown = stake.index.difference(models, sort=False)
        missing = models.difference(stake.index, sort=False)
        if len(unknown) or len(missing):
            raise ValueError(
                f"{caller}: stake must name the models of the scores. Without scores: "
                f"{list(unknown)[:3]}, without a stake: {list(missing)[:3]}."
            )
        stake = stake.reindex(models)
    values = as_numbers(stake, "stake", caller).astype(np.float64)
    if values.ndim > 1 or (values.ndim == 1 and len(values) != len(models)):
        raise ValueError(
            f"{caller}: stake must be a number, or one for each of {len(models)} models. "
            f"Got shape {values.shape}."
        )
    if not (np.isfinite(values) & (values >= 0)).all():
        raise ValueError(f"{caller}: stake must be finite and not negative.")
    return np.broadcast_to(values, len(models)).copy()
