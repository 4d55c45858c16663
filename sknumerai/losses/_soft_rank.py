"""Ranks with a gradient: the projection of values onto the permutations."""

# SPDX-License-Identifier: BSD-3-Clause

import torch
from scipy.optimize import isotonic_regression

from sknumerai.losses._eras import EraSums


def soft_rank(values, regularization=1.0, *, groups=None):
    """Rank values so that the ranks have a gradient.

    The soft ranks of n values are the point nearest to ``values / regularization``
    among all mixtures of the permutations of 1, ..., n. Values that lie apart by
    `regularization` or more have their usual ranks, and no gradient; closer ones are
    pooled into blocks, in which ranks are linear in the values. Equal values share the
    mean of their ranks.

    Parameters
    ----------
    values : torch.Tensor of shape (n,) or (n, k)
        Numbers; each column is ranked on its own. NaN keeps its place and is not
        ranked.

    regularization : float, default=1.0
        Softness, in units of the values. 0 gives the usual ranks and no gradient.

    groups : torch.Tensor of shape (n,) of int64, or None, default=None
        Era codes 0, 1, ...; values are ranked within their era. None is one era.

    Returns
    -------
    torch.Tensor of the shape of `values`
        Ranks from 1, the smallest value, to the number of values; half precision
        becomes float32.

    Raises
    ------
    ValueError
        If `regularization` is negative or not finite, or `groups` is not one code for
        each row.

    See Also
    --------
    SoftRankCorrelationLoss : Rank correlation by soft ranks.

    Notes
    -----
    All eras and columns take one sort, one isotonic regression (in scipy, on the CPU)
    and sums over blocks: n log n steps. The gradient is exact, and may be
    differentiated again: within a block of b values it is ``(g - mean(g)) /
    regularization`` for a gradient g with respect to the ranks.

    References
    ----------
    .. [1] Blondel, M., Teboul, O., Berthet, Q. and Djolonga, J. (2020). Fast
       Differentiable Sorting and Ranking. ICML. Section 4, quadratic regularization.

    Examples
    --------
    >>> import torch
    >>> from sknumerai.losses import soft_rank
    >>> soft_rank(torch.tensor([0.3, 0.1, 0.9]), 0.1)
    tensor([2., 1., 3.])
    >>> soft_rank(torch.tensor([0.3, 0.1, 0.9]), 0.5)
    tensor([1.7333, 1.3333, 2.9333])
    """
    if not 0 <= regularization < float("inf"):
        raise ValueError(
            f"regularization must be 0 or more and finite. Got {regularization!r}."
        )
    if (
        values.dtype in (torch.float16, torch.bfloat16)
        or not values.is_floating_point()
    ):
        values = values.float()
    columns = values[:, None] if values.ndim == 1 else values
    if columns.ndim != 2:
        raise ValueError(
            f"values must have shape (n,) or (n, k). Got {tuple(values.shape)}."
        )
    eras = EraSums(len(columns), groups)
    known = ~torch.isnan(columns)
    # filled first: the gradient of a NaN that is thrown away later is NaN
    filled = torch.where(known, columns, 0.0)
    if regularization and len(columns):
        # from the lowest of the era: quotients far from 0 lose digits
        low = eras.extremes(filled, known)[0]
        filled = torch.where(known, filled - eras.spread(low), 0.0) / regularization
    order = EraOrder(filled, known, eras)
    ranks = order.soft_ranks(filled) if regularization else order.ranks(columns.dtype)
    return torch.where(known, ranks, torch.nan).reshape(values.shape)


