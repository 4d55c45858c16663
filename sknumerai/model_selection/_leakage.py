"""Does what a model is trained on tell anything about what it is tested on?"""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd

from sknumerai.exceptions import LeakageError
from sknumerai.model_selection._embargo import embargo_for
from sknumerai.model_selection._leaking_columns import leaking_columns
from sknumerai.utils import ERA_LEVEL, check_eras

CALLER = "check_leakage"
COLUMNS = ["kind", "train_era", "test_era", "column", "n_rows", "message"]


def check_leakage(
    train,
    test,
    target=None,
    *,
    embargo="auto",
    rule="overlap",
    allow_future=False,
    max_correlation=0.3,
    raise_error=True,
):
    """Check that training rows tell nothing about the targets of test rows.

    Looked for are training eras whose target reaches into a test era or the other way
    round, training eras after a test era, rows that are in both sets, and columns that
    are the target or were made from it. Read more in the
    :doc:`user guide </user_guide/model_selection>`.

    Parameters
    ----------
    train : DataFrame, Series or array-like of shape (n_train,)
        Training rows: a frame or Series with the index level "era", or the era of each
        row. Rows can be told apart by the rest of the index, and columns be looked at
        in a frame, so the features themselves show most.

    test : DataFrame, Series or array-like of shape (n_test,)
        Test rows, as `train`.

    target : str, list of str, Series, DataFrame or None, default=None
        Name or names of the targets, or the targets themselves, which are aligned with
        the rows by index: only with them columns can be compared. By default the name of
        `train`, if it is a Series.

    embargo : int or "auto", default="auto"
        Era numbers within which a training era is too near to a test era. "auto" reads
        it from the name of the target, by :func:`embargo_for`.

    rule : {"overlap", "known", "official"}, default="overlap"
        What "auto" asks for: that no label shares a day with a test label, that labels
        were known when the test era began, or Numerai's own purge.

    allow_future : bool, default=False
        Whether training eras may come after test eras, as in :class:`PurgedGroupKFold`.

    max_correlation : float, default=0.3
        Largest absolute correlation, within eras, of a feature with a target. Numerai's
        features have less than 0.1. Where rows are few and chance gives more, six
        standard errors count.

    raise_error : bool, default=True
        Whether a leak raises. The table is returned in any case, by the error too.

    Returns
    -------
    leaks : DataFrame
        One row per finding, and none if there is no leak, with the columns

        kind : str
            "same era", "label window", "future", "same row" or "column".
        train_era, test_era : label or None
            A training era, and the test era that is nearest to it (for "same row":
            where the row is in the test set).
        column : str or None
            A column that gives the target away.
        n_rows : int
            Training rows concerned.
        message : str
            All this in one sentence.

    Raises
    ------
    LeakageError
        If there is a leak and `raise_error`. Its attribute `leaks` is the table.

    MissingErasError
        If no eras are found.

    UnknownHorizonError
        If ``embargo="auto"`` and the horizon of the target is not known.

    ValueError
        If a label is no era, or a parameter is out of range.

    See Also
    --------
    GroupTimeSeriesSplit : Splits without these leaks.
    embargo_for : The embargo of a target.

    Notes
    -----
    A row is in both sets if its id is, where ids come once only, as Numerai's do; where
    they come in several eras, as tickers do, if era and id are. Rows without labels are
    not compared. Correlations are taken over some hundred thousand training rows at
    most, spread over time.

    Features that were made from later prices, scaled by test rows or selected on them
    are not seen from the rows.

    Examples
    --------
    >>> from sknumerai.model_selection import check_leakage
    >>> train, test = range(1, 101), range(103, 120)
    >>> check_leakage(train, range(104, 120), "target_ender_20").empty
    True
    >>> leaks = check_leakage(train, test, "target_ender_20", raise_error=False)
    >>> leaks["message"].tolist()
    ['training era 100 is 3 before test era 103: their targets overlap within 3']
    """
    _check_options(embargo, max_correlation)
    sides = {"train": train, "test": test}
    eras = {name: _eras_of(rows, name) for name, rows in sides.items()}
    if target is None and isinstance(train, pd.Series):
        target = train.name
    reach = embargo_for(target, rule=rule) if embargo == "auto" else int(embargo)
    found = [
        *_near_eras(eras, reach, rule if embargo == "auto" else None, allow_future),
        *_same_rows(sides, eras),
        *_columns(sides, eras, target, max_correlation),
    ]
    leaks = pd.DataFrame(found, columns=COLUMNS)
    if len(leaks) and raise_error:
        raise LeakageError(_say(leaks), leaks)
    return leaks


def _check_options(embargo, max_correlation):
    is_count = isinstance(embargo, int | np.integer) and not isinstance(embargo, bool)
    if embargo != "auto" and not (is_count and embargo >= 0):
        raise ValueError(
            f"{CALLER}: embargo must be a number of eras or 'auto'. Got {embargo!r}."
        )
    if not 0 < max_correlation <= 1:
        raise ValueError(
            f"{CALLER}: max_correlation must be in the range (0, 1]. Got "
            f"{max_correlation!r}."
        )


