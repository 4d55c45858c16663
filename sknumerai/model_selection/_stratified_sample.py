"""The same share of every era."""

# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils.validation import _num_samples

from sknumerai.model_selection._folds import take
from sknumerai.utils import check_eras

CALLER = "era_stratified_sample"


def era_stratified_sample(*arrays, groups=None, size=0.25, random_state=None):
    """Draw the same share of rows from every era.

    A search on a quarter of the rows takes a quarter of the time, and scores of eras need
    all eras more than all rows. Read more in the
    :doc:`user guide </user_guide/model_selection>`.

    Parameters
    ----------
    *arrays : array-like of shape (n_samples, ...)
        X, y and whatever else has a value for each row.

    groups : array-like of shape (n_samples,), default=None
        Era of each row. By default the index level "era" of the first array that has it.

    size : float or int, default=0.25
        Share of the rows of each era, rounded up, in the range (0, 1]; or the number of
        rows of each era, and all of those that have fewer.

    random_state : int, RandomState instance or None, default=None
        Decides which rows are drawn.

    Returns
    -------
    sample : array-like, or list of them
        The drawn rows of each array, in the order that they had; of one array not a
        list. They are copies.

    Raises
    ------
    MissingErasError
        If no eras are found.

    ValueError
        If there are no arrays, their lengths or indexes differ, or `size` is out of
        range.

    See Also
    --------
    sklearn.utils.resample : Samples without eras.

    References
    ----------
    .. [1] Truda, G. Numerai experiments (repository gianlucatruda/numerai): grid search on
       an era-stratified sample.

    Examples
    --------
    >>> from sknumerai.datasets import make_numerai
    >>> from sknumerai.model_selection import era_stratified_sample
    >>> data = make_numerai(n_eras=4, n_samples_per_era=50, random_state=0)
    >>> X, y = era_stratified_sample(data.data, data.target, size=0.1, random_state=0)
    >>> y.groupby("era").size().tolist()
    [5, 5, 5, 5]
    """
    if not arrays:
        raise ValueError(
            f"{CALLER}: there is nothing to draw from. Pass X, or X and y."
        )
    check_consistent_length(*arrays)
    whole = isinstance(size, Integral) and not isinstance(size, bool)
    share = isinstance(size, Real) and not whole and not isinstance(size, bool)
    if not ((whole and size >= 1) or (share and 0 < size <= 1)):
        raise ValueError(
            f"{CALLER}: size must be a share in the range (0, 1] or a number of rows of "
            f"at least 1. Got {size!r}."
        )
    eras = check_eras(
        groups,
        *arrays,
        n_samples=_num_samples(arrays[0]),
        required=True,
        allow_live=True,
        caller=CALLER,
    )
    rng = check_random_state(random_state)
    counts = eras.counts
    wanted = np.minimum(counts, size if whole else np.ceil(size * counts - 1e-9))
    # eras in order, and within each of them its rows shuffled
    order = np.lexsort((rng.random_sample(len(eras.codes)), eras.codes))
    place = np.arange(len(order)) - np.repeat(eras.starts[:-1], counts)
    rows = np.sort(order[place < np.repeat(wanted, counts)])
    sample = [take(values, rows) for values in arrays]
    return sample[0] if len(sample) == 1 else sample
