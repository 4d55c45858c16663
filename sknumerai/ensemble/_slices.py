"""Slices of eras or of rows, and which rows a model of a slice has not seen."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

from sknumerai.exceptions import MissingErasError
from sknumerai.model_selection._embargo import embargo_or_usual
from sknumerai.model_selection._folds import as_slice


def make_slices(eras, n_slices, overlap, how, caller):
    """Cut the rows into slices in the order of time.

    Parameters
    ----------
    eras : Eras
        Era of each row.

    n_slices : int
        How many; with "steps" at the least.

    overlap : int
        Eras that a slice shares with the next one.

    how : {"eras", "rows", "steps"}
        As many eras in each, as many rows in each (without overlap), or steps of
        ``n_eras // n_slices`` eras, so that a rest makes further slices.

    caller : str
        Name to begin error messages with.

    Returns
    -------
    slices : list of slice or ndarray
        Rows of each slice, in increasing order.

    Raises
    ------
    ValueError
        If there are fewer eras or rows than slices.
    """
    n_samples = len(eras.codes)
    n, unit = (n_samples, "rows") if how == "rows" else (eras.n_eras, "eras")
    if n < n_slices:
        raise ValueError(
            f"{caller}: n_slices={n_slices} is more than the {n} {unit} of the data "
            f"(n_samples={n_samples}). Use fewer slices, or more eras."
        )
    order = eras.order()
    order = np.arange(n_samples) if order is None else order
    if how == "rows":
        return [as_slice(np.sort(rows)) for rows in np.array_split(order, n_slices)]
    if how == "steps":
        step = n // n_slices
        firsts = np.arange(0, max(n - 1, 1), step)
        stops = firsts + step
    else:
        parts = np.array_split(np.arange(n), n_slices)
        firsts = np.array([part[0] for part in parts])
        stops = np.array([part[-1] + 1 for part in parts])
    stops = np.minimum(stops + overlap, n)
    starts = eras.starts
    return [
        as_slice(np.sort(order[starts[a] : starts[b]])) for a, b in zip(firsts, stops)
    ]


def honest_rows(eras, slices, embargo, y, caller):
    """Tell of which rows the model of each slice knows nothing.

    Parameters
    ----------
    eras : Eras
        Era of each row.

    slices : list of slice or ndarray
        Rows of each slice.

    embargo : int or "auto"
        Eras that are left out on both sides of a slice, beside its own. "auto" reads
        them from y's name, and is 0 with one era only, as where none are known: then
        the rows of a slice are left out alone.

    y : object
        The target.

    caller : str
        Name to begin error messages with.

    Returns
    -------
    honest : ndarray of shape (n_samples, n_slices)
        Bool. Each model has some.

    Raises
    ------
    MissingErasError
        If there are no eras of which `embargo` could be a number.

    ValueError
        If the model of a slice has no row.
    """
    if len(slices) == 1:
        raise ValueError(
            f"{caller}: n_slices=1 leaves no model that could predict out of its slice, "
            "so the final estimator has nothing to learn from. Take more slices, "
            "stacking='in_sample', or the estimator by itself."
        )
    if embargo == "auto":
        embargo = embargo_or_usual(y) if eras.n_eras > 1 else 0
    elif embargo and eras.n_eras == 1:
        raise MissingErasError(
            f"{caller}: embargo={embargo} counts eras, and no two eras were found. Pass "
            "groups=eras, keep the eras in the index level 'era', or take "
            "embargo='auto' (or 0): then the rows are cut without an embargo."
        )
    honest = np.ones((len(eras.codes), len(slices)), dtype=bool)
    for j, rows in enumerate(slices):
        honest[rows, j] = False
        if eras.n_eras > 1:
            inside = eras.numbers[np.unique(eras.codes[rows])]
            near = eras.numbers >= inside[0] - embargo
            near &= eras.numbers <= inside[-1] + embargo
            honest[near[eras.codes], j] = False
        if not honest[:, j].any():
            raise ValueError(
                f"{caller}: of {eras.n_eras} eras none is further than the embargo of "
                f"{embargo} eras from slice {j + 1} of {len(slices)}, so the final "
                "estimator has nothing to learn from. Fit to more eras, take more "
                "slices, a smaller embargo= or stacking='in_sample'."
            )
    return honest


def fill_with_others(stacked, honest):
    """Put the mean of the honest predictions of a row for those that are not.

    Parameters
    ----------
    stacked : ndarray of shape (n_samples, n_slices)
        Predictions; changed in place.

    honest : ndarray of shape (n_samples, n_slices)
        Which are out of sample.

    Returns
    -------
    rows : ndarray of shape (n_samples,)
        Bool, the rows that have one at least.
    """
    count = honest.sum(axis=1)
    means = np.where(honest, stacked, 0.0).sum(axis=1) / np.maximum(count, 1)
    np.copyto(stacked, means[:, None], where=~honest)
    return count > 0