def _eras_of(rows, name):
    caller = f"{CALLER}, {name}"
    if not isinstance(rows, pd.Series | pd.DataFrame | pd.Index | np.ndarray):
        rows = np.asarray(rows)
    index = rows if isinstance(rows, pd.Index) else getattr(rows, "index", None)
    if index is not None and ERA_LEVEL in index.names:
        eras = check_eras(None, pd.Series(0, index=index), caller=caller)
    elif rows.ndim == 1:
        eras = check_eras(rows, caller=caller)
    else:
        # says how to pass them
        eras = check_eras(None, rows, required=True, caller=caller)
    if not eras.n_eras:
        raise ValueError(f"{caller}: there are no rows.")
    return eras


def _near_eras(eras, reach, rule, allow_future):
    """Training eras too near to a test era, or after one."""
    train, test = eras["train"], eras["test"]
    after = np.searchsorted(test.numbers, train.numbers)
    before = np.maximum(after - 1, 0)
    after = np.minimum(after, test.n_eras - 1)
    gaps = np.abs(test.numbers[[before, after]] - train.numbers)
    counts = train.counts
    nearest = np.where(gaps[0] <= gaps[1], before, after)
    for i, (number, near) in enumerate(zip(train.numbers, nearest)):
        gap = int(number - test.numbers[near])
        label, other = train.labels[i], test.labels[near]
        side = f"{abs(gap)} {'after' if gap > 0 else 'before'}"
        if gap == 0:
            kind, message = "same era", f"era {label} is in training and test"
        elif abs(gap) <= reach:
            kind = "label window"
            message = f"training era {label} is {side} test era {other}: " + {
                "overlap": f"their targets overlap within {reach}",
                "known": f"targets are known after {reach}",
                "official": f"Numerai leaves out {reach}",
                None: f"the embargo is {reach}",
            }.get(rule)
        elif not allow_future and number > test.numbers[0]:
            kind = "future"
            message = (
                f"training era {label} is after test era {test.labels[0]}; "
                "allow_future=True allows this"
            )
            other = test.labels[0]
        else:
            continue
        yield _finding(kind, message, label, other, n_rows=int(counts[i]))


def _same_rows(sides, eras):
    """Rows that are in both sets, by the training eras that they are in."""
    ids = {name: _ids(rows) for name, rows in sides.items()}
    if ids["train"] is None or ids["test"] is None:
        return
    if not (ids["train"].is_unique and ids["test"].is_unique):
        # ids that come again in other eras tell rows apart together with the era only
        ids = {
            name: pd.MultiIndex.from_arrays([own, eras[name].numbers[eras[name].codes]])
            for name, own in ids.items()
        }
    firsts = np.flatnonzero(~ids["test"].duplicated())
    at = ids["test"][firsts].get_indexer(ids["train"])
    rows = np.flatnonzero(at >= 0)
    train, test = eras["train"], eras["test"]
    codes = train.codes[rows]
    for code in np.unique(codes):
        mine = rows[codes == code]
        other = test.labels[test.codes[firsts[at[mine[0]]]]]
        label, such = train.labels[code], ids["train"][mine[0]]
        such = such[0] if isinstance(such, tuple) else such
        message = (
            f"{len(mine)} rows of training era {label} are test rows too, such as "
            f"{such!r}"
        )
        yield _finding("same row", message, label, other, n_rows=len(mine))


def _ids(rows):
    """What tells rows apart beside the era, None where nothing does."""
    index = rows if isinstance(rows, pd.Index) else getattr(rows, "index", None)
    if not isinstance(index, pd.Index) or isinstance(index, pd.RangeIndex):
        return None
    if ERA_LEVEL in index.names:
        if index.nlevels == 1:
            return None
        index = index.droplevel(ERA_LEVEL)
    return index


def _columns(sides, eras, target, max_correlation):
    train = sides["train"]
    if not isinstance(train, pd.DataFrame):
        return
    for column, message in leaking_columns(
        train, eras["train"], target, max_correlation, CALLER
    ):
        yield _finding("column", message, column=column, n_rows=len(train))


def _finding(kind, message, train_era=None, test_era=None, column=None, n_rows=0):
    return dict(zip(COLUMNS, (kind, train_era, test_era, column, n_rows, message)))


def _say(leaks):
    said = []
    for kind, part in leaks.groupby("kind", sort=False):
        more = f" (and {len(part) - 1} more)" if len(part) > 1 else ""
        said.append(f"{kind}: {part['message'].iloc[0]}{more}")
    return (
        f"{CALLER}: training rows tell about test rows. {'; '.join(said)}. Split with "
        "GroupTimeSeriesSplit or PurgedGroupKFold, take the columns out of X, or look at "
        "all findings in the attribute `leaks` of this error (raise_error=False returns "
        "them)."
    )
