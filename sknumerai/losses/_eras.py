"""Sums over the eras of a batch, and what goes into them."""

# SPDX-License-Identifier: BSD-3-Clause

import torch

# Added to variances. A prediction with a standard deviation of 1e-6 has hardly any
# digits left in float32, so nothing is lost, and gradients stay finite without one.
EPS = 1e-12


def check_columns(y_pred, y_true):
    """Bring predictions and targets to two dimensions and one floating dtype.

    Parameters
    ----------
    y_pred : torch.Tensor of shape (n,) or (n, k)
        Predictions.

    y_true : torch.Tensor of the same shape, up to a second dimension of 1
        Targets, NaN where missing.

    Returns
    -------
    y_pred : torch.Tensor of shape (n, k)
        Predictions; half precision becomes float32.

    y_true : torch.Tensor of shape (n, k)
        Targets in the dtype of `y_pred`.

    observed : torch.Tensor of shape (n, k) of bool
        False where the target is NaN.
    """
    shapes = tuple(y_pred.shape), tuple(y_true.shape)
    if y_pred.ndim == 1:
        y_pred = y_pred[:, None]
    if y_true.ndim == 1:
        y_true = y_true[:, None]
    if y_pred.ndim != 2 or y_pred.shape != y_true.shape:
        raise ValueError(
            "The predictions and what they are compared with must have the same shape, "
            f"(n,) or (n, k). Got {shapes[0]} and {shapes[1]}."
        )
    if y_pred.dtype in (torch.float16, torch.bfloat16):
        y_pred = y_pred.float()
    return y_pred, y_true.to(y_pred.dtype), ~torch.isnan(y_true)


def is_plain(y_pred, y_true, sample_weight):
    """Tell whether torch's own losses may be tried: one shape, one dtype, no weights.

    Parameters
    ----------
    y_pred : torch.Tensor
        Predictions.

    y_true : torch.Tensor
        Targets, which may yet be NaN.

    sample_weight : torch.Tensor or None
        Weights of the rows.

    Returns
    -------
    bool
        The answer.
    """
    return (
        sample_weight is None
        and y_pred.shape == y_true.shape
        and y_pred.dtype == y_true.dtype
        and y_pred.dtype in (torch.float32, torch.float64)
        and 1 <= y_pred.ndim <= 2
        and y_pred.numel() > 0
    )


def fill_missing(y_pred, y_true):
    """Do as `check_columns` and put 0 where the target is missing.

    Parameters
    ----------
    y_pred : torch.Tensor of shape (n,) or (n, k)
        Predictions.

    y_true : torch.Tensor of the same shape, up to a second dimension of 1
        Targets, NaN where missing.

    Returns
    -------
    y_pred : torch.Tensor of shape (n, k)
        Predictions.

    y_true : torch.Tensor of shape (n, k)
        Targets.

    observed : torch.Tensor of shape (n, k) of bool
        False where the target is missing.
    """
    y_pred, y_true, observed = check_columns(y_pred, y_true)
    # The inputs are filled, not the result: the gradient of a NaN that is thrown away
    # later is NaN.
    y_pred = torch.where(observed, y_pred, 0.0)
    return y_pred, torch.where(observed, y_true, 0.0), observed


def check_weight(sample_weight, y_pred):
    """Return the weights of the rows in the dtype of the predictions.

    Parameters
    ----------
    sample_weight : torch.Tensor of shape (n,)
        Weights, not negative.

    y_pred : torch.Tensor of shape (n, k)
        Predictions.

    Returns
    -------
    torch.Tensor of shape (n,)
        Weights.
    """
    if sample_weight.shape != y_pred.shape[:1]:
        raise ValueError(
            f"sample_weight must have one weight for each of the {len(y_pred)} rows. "
            f"Got shape {tuple(sample_weight.shape)}."
        )
    return sample_weight.to(y_pred.dtype)


def mean_observed(values, observed, sample_weight):
    """Average over the observed cells; 0 if there are none or all weights are 0.

    Parameters
    ----------
    values : torch.Tensor of shape (n, k)
        Values, with a finite gradient also where nothing is observed.

    observed : torch.Tensor of shape (n, k) of bool
        Which cells count.

    sample_weight : torch.Tensor of shape (n,) or None
        Weights of the rows.

    Returns
    -------
    torch.Tensor of shape ()
        The mean.
    """
    total = torch.where(observed, values, 0.0).sum(dim=1)
    n = observed.sum(dim=1).to(values.dtype)
    if sample_weight is not None:
        weight = check_weight(sample_weight, values)
        total, n = total * weight, n * weight
    n = n.sum()
    return total.sum() / n.clamp_min(torch.finfo(n.dtype).tiny)


