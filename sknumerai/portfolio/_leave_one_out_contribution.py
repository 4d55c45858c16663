"""What a portfolio earns less without a model."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd

from sknumerai.portfolio._contribution_rounds import ContributionRounds
from sknumerai.utils import ERA_LEVEL


def leave_one_out_contribution(
    predictions,
    stakes,
    returns,
    *,
    optimizer=None,
    prepare=True,
    exposures=None,
    groups=None,
    neutral=None,
    factors=None,
    variances=None,
    verbose=1,
):
    """Compute what the meta model's portfolio earned less without each model.

    The return with all stakes minus the return without the model's. More is better. It
    needs a portfolio for each model with a stake, is 0 for all others, and near 0
    for small stakes: what `TrueContribution` was made to mend.

    Parameters
    ----------
    predictions : array-like of shape (n_samples, n_models)
        Predictions. The columns are models.

    stakes : array-like of shape (n_models,), dict or DataFrame
        Stake of each model, see `stake_weighted_average`.

    returns : array-like of shape (n_samples,)
        Finite realized returns of the stocks.

    optimizer : PortfolioOptimizer or None, default=None
        Makes the portfolio. None is ``PortfolioOptimizer()``.

    prepare : bool, default=True
        Whether predictions are ranked by era and made Gaussian first, with the middle
        where one is missing.

    exposures : array-like of shape (n_samples, n_features), default=None
        Finite features, exposure to which costs.

    groups : array-like of shape (n_samples,), default=None
        Era of each row. By default the index level "era" of `predictions`.

    neutral : array-like of shape (n_samples,) or (n_samples, n_groupings), \
            default=None
        Labels to be neutral to, such as countries.

    factors : array-like of shape (n_samples, n_factors), default=None
        Finite factors, exposure to which is limited.

    variances : array-like of shape (n_samples,), default=None
        Positive relative variances of the stocks. None is 1.

    verbose : int, default=1
        Whether a progress bar over the eras appears if it takes more than two seconds.

    Returns
    -------
    scores : Series of shape (n_models,) or DataFrame of shape (n_eras, n_models)
        With rows for eras where there are eras. NaN for the only model with a stake,
        without which there is no portfolio, and for a model that lacks more than a
        fifth of an era's stocks.

    Raises
    ------
    ValueError
        As `TrueContribution.fit`.

    See Also
    --------
    TrueContribution : The derivative.

    References
    ----------
    Numerai (2022). True Contribution Details. Numerai's forum.

    Examples
    --------
    >>> import numpy as np
    >>> from sknumerai.portfolio import leave_one_out_contribution
    >>> rng = np.random.default_rng(0)
    >>> returns = rng.normal(size=200)
    >>> predictions = returns[:, None] * [0.5, 0.0, -0.5] + rng.normal(size=(200, 3))
    >>> scores = leave_one_out_contribution(predictions, [10, 10, 0], returns)
    >>> bool(scores[0] > 0), float(scores[2])
    (True, 0.0)
    """
    sides = {
        "exposures": exposures,
        "groups": groups,
        "neutral": neutral,
        "factors": factors,
        "variances": variances,
    }
    rounds = ContributionRounds(
        predictions,
        stakes,
        returns,
        optimizer,
        prepare,
        sides,
        "leave_one_out_contribution",
    )
    labels, table = [], []
    for label, _, era in rounds.shown(verbose):
        first, earned, *_ = next(era.solve_all(era.shares[:, None]))
        scores = np.where(era.active, 0.0, np.nan)
        staked = np.flatnonzero(era.shares)
        for u in staked:
            if len(staked) == 1:
                scores[u] = np.nan
                continue
            rest = era.shares.copy()
            rest[u] = 0.0
            scores[u] = earned - next(era.solve_all(rest[:, None], first))[1]
        labels.append(label)
        table.append(scores)
    names = getattr(predictions, "columns", None)
    if not rounds.problems.has_eras:
        return pd.Series(table[0], index=names)
    index = pd.Index(labels, name=ERA_LEVEL)
    return pd.DataFrame(np.array(table), index=index, columns=names)
