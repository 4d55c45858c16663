"""Training data and live data as Numerai gives them."""

import numpy as np
import pandas as pd

FEATURES = [f"feature_{name}" for name in "dacb"]


def make_frame(n_eras=4, n_rows=30, seed=0):
    rng = np.random.default_rng(seed)
    n = n_eras * n_rows
    X = pd.DataFrame(
        rng.integers(0, 5, (n, len(FEATURES)), dtype=np.int8), columns=FEATURES
    )
    eras = np.repeat([f"{e:04d}" for e in range(1, n_eras + 1)], n_rows)
    ids = [f"n{i:05d}" for i in range(n)]
    X.index = pd.MultiIndex.from_arrays([eras, ids], names=["era", "id"])
    y = X.to_numpy() @ [0.1, -0.2, 0.05, 0.02] + rng.normal(0, 0.3, n)
    return X, pd.Series(y, index=X.index, name="target_ender_20")


def make_live(n_rows=40, seed=1):
    """As pandas.read_parquet gives live.parquet: other order, other columns."""
    rng = np.random.default_rng(seed)
    live = pd.DataFrame(
        rng.integers(0, 5, (n_rows, 6), dtype=np.int8),
        columns=[*sorted(FEATURES), "feature_new", "feature_other"],
        index=pd.Index([f"live{i:04d}" for i in range(n_rows)], name="id"),
    )
    live.insert(0, "era", "X")
    live["target"] = np.nan
    return live


def ranks(raw):
    return (pd.Series(raw).rank().to_numpy() - 0.5) / len(raw)
