"""What a job holds in memory, from the shapes of its data and its network."""

# SPDX-License-Identifier: BSD-3-Clause

from sknumerai.inspection._unit_costs import is_network, leaves

# Numbers of a slice of rows that networks score at a time; the least rows of one
_SLICE, _LEAST_SLICE = 2**23, 256
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
# LightGBM chooses its bins by so many rows, of which it holds float64
_SAMPLE_ROWS, _SAMPLE_BYTES = 200_000, 8


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
    copies = feature_bytes(estimator) * n_rows * job.n_features
    if any(
        type(e).__module__.startswith("lightgbm") for e in leaves(estimator).values()
    ):
        copies += _SAMPLE_BYTES * min(n_rows, _SAMPLE_ROWS) * job.n_features
    if copies:
        parts["copies of the features"] = (copies, "RAM")
    if not is_network(estimator):
        return parts
    k = job.n_features
    # a batch as int8 and as float32; what the way back needs of it
    step = costs.step_rows * (5 * k + costs.row_bytes + 8 * costs.widest)
    rows = min(max(_LEAST_SLICE, _SLICE // k), n_rows)
    predict = rows * (5 * k + 8 * costs.widest)
    weights = 4 * _COPIES_OF_WEIGHTS * costs.n_parameters
    parts["network and optimizer"] = (weights, "device")
    parts["a batch, or a slice to predict"] = (max(step, predict), "device")
    return parts


def _rows_bytes(job, n_rows):
    return n_rows * (_ROW_BYTES + _TARGET_BYTES * job.n_targets)
