"""Least-squares residuals on a torch device, such as a GPU."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import torch

from sknumerai.utils import least_squares_residuals

# As in sknumerai.utils.least_squares_residuals: the Gram matrix squares the condition.
_GRAM_RCOND = 1e-10
# Integers up to here are exact in float32.
_FLOAT32_EXACT = 2**24


def check_device(device, caller):
    """A torch device that is there."""
    try:
        device = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"{caller}: device must be a torch device, such as 'cpu' or 'cuda', or "
            f"None for NumPy. Got {device!r}."
        ) from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            f"{caller}: device={str(device)!r}, and torch finds no CUDA here. Pass "
            "device=None to compute with NumPy."
        )
    return device


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

    device : torch.device or str, default="cpu"
        Where to compute.

    Returns
    -------
    residuals : ndarray of shape (n_samples, n_columns)
        Float64. Where the columns depend on each other too nearly to tell apart, what
        :func:`sknumerai.utils.least_squares_residuals` gives.
    """
    found = _by_cholesky(y, A, fit_intercept, device) if A.size else None
    if found is None:
        return least_squares_residuals(y, A, fit_intercept=fit_intercept)
    return found


def _by_cholesky(y, A, fit_intercept, device):
    exact = A.dtype.kind in "biu" and A.dtype.itemsize == 1
    if exact:
        largest = max(abs(int(A.max())), abs(int(A.min())), 1)
        exact = largest**2 * len(A) < _FLOAT32_EXACT
    with torch.inference_mode():
        A = torch.from_numpy(np.ascontiguousarray(A)).to(device)
        if fit_intercept:
            # beside an intercept, constant columns add nothing
            A = A[:, (A != A[:1]).any(dim=0)]
        n, k = A.shape[0], A.shape[1] + fit_intercept
        if k >= n or A.shape[1] == 0:
            return None
        y = torch.from_numpy(np.ascontiguousarray(y, dtype=np.float64)).to(device)
        # products and sums of small integers are exact in float32
        A = A.to(torch.float32 if exact else torch.float64)
        gram = torch.empty((k, k), dtype=torch.float64, device=A.device)
        inner = A.shape[1]
        gram[:inner, :inner] = A.T @ A
        A = A.double()
        if fit_intercept:
            gram[inner, :inner] = gram[:inner, inner] = A.sum(dim=0)
            gram[inner, inner] = n
        factor, info = torch.linalg.cholesky_ex(gram)
        if int(info) or not _well_conditioned(factor, gram):
            return None
        left = y
        # the second time takes back what the squared condition number cost
        for _ in range(2):
            moment = A.T @ left
            if fit_intercept:
                moment = torch.cat([moment, left.sum(dim=0, keepdim=True)])
            coef = torch.cholesky_solve(moment, factor)
            left = left - A @ coef[:inner]
            if fit_intercept:
                left = left - coef[inner:]
        return left.cpu().numpy()


def _well_conditioned(factor, gram):
    inverse = torch.cholesky_inverse(factor)
    norms = torch.linalg.matrix_norm(gram, 1) * torch.linalg.matrix_norm(inverse, 1)
    return bool(1 / norms > _GRAM_RCOND)
