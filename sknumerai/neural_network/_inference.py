"""Running a trained network: all that a pickled model needs.

Nothing here, nor in what it imports, may hold locks, caches or relative imports: these
functions travel by value in the files that are uploaded.
"""

# SPDX-License-Identifier: BSD-3-Clause

import warnings

import numpy as np
import torch

from sknumerai.exceptions import OneEraWarning
from sknumerai.utils import check_eras, one_era

# More rows than this are no single era: attention over them says that eras are missing.
MAX_ROWS_OF_ONE_ERA = 15_000
# Elements of a float32 slice of rows: about 32 MB, whatever the number of features.
_CHUNK = 2**23
_LEAST_ROWS = 256
# More rows than these go through wide layers in more time for each, out of the cache.
_MOST_ROWS = 2**13


class _WritableView:
    """Offer an array's memory as writable, so that torch takes it without a copy.

    pandas 3 and memory maps give read-only arrays, which torch.from_numpy accepts only
    with a warning. No tensor made this way is ever written to.
    """

    def __init__(self, array):
        self.array = array
        interface = dict(array.__array_interface__)
        self.__array_interface__ = {**interface, "data": (interface["data"][0], False)}


def tensor_view(array):
    """Return a tensor on the memory of a row-major array, read-only ones included."""
    if any(stride < 0 for stride in array.strides) or not array.dtype.isnative:
        array = np.array(array, dtype=array.dtype.newbyteorder("="))
    if array.dtype.kind == "u" and array.dtype.itemsize > 1:
        array = array.astype(np.int64)  # torch has few operations for wide unsigned
    elif array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        array = array.astype(np.float64)  # longdouble has no torch dtype
    if not array.flags.writeable and array.size:
        array = np.asarray(_WritableView(array))
    return torch.from_numpy(array)


def scale_features(X, feature_range, scaled_to):
    """Cast a batch to float32 and map `feature_range` to `scaled_to`, if there is one."""
    if feature_range is None:
        return X.to(torch.float32)
    (low, high), (new_low, new_high) = feature_range, scaled_to
    scale = (new_high - new_low) / (high - low)
    # in place on the copy: a batch goes through memory less often
    X = X.to(torch.float32, copy=True)
    return X.mul_(scale).add_(new_low - low * scale)


def device_is_there(device):
    """Tell whether torch can compute on a device here."""
    if device.type == "cuda":
        # CUDA is asked first: a count would start what an absent driver cannot
        there = torch.cuda.is_available()
        return there and (device.index or 0) < torch.cuda.device_count()
    if device.type == "cpu":
        return True
    if not torch.accelerator.is_available():
        return False
    return device.type == torch.accelerator.current_accelerator().type


def resolve_device(device):
    """Return the device to run on: the CPU where the one that is asked for is absent."""
    try:
        found = torch.device(device)
    except RuntimeError as error:
        raise ValueError(
            f"device={device!r} is not a device of torch. Pass 'cpu', or 'cuda' for a GPU."
        ) from error
    return found if device_is_there(found) else torch.device("cpu")