class EraSums:
    """Sums over rows of one era, for all eras of a batch at once.

    Parameters
    ----------
    n_rows : int
        Rows in the batch.

    groups : torch.Tensor of shape (n_rows,) of int64, or None
        Era codes from 0 on; None if the batch is one era.
    """

    def __init__(self, n_rows, groups):
        if groups is not None and groups.shape != (n_rows,):
            raise ValueError(
                f"groups must have one era code for each of the {n_rows} rows. Got "
                f"shape {tuple(groups.shape)}."
            )
        self.groups = groups
        self.n_eras = 1 if groups is None or not n_rows else int(groups.max()) + 1

    def sum(self, values):
        """Add up the rows of each era.

        Parameters
        ----------
        values : torch.Tensor of shape (n_rows, k)
            One value for each row and column.

        Returns
        -------
        torch.Tensor of shape (n_eras, k)
            The sums.
        """
        if self.groups is None:
            return values.sum(dim=0, keepdim=True)
        out = values.new_zeros(self.n_eras, values.shape[1])
        return out.index_add(0, self.groups, values)

    def spread(self, statistics):
        """Hand each row the value of its era.

        Parameters
        ----------
        statistics : torch.Tensor of shape (n_eras, k)
            One value for each era.

        Returns
        -------
        torch.Tensor of shape (n_rows, k), or (1, k) if there is one era
            The values, to be broadcast against rows.
        """
        return statistics if self.groups is None else statistics[self.groups]

    def extremes(self, values, weight):
        """Find the least and the largest value of each era.

        Parameters
        ----------
        values : torch.Tensor of shape (n_rows, k)
            One value for each row and column.

        weight : torch.Tensor of shape (n_rows, k)
            Cells of weight 0 are left out.

        Returns
        -------
        low, high : torch.Tensor of shape (n_eras, k)
            Infinite, and the wrong way round, where an era has no cells.
        """
        low = torch.where(weight > 0, values, torch.inf).detach()
        high = torch.where(weight > 0, values, -torch.inf).detach()
        shape = self.n_eras, low.shape[1]
        if not len(values):
            return low.new_full(shape, torch.inf), low.new_full(shape, -torch.inf)
        if self.groups is None:
            return low.amin(dim=0)[None], high.amax(dim=0)[None]
        index = self.groups[:, None].expand_as(low)
        low = low.new_full(shape, torch.inf).scatter_reduce(0, index, low, "amin")
        high = high.new_full(shape, -torch.inf).scatter_reduce(0, index, high, "amax")
        return low, high

    def varies(self, values, weight):
        """Tell where the values of an era differ; False for fewer than two rows.

        Parameters
        ----------
        values : torch.Tensor of shape (n_rows, k)
            One value for each row and column.

        weight : torch.Tensor of shape (n_rows, k)
            Cells of weight 0 are left out.

        Returns
        -------
        torch.Tensor of shape (n_eras, k) of bool
            The answer.
        """
        low, high = self.extremes(values, weight)
        return low < high


class EraCells:
    """The cells of a batch that count, with their shares of their era and column.

    Parameters
    ----------
    y_true : torch.Tensor of shape (n, k)
        Targets as `fill_missing` returns them.

    observed : torch.Tensor of shape (n, k) of bool
        Which cells count.

    sample_weight : torch.Tensor of shape (n,) or None
        Weights of the rows; cells of weight 0 do not count.

    groups : torch.Tensor of shape (n,) of int64, or None
        Era codes.
    """

    def __init__(self, y_true, observed, sample_weight, groups):
        self.eras = EraSums(len(y_true), groups)
        weight = observed.to(y_true.dtype)
        if sample_weight is not None:
            weight = weight * check_weight(sample_weight, y_true)[:, None]
        self.weight = weight
        self.per_row = self.shares(weight)
        # Where the target does not vary nothing can correlate with it, whatever is
        # predicted: such an era does not count.
        self.counts = self.eras.varies(y_true, weight)

    def shares(self, weight):
        """Return weights that add up to 1 in each era.

        Parameters
        ----------
        weight : torch.Tensor of shape (n, k)
            Weights of cells.

        Returns
        -------
        torch.Tensor of shape (n, k)
            The shares.
        """
        total = self.eras.sum(weight).clamp_min(torch.finfo(weight.dtype).tiny)
        return weight / self.eras.spread(total)

    def mean(self, values):
        """Average over the eras and columns that count; 0 if none does.

        Parameters
        ----------
        values : torch.Tensor of shape (n_eras, k)
            One value for each era and column.

        Returns
        -------
        torch.Tensor of shape ()
            The mean.
        """
        return mean_counting(values, self.counts)


def mean_counting(values, counts):
    """Average over the eras and columns that count; 0 if none does.

    Parameters
    ----------
    values : torch.Tensor of shape (n_eras, k)
        One value for each era and column.

    counts : torch.Tensor of shape (n_eras, k) of bool
        Which count.

    Returns
    -------
    torch.Tensor of shape ()
        The mean.
    """
    return torch.where(counts, values, 0.0).sum() / counts.sum().clamp_min(1)


class EraMoments(EraCells):
    """Weighted moments of predictions and targets within each era and column.

    Parameters
    ----------
    y_pred : torch.Tensor of shape (n, k)
        Predictions as `fill_missing` returns them.

    y_true : torch.Tensor of shape (n, k)
        Targets as `fill_missing` returns them.

    observed : torch.Tensor of shape (n, k) of bool
        Which cells count.

    sample_weight : torch.Tensor of shape (n,) or None
        Weights of the rows.

    groups : torch.Tensor of shape (n,) of int64, or None
        Era codes.
    """

    def __init__(self, y_pred, y_true, observed, sample_weight, groups):
        super().__init__(y_true, observed, sample_weight, groups)
        eras, per_row = self.eras, self.per_row
        p = y_pred - eras.spread(eras.sum(y_pred * per_row))
        t = y_true - eras.spread(eras.sum(y_true * per_row))
        self.covariance = eras.sum(p * t * per_row)
        self.pred_variance = eras.sum(p * p * per_row)
        self.true_variance = eras.sum(t * t * per_row)

    def correlation(self):
        """Return Pearson's correlation, 0 for a constant prediction.

        Returns
        -------
        torch.Tensor of shape (n_eras, k)
            The correlations.
        """
        return self.covariance * torch.rsqrt(
            (self.pred_variance + EPS) * (self.true_variance + EPS)
        )
