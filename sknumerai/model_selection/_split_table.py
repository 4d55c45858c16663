"""The splits of any splitter as a table of runs of eras."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd
from sklearn.utils.metadata_routing import get_routing_for_object

from sknumerai.utils import check_eras

CALLER = "split_table"


def split_table(cv, X=None, y=None, *, groups=None):
    """List the runs of eras that each split trains on, validates on and tests.

    Parameters
    ----------
    cv : splitter
        Splitter of this package or of scikit-learn. One with a validation set
        (``valid_size`` of :class:`GroupTimeSeriesSplit`) has three parts.

    X : array-like of shape (n_samples, n_features), default=None
        Rows to split. Not needed where `groups` is given.

    y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
        Targets, needed where the splitter reads its embargo from their name.

    groups : array-like of shape (n_samples,), default=None
        Era of each row. By default the index level "era" of X or y.

    Returns
    -------
    table : DataFrame
        One row per run, which is a part's stretch of eras without a hole between. The
        columns are `split`, `part` ("train", "valid" or "test"), `first` and `last`
        (labels of eras), `n_eras` and `n_rows`. Of an era that is divided between
        parts, as splitters of rows do, each part counts its rows.

    Raises
    ------
    MissingErasError
        If no eras are found.

    ValueError
        If the splitter cannot split the rows.

    See Also
    --------
    GroupTimeSeriesSplit.describe : One row per split.

    Examples
    --------
    >>> import numpy as np
    >>> from sknumerai.model_selection import PurgedGroupKFold, split_table
    >>> eras = np.repeat(np.arange(1, 13), 2)
    >>> split_table(PurgedGroupKFold(3, embargo=2), groups=eras).query("split == 1")
       split   part  first  last  n_eras  n_rows
    2      1  train      1     2       2       4
    3      1  train     11    12       2       4
    4      1   test      5     8       4       8
    """
    given = X if X is not None else groups if groups is not None else y
    if given is None:
        raise ValueError(f"{CALLER} needs rows to split: pass X, or groups alone.")
    eras = check_eras(groups, X, y, n_samples=len(given), required=True, caller=CALLER)
    # splitters of single rows want an X, and nobody wants a copy of a wide one
    rows = np.empty((len(eras.codes), 0)) if X is None else X
    labels = pd.Categorical.from_codes(eras.codes, eras.labels)
    if getattr(cv, "valid_size", 0) and hasattr(cv, "split_with_validation"):
        names, splits = _THREE, cv.split_with_validation(rows, y, labels)
    else:
        names, splits = _TWO, cv.split(rows, y, labels if _takes_groups(cv) else None)
    found = []
    for split, parts in enumerate(splits):
        for part, positions in zip(names, parts):
            counts = np.bincount(eras.codes[positions], minlength=eras.n_eras)
            for first, stop in _runs(counts > 0):
                found.append(
                    {
                        "split": split,
                        "part": part,
                        "first": eras.labels[first],
                        "last": eras.labels[stop - 1],
                        "n_eras": stop - first,
                        "n_rows": int(counts[first:stop].sum()),
                    }
                )
    return pd.DataFrame(found)


_TWO = ("train", "test")
_THREE = ("train", "valid", "test")


def _takes_groups(cv):
    # scikit-learn's splitters of rows warn of groups that they ignore
    if not hasattr(cv, "get_metadata_routing"):
        return True
    return bool(get_routing_for_object(cv).consumes("split", {"groups"}))


def _runs(mask):
    """Where each run of true values begins, and the position after its end."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return edges.reshape(-1, 2).tolist()
