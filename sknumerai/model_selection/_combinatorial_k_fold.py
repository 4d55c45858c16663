"""All combinations of blocks of eras as test sets, and the paths that they make."""

# SPDX-License-Identifier: BSD-3-Clause

from itertools import combinations
from math import comb
from numbers import Integral

import numpy as np
import pandas as pd
from sklearn.utils._param_validation import Interval, StrOptions

from sknumerai.model_selection._base import BasePurgedSplitter


class CombinatorialPurgedGroupKFold(BasePurgedSplitter):
    """Test every combination of blocks of eras, with an embargo around each.

    The eras are cut into `n_groups` blocks in the order of time, and every choice of
    `n_test_groups` of them is a test set once. So each block is predicted by several
    models, and the predictions make several paths through all eras: a distribution of
    the score instead of one number. Read more in the
    :doc:`user guide </user_guide/model_selection>`.

    Parameters
    ----------
    n_groups : int, default=6
        Number of blocks of eras, at least 2 ("groups" in the book; not the eras
        themselves, which `groups` means elsewhere).

    n_test_groups : int, default=2
        Blocks of each test set, fewer than `n_groups`.

    embargo : int or "auto", default="auto"
        Every training era t and test era s have ``|s - t| > embargo``, in era numbers:
        at least that many eras lie between, on thinned-out data too. "auto" reads the
        horizon from y's name (8 for ``_20``, 16 for ``_60``, by :func:`embargo_for`; of
        several columns the longest). 0 allows neighbours.

    See Also
    --------
    PurgedGroupKFold : The same with one test block at a time.
    era_cross_val_predict : Its columns are the paths.

    Notes
    -----
    With N blocks and k of them tested there are N! / (k! (N - k)!) splits and k / N
    times as many paths: 15 splits and 5 paths for 6 and 2. The book embargoes the eras
    after a test block and purges those before it; here the embargo holds on both sides,
    which is at least as much.

    Each split is one pair of row positions, so ``cross_val_score`` and searches take it.
    Every row is in several test sets, so ``cross_val_predict`` does not.

    References
    ----------
    .. [1] Lopez de Prado, M. (2018). Advances in Financial Machine Learning, chapter 12.
       Wiley.

    Examples
    --------
    >>> import numpy as np
    >>> from sknumerai.model_selection import CombinatorialPurgedGroupKFold
    >>> eras = np.arange(1, 13)
    >>> cv = CombinatorialPurgedGroupKFold(4, 2, embargo=1)
    >>> cv.get_n_splits(), cv.get_n_paths()
    (6, 3)
    >>> train, test = next(cv.split(eras, groups=eras))
    >>> print(eras[train], eras[test])
    [ 8  9 10 11 12] [1 2 3 4 5 6]
    >>> cv.get_path_ids()
    array([[ 0,  0, -1, -1],
           [ 1, -1,  0, -1],
           [ 2, -1, -1,  0],
           [-1,  1,  1, -1],
           [-1,  2, -1,  1],
           [-1, -1,  2,  2]])
    """

    _parameter_constraints: dict = {
        "n_groups": [Interval(Integral, 2, None, closed="left")],
        "n_test_groups": [Interval(Integral, 1, None, closed="left")],
        "embargo": [Interval(Integral, 0, None, closed="left"), StrOptions({"auto"})],
    }

    def __init__(self, n_groups=6, n_test_groups=2, *, embargo="auto"):
        self.n_groups = n_groups
        self.n_test_groups = n_test_groups
        self.embargo = embargo

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return the number of splits: the combinations of blocks.

        Parameters
        ----------
        X : object, default=None
            Not used.

        y : object, default=None
            Not used.

        groups : object, default=None
            Not used.

        Returns
        -------
        n_splits : int
            Number of splits.
        """
        self._check_params()
        return comb(self.n_groups, self.n_test_groups)

    def get_n_paths(self):
        """Return how often each era is tested: the number of paths.

        Returns
        -------
        n_paths : int
            Number of paths.
        """
        self._check_params()
        return comb(self.n_groups - 1, self.n_test_groups - 1)

    def get_path_ids(self):
        """Tell to which path each split's prediction of each block belongs.

        Returns
        -------
        path_ids : ndarray of shape (n_splits, n_groups)
            Number of the path: the first split that tests a block gives path 0 of it,
            the next one path 1. -1 where the split does not test the block.
        """
        self._check_params()
        blocks = self._tested_blocks()
        ids = np.full((len(blocks), self.n_groups), -1)
        seen = np.zeros(self.n_groups, dtype=int)
        for split, tested in enumerate(blocks):
            for block in tested:
                ids[split, block] = seen[block]
                seen[block] += 1
        return ids

    def combine_paths(self, predictions, X=None, y=None, groups=None):
        """Join the predictions of all splits to paths through all rows.

        Parameters
        ----------
        predictions : list of array-like of shape (n_test_samples,)
            Of each split, in the order of :meth:`split`, the predictions of its test
            rows, in their order.

        X : array-like of shape (n_samples, n_features), default=None
            Rows that were split. Not needed where `groups` is given.

        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Targets, needed for ``embargo="auto"``.

        groups : array-like of shape (n_samples,), default=None
            Era of each row. By default the index level "era" of X or y.

        Returns
        -------
        paths : DataFrame of shape (n_samples, n_paths)
            One column per path, with the index of X or y. Every row of every path is
            predicted by a model that has not seen it.

        Raises
        ------
        ValueError
            If the number or the length of the predictions is not that of the splits.
        """
        eras, bounds, parts = self._plan(X, y, groups)
        predictions = list(predictions)
        if len(predictions) != len(parts):
            raise ValueError(
                f"CombinatorialPurgedGroupKFold.combine_paths: there are {len(parts)} "
                f"splits, and predictions of {len(predictions)}. Pass one array for "
                "each split, in the order of split()."
            )
        block_of_row = np.searchsorted(bounds, eras.codes, side="right") - 1
        values = np.full((len(eras.codes), self.get_n_paths()), np.nan)
        for split, ((_, test), ids) in enumerate(zip(parts, self.get_path_ids())):
            rows = np.flatnonzero(test[eras.codes])
            given = np.asarray(predictions[split])
            if given.shape != (len(rows),):
                raise ValueError(
                    f"CombinatorialPurgedGroupKFold.combine_paths: split {split} has "
                    f"{len(rows)} test rows, and its predictions have the shape "
                    f"{given.shape}. Pass one number for each test row."
                )
            values[rows, ids[block_of_row[rows]]] = given
        index = next(
            (obj.index for obj in (X, y, groups) if isinstance(obj, _PANDAS)), None
        )
        names = [f"path_{path}" for path in range(values.shape[1])]
        return pd.DataFrame(values, index=index, columns=names, copy=False)

    def _check_params(self):
        super()._check_params()
        if self.n_test_groups >= self.n_groups:
            raise ValueError(
                "CombinatorialPurgedGroupKFold: n_test_groups must be less than "
                f"n_groups, or nothing is left to train on. Got n_groups="
                f"{self.n_groups} and n_test_groups={self.n_test_groups}."
            )

    def _n_blocks(self):
        return self.n_groups

    def _tested_blocks(self):
        return list(combinations(range(self.n_groups), self.n_test_groups))


_PANDAS = (pd.DataFrame, pd.Series)
