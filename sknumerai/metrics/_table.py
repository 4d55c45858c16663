"""Era scores as one table, whether of one model or of many."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd


def as_table(scores):
    """A float64 DataFrame with one column per model, and whether there was but one."""
    is_one = np.ndim(scores) == 1
    if isinstance(scores, pd.Series):
        table = scores.to_frame()
        table.columns = [scores.name]
    elif is_one:
        table = pd.DataFrame({None: np.asarray(scores, dtype=np.float64)})
    else:
        table = pd.DataFrame(scores)
    return table.astype(np.float64), is_one


def as_rows(table):
    """The scores as an array of shape (n_models, n_eras) whose rows are contiguous."""
    return np.ascontiguousarray(table.to_numpy().T)


def by_model(scores, results):
    """One result per model: a float for one model's scores, else a Series."""
    table, is_one = as_table(scores)
    return float(results[0]) if is_one else pd.Series(results, index=table.columns)


def by_model_frame(scores, rows):
    """Several results per model: a Series for one model's scores, else a DataFrame."""
    table, is_one = as_table(scores)
    frame = pd.DataFrame.from_dict(dict(enumerate(rows)), orient="index")
    if is_one:
        return frame.iloc[0].rename(table.columns[0])
    frame.index = table.columns
    return frame


def drop_missing(table, nan_policy, caller):
    """The scores of each model as a list of arrays, NaN treated as told."""
    if nan_policy not in ("propagate", "omit", "raise"):
        raise ValueError(
            f"{caller}: nan_policy must be 'propagate', 'omit' or 'raise'. Got "
            f"{nan_policy!r} instead."
        )
    kept = []
    for values, name in zip(as_rows(table), table.columns):
        missing = np.isnan(values)
        if missing.any() and nan_policy == "raise":
            raise ValueError(
                f"{caller}: {int(missing.sum())} of {len(values)} era scores of "
                f"model {name!r} are NaN, the first in era "
                f"{table.index[missing][0]}. Does it predict the same for a whole "
                "era? Pass nan_policy='omit' to leave such eras out."
            )
        kept.append(values[~missing] if nan_policy == "omit" else values)
    return kept
