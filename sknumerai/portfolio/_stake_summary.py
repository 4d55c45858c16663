"""What became of stakes, in one row for each model."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd


def stake_summary(start, equity, at_risk, payouts, shares, clipped, leverage):
    """Sum up a simulation.

    Parameters
    ----------
    start : ndarray of shape (n_models,)
        What models started with.

    equity : DataFrame of shape (n_times, n_models)
        What they had.

    at_risk, payouts, shares : DataFrame of shape (n_rounds, n_models)
        Stakes of rounds, what they paid, and the same as a share.

    clipped : ndarray of shape (n_rounds, n_models)
        Which payouts were clipped.

    leverage : ndarray of shape (n_models,)
        The most at risk at a time as a share of the equity.

    Returns
    -------
    summary : DataFrame of shape (n_models, 13)
        A row for each model.
    """
    curve, paid = equity.to_numpy(), payouts.to_numpy()
    staked = at_risk.to_numpy() > 0
    n = staked.sum(axis=0)
    share = np.where(staked, shares.to_numpy(), 0.0)
    some = np.where(n > 0, n, np.nan)
    mean = share.sum(axis=0) / some
    deviations = np.where(staked, share - mean, 0.0)
    final = curve[-1]
    peak = np.maximum.accumulate(curve, axis=0)
    fallen = np.where(peak > 0, 1 - curve / np.where(peak > 0, peak, 1.0), 0.0)
    columns = {
        "n_rounds": n,
        "stake": start,
        "final": final,
        "profit": final - start,
        "return": (final - start) / np.where(start > 0, start, np.nan),
        "earned": np.maximum(paid, 0.0).sum(axis=0),
        "burned": -np.minimum(paid, 0.0).sum(axis=0),
        "mean_payout": mean,
        "std_payout": np.sqrt((deviations**2).sum(axis=0) / some),
        "positive_share": (staked & (share > 0)).sum(axis=0) / some,
        "n_clipped": (clipped & staked).sum(axis=0),
        "max_drawdown": fallen.max(axis=0),
        "max_leverage": leverage,
    }
    return pd.DataFrame(columns, index=shares.columns)
