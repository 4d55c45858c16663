"""Self-attention over the stocks of an era."""

# SPDX-License-Identifier: BSD-3-Clause

from numbers import Real

import torch
from torch import nn

from sknumerai.modules._attention import attend
from sknumerai.modules._level_encoding import LevelEncoding
from sknumerai.modules._mlp import check_size, make_encoding

# A span this small beside the scores is their rounding
_ROUNDING = 1e-6


class ContextAwareEncoder(nn.Module):
    """Score each stock of an era in view of all others.

    A dense layer makes d_hidden numbers of the features of a stock; in encoder blocks
    the stocks of an era attend to each other (there are no positions, so their order
    does not matter) and pass a small perceptron; a dense layer makes the score, and the
    scores of an era are stretched to a fixed range.

    Parameters
    ----------
    in_features : int
        Number of input columns.

    out_features : int, default=1
        Number of scores of each stock, one for each target.

    d_hidden : int, default=16
        Width of the network, a multiple of `n_heads`.

    d_ff : int or None, default=None
        Width of the hidden layer in the perceptron of a block. None is `d_hidden`.

    n_heads : int, default=4
        Number of attention heads.

    n_blocks : int, default=1
        Number of encoder blocks.

    dropout : float, default=0.1
        Share of numbers that is dropped in training: after the first layer, within the
        perceptrons and before what a block found is added.

    encoder_dropout : float or None, default=None
        The share within the blocks, where it is another than `dropout`.

    attention_dropout : float, default=0.0
        Share of attention weights that is dropped in training. Not in the paper's
        equations; the program that it builds on has it.

    norm_first : bool, default=True
        Whether attention and perceptron get normalized numbers, as in the author's
        and the cited paper's programs. False normalizes after the addition, as in the
        equations.

    final_norm : bool, default=True
        Whether numbers are normalized before the last layer, as in the programs; the
        equations do not.

    attention_scale : {'head', 'model'}, default='head'
        Whether products of queries and keys are divided by the root of the width of a
        head, as is usual, or of `d_hidden`, as the paper's equation 8 reads.

    output_range : tuple of (float, float) or None, default=(0.0, 1.0)
        Range that the scores of each era are stretched to. None leaves them as they
        are.

    n_levels : int or None, default=None
        Number of levels, evenly spaced from 0 to 1, that each feature is encoded by
        (``LevelEncoding``) before the first layer: 5 gives each of Numerai's codes
        a weight of its own. None leaves features as they are.

    linear_skip : bool, default=False
        Whether a linear layer from the (encoded) features to the scores is added to
        what the blocks give. It begins as zero, and sees no dropout.

    output_gain : float, default=1.0
        Factor of the first weights of the last layer. Small ones let the network begin
        with what is learned, not with its random start.

    Raises
    ------
    ValueError
        If a parameter is outside of what is said above.

    See Also
    --------
    sknumerai.neural_network.ContextAwareRanker : The network as an estimator.

    Notes
    -----
    Shape: input ``(n_rows, in_features)``, with the eras of the rows as ``groups``
    ``(n_rows,)`` unless they are one era; output ``(n_rows, out_features)``. Or padded:
    input ``(n_eras, max_rows, in_features)`` and ``mask`` ``(n_eras, max_rows)``, True
    for rows; output ``(n_eras, max_rows, out_features)``, 0 where there is no row.

    Rows of other eras and padding take no part in an era's attention: they are never
    computed, so an era's scores do not depend on the batch that it is in. Attention is
    exact, in memory proportional to the rows.

    An era of one row, and scores that do not differ, become the middle of the range.

    References
    ----------
    .. [1] Sarfati, A. (2024). Numerai Tournament. Section 4.

    .. [2] Pobrotyn, P., Bartczak, T., Synowiec, M., Bialobrzeski, R. and Bojar, J.
           (2020). Context-Aware Learning to Rank with Self-Attention.

    Examples
    --------
    >>> import torch
    >>> from sknumerai.modules import ContextAwareEncoder
    >>> module = ContextAwareEncoder(in_features=705)
    >>> sum(p.numel() for p in module.parameters())
    13041
    >>> module(torch.rand(5, 705), groups=torch.tensor([0, 0, 0, 1, 1])).shape
    torch.Size([5, 1])
    """

    def __init__(
        self,
        in_features,
        out_features=1,
        *,
        d_hidden=16,
        d_ff=None,
        n_heads=4,
        n_blocks=1,
        dropout=0.1,
        encoder_dropout=None,
        attention_dropout=0.0,
        norm_first=True,
        final_norm=True,
        attention_scale="head",
        output_range=(0.0, 1.0),
        n_levels=None,
        linear_skip=False,
        output_gain=1.0,
    ):
        super().__init__()
        self.output_gain = output_gain
        self.in_features = check_size("in_features", in_features)
        self.encoding, n_columns = make_encoding(n_levels, self.in_features)
        d_hidden = check_size("d_hidden", d_hidden)
        n_heads = check_size("n_heads", n_heads)
        if d_hidden % n_heads:
            raise ValueError(
                f"d_hidden must be a multiple of n_heads. Got d_hidden={d_hidden} and "
                f"n_heads={n_heads}."
            )
        if attention_scale not in ("head", "model"):
            raise ValueError(
                "attention_scale must be 'head' or 'model'. Got "
                f"{attention_scale!r} instead."
            )
        within = dropout if encoder_dropout is None else encoder_dropout
        width = d_hidden // n_heads if attention_scale == "head" else d_hidden
        self.output_range = _check_range(output_range)
        self.input = nn.Linear(n_columns, d_hidden)
        self.dropout = nn.Dropout(_check_share("dropout", dropout))
        self.blocks = nn.ModuleList(
            _EncoderBlock(
                d_hidden,
                d_hidden if d_ff is None else check_size("d_ff", d_ff),
                n_heads,
                _check_share("encoder_dropout", within),
                _check_share("attention_dropout", attention_dropout),
                norm_first,
                width**-0.5,
            )
            for _ in range(check_size("n_blocks", n_blocks))
        )
        self.norm = nn.LayerNorm(d_hidden) if final_norm else nn.Identity()
        self.output = nn.Linear(d_hidden, check_size("out_features", out_features))
        self.skip = None
        if linear_skip:
            self.skip = nn.Linear(n_columns, self.out_features, bias=False)
        self.reset_parameters()

    @property
    def out_features(self):
        """Number of scores of each stock."""
        return self.output.out_features

    def reset_parameters(self):
        """Draw new weights: Glorot-uniform, biases as torch draws them."""
        for layer in self.modules():
            if isinstance(layer, nn.Linear | nn.LayerNorm):
                layer.reset_parameters()
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
        for block in self.blocks:
            # three layers in one matrix
            for weight in block.qkv.weight.detach().chunk(3):
                nn.init.xavier_uniform_(weight)
        with torch.no_grad():
            self.output.weight.mul_(self.output_gain)
        if self.skip is not None:
            nn.init.zeros_(self.skip.weight)

    def forward(self, X, groups=None, mask=None, *, stretch=True):
        """Compute the scores.

        Parameters
        ----------
        X : torch.Tensor of shape (n_rows, in_features) or (n_eras, max_rows, \
in_features)
            Features.

        groups : torch.Tensor of shape (n_rows,) of int64, or None, default=None
            Era codes of the rows, in any order. None means that the rows are one era.

        mask : torch.Tensor of shape (n_eras, max_rows) of bool, or None, default=None
            Which rows of a padded `X` there are. None means all.

        stretch : bool, default=True
            Whether the scores of each era are stretched to `output_range`.

        Returns
        -------
        torch.Tensor of shape (n_rows, out_features) or (n_eras, max_rows, out_features)
            Scores, in `output_range` unless it is None or `stretch` is False.
        """
        if X.ndim == 3:
            return self._forward_padded(X, mask, stretch)
        order, counts = _rows_of_eras(groups, len(X))
        scores = self._scores(X if order is None else X[order], counts, stretch)
        return (
            scores
            if order is None
            else torch.empty_like(scores).index_copy(0, order, scores)
        )

    def _forward_padded(self, X, mask, stretch):
        if mask is None:
            mask = X.new_ones(X.shape[:2], dtype=torch.bool)
        if mask.shape != X.shape[:2] or mask.dtype != torch.bool:
            raise ValueError(
                f"mask must be bool and of shape {tuple(X.shape[:2])}, the eras and "
                f"rows of X. Got {mask.dtype} of shape {tuple(mask.shape)}."
            )
        counts = [n for n in mask.sum(dim=1).tolist() if n]
        scores = self._scores(X[mask], counts, stretch)
        out = scores.new_zeros(*mask.shape, scores.shape[1])
        return out.masked_scatter(mask[..., None], scores)

    def _scores(self, X, counts, stretch):
        if isinstance(self.encoding, LevelEncoding):
            X = self.encoding(2 * X - 1)  # its levels run from -1 to 1
        hidden = self.dropout(self.input(X))
        for block in self.blocks if counts else ():
            hidden = block(hidden, counts)
        exact = self.output.weight.dtype
        if hidden.dtype == exact:
            scores = self._output(hidden, X)
        else:
            # under autocast: stocks are ranked by small differences of scores
            with torch.autocast(X.device.type, enabled=False):
                scores = self._output(hidden.to(exact), X.to(exact))
        if self.output_range is None or not (stretch and counts):
            return scores
        return torch.cat(
            [_stretch(s, *self.output_range) for s in scores.split(counts)]
        )

    def _output(self, hidden, X):
        scores = self.output(self.norm(hidden))
        return scores if self.skip is None else scores + self.skip(X)


