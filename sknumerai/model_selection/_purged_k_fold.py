"""K folds of eras with an embargo on both sides."""

# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral

from sklearn.utils._param_validation import Interval, StrOptions

from sknumerai.model_selection._base import BasePurgedSplitter


class PurgedGroupKFold(BasePurgedSplitter):
    """Split eras into blocks, each tested once, with an embargo on both sides.

    The eras are cut into `n_splits` blocks in the order of time. Each is tested once, and
    trained is on all eras before and after it but for the embargo: targets of training
    eras just before the block reach into it, and targets of the block reach into the
    training eras just after it. Every row is tested once, so ``cross_val_predict`` and
    ``StackingRegressor`` take it, which refuse walk-forward splits. Read more in the
    :doc:`user guide </user_guide/model_selection>`.

    Parameters
    ----------
    n_splits : int, default=5
        Number of blocks, at least 2. The first are longer by one era where the eras do
        not come out even.

    embargo : int or "auto", default="auto"
        Every training era t and test era s have ``|s - t| > embargo``, in era numbers:
        at least that many eras lie between, on thinned-out data too. "auto" reads the
        horizon from y's name (8 for ``_20``, 16 for ``_60``, by :func:`embargo_for`; of
        several columns the longest). 0 allows neighbours.

    See Also
    --------
    GroupTimeSeriesSplit : Train on the past only, as live.
    CombinatorialPurgedGroupKFold : Test several blocks at once, in all combinations.

    Notes
    -----
    Blocks are not shuffled, and neither are eras: drawn at random, nearly every test era
    would have training neighbours within the reach of its target.

    A model is trained on the future of its test block, so scores are those of a model
    that knows more than a live one could. They are for stacking, for the choice of
    hyper-parameters on little data and for predictions of all rows; what a model would
    have scored live is told by :class:`GroupTimeSeriesSplit`.

    ``StackingRegressor`` hands the splitter y as an array, without its name: pass the
    number of eras there.

    References
    ----------
    .. [1] Lopez de Prado, M. (2018). Advances in Financial Machine Learning, chapter 7.
       Wiley.

    Examples
    --------
    >>> import numpy as np
    >>> from sknumerai.model_selection import PurgedGroupKFold
    >>> eras = np.repeat(np.arange(1, 13), 2)
    >>> for train, test in PurgedGroupKFold(3, embargo=2).split(eras, groups=eras):
    ...     print(np.unique(eras[train]), np.unique(eras[test]))
    [ 7  8  9 10 11 12] [1 2 3 4]
    [ 1  2 11 12] [5 6 7 8]
    [1 2 3 4 5 6] [ 9 10 11 12]
    """

    _parameter_constraints: dict = {
        "n_splits": [Interval(Integral, 2, None, closed="left")],
        "embargo": [Interval(Integral, 0, None, closed="left"), StrOptions({"auto"})],
    }

    def __init__(self, n_splits=5, *, embargo="auto"):
        self.n_splits = n_splits
        self.embargo = embargo

    def _n_blocks(self):
        return self.n_splits

    def _tested_blocks(self):
        return [(block,) for block in range(self.n_splits)]
