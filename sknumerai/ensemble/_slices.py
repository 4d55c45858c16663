"""Slices of eras or of rows, and which rows a model of a slice has not seen."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

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


def honest_rows(eras, slices, embargo):
    """Tell of which rows the model of each slice knows nothing.

    Parameters
    ----------
    eras : Eras
        Era of each row.

    slices : list of slice or ndarray
        Rows of each slice.

    embargo : int
        Eras that are left out on both sides of a slice, beside its own. With one era
        only, as where none are known, the rows of a slice are left out alone.

    Returns
    -------
    honest : ndarray of shape (n_samples, n_slices)
        Bool.
    """
    honest = np.ones((len(eras.codes), len(slices)), dtype=bool)
    for j, rows in enumerate(slices):
        honest[rows, j] = False
        if eras.n_eras > 1:
            inside = eras.numbers[np.unique(eras.codes[rows])]
            near = eras.numbers >= inside[0] - embargo
            near &= eras.numbers <= inside[-1] + embargo
            honest[near[eras.codes], j] = False
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
