"""What a job holds in memory, from the shapes of its data and its network."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd

from sknumerai.inspection import _machine
from sknumerai.inspection._unit_costs import leaves, network_within

# Weights, gradients, two moments of Adam, the best weights so far, the fitted copy
_COPIES_OF_WEIGHTS = 6
# Era code, position in a shuffled epoch, and what the index of a frame holds of a row
_ROW_BYTES = 8 + 8 + 24
# A target as it came, in one array with the others, scaled, and predicted
_TARGET_BYTES = 4 * 4
# Bytes that other packages' estimators hold of each feature of a row: LightGBM and
# XGBoost float32 and bins; scikit-learn float64, its linear models a centred copy too
_FOREIGN = {"lightgbm": 5, "xgboost": 5, "sklearn.linear_model": 16, "sklearn": 8}
_UNKNOWN = 8
# LightGBM chooses its bins by so many rows, of which it holds float64 and positions
_SAMPLE_ROWS, _SAMPLE_BYTES = 200_000, 12
# Torch with CUDA holds so much of a card before it holds any data
CUDA_CONTEXT = 5e8


def feature_bytes(estimator):
    """Return the bytes that fitting holds of each feature of a row.

    Networks read int8 from where it is. The features themselves are not counted:
    ``load_numerai`` leaves them in a file.
    """
    return max(_bytes_of(leaf) for leaf in leaves(estimator).values())


def _bytes_of(estimator):
    name = type(estimator).__module__
    if name.startswith("sknumerai."):
        return 0
    for package, size in _FOREIGN.items():
        if name == package or name.startswith(f"{package}."):
            return size
    return _UNKNOWN


def fit_bytes(estimator, job, n_rows):
    """Return the bytes of copies and of products that a fit makes of features."""
    k, each = job.n_features, leaves(estimator).values()
    copies = feature_bytes(estimator) * n_rows * float(k)
    if any(type(leaf).__module__.startswith("lightgbm") for leaf in each):
        copies += _SAMPLE_BYTES * min(n_rows, _SAMPLE_ROWS) * k
    return copies, max(_products_bytes(leaf, n_rows, k) for leaf in each)


def _products_bytes(estimator, n_rows, n_features):
    """Bytes of products of features, and of rows in float64 that they are made of."""
    square = 8.0 * n_features**2
    if type(estimator).__module__.startswith("sklearn.linear_model"):
        return 2 * min(square, 8.0 * n_rows * n_features)
    block = getattr(estimator, "block_rows", None)
    if not type(estimator).__module__.startswith("sknumerai.") or block is None:
        return 0.0
    one, two = (8.0 * min(n_rows, n * block) * n_features for n in (1, 2))
    return max(two + 2 * square, one + 3 * square)


def memory_of(estimator, job, costs, n_rows):
    """Return what a fit to some rows holds beside the features and the libraries.

    Parameters
    ----------
    estimator : estimator
        What is fitted.

    job : Job
        Shape of the data.

    costs : UnitCosts
        What was measured of its network.

    n_rows : int
        Rows that it is fitted to.

    Returns
    -------
    parts : dict of str to tuple of (float, str)
        Bytes, and where they are: "RAM" or "device".
    """
    parts = {"index, targets, predictions": (_rows_bytes(job, n_rows), "RAM")}
    copies, products = fit_bytes(estimator, job, n_rows)
    if copies:
        parts["copies of the features"] = (copies, "RAM")
    if products:
        parts["products of features"] = (products, "RAM")
    if network_within(estimator) is None:
        return parts
    # torch is there, now that there is a network
    from sknumerai.neural_network._inference import rows_of_slice

    k = job.n_features
    weights = 4.0 * _COPIES_OF_WEIGHTS * costs.n_parameters
    # a batch as int8 and as float32; what the way back needs of it
    step = (costs.step_rows or 0) * (5.0 * k + costs.row_bytes + 8 * costs.widest)
    rows = min(rows_of_slice(k), n_rows)
    predict = rows * (5.0 * k + 8 * costs.widest)
    parts["network and optimizer"] = (weights, "device")
    parts["a batch, or a slice to predict"] = (max(step, predict), "device")
    return parts


def on_device(network, job, costs, n_rows, there, n_jobs):
    """Return what a fit holds of the data on a card, or on the way to it.

    Parameters
    ----------
    network : BaseNeuralNet
        With its `device` and `data_on_device`.

    job : Job
        Shape of the data.

    costs : UnitCosts
        What was measured of the network.

    n_rows : int
        Rows that it is fitted to, those held out included.

    there : float
        Bytes of the card.

    n_jobs : int
        Fits that share it.

    Returns
    -------
    resident : bool
        Whether the rows go there once and for all.

    parts : dict of str to tuple of (float, str)
        As of :func:`memory_of`.
    """
    from sknumerai.neural_network import _data_on_device as moving

    cuda = str(network.device).partition(":")[0] == "cuda"
    resident = network.data_on_device
    # as the network decides it, before it is on the card itself
    free = there - n_jobs * CUDA_CONTEXT
    features = float(n_rows) * job.n_features
    if resident == "auto":
        resident = cuda and n_jobs * features <= moving.SHARE_OF_FREE * free
    targets = 4.0 * job.n_targets
    if resident:
        size = features + n_rows * targets
        return True, {"features and targets on the device": (size, "device")}
    if not cuda:
        return False, {}
    # those that wait, one that is gathered and one that is on its way
    rows = min(n_rows, (moving._AHEAD + 2) * (costs.step_rows or 0))
    size = rows * (job.n_features + targets)
    return False, {"batches in pinned memory": (size, "RAM")}


def _rows_bytes(job, n_rows):
    return n_rows * (_ROW_BYTES + _TARGET_BYTES * job.n_targets)


def memory_table(estimator, job, costs, folds, n_jobs, ram, vram, now, at_least):
    """Memory of all fits that run at a time, and what there is."""
    network = network_within(estimator)
    device = "cpu" if network is None else str(network.device)
    there = _machine.vram(device) if vram is None else vram
    on_card = there is not None and device != "cpu"
    most = int((folds.train + folds.held_out).max())
    parts, resident = memory_of(estimator, job, costs, most), None
    if on_card:
        resident, data = on_device(network, job, costs, most, there, n_jobs)
        parts |= data | {"CUDA itself": (CUDA_CONTEXT, "device")}
    rows = [("this process now: libraries", now or np.nan, "RAM", n_jobs)]
    for name, (size, where) in parts.items():
        where = "RAM" if where == "device" and not on_card else where
        rows.append((name, size, where, n_jobs))
    rows.append(("memory map of the features", job.n_rows * job.n_features, "disk", 1))
    table = pd.DataFrame(
        [(name, float(times * size), where) for name, size, where, times in rows],
        columns=["part", "bytes", "where"],
    ).set_index("part")
    needed = table.groupby("where")["bytes"].sum()
    ram = _machine.ram() if ram is None else ram
    ram_needed, vram_needed = (float(needed.get(w, 0.0)) for w in ("RAM", "device"))
    return {
        "memory": table,
        "ram_needed": ram_needed,
        "vram_needed": vram_needed,
        "disk_needed": float(needed["disk"]),
        "copies_features": feature_bytes(estimator) > 0,
        "ram": ram,
        "vram": there if on_card else None,
        "fits_in_ram": _fits(ram_needed, ram, at_least),
        "fits_in_vram": _fits(vram_needed, there if on_card else None, at_least),
        "device": device if on_card else "cpu",
        "data_on_device": resident,
        "cores": _machine.cores(),
    }


def _fits(needed, there, at_least):
    """Whether memory is enough, None if that is not known."""
    if there is None or (at_least and needed <= there):
        return None
    return needed <= there
