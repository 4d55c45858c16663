"""Return of the optimal portfolio as a loss."""

# SPDX-License-Identifier: BSD-3-Clause

import torch

from sknumerai.losses._era_score import EraScoreLoss
from sknumerai.losses._eras import EraSums, fill_missing, mean_counting
from sknumerai.portfolio._differentiable_portfolio import DifferentiablePortfolio


class PortfolioReturnLoss(EraScoreLoss):
    """Minus the return of the portfolio that is optimal for the predictions.

    In each era the weights are those of `PortfolioOptimizer`, and the return is the sum
    of their products with the targets; then minus the mean over eras and targets.
    Smaller is better.

    Parameters
    ----------
    optimizer : PortfolioOptimizer or None, default=None
        Makes the weights. None is ``PortfolioOptimizer()``.

    columns : sequence of int or None, default=None
        Positions of the features that exposure to is penalized; None takes all, and
        ``[]`` none.

    Raises
    ------
    TypeError
        If `optimizer` is no `PortfolioOptimizer`.

    ValueError
        In `forward`, as `DifferentiablePortfolio`.

    See Also
    --------
    DifferentiablePortfolio : The layer.
    sknumerai.losses.SharpeLoss : ``SharpeLoss(PortfolioReturnLoss())`` is minus the
        Sharpe ratio of the returns.

    Notes
    -----
    Shape: see :mod:`sknumerai.losses`. Sample weights do not enter. Exposures are the
    features of the batch where they are given. Eras whose predictions are all the same,
    or that have fewer than two rows with a target, do not count. Neither the scale nor
    the mean of an era's predictions matters. Countries, sectors and a starting portfolio
    are not part of a batch: train with the layer for these.

    References
    ----------
    .. [1] Numerai (2022). True Contribution Details. Numerai's forum.

    Examples
    --------
    >>> import torch
    >>> from sknumerai.portfolio import PortfolioOptimizer, PortfolioReturnLoss
    >>> y_pred = torch.tensor([0.1, 0.2, 0.3, 0.4])
    >>> y_true = torch.tensor([-0.1, 0.0, 0.0, 0.3])
    >>> optimizer = PortfolioOptimizer(max_weight=0.25)
    >>> PortfolioReturnLoss(optimizer)(y_pred, y_true)
    tensor(-0.1000)
    """

    def __init__(self, optimizer=None, *, columns=None):
        super().__init__()
        self.portfolio = DifferentiablePortfolio(optimizer)
        self.columns = None if columns is None else [int(c) for c in columns]

    def forward(self, y_pred, y_true, sample_weight=None, groups=None, features=None):
        """Compute the loss.

        Parameters
        ----------
        y_pred : torch.Tensor of shape (n,) or (n, k)
            Predictions.

        y_true : torch.Tensor of the same shape
            Targets or returns, NaN where missing.

        sample_weight : torch.Tensor of shape (n,) or None, default=None
            Not used.

        groups : torch.Tensor of shape (n,) of int64, or None, default=None
            Era codes; None means that the batch is one era.

        features : torch.Tensor of shape (n, m), default=None
            Finite features. None means no exposure penalty.

        Returns
        -------
        torch.Tensor of shape ()
            The loss, 0 if no era counts.
        """
        return -mean_counting(
            *self.era_scores(y_pred, y_true, sample_weight, groups, features=features)
        )

    def _scores(self, y_pred, y_true, sample_weight, groups, features=None):
        y_pred, y_true, observed = fill_missing(y_pred, y_true)
        if features is not None and self.columns is not None:
            features = features[:, self.columns]
        if features is not None and not features.shape[1]:
            features = None
        eras = EraSums(len(y_pred), groups)
        products = []
        counts = []
        for j in range(y_pred.shape[1]):
            inside = observed[:, j : j + 1].to(y_pred.dtype)
            low, high = eras.extremes(y_pred[:, j : j + 1], inside)
            count = high > low
            counts.append(count)
            rows = observed[:, j] & eras.spread(count)[:, 0]
            product = torch.zeros_like(y_pred[:, j])
            if rows.any():
                weights = self.portfolio(
                    y_pred[rows, j],
                    exposures=None if features is None else features[rows],
                    groups=None if groups is None else groups[rows],
                )
                product = product.index_put(
                    (rows.nonzero()[:, 0],), weights * y_true[rows, j]
                )
            else:
                # no gradient is a gradient of zero
                product = product + 0.0 * y_pred[:, j]
            products.append(product)
        scores = eras.sum(torch.stack(products, dim=1))
        return scores, torch.cat(counts, dim=1)