class EraOrder:
    """The order of cells within their era and column, of all of them at once.

    Parameters
    ----------
    values : torch.Tensor of shape (n, k)
        What decides the order; of equal values the row that comes first is first.

    inside : torch.Tensor of shape (n, k) of bool
        The cells that are ordered.

    eras : EraSums
        Eras of the rows.
    """

    def __init__(self, values, inside, eras):
        n, k = values.shape
        self.shape = n, k
        cells = inside.reshape(-1).nonzero()[:, 0]
        segment = cells % k
        if eras.groups is not None:
            segment = segment + k * eras.groups[cells // k]
        flat = values.detach().reshape(-1)[cells]
        order = torch.argsort(flat, stable=True)
        if eras.n_eras * k > 1:
            order = order[torch.argsort(segment[order], stable=True)]
        segment = segment[order]
        counts = torch.bincount(segment, minlength=eras.n_eras * k)
        # flat positions of cells, one era and column after the other, in rising order
        self.cells = cells[order]
        self.segment = segment
        self.counts = counts
        self.place = torch.arange(len(order), device=order.device)
        self.place -= (counts.cumsum(0) - counts)[segment]
        ordered = flat[order]
        self.new = torch.ones_like(segment, dtype=torch.bool)
        self.new[1:] = segment[1:] != segment[:-1]
        self.gaps = ordered.new_zeros(len(ordered), dtype=torch.float64)
        self.gaps[1:] = ordered[1:].double() - ordered[:-1].double()

    def ranks(self, dtype):
        """Return the usual ranks from 1, equal values sharing the mean of theirs.

        Parameters
        ----------
        dtype : torch.dtype
            Of the ranks.

        Returns
        -------
        torch.Tensor of shape (n, k)
            Ranks, 0 outside.
        """
        block = (self.new | (self.gaps > 0)).cumsum(0) - 1
        return self.scatter(self._mean_ranks(block)[block].to(dtype))

    def soft_ranks(self, values):
        """Return soft ranks of the values that decided the order.

        Parameters
        ----------
        values : torch.Tensor of shape (n, k)
            The values, with their gradient, in units of the regularization.

        Returns
        -------
        torch.Tensor of shape (n, k)
            Ranks, 0 outside.
        """
        block = self._blocks()
        mean_ranks = self._mean_ranks(block).to(values.dtype)
        ordered = values.reshape(-1)[self.cells]
        # relative to the block's first value, which keeps the digits of float32
        first = torch.zeros_like(mean_ranks)
        starts = torch.ones_like(block, dtype=torch.bool)
        starts[1:] = block[1:] != block[:-1]
        first[block[starts]] = ordered.detach()[starts]
        relative = ordered - first[block]
        size = torch.bincount(block).to(values.dtype)
        mean = torch.zeros_like(mean_ranks).index_add(0, block, relative) / size
        return self.scatter(relative + (mean_ranks - mean)[block])

    def ends(self, number):
        """Tell which cells are among the lowest or highest of their era and column.

        Parameters
        ----------
        number : int
            How many at each end, and at most half of the cells there are.

        Returns
        -------
        torch.Tensor of shape (n, k) of bool
            The answer, False outside.
        """
        counts = self.counts[self.segment]
        number = (counts // 2).clamp_max(number)
        picked = (self.place < number) | (self.place >= counts - number)
        return self.scatter(picked.to(torch.float32)) > 0

    def scatter(self, ordered):
        """Put ordered values back into their cells.

        Parameters
        ----------
        ordered : torch.Tensor of shape (n_inside,)
            One value for each cell, in order.

        Returns
        -------
        torch.Tensor of shape (n, k)
            The values, 0 outside.
        """
        n, k = self.shape
        return ordered.new_zeros(n * k).index_copy(0, self.cells, ordered).reshape(n, k)

    def _mean_ranks(self, block):
        size = torch.bincount(block)
        total = torch.zeros_like(size).index_add(0, block, self.place)
        return total.double() / size + 1

    def _blocks(self):
        if not len(self.gaps):
            return self.segment
        # Isotonic regression of values less ranks. All eras are one sequence for it: a
        # step of `cap` is one that no pooling can cross, whatever lies beyond.
        cap = 2.0 * float(self.counts.max()) + 2.0
        steps = self.gaps.clamp(max=cap) - 1
        steps[self.new] = cap
        found = isotonic_regression(steps.cumsum(0).cpu().numpy()).blocks
        sizes = torch.from_numpy(found[1:] - found[:-1]).to(self.segment)
        return torch.repeat_interleave(
            torch.arange(len(sizes), device=sizes.device), sizes
        )
