"""Predictions as ranks of their eras, and the correlations that scores are made of."""

# SPDX-License-Identifier: BSD-3-Clause

import torch

from sknumerai.losses._eras import EPS, EraCells, fill_missing
from sknumerai.losses._soft_rank import EraOrder


def check_temperature(temperature):
    """Return the temperature as a float, or raise.

    Parameters
    ----------
    temperature : float
        0 or more.

    Returns
    -------
    float
        The same.
    """
    if not 0 <= temperature < float("inf"):
        raise ValueError(
            f"temperature must be 0 (hard ranks) or more, and finite. Got "
            f"{temperature!r} instead."
        )
    return float(temperature)


def check_top_bottom(top_bottom):
    """Return the number of rows at each end, or raise.

    Parameters
    ----------
    top_bottom : int or None
        The number, 1 or more; None for all rows.

    Returns
    -------
    int or None
        The same.
    """
    if top_bottom is not None and not (
        top_bottom >= 1 and int(top_bottom) == top_bottom
    ):
        raise ValueError(
            f"top_bottom must be an integer of at least 1. Got {top_bottom!r} instead."
        )
    return None if top_bottom is None else int(top_bottom)


def side_columns(values, name, caller, n_rows):
    """Return a side input with two dimensions, or say how to pass it.

    Parameters
    ----------
    values : torch.Tensor of shape (n,) or (n, m), or None
        The input.

    name : str
        What it is called.

    caller : torch.nn.Module
        The loss that needs it.

    n_rows : int
        Rows of the batch.

    Returns
    -------
    torch.Tensor of shape (n, m)
        The input, without a gradient.
    """
    if values is None:
        raise TypeError(
            f"{type(caller).__name__} needs {name}=, one row for each prediction. "
            "Networks pass on their features, and the meta model or benchmark that is "
            "given to fit(..., meta_model=...) or fit(..., benchmark=...)."
        )
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2 or len(values) != n_rows:
        raise ValueError(
            f"{name} must have one row for each of the {n_rows} predictions. Got shape "
            f"{tuple(values.shape)}."
        )
    return values.detach()


