"""Synthetic tournament in memory."""

# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral, Real

import numpy as np
import pandas as pd
from sklearn.utils import Bunch
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from sknumerai.datasets._layout import N_OFFICIAL_FEATURES
from sknumerai.datasets._random import check_entropy
from sknumerai.datasets._targets import ALIASES, TARGET_NAMES, resolve_target
from sknumerai.datasets._tournament import (
    BENCHMARK_NAMES,
    META_MODEL_NAME,
    Tournament,
)

# Eras after which the returns of a target are known
RESOLVES_AFTER = {20: 5, 60: 13}
LAST_ERA = 9999


@validate_params(
    {
        "n_eras": [Interval(Integral, 1, LAST_ERA, closed="both")],
        "n_samples_per_era": [
            Interval(Integral, 5, 1_000_000, closed="both"),
            StrOptions({"real"}),
        ],
        "n_features": [Interval(Integral, 1, N_OFFICIAL_FEATURES, closed="both")],
        "targets": [str, list],
        "signal": [Interval(Real, 0, None, closed="left")],
        "first_era": [Interval(Integral, 1, LAST_ERA, closed="both")],
        "every": [Interval(Integral, 1, None, closed="left")],
        "resolved": ["boolean"],
        "missing": [Interval(Real, 0, 1, closed="both")],
        "alias": [StrOptions(set(ALIASES))],
        "random_state": ["random_state"],
        "return_X_y": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def make_numerai(
    n_eras=20,
    *,
    n_samples_per_era=100,
    n_features=20,
    targets="target_ender_20",
    signal=20.0,
    first_era=1,
    every=1,
    resolved=True,
    missing=0.0,
    alias="ender_60",
    random_state=None,
    return_X_y=False,
):
    """Generate a synthetic tournament with the statistics of the real one.

    Features are exact quintiles per era of a factor model, targets have exactly 5, 20,
    50, 20 and 5 percent of an era in their bins and overlap from era to era. With
    ``signal=1`` and ``n_samples_per_era="real"`` scores are as small as the real ones;
    the default raises the signal so that a model learns from a few thousand rows. Read
    more in the :doc:`User Guide </user_guide/synthetic_data>`.

    Parameters
    ----------
    n_eras : int, default=20
        Number of eras, i.e. weeks.

    n_samples_per_era : int or "real", default=100
        Rows of each era, at least 5. "real" follows the official files: 2,314 rows in
        era 1, about 7,000 in the latest.

    n_features : int, default=20
        Number of features, at most 3,555. With 42 the signal is that of the official
        small set, with 780 that of medium.

    targets : str or list of str, default="target_ender_20"
        A name gives a Series, a list a DataFrame whose first column is the main target.
        The official 41 names: ``target`` and ``target_<family>_<days>``.

    signal : float, default=20.0
        Size of the stable signal in units of the real one; the drifting part grows with
        its square root. A model that knew the stable part would score a CORR of about
        ``0.03 * signal`` while that is small against 1.

    first_era : int, default=1
        Number of the first era.

    every : int, default=1
        Step between era numbers: 4 gives eras whose 20-day targets do not overlap.

    resolved : bool, default=True
        Whether the targets of the last eras are known. If False they are NaN as on the
        day of the last era: 20-day targets of 5 eras, 60-day targets of 13.

    missing : float, default=0.0
        Share of features that begin late. Before, a feature is 2 in all rows of an era;
        the first begin with era 13, the last with era 407. About 0.3 in the real files.

    alias : {"ender_20", "ender_60"}, default="ender_60"
        What the column ``target`` is.

    random_state : int, RandomState instance or None, default=None
        Decides everything random. An era depends on this number, `n_features`,
        `n_samples_per_era`, `signal` and `missing` only: it is the same alone or beside
        others.

    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    dataset : :class:`~sklearn.utils.Bunch`
        With the keys below; rows are in the order of eras, then ids.

        data : DataFrame of shape (n_samples, n_features)
            int8 codes 0 to 4, index (`era`, `id`).
        target : Series or DataFrame
            float32 in {0, 0.25, 0.5, 0.75, 1}, same index.
        eras : Series of shape (n_samples,)
            Era labels such as "0001", same index.
        feature_names, target_names : list of str
            Columns.
        feature_sets : dict of str to list of str
            The 19 official sets, scaled down with `n_features`.
        benchmark : DataFrame of shape (n_samples, 2)
            Predictions in (0, 1) of two benchmark models.
        meta_model : Series of shape (n_samples,)
            Predictions in (0, 1), correlated .65 with the first benchmark.
        oracle : Series of shape (n_samples,)
            Expectation of the main target given features and era: no prediction is
            better.
        stable_oracle : Series of shape (n_samples,)
            The same with all drifting premia at their mean of zero. It knows the
            long-run premia exactly; only a model that follows how premia move from era
            to era can be better, by a little.

    (data, target) : tuple if `return_X_y` is True
        Features and target as above.

    Raises
    ------
    ValueError
        If a target is not known, or the last era number is above 9999.

    See Also
    --------
    write_numerai : Write such a tournament as files, of any size.

    Notes
    -----
    Stocks keep most of their features from week to week and targets sum the returns of
    4 or 12 weeks, so scores of neighbouring eras are correlated and so are their rows:
    a split without embargo leaks. Ids are new in each era and hide which stock a row is.

    References
    ----------
    .. [1] Numerai (2026). `Data <https://docs.numer.ai/numerai-tournament/data>`_.
       Official description of the files whose statistics are followed.

    Examples
    --------
    >>> from sknumerai.datasets import make_numerai
    >>> dataset = make_numerai(n_eras=4, n_samples_per_era=50, random_state=0)
    >>> dataset.data.shape, dataset.target.name
    ((200, 20), 'target_ender_20')
    >>> dataset.target.value_counts().sort_index().to_dict()
    {0.0: 12, 0.25: 40, 0.5: 96, 0.75: 40, 1.0: 12}
    """
    last = first_era + (n_eras - 1) * every
    if last > LAST_ERA:
        raise ValueError(
            f"make_numerai: the last era would be {last}; era numbers have four digits. "
            "Take fewer eras, a smaller first_era or a smaller step."
        )
    names = check_targets(targets, "make_numerai")
    pairs = [resolve_target(name, alias) for name in names]
    entropy = check_entropy(random_state)
    tournament = Tournament(
        n_features, n_samples_per_era, pairs, signal, missing, entropy
    )
    numbers = [first_era + k * every for k in range(n_eras)]
    sizes = [tournament.rows_of(number) for number in numbers]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    n = int(starts[-1])

    X = np.empty((n, n_features), dtype=np.int8)
    y = np.empty((n, len(names)), dtype=np.float32)
    models = np.empty((n, 5), dtype=np.float32)
    ids = []
    horizons = np.array([horizon for _, horizon in pairs])
    wait = np.array([RESOLVES_AFTER[h] for h in horizons])
    for number, a, b in zip(numbers, starts[:-1], starts[1:]):
        era = tournament.era(number)
        X[a:b] = era.codes.T
        y[a:b] = era.targets.T
        if not resolved:
            y[a:b, number > last - wait] = np.nan
        models[a:b, :2] = era.benchmark.T
        models[a:b, 2:] = np.stack([era.meta_model, era.oracle, era.stable_oracle]).T
        ids += era.ids

    labels = [f"{number:04d}" for number in numbers]
    codes = np.repeat(np.arange(n_eras), sizes)
    index = pd.MultiIndex.from_arrays(
        [pd.Index(labels).take(codes), ids], names=["era", "id"]
    )
    data = pd.DataFrame(X, index=index, columns=tournament.layout.names, copy=False)
    target = pd.DataFrame(y, index=index, columns=names, copy=False)
    if isinstance(targets, str):
        target = target[names[0]]
    if return_X_y:
        return data, target

    def column(k, name):
        return pd.Series(models[:, k], index=index, name=name)

    return Bunch(
        data=data,
        target=target,
        eras=pd.Series(pd.Index(labels).take(codes), index=index, name="era"),
        feature_names=list(tournament.layout.names),
        target_names=names,
        feature_sets=tournament.layout.sets,
        benchmark=pd.DataFrame(models[:, :2], index=index, columns=BENCHMARK_NAMES),
        meta_model=column(2, META_MODEL_NAME),
        oracle=column(3, "oracle"),
        stable_oracle=column(4, "stable_oracle"),
    )


def check_targets(targets, caller):
    """Return the names of `targets` as a list; raise where one is not known."""
    names = [targets] if isinstance(targets, str) else list(targets)
    if not names:
        raise ValueError(f"{caller}: targets is empty. Name at least one target.")
    for name in names:
        if name not in TARGET_NAMES:
            raise ValueError(
                f"{caller}: there is no target {name!r}. The targets are 'target' and "
                f"e.g. {TARGET_NAMES[:3]}; the families are "
                f"{sorted({n.split('_')[1] for n in TARGET_NAMES[:-1]})}, each with "
                "_20 and _60."
            )
    if len(set(names)) < len(names):
        raise ValueError(f"{caller}: targets names a target twice: {names}.")
    return names
