"""What Numerai's runner and server ask of predictions."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np


def check_predictions(predictions, answer, live_ids):
    """Check what a file has predicted.

    Parameters
    ----------
    predictions : Series or None
        The first column of what it returned, by id; None where that is no DataFrame
        or empty.

    answer : dict
        Type, shape, columns, index and NaN of what it returned.

    live_ids : Index
        Ids of the live rows.

    Returns
    -------
    problems : list of str
        What would be refused; empty if nothing.
    """
    if not answer["is_frame"]:
        said = (
            f"The callable returns a {answer['type']}; it must be a pandas DataFrame, "
            "no subclass of it. Return pd.DataFrame({'prediction': ranks}, "
            "index=live_features.index)."
        )
        return [said]
    if predictions is None:
        shape = tuple(answer["shape"])
        return [f"The predictions are empty: a DataFrame of shape {shape}."]
    values = predictions.to_numpy()
    problems = []
    if answer["n_nan"]:
        problems.append(
            f"{answer['n_nan']} predictions are NaN. Fill missing features, as "
            "missing=2 of export_model does."
        )
    # runner: the first column, whatever its name
    outside = ~((values >= 0) & (values <= 1)) & ~np.isnan(values)
    if outside.any():
        problems.append(
            f"{outside.sum()} predictions of the first column are outside [0, 1], from "
            f"{np.nanmin(values):.4g} to {np.nanmax(values):.4g}. Rank them last, after "
            "any neutralization."
        )
    if answer["no_numbers"]:
        problems.append(
            "The first column holds no real numbers, which Numerai's runner cannot "
            f"compare with 0 and 1 (it is of type {answer['no_numbers']}). Return "
            "floating-point numbers."
        )
    finite = values[np.isfinite(values)]
    # as the validators of numerai-tools ask it
    if len(finite) > 1 and np.isclose(0, finite.std(ddof=1)):
        problems.append(
            "All predictions are the same or nearly so (the standard deviation is "
            f"{finite.std(ddof=1):.3g}), which Numerai refuses. Rank them."
        )
    problems += _check_headers(answer)
    return problems + _check_ids(predictions.index, live_ids)


def check_arguments(given, wanted):
    """Check the number of arguments of the callable.

    Parameters
    ----------
    given : int
        Its number of arguments.

    wanted : int or None
        The number that was asked for.

    Returns
    -------
    problems : list of str
        Empty if there are none.
    """
    if given not in (1, 2):
        said = (
            f"The callable takes {given} arguments; Numerai gives 1 (live features) or "
            "2 (and live benchmark models). A default argument and functools.partial "
            "count too."
        )
        return [said]
    if wanted not in (None, given):
        return [f"The callable takes {given} arguments, and {wanted} was asked for."]
    return []


def _check_headers(answer):
    problems = []
    if answer["columns"] != ["prediction"]:
        problems.append(
            f"The columns are {answer['columns'][:5]}; it must be one, 'prediction'."
        )
    if answer["index_names"] != ["id"]:
        problems.append(
            f"The index has the name {answer['index_names']}; it must be ['id'], as in "
            "the live features."
        )
    return problems


def _check_ids(ids, live_ids):
    live_ids = live_ids.astype(str)
    absent, strange = live_ids.difference(ids), ids.difference(live_ids)
    twice = ids[ids.duplicated()]
    problems = []
    if len(twice):
        problems.append(
            f"{len(twice)} ids are predicted more than once, the first is {twice[0]!r}."
        )
    if len(absent):
        problems.append(
            f"{len(absent)} of {len(live_ids)} live ids have no prediction, the first "
            f"is {absent[0]!r}."
        )
    if len(strange):
        problems.append(
            f"{len(strange)} ids are not live, the first is {strange[0]!r}. Keep the "
            "index of the live features."
        )
    return problems
