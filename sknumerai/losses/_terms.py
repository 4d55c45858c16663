"""Losses that are a weighted sum of terms."""

# SPDX-License-Identifier: BSD-3-Clause

import math
from numbers import Real


def check_loss_weights(loss_weights, names):
    """Return one weight for each term, or raise.

    Parameters
    ----------
    loss_weights : sequence of float
        What was given.

    names : tuple of str
        The terms.

    Returns
    -------
    tuple of float
        The weights.
    """
    weights = tuple(loss_weights)
    if len(weights) != len(names) or not all(
        isinstance(w, Real) and 0 <= w < math.inf for w in weights
    ):
        raise ValueError(
            f"loss_weights must be {len(names)} finite numbers of 0 or more, for "
            f"{names}. Got {loss_weights!r} instead."
        )
    if not any(weights):
        raise ValueError(
            f"loss_weights={loss_weights!r} are all 0, so there is nothing to minimize. "
            f"Give one of {names} a weight."
        )
    return tuple(float(w) for w in weights)


def weighted_sum(terms, weights):
    """Add up terms with their weights.

    Parameters
    ----------
    terms : dict of torch.Tensor of shape ()
        Terms by name.

    weights : dict of float
        Weights by the same names.

    Returns
    -------
    torch.Tensor of shape ()
        The sum.
    """
    # a term of weight 0 is left out: 0 times an overflow would be NaN
    return sum(weight * terms[name] for name, weight in weights.items() if weight)
