"""Predictions that Numerai's server would refuse, refused here and explained."""

# SPDX-License-Identifier: BSD-3-Clause

import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from sknumerai.exceptions import SubmissionError

CALLER = "check_submission"
# names that the server takes for ids and predictions
ID_COLUMNS = {
    "classic": ("id",),
    "signals": (
        "numerai_ticker",
        "composite_figi",
        "bloomberg_ticker",
        "ticker",
        "sedol",
    ),
    "crypto": ("symbol",),
}
PREDICTION_COLUMNS = {
    "classic": ("prediction", "probability"),
    "signals": ("prediction", "signal"),
    "crypto": ("prediction", "signal"),
}
DATE_COLUMNS = ("date", "friday_date")


def check_submission(predictions, live, *, tournament="classic"):
    """Check predictions as Numerai's server does, and return them as they are sent.

    The validators of numerai-tools are the authority. They need the extra
    ``sknumerai[submission]``. What they refuse is looked at once more, so that the
    message says which rows are wrong and how to mend them.

    Read more in the user guide, "Daily submission".

    Parameters
    ----------
    predictions : DataFrame, Series or path
        Predictions with their ids in the index (or the level "id" of it) or in a
        column. The other column is called "prediction"; for "classic" there may be a
        column "era", as :func:`sknumerai.datasets.predict_numerai` writes it, which is
        left out. A path is a .csv or .parquet file of such a frame.

    live : DataFrame, Series, Index, list or path
        The live rows that must be predicted: the live data of the round, with their
        ids in the index or a column, or the ids themselves. For "signals" and
        "crypto" the live universe.

    tournament : {"classic", "signals", "crypto"}, default="classic"
        Whose rules hold. For "classic" each live id must be predicted, for the others
        100 of them.

    Returns
    -------
    clean : DataFrame
        Two columns, ids and predictions, one row per live id in the order of `live`.
        Signals keeps a column of dates.

    Raises
    ------
    SubmissionError
        If the server would refuse the predictions.

    TypeError, ValueError
        If `predictions` or `live` are nothing that holds predictions or ids.

    ImportError
        If numerai-tools is not installed.

    Warns
    -----
    UserWarning
        If rows are left out because their id is not live.

    See Also
    --------
    submit_predictions : Check and send.

    References
    ----------
    .. [1] Numerai, "numerai-tools", module ``submissions``.

    Examples
    --------
    >>> import pandas as pd
    >>> from sknumerai.submission import check_submission
    >>> live = pd.DataFrame({"era": "X"}, index=pd.Index(["n1", "n2"], name="id"))
    >>> predictions = pd.Series([0.7, 0.2], index=["n2", "n1"], name="prediction")
    >>> check_submission(predictions, live)
       id  prediction
    0  n1         0.2
    1  n2         0.7
    """
    if tournament not in ID_COLUMNS:
        raise ValueError(
            f"The 'tournament' parameter of {CALLER} must be one of "
            f"{sorted(ID_COLUMNS)}. Got {tournament!r} instead."
        )
    frame = _read(predictions, tournament)
    id_column, column = _columns(frame, tournament)
    ids = _live_ids(live, id_column)
    _check_numbers(frame[column], column)
    try:
        checked = _validate(frame, ids, id_column, tournament)
    except AssertionError as error:
        why = _explain(frame, ids, id_column, column, tournament)
        raise SubmissionError(
            f"{CALLER}: {why} numerai-tools, which checks as the server does, says: "
            f"{error}"
        ) from error
    n_left_out = len(frame) - len(checked)
    if n_left_out:
        stranger = frame.loc[~frame[id_column].isin(ids), id_column].iloc[0]
        warnings.warn(
            f"{CALLER}: {n_left_out} of {len(frame)} rows are left out, because their "
            f"id is not live; the first is {stranger!r}.",
            UserWarning,
            stacklevel=2,
        )
    place = pd.Series(np.arange(len(ids)), index=ids)
    order = np.argsort(place.loc[checked[id_column]].to_numpy(), kind="stable")
    return checked.iloc[order].reset_index(drop=True)


def _validate(frame, ids, id_column, tournament):
    """What numerai-tools lets through; an AssertionError if it lets nothing."""
    validators = _validators()
    given = frame.copy()  # they drop columns in place
    if tournament == "classic":
        return validators.validate_submission_numerai(pd.Series(ids), given)[2]
    universe = pd.DataFrame({id_column: ids})
    validate = getattr(validators, f"validate_submission_{tournament}")
    checked = validate(universe, given)[-2]
    date = frame.columns.intersection(DATE_COLUMNS)
    return checked if len(date) == 0 else checked.join(frame[date])


def _validators():
    try:
        from numerai_tools import submissions
    except ImportError as error:
        raise ImportError(
            f"{CALLER} needs numerai-tools, whose checks are the server's. Install it "
            "with: pip install 'sknumerai[submission]'"
        ) from error
    return submissions


