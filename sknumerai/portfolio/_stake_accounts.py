"""How the stake of a round is set and what becomes of it: one class for each way."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np


class ContinuousAccount:
    """One stake that is at risk in full in every open round.

    Parameters
    ----------
    start : ndarray of shape (n_models,)
        What each model starts with.

    n_concurrent : int
        Rounds in flight.
    """

    def __init__(self, start, n_concurrent):
        self._value = start.copy()

    def resolve(self, stake, payout):
        """Apply a payout, of which no more can burn than there is, and return it."""
        payout = np.maximum(payout, -self._value)
        self._value = self._value + payout
        return payout

    def open(self, submitted):
        """Stake on a round: (n_models,) in which models submit."""
        return np.where(submitted, self._value, 0.0)

    def equity(self):
        """What each model has."""
        return self._value


class FixedAccount:
    """The same stake in each round, locked until the round resolves.

    Parameters are those of :class:`ContinuousAccount`.
    """

    def __init__(self, start, n_concurrent):
        self._idle, self._locked = start.copy(), np.zeros_like(start)
        self._least = start / n_concurrent
        self._released = np.zeros_like(start)

    def resolve(self, stake, payout):
        """Release a stake with its payout, and return the payout."""
        # of a stake that is locked nothing but itself can burn
        payout = np.maximum(payout, -stake)
        self._locked = np.maximum(self._locked - stake, 0.0)
        self._released = self._released + stake + payout
        self._idle = self._idle + stake + payout
        return payout

    def open(self, submitted):
        """Stake on a round: (n_models,) in which models submit."""
        stake = np.where(submitted, np.minimum(self._wanted(), self._idle), 0.0)
        self._idle = self._idle - stake
        self._locked = self._locked + stake
        self._released = np.zeros_like(self._idle)
        return stake

    def equity(self):
        """What each model has."""
        return self._idle + self._locked

    def _wanted(self):
        return self._least


class CompoundAccount(FixedAccount):
    """What was released is staked again, at the least the fixed stake.

    Parameters are those of :class:`ContinuousAccount`.
    """

    def _wanted(self):
        return np.maximum(self._least, self._released)


ACCOUNTS = {
    "continuous": ContinuousAccount,
    "compound": CompoundAccount,
    "fixed": FixedAccount,
}
