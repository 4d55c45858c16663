"""Least-squares residuals on a torch device, such as a GPU."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import torch

from sknumerai.utils import least_squares_residuals
from sknumerai.utils._tensor_residuals import Residuals


def check_device(device, caller):
    """Raise if a torch device is not there.

    Parameters
    ----------
    device : str
        The device.

    caller : str
        Name to begin error messages with.

    Returns
    -------
    device : str
        As given: what is kept in a pickle.
    """
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"{caller}: device must be a torch device, such as 'cpu' or 'cuda', or "
            f"None for NumPy. Got {device!r}."
        ) from error
    if found.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            f"{caller}: device={str(device)!r}, and torch finds no CUDA here. Pass "
            "device=None to compute with NumPy."
        )
    return str(device)


def torch_residuals(y, A, *, fit_intercept=True, device="cpu"):
    """Subtract from `y` its least-squares fit by the columns of `A`.

    Parameters
    ----------
    y : ndarray of shape (n_samples, n_columns)
        Finite numbers.

    A : ndarray of shape (n_samples, n_features)
        Finite numbers. Integers of one byte travel to the device as such.

    fit_intercept : bool, default=True
        Whether a constant column is appended to `A`.

    device : str, default="cpu"
        Where to compute. Of "cuda", where it is absent, NumPy.

    Returns
    -------
    residuals : ndarray of shape (n_samples, n_columns)
        Float64.
    """
    lost = device.startswith("cuda") and not torch.cuda.is_available()
    if lost or not A.size:
        # fitted on a machine with a GPU, used on one without
        return least_squares_residuals(y, A, fit_intercept=fit_intercept)
    if A.dtype.kind not in "biuf" or (A.dtype.kind == "u" and A.dtype.itemsize > 1):
        # torch does not compute with these
        A = A.astype(np.float64)
    # squares of the very large and the very small are no numbers
    size = np.frexp(np.abs(y).max(axis=0, initial=0.0))[1]
    with torch.inference_mode():
        A = torch.from_numpy(np.require(A, requirements=["C", "W"])).to(device)
        unit = torch.from_numpy(np.ldexp(y, -size)).to(device)
        left = Residuals(A, fit_intercept=fit_intercept)(unit).cpu().numpy()
    return np.ldexp(left, size)
