"""A small problem with a signal that a network can learn."""

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="session")
def problem():
    """Features int8, targets in [0, 1], 30 eras in the index; the truth beside."""
    rng = np.random.default_rng(0)
    n_eras, n_rows = 30, 60
    n = n_eras * n_rows
    X = rng.integers(0, 5, (n, 8)).astype(np.int8)
    f = (X - 2) / 2
    truth = f[:, 0] * f[:, 1] + 0.5 * f[:, 2]
    noisy = truth + rng.normal(0, 0.7, n)
    y = np.round(4 / (1 + np.exp(-noisy))) / 4
    eras = np.repeat([f"{i:04d}" for i in range(1, n_eras + 1)], n_rows)
    index = pd.MultiIndex.from_arrays(
        [eras, [f"n{i:05d}" for i in range(n)]], names=["era", "id"]
    )
    X = pd.DataFrame(X, index=index, columns=[f"feature_{j}" for j in range(8)])
    y = pd.Series(y.astype(np.float32), index=index, name="target_ender_20")
    aux = pd.DataFrame(
        {
            "target_a_20": y,
            "target_b_20": np.where(rng.random(n) < 0.3, np.nan, 1 - y),
        },
        index=index,
    )
    return X, y, aux, pd.Series(truth, index=index)
