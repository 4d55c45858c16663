"""Scores of mean 0 and standard deviation 1, and gradients through them."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

# Models whose mean is a smaller share of what they would be if equal cancel.
_CANCELLED = 1e-10


class ConstantScoresError(ValueError):
    """No score is better than another."""


def standard_scores(scores, label, caller, size=0.0):
    """Scores of mean 0 and standard deviation 1, and the deviation.

    `size` is the deviation if the models that the scores are the mean of were equal.
    """
    scores = np.asarray(scores, dtype=np.float64)
    # in two steps, so that squares of huge and tiny scores are numbers
    peak = np.abs(scores).max(initial=0.0) or 1.0
    z = scores / peak
    constant = (z == z[:1]).all()
    z = z - z.mean()
    deviation = np.sqrt(np.mean(z * z)) if len(z) else 0.0
    if constant or not deviation > 0:
        raise ConstantScoresError(
            f"{caller}: the {len(scores)} scores of era {label} are all the same, so "
            "there is nothing to choose stocks by. Leave the era out."
        )
    if deviation * peak <= _CANCELLED * size:
        raise ConstantScoresError(
            f"{caller}: the models with a stake cancel each other in era {label}, so "
            "their mean is zero and no stock is better than another. Leave out one of "
            "two opposite models, or change their stakes."
        )
    return z / deviation, deviation * peak


def pull_back_scores(v, z, deviation):
    """The gradient by the scores, of v by z: their mean and scale have no effect."""
    return (v - v.mean() - z * np.mean(v * z)) / deviation
