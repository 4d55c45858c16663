"""Random streams that are found by name, so that any era can be drawn alone."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
from scipy.signal import lfilter
from sklearn.utils import check_random_state

# What a stream is for: the first part of its key.
LOADINGS, COPIES, FACTORS, NOISE, TERMS, PREMIA, CORRELATION, RETURNS, ROWS, MODELS = (
    range(10)
)
# Rows of the sample on which parts of the signal are scaled, and its knot
REFERENCE_ROWS = 1024
REFERENCE_ERA = 26 * 2**20


def check_entropy(random_state):
    """Turn `random_state` into the integer that all streams derive from."""
    if isinstance(random_state, int | np.integer) and random_state >= 0:
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))


def stream(entropy, *key):
    """Return the random generator of one purpose.

    Parameters
    ----------
    entropy : int
        From :func:`check_entropy`.

    *key : int
        Purpose, then era, block or whatever names the stream.

    Returns
    -------
    rng : numpy.random.Generator
        The same for the same arguments.
    """
    seed = np.random.SeedSequence(entropy, spawn_key=key)
    return np.random.Generator(np.random.SFC64(seed))


def ar1(shocks, phi):
    """Return stationary AR(1) paths of unit variance along the first axis."""
    x = shocks * np.sqrt(1 - phi**2)
    x[0] = shocks[0]
    return lfilter([1.0], [1.0, -phi], x, axis=0)