def rows_of_slice(n_features, chunk=_CHUNK):
    """Return how many rows :func:`forward_rows` takes at a time."""
    return min(max(_LEAST_ROWS, chunk // max(1, n_features)), _MOST_ROWS)


def forward_rows(forward, X, *, scale, device, rows=None, chunk=_CHUNK):
    """Apply a function of tensors to slices of rows.

    Parameters
    ----------
    forward : callable
        From a tensor of shape (n_rows, n_features) to one of (n_rows, n_outputs).

    X : ndarray of shape (n_samples, n_features)
        Any numeric dtype and memory order; only slices are copied.

    scale : callable
        Casts and scales a batch.

    device : torch.device
        Where `forward` runs.

    rows : ndarray of int or None, default=None
        Positions of the rows to take; None takes all.

    chunk : int, default=2**23
        Elements of a slice.

    Returns
    -------
    output : ndarray of shape (n_rows, n_outputs)
        float32.
    """
    n_rows = X.shape[0] if rows is None else len(rows)
    step = rows_of_slice(X.shape[1], chunk)
    output = None
    with torch.inference_mode():
        for start in range(0, n_rows, step):
            span = slice(start, start + step)
            part = np.ascontiguousarray(X[span if rows is None else rows[span]])
            result = forward(scale(tensor_view(part).to(device)))
            result = result.reshape(len(part), -1)
            if output is None:
                # One array for all slices: kept apart, they would split the heap so
                # that the memory of large slices is not used again.
                output = np.empty((n_rows, result.shape[1]), dtype=np.float32)
            output[span] = result.cpu().numpy()
    return output


def check_attention(groups, X, n_samples, caller):
    """Return the eras that attention is taken over, live rows included.

    Without eras the rows are one era, which is warned about and, of more than 15,000
    rows, an error.
    """
    eras = check_eras(groups, X, n_samples=n_samples, allow_live=True, caller=caller)
    if eras is None:
        warn_of_one_era(n_samples, caller, attends=True)
        return one_era(n_samples)
    warn_of_long_eras(eras, caller)
    return eras


def warn_of_long_eras(eras, caller, *, stacklevel=6):
    """Warn of eras that are longer than any of Numerai's, to networks of whole eras."""
    counts = eras.counts
    if len(counts) and counts.max() > MAX_ROWS_OF_ONE_ERA:
        longest = eras.labels[np.argmax(counts)]
        warnings.warn(
            f"{caller} takes the stocks of an era together, and era {longest} has "
            f"{counts.max()} rows; no era of Numerai's has more than "
            f"{MAX_ROWS_OF_ONE_ERA}. Are these the eras?",
            UserWarning,
            stacklevel=stacklevel,
        )


def warn_of_one_era(n_samples, caller, *, attends, stacklevel=6):
    """Warn that all rows are taken as one era; raise if attention could not be."""
    how = "Pass groups=eras or keep the eras in the index level 'era'."
    if attends and n_samples > MAX_ROWS_OF_ONE_ERA:
        raise ValueError(
            f"{caller} takes the stocks of an era together and found no eras for "
            f"{n_samples} rows, which are too many for one era (no era has more "
            f"than {MAX_ROWS_OF_ONE_ERA}). {how}"
        )
    warnings.warn(
        f"{caller} found no eras, so all {n_samples} rows are taken as one era. {how}",
        OneEraWarning,
        stacklevel=stacklevel,
    )


def forward_eras(forward, X, eras, *, scale, device):
    """Apply a function of tensors to one era after the other.

    Parameters
    ----------
    forward : callable
        From a tensor of shape (n_rows, n_features) to one of (n_rows, n_outputs).

    X : ndarray of shape (n_samples, n_features)
        Any numeric dtype and memory order; only eras are copied.

    eras : list of slice or ndarray of int
        Rows of each era.

    scale : callable
        Casts and scales a batch.

    device : torch.device
        Where `forward` runs.

    Returns
    -------
    output : ndarray of shape (n_samples, n_outputs)
        float32; rows of no era are 0.
    """
    output = None
    with torch.inference_mode():
        for rows in eras:
            part = np.ascontiguousarray(X[rows])
            result = forward(scale(tensor_view(part).to(device)))
            if output is None:
                output = np.zeros((len(X), result.shape[1]), dtype=np.float32)
            output[rows] = result.cpu().numpy()
    return output


def weights_of(module):
    """Return the state of a module as numpy arrays."""
    return {k: v.detach().cpu().numpy() for k, v in module.state_dict().items()}


def restore_module(cls, kwargs, weights):
    """Build a module again and load its weights, without drawing random numbers."""
    if cls.__module__.startswith("sknumerai."):
        # on no memory at first: all that these modules hold is in their state
        with torch.device("meta"):
            module = cls(**kwargs)
        module.to_empty(device="cpu")
    else:
        with torch.random.fork_rng(devices=[]):
            module = cls(**kwargs)
    module.load_state_dict(
        {k: torch.from_numpy(np.array(v)) for k, v in weights.items()}
    )
    return module.eval()
