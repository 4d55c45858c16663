"""Whether all processes that train one network were given the same.

Imported inside ``fit`` alone, as ``_training`` is: not part of inference.
"""

# SPDX-License-Identifier: BSD-3-Clause

import hashlib

import numpy as np
import torch

# Parameters that may differ between processes
_OWN_PARAMS = {
    "callbacks",
    "compile",
    "data_on_device",
    "device",
    "n_jobs",
    "random_state",
    "verbose",
}
# Rows of which targets are compared, and every so many of them features too
_N_COMPARED, _EVERY = 1024, 16


def check_alike(processes, estimator, train, valid, warm):
    """Raise in all processes if they were given other rows or parameters.

    Each draws the batches of all rows and takes its part of them. With other rows they
    would wait for each other without end, or leave rows out in silence.

    Parameters
    ----------
    processes : OneProcess or Processes
        Who trains.

    estimator : BaseNeuralNet
        Gives the parameters.

    train, valid : EraDataset or None
        Rows of this process, on the CPU.

    warm : bool
        Whether training goes on.

    Raises
    ------
    ValueError
        The same in all processes.
    """
    if processes.n == 1:
        return
    mine = {
        "estimator": type(estimator).__name__,
        "parameters": {
            **_plain_params(estimator.get_params(deep=False)),
            "a network to go on with": repr(warm),
        },
        "shapes": [_shapes(data) for data in (train, valid)],
        "values": [_values(data) for data in (train, valid)],
    }
    # everyone compares the same things, so that all or none raise
    first, *others = found = processes.gather(mine)
    caller = f"{first['estimator']}.fit with distributed=True"
    theirs = [one["parameters"] for one in found]
    different = [
        f"{name} ({' and '.join(_unique(p.get(name) for p in theirs))})"
        for name in theirs[0]
        if len(_unique(p.get(name) for p in theirs)) > 1
    ]
    if len({one["estimator"] for one in found}) > 1 or different:
        different = different or _unique(one["estimator"] for one in found)
        raise ValueError(
            f"{caller}: the processes were given other parameters: "
            f"{', '.join(different)}. Every process is given the same ones."
        )
    same = all(one["shapes"] == first["shapes"] for one in others) and all(
        np.allclose(a, b, rtol=1e-3, atol=1e-3 * _size_of(b), equal_nan=True)
        for one in others
        for part, expected in zip(one["values"], first["values"])
        for a, b in zip(part, expected)
    )
    if not same:
        sizes = [
            f"{sum(n for n, *_ in one['shapes'])} x {one['shapes'][0][1]}"
            for one in found
        ]
        raise ValueError(
            f"{caller}: the processes were given other rows ({' and '.join(sizes)}). "
            "Every process is given all rows, in the same order, with the same eras, "
            "features, targets and weights: they divide each batch themselves. Load "
            "the same data in all of them, without a DistributedSampler."
        )


def _plain_params(params):
    return {
        name: f"{value.__module__}.{value.__qualname__}"
        if isinstance(value, type)
        else repr(value)
        for name, value in sorted(params.items())
        if name not in _OWN_PARAMS and (isinstance(value, type) or _is_plain(value))
    }


def _is_plain(value):
    # others show their address
    if isinstance(value, tuple | list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str)


def _unique(values):
    return list(dict.fromkeys(map(str, values)))


def _shapes(data):
    """Return rows, width, outputs, what else there is, and a digest of the eras."""
    if data is None:
        return 0, 0, 0, False, 0, ""
    starts = np.ascontiguousarray(data.starts, dtype=np.int64).tobytes()
    n_models = 0 if data.meta_model is None else data.meta_model.shape[1]
    weighted = data.sample_weight is not None
    widths = data.X.shape[1], data.y.shape[1]
    return len(data), *widths, weighted, n_models, hashlib.sha256(starts).hexdigest()


def _values(data):
    """Return values at some rows: machines may round otherwise, so no digest."""
    if data is None or not len(data):
        return []
    n = min(_N_COMPARED, len(data))
    rows = torch.from_numpy(np.linspace(0, len(data) - 1, n).astype(np.int64))
    rows = rows if data.rows is None else data.rows[rows]
    X = data.X[rows[::_EVERY]].numpy().astype(np.float64)
    found = [X @ np.linspace(1, 2, X.shape[1]), data.y[rows].numpy()]
    sides = data.sample_weight, data.meta_model
    return found + [side[rows].numpy() for side in sides if side is not None]


def _size_of(values):
    size = np.nanmax(np.abs(values), initial=0.0)
    return size if np.isfinite(size) else 0.0
