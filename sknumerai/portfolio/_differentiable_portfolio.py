"""Optimal portfolios as a layer of a network."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import torch
from torch import nn

from sknumerai.portfolio._adjoint import pull_back
from sknumerai.portfolio._era_inputs import check_matrix
from sknumerai.portfolio._era_problems import EraProblems, warn_unconverged
from sknumerai.portfolio._portfolio_optimizer import PortfolioOptimizer
from sknumerai.portfolio._standard_scores import pull_back_scores, standard_scores


class DifferentiablePortfolio(nn.Module):
    """Weights of `PortfolioOptimizer` with their exact gradient by the scores.

    Parameters
    ----------
    optimizer : PortfolioOptimizer or None, default=None
        What is maximized, within which limits. None is ``PortfolioOptimizer()``.

    Raises
    ------
    TypeError
        If `optimizer` is no `PortfolioOptimizer`.

    See Also
    --------
    PortfolioReturnLoss : Minus the return of the portfolio, a loss to train with.

    Notes
    -----
    Near a solution the free weights, those that are not 0, at the limit or where they
    started, move in the plane of the constraints that are active; the others stay. The
    gradient is that of this motion, from one system of equations with as many unknowns
    as there are constraints and exposures, or free weights if these are fewer. Where a
    weight is at the edge between the two it is one of the one-sided derivatives.

    It needs curvature: without `idio_risk` and exposures the portfolio is a corner of
    the limits, and its gradient is zero.

    All is computed on the CPU in float64; the weights have the type and device of the
    scores. From the forward to the backward pass, each era's exposures are kept in
    float64.

    References
    ----------
    .. [1] Amos, B. and Kolter, J. Z. (2017). OptNet: Differentiable Optimization as a
       Layer in Neural Networks. :arxiv:`1703.00443`
    .. [2] Numerai (2022). True Contribution Details. Numerai's forum.

    Examples
    --------
    >>> import torch
    >>> from sknumerai.portfolio import DifferentiablePortfolio
    >>> scores = torch.tensor([0.9, 0.6, 0.3, 0.1], requires_grad=True)
    >>> weights = DifferentiablePortfolio()(scores)
    >>> returns = torch.tensor([0.1, 0.2, -0.1, 0.0])
    >>> (weights @ returns).backward()
    >>> scores.grad.shape
    torch.Size([4])
    """

    def __init__(self, optimizer=None):
        super().__init__()
        optimizer = PortfolioOptimizer() if optimizer is None else optimizer
        if not isinstance(optimizer, PortfolioOptimizer):
            raise TypeError(
                f"optimizer must be a PortfolioOptimizer or None. Got {optimizer!r}."
            )
        self.optimizer = optimizer

    def forward(
        self,
        scores,
        *,
        exposures=None,
        groups=None,
        neutral=None,
        factors=None,
        variances=None,
        start=None,
    ):
        """Find the weights of each era.

        Parameters
        ----------
        scores : torch.Tensor of shape (n,) or (n, k)
            Finite scores. Each column gets a portfolio of its own.

        exposures : torch.Tensor or array-like of shape (n, n_features), default=None
            Finite features, exposure to which costs. No input but `scores` gets a
            gradient.

        groups : torch.Tensor or array-like of shape (n,), default=None
            Era of each row; None means that all are one era.

        neutral, factors, variances, start : torch.Tensor or array-like, default=None
            As in `PortfolioOptimizer.solve`.

        Returns
        -------
        torch.Tensor of the shape of `scores`
            Portfolio weights.

        Raises
        ------
        TypeError
            If the scores are no floating tensor.

        ValueError
            As `PortfolioOptimizer.solve`, or if the problem has no curvature.
        """
        opt = self.optimizer
        opt._validate_params()
        if not isinstance(scores, torch.Tensor) or not scores.is_floating_point():
            given = getattr(scores, "dtype", type(scores).__name__)
            raise TypeError(
                "DifferentiablePortfolio: scores must be a floating torch.Tensor of "
                f"shape (n,) or (n, k). Got {given}."
            )
        if scores.ndim not in (1, 2):
            raise ValueError(
                "DifferentiablePortfolio: scores must have shape (n,) or (n, k). Got "
                f"{tuple(scores.shape)}."
            )
        sides = {
            "exposures": exposures,
            "groups": groups,
            "neutral": neutral,
            "factors": factors,
            "variances": variances,
            "start": start,
        }
        if opt.idio_risk == 0 and (exposures is None or opt.exposure_penalty == 0):
            raise ValueError(
                "DifferentiablePortfolio: without curvature the gradient of a portfolio "
                "is zero. Set idio_risk above 0, or give exposures and set "
                "exposure_penalty above 0."
            )
        return _Solve.apply(scores, opt, {k: _array(v) for k, v in sides.items()})

    def extra_repr(self):
        """Say the parameters.

        Returns
        -------
        str
            For ``repr``.
        """
        return repr(self.optimizer)


class _Solve(torch.autograd.Function):
    @staticmethod
    def forward(ctx, scores, optimizer, sides):
        caller = "DifferentiablePortfolio"
        values = check_matrix(_array(scores), len(scores), "scores", caller)
        values = values.astype(np.float64)
        rounds = EraProblems(optimizer, values, caller=caller, **sides)
        out = np.empty(values.shape)
        ctx.gross, ctx.solved = float(optimizer.gross), []
        for label, rows in rounds:
            problem, solution = rounds.problem(label, rows), None
            for j in range(values.shape[1]):
                z, deviation = standard_scores(values[rows, j], label, caller)
                solution = problem.solve(z, solution)
                warn_unconverged(solution, label, caller)
                out[rows, j] = ctx.gross * solution.weights
                ctx.solved.append((rows, j, problem, solution, z, deviation))
        return torch.from_numpy(out).to(scores).reshape(scores.shape)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        g = grad.detach().cpu().double().numpy().reshape(len(grad), -1)
        out = np.zeros(g.shape)
        for rows, j, problem, solution, z, deviation in ctx.solved:
            v = ctx.gross * pull_back(problem, solution, g[rows, j])
            out[rows, j] = pull_back_scores(v, z, deviation)
        return torch.from_numpy(out).to(grad).reshape(grad.shape), None, None


def _array(values):
    if not isinstance(values, torch.Tensor):
        return values
    values = values.detach().cpu()
    if values.dtype == torch.bfloat16:
        values = values.float()
    return values.numpy()