class _EncoderBlock(nn.Module):
    """Attention and a perceptron, each added to what came in."""

    def __init__(self, width, d_ff, n_heads, dropout, attention_dropout, first, scale):
        super().__init__()
        self.n_heads = n_heads
        self.attention_dropout = attention_dropout
        self.norm_first = first
        self.scale = scale
        self.qkv = nn.Linear(width, 3 * width)
        self.mix = nn.Linear(width, width)
        self.attention_norm = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, d_ff),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(d_ff, width),
        )
        self.feed_forward_norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, X, counts):
        """Return new numbers of rows that lie era after era."""
        if self.norm_first:
            X = X + self.dropout(self._attend(self.attention_norm(X), counts))
            return X + self.dropout(self.feed_forward(self.feed_forward_norm(X)))
        X = self.attention_norm(X + self.dropout(self._attend(X, counts)))
        return self.feed_forward_norm(X + self.dropout(self.feed_forward(X)))

    def _attend(self, X, counts):
        # (n_rows, 3 * width) -> three of (n_heads, n_rows, d_head)
        parts = self.qkv(X).view(len(X), 3, self.n_heads, X.shape[1] // self.n_heads)
        share = self.attention_dropout if self.training else 0.0
        mixed = [
            attend(*era[:, None], scale=self.scale, dropout=share)[0]
            for era in parts.permute(1, 2, 0, 3).split(counts, dim=2)
        ]
        return self.mix(torch.cat(mixed, dim=1).transpose(0, 1).flatten(1))


def _rows_of_eras(groups, n_rows):
    """Return what puts rows in era order (None where they are) and rows per era."""
    if groups is None:
        return None, [n_rows] if n_rows else []
    if groups.shape != (n_rows,):
        raise ValueError(
            f"groups must have one era code for each of the {n_rows} rows. Got shape "
            f"{tuple(groups.shape)}."
        )
    counts = [n for n in torch.bincount(groups).tolist() if n]
    if (groups[1:] >= groups[:-1]).all():
        return None, counts
    return groups.argsort(stable=True), counts


def _stretch(scores, low, high):
    """Map the smallest score of each column to `low` and the largest to `high`."""
    least, most = scores.amin(dim=0), scores.amax(dim=0)
    span = most - least
    differ = span > _ROUNDING * torch.maximum(least.abs(), most.abs())
    share = (scores - least) / torch.where(differ, span, 1.0)
    return low + (high - low) * torch.where(differ, share, 0.5)


def _check_range(given):
    if given is None:
        return None
    if len(given) != 2 or not given[0] < given[1]:
        raise ValueError(
            f"output_range must be (low, high) with low < high, or None. Got {given!r}."
        )
    return float(given[0]), float(given[1])


def _check_share(name, value):
    if not isinstance(value, Real) or not 0 <= value < 1:
        raise ValueError(f"{name} must be in [0, 1). Got {value!r} instead.")
    return float(value)