def _read(predictions, tournament):
    """Bring predictions to a frame whose ids are a column, in front."""
    if isinstance(predictions, (str, Path)):
        predictions = read_table(predictions, CALLER)
    if isinstance(predictions, pd.Series):
        predictions = predictions.to_frame(
            "prediction" if predictions.name is None else predictions.name
        )
    if not isinstance(predictions, pd.DataFrame):
        raise TypeError(
            f"{CALLER}: predictions must be a DataFrame, a Series or the path of a "
            f"file. Got {type(predictions).__name__}."
        )
    if len(predictions) == 0:
        raise SubmissionError(f"{CALLER}: the predictions have no rows.")
    names = ID_COLUMNS[tournament]
    columns = [c for c in predictions.columns if c in names]
    if not columns:
        levels = [n for n in predictions.index.names if n in names]
        if levels:
            ids = predictions.index.get_level_values(levels[0])
        elif predictions.index.nlevels == 1 and predictions.index.name is None:
            # ids without a name; numbers are no ids
            if isinstance(predictions.index, pd.RangeIndex):
                raise SubmissionError(
                    f"{CALLER}: the predictions have no ids: neither a column "
                    f"{_or(names)} nor an index of that name. The columns are "
                    f"{list(predictions.columns)[:5]}."
                )
            levels, ids = [names[0]], predictions.index
        else:
            raise SubmissionError(
                f"{CALLER}: the predictions have no ids. They must be in a column or "
                f"an index level called {_or(names)}; the index has the levels "
                f"{list(predictions.index.names)}."
            )
        predictions = predictions.reset_index(drop=True)
        predictions.insert(0, levels[0], np.asarray(ids))
        columns = levels
    left_out = [*columns, "era"] if tournament == "classic" else columns
    rest = [c for c in predictions.columns if c not in left_out]
    return predictions[[*columns, *rest]].reset_index(drop=True)


def _columns(frame, tournament):
    """Names of the columns of ids and predictions."""
    allowed = PREDICTION_COLUMNS[tournament]
    named = [c for c in frame.columns[1:] if c not in DATE_COLUMNS or _classic(allowed)]
    if len(named) != 1 or named[0] not in allowed:
        raise SubmissionError(
            f"{CALLER}: beside the ids there must be one column, called {_or(allowed)}. "
            f"Got {named[:5]}. Keep one column and name it, e.g. "
            "predictions[['my_model']].set_axis(['prediction'], axis=1)."
        )
    return frame.columns[0], named[0]


def _classic(allowed):
    return "probability" in allowed


def _check_numbers(values, column):
    if not pd.api.types.is_numeric_dtype(values) or values.dtype == bool:
        raise SubmissionError(
            f"{CALLER}: the column {column!r} must hold numbers. Its dtype is "
            f"{values.dtype}; the first value is {values.iloc[0]!r}."
        )


def _live_ids(live, id_column):
    """The ids that must be predicted, in their order."""
    if isinstance(live, (str, Path)):
        live = read_table(live, CALLER)
    if isinstance(live, pd.DataFrame):
        if id_column in live.columns:
            live = live[id_column]
        elif id_column in live.index.names:
            live = live.index.get_level_values(id_column)
        elif live.index.nlevels == 1 and not isinstance(live.index, pd.RangeIndex):
            live = live.index
        else:
            raise ValueError(
                f"{CALLER}: live has no ids: neither a column {id_column!r} nor an "
                f"index of that name. Its columns are {list(live.columns)[:5]}."
            )
    elif not isinstance(live, (pd.Series, pd.Index, list, tuple, np.ndarray)):
        raise TypeError(
            f"{CALLER}: live must be the live data, their ids, or the path of their "
            f"file. Got {type(live).__name__}."
        )
    ids = pd.Index(np.asarray(live))
    if len(ids) == 0:
        raise ValueError(f"{CALLER}: live has no rows.")
    if ids.hasnans:
        raise ValueError(f"{CALLER}: {ids.isna().sum()} of the live ids are missing.")
    ids = ids.astype(str)
    if ids.has_duplicates:
        twice = ids[ids.duplicated()]
        raise ValueError(
            f"{CALLER}: {len(twice)} live ids appear more than once, the first is "
            f"{twice[0]!r}."
        )
    return ids


def _explain(frame, ids, id_column, column, tournament):
    """Say in a sentence or two what the validators object to."""
    given, values = frame[id_column], frame[column]
    if given.isna().any():
        return f"{given.isna().sum()} ids are missing."
    given = given.astype(str)
    live = given.isin(ids)
    twice = given[live & given.duplicated()]
    if len(twice):
        return (
            f"{len(twice)} live ids appear more than once, the first is "
            f"{twice.iloc[0]!r}. Keep one row of each."
        )
    missing = ids[~ids.isin(given)]
    if tournament == "classic" and len(missing):
        return (
            f"{len(missing)} of {len(ids)} live ids have no prediction, the first is "
            f"{missing[0]!r}; {len(given) - live.sum()} of the {len(given)} given ids "
            "are not live. Predict the live data of the present round."
        )
    values = values[live]
    if values.isna().any():
        first = given[values.index[values.isna()][0]]
        return f"{values.isna().sum()} predictions are NaN, the first for id {first!r}."
    if len(values) and not values.between(0, 1).all():
        return (
            f"{(~values.between(0, 1)).sum()} predictions are not between 0 and 1: the "
            f"smallest is {values.min():.6g}, the largest {values.max():.6g}. Rank "
            "them, e.g. predictions['prediction'].rank(pct=True)."
        )
    if len(values) == 1 or np.isclose(0, values.std()):
        return (
            f"all {len(values)} predictions are the same, {values.iloc[0]:.6g}, or "
            "nearly so. Rank them if they differ a little."
        )
    return f"{live.sum()} of the {len(given)} given ids are live."


def read_table(path, caller):
    """Read a csv or parquet file.

    Parameters
    ----------
    path : str or path-like
        The file.

    caller : str
        Name to begin error messages with.

    Returns
    -------
    table : DataFrame
        Its content.
    """
    path = Path(path)
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise ValueError(f"{caller}: {path} is neither a .csv nor a .parquet file.")
    if not path.is_file():
        raise FileNotFoundError(f"{caller}: there is no file {path}.")
    try:
        if path.suffix.lower() == ".csv":
            return pd.read_csv(path)
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{caller}: {path} cannot be read as a table ({type(error).__name__}: "
            f"{error})."
        ) from error


def _or(names):
    return " or ".join(repr(name) for name in names)
