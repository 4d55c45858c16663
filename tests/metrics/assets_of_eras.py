"""Signals for the same assets over several eras, in a universe that changes a little."""

import numpy as np
import pandas as pd


def make_signals(rng, n_eras=6, n=120, n_models=2, leaving=6, noise=0.5):
    """Predictions in (0, 1) of several models by (era, ticker), rows shuffled."""
    own = rng.normal(size=(n + n_eras * leaving, n_models))
    parts = {}
    for e in range(n_eras):
        # some tickers leave and as many join, whatever the models think of them
        members = np.arange(e * leaving, e * leaving + n)
        scores = own[members] + noise * rng.normal(size=(n, n_models))
        tickers = pd.Index([f"T{i:03d}" for i in members], name="numerai_ticker")
        frame = pd.DataFrame(scores, tickers).add_prefix("model_")
        # a twelfth keeps its ties exact
        parts[20260900 + e] = (frame.rank() // 2 * 2 + 1) / (2 * n)
    signals = pd.concat(parts, names=["era"])
    return signals.iloc[rng.permutation(len(signals))]


def make_universe(rng, index, k=5):
    """Neutralizers, orthonormal under the sample weights of each era, and those."""
    N, v = [], []
    for _, rows in index.to_frame(index=False).groupby("era"):
        weight = rng.uniform(0.5, 2, len(rows))
        factors = rng.normal(size=(len(rows), k))
        q, _ = np.linalg.qr(np.sqrt(weight)[:, None] * factors)
        at = pd.MultiIndex.from_frame(rows)
        columns = [f"factor_{j}" for j in range(k)]
        N.append(pd.DataFrame(q / np.sqrt(weight)[:, None], at, columns))
        v.append(pd.Series(weight, at, name="sample_weight"))
    return pd.concat(N).loc[index], pd.concat(v).loc[index]
