"""Rows of several eras, shuffled, as the tests of exposures and similarity use them."""

import numpy as np
import pandas as pd


def make_rows(rng, n_eras=5, n=40, n_models=3, n_features=6):
    """Targets, predictions of several models and int8 features, by (era, id)."""
    labels = [f"{e:04d}" for e in rng.permutation(np.arange(8, 8 + n_eras))]
    index = pd.MultiIndex.from_product(
        [labels, [f"n{i:03d}" for i in range(n)]], names=["era", "id"]
    )
    rows = len(index)
    X = pd.DataFrame(
        rng.integers(0, 5, (rows, n_features)).astype(np.int8),
        index=index,
        columns=[f"feature_{j}" for j in range(n_features)],
    )
    y = pd.Series(rng.integers(0, 5, rows) / 4, index=index, name="target_x_20")
    p = pd.DataFrame(
        np.round(8 * rng.normal(size=(rows, n_models))) / 8
        + X.to_numpy()[:, :n_models],
        index=index,
        columns=[f"model_{j}" for j in range(n_models)],
    )
    # eighths stay exact when scaled by powers of two, and so do their ties
    order = rng.permutation(rows)
    return y.iloc[order], p.iloc[order], X.iloc[order]