class RankedEras(EraCells):
    """The cells of a batch that count, and ranks over them.

    Parameters
    ----------
    y_pred : torch.Tensor of shape (n,) or (n, k)
        Predictions.

    y_true : torch.Tensor of the same shape
        Targets, NaN where missing.

    sample_weight : torch.Tensor of shape (n,) or None
        Weights of the rows in means and correlations; ranks are over all rows whose
        weight is not 0.

    groups : torch.Tensor of shape (n,) of int64, or None
        Era codes.

    temperature : float
        Softness of ranks: the regularization of `soft_rank` for predictions of
        standard deviation 1 is `temperature` over the number of rows. 0: hard ranks.

    known : torch.Tensor of shape (n,) of bool, or None, default=None
        Rows that count; None for all.
    """

    def __init__(
        self, y_pred, y_true, sample_weight, groups, temperature, *, known=None
    ):
        if known is not None:
            shape = (-1,) + (1,) * (y_true.ndim - 1)
            y_true = torch.where(known.reshape(shape), y_true, torch.nan)
        y_pred, y_true, observed = fill_missing(y_pred, y_true)
        super().__init__(y_true, observed, sample_weight, groups)
        self.y_pred, self.y_true = y_pred, y_true
        self.temperature = temperature
        self.inside = self.weight > 0
        self.n_rows = self.eras.sum(self.inside.to(y_pred.dtype))

    def ranks(self, values):
        """Return ranks between 0 and 1: ``(rank - 0.5) / n``, soft or hard.

        Parameters
        ----------
        values : torch.Tensor of shape (n, k)
            What to rank.

        Returns
        -------
        torch.Tensor of shape (n, k)
            Ranks; 0.5 outside.
        """
        if self.temperature == 0:
            return self.hard_ranks(values)
        eras, inside = self.eras, self.inside
        n = self.n_rows.clamp_min(1)
        values = torch.where(inside, values, 0.0)
        values = values - eras.spread(eras.sum(values) / n)
        values = torch.where(inside, values, 0.0)
        variance = eras.sum(values.square()) / n
        # in units of the regularization, so that 1 is the distance of two ranks
        scale = torch.rsqrt(variance + EPS) * n / self.temperature
        values = values * eras.spread(scale)
        ranks = EraOrder(values, inside, eras).soft_ranks(values)
        return self._to_unit(ranks)

    def hard_ranks(self, values):
        """Return the usual ranks between 0 and 1, ties kept, without a gradient.

        Parameters
        ----------
        values : torch.Tensor of shape (n, k)
            What to rank.

        Returns
        -------
        torch.Tensor of shape (n, k)
            Ranks; 0.5 outside.
        """
        order = EraOrder(values, self.inside, self.eras)
        return self._to_unit(order.ranks(self.y_pred.dtype))

    def _to_unit(self, ranks):
        n = self.eras.spread(self.n_rows.clamp_min(1))
        return torch.where(self.inside, (ranks - 0.5) / n, 0.5)

    def ends(self, values, number):
        """Tell which cells are the lowest and highest of their era.

        Parameters
        ----------
        values : torch.Tensor of shape (n, k)
            What decides it; of equal values the row that comes first is lower.

        number : int
            Cells at each end, half of them at most.

        Returns
        -------
        torch.Tensor of shape (n, k) of bool
            The answer.
        """
        return EraOrder(values, self.inside, self.eras).ends(number)

    def centered_target(self):
        """Return the target less its mean in the era.

        Returns
        -------
        torch.Tensor of shape (n, k)
            0 outside, and where the target of an era does not vary.
        """
        eras = self.eras
        centered = self.y_true - eras.spread(eras.sum(self.y_true * self.per_row))
        return torch.where(self.inside & eras.spread(self.counts), centered, 0.0)

    def correlation(self, scores, target, weight=None):
        """Correlate scores with a target in each era.

        Parameters
        ----------
        scores : torch.Tensor of shape (n, k)
            Scores, of a scale around 1.

        target : torch.Tensor of shape (n, k)
            Without a gradient, of any scale.

        weight : torch.Tensor of shape (n, k) or None, default=None
            Weights of cells; None for those of the rows.

        Returns
        -------
        torch.Tensor of shape (n_eras, k)
            Pearson's correlation; 0 where scores or targets do not vary.
        """
        eras = self.eras
        share = self.per_row if weight is None else self.shares(weight)
        s = scores - eras.spread(eras.sum(scores * share))
        t = target - eras.spread(eras.sum(target * share))
        square = eras.sum(t * t * share)
        varies = eras.varies(target, self.weight if weight is None else weight)
        varies = varies & (square > 0)
        # the target has no gradient, so that its length needs no small number added
        t_scale = torch.where(varies, torch.where(varies, square, 1.0).rsqrt(), 0.0)
        s_scale = torch.rsqrt(eras.sum(s * s * share) + EPS)
        return eras.sum(s * t * share) * t_scale * s_scale

    def numerai_corr(self, values, top_bottom=None):
        """Return Numerai's correlation of values with the target, by era.

        Parameters
        ----------
        values : torch.Tensor of shape (n, k)
            Predictions.

        top_bottom : int or None, default=None
            Correlate over so many of the highest and lowest rows only.

        Returns
        -------
        torch.Tensor of shape (n_eras, k)
            Scores.
        """
        scores = power(gaussian(self.ranks(values)))
        target = power(self.centered_target())
        if top_bottom is None:
            return self.correlation(scores, target)
        ends = self.ends(values, top_bottom)
        return self.correlation(scores, target, self.weight * ends)


def gaussian(ranks):
    """Return the quantiles of the standard normal at ranks between 0 and 1.

    Parameters
    ----------
    ranks : torch.Tensor
        Any shape.

    Returns
    -------
    torch.Tensor
        Quantiles.
    """
    return torch.special.ndtri(ranks)


def power(values):
    """Return the size of values to the power 1.5, with their sign.

    Parameters
    ----------
    values : torch.Tensor
        Any shape.

    Returns
    -------
    torch.Tensor
        Powers; the gradient at 0 is 0.
    """
    return values.sign() * values.abs().pow(1.5)
