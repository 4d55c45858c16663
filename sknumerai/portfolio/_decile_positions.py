"""Equal positions in the best and the worst stocks."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd

from sknumerai.portfolio._era_inputs import check_matrix
from sknumerai.utils import check_eras, one_era
from sknumerai.utils._frames import like


def decile_positions(
    scores, *, groups=None, long_only=False, fraction=0.1, normalize=False
):
    """Take positions of 1 in the best and -1 in the worst tenth of each era.

    Parameters
    ----------
    scores : array-like of shape (n_samples,) or (n_samples, n_models)
        Predictions, on any scale: higher is better. NaN where there is none: such
        stocks are not selected, and are not counted. The columns are models.

    groups : array-like of shape (n_samples,), default=None
        Era of each row. By default the index level "era" of `scores`; where there is
        none, all rows are one era.

    long_only : bool, default=False
        Whether to leave the worst stocks out.

    fraction : float, default=0.1
        Share of the stocks on each side, above 0 and up to 0.5. The number of stocks is
        rounded down, but is 1 at least.

    normalize : bool, default=False
        Whether the sizes of the positions of an era sum to 1, as weights do.

    Returns
    -------
    positions : ndarray, Series or DataFrame of the shape of `scores`
        1, -1 or 0, with the index of `scores`; they sum to 0 in each era unless
        `long_only`. Of equal scores the first rows count as lower.

    Raises
    ------
    ValueError
        If `fraction` is out of range, scores are infinite, or an era has fewer than two
        stocks with a score, or only equal scores.

    See Also
    --------
    PortfolioOptimizer : Weights under constraints.
    portfolio_return_score : What the positions earn.

    References
    ----------
    Sarfati, A. Context-aware learning to rank for stock selection, equation 6.

    Examples
    --------
    >>> from sknumerai.portfolio import decile_positions
    >>> decile_positions([0.3, 0.9, 0.1, 0.5, 0.7], fraction=0.2)
    array([ 0.,  1., -1.,  0.,  0.])
    """
    caller = "decile_positions"
    if not 0 < fraction <= 0.5:
        raise ValueError(
            f"{caller}: fraction must be above 0 and up to 0.5. Got {fraction!r}."
        )
    n = len(scores)
    known = pd.DataFrame(scores).notna().to_numpy()
    values = pd.DataFrame(scores).astype(np.float64).to_numpy()
    check_matrix(np.where(known, values, 0.0), n, "scores", caller)
    eras = check_eras(
        groups, scores, n_samples=n, allow_live=True, names=("scores",), caller=caller
    )
    eras = one_era(n) if eras is None else eras
    out = np.zeros(values.shape)
    for label, rows in zip(eras.labels, eras.rows()):
        rows = np.arange(n)[rows]
        for j in range(values.shape[1]):
            held = rows[known[rows, j]]
            _check_scores(values[held, j], label, caller)
            order = held[np.argsort(values[held, j], kind="stable")]
            # 0.29 * 100 is 28.999999999999996
            size = max(1, int(fraction * len(held) * (1 + 1e-12)))
            weight = 1.0 / (size * (1 if long_only else 2)) if normalize else 1.0
            out[order[-size:], j] = weight
            if not long_only:
                out[order[:size], j] = -weight
    return like(scores, out)


def _check_scores(scores, label, caller):
    if len(scores) < 2 or (scores == scores[:1]).all():
        what = "are all the same" if len(scores) > 1 else "are too few to choose from"
        raise ValueError(
            f"{caller}: the {len(scores)} scores of era {label} {what}. Leave the era "
            "out."
        )
