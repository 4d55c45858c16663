"""The `policy` argument of scores."""

# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral

import numpy as np

from sknumerai.metrics._payout_policy import PayoutPolicy


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
