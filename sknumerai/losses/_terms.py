"""Losses that are a weighted sum of terms."""

# SPDX-License-Identifier: BSD-3-Clause

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
        isinstance(w, Real) and w >= 0 for w in weights
    ):
        raise ValueError(
            f"loss_weights must be {len(names)} numbers of 0 or more, for {names}. Got "
            f"{loss_weights!r} instead."
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
        The sum; 0 if all weights are.
    """
    # a term of weight 0 is left out: 0 times an overflow would be NaN
    total = [weight * terms[name] for name, weight in weights.items() if weight]
    return sum(total) if total else 0 * terms[next(iter(weights))]
