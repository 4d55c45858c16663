"""Exact attention over the rows of an era, without the matrix of all pairs in memory."""

# SPDX-License-Identifier: BSD-3-Clause

import torch
from torch.nn import functional

# Elements of a block of attention weights: it stays in the cache of a core.
_BLOCK = 2**19


def attend(q, k, v, *, scale, dropout=0.0):
    """Mix the values of all rows by softmax(scale * q k').

    torch's fused kernel does it in memory proportional to the rows. With dropout of the
    weights torch falls back to the matrix of all pairs on the CPU; there blocks of rows
    are computed one by one, and again in the backward pass with the same draws.

    Parameters
    ----------
    q, k, v : torch.Tensor of shape (n_batch, n_heads, n_rows, d_head)
        Queries, keys and values.

    scale : float
        What products are multiplied by.

    dropout : float, default=0.0
        Share of the weights that is dropped.

    Returns
    -------
    torch.Tensor of shape (n_batch, n_heads, n_rows, d_head)
        The mixed values.
    """
    if not dropout:
        return functional.scaled_dot_product_attention(q, k, v, scale=scale)
    # the seed comes from torch's own generator, which decides all other dropout too
    seed = int(torch.randint(2**63 - 1, ()))
    return _DroppedAttention.apply(q, k, v, scale, dropout, seed)


class _DroppedAttention(torch.autograd.Function):
    """Attention with dropout, block by block of the queries."""

    @staticmethod
    def forward(ctx, q, k, v, scale, dropout, seed):
        out = torch.empty_like(q)
        norm = q.new_empty(q.shape[:-1])
        draws = _Draws(q, dropout, seed)
        for rows in _blocks(q):
            scores = (q[..., rows, :] * scale) @ k.mT
            norm[..., rows] = scores.logsumexp(-1)
            weights = scores.sub_(norm[..., rows, None]).exp_()
            out[..., rows, :] = draws.drop_(weights) @ v
        ctx.save_for_backward(q, k, v, out, norm)
        ctx.settings = scale, dropout, seed
        return out

    @staticmethod
    def backward(ctx, grad):
        q, k, v, out, norm = ctx.saved_tensors
        scale, dropout, seed = ctx.settings
        dq, dk, dv = torch.empty_like(q), torch.zeros_like(k), torch.zeros_like(v)
        centre = (out * grad).sum(-1, keepdim=True)
        draws = _Draws(q, dropout, seed)
        for rows in _blocks(q):
            q_rows, grad_rows = q[..., rows, :] * scale, grad[..., rows, :]
            weights = (q_rows @ k.mT).sub_(norm[..., rows, None]).exp_()
            keep = draws.next(weights)
            dv += (weights * keep).mT @ grad_rows
            slope = (grad_rows @ v.mT).mul_(keep).sub_(centre[..., rows, :])
            slope.mul_(weights)
            dq[..., rows, :] = (slope @ k) * scale
            dk += slope.mT @ q_rows
        return dq, dk, dv, None, None, None


class _Draws:
    """Which weights are kept, block after block, the same for the same seed."""

    def __init__(self, like, dropout, seed):
        self.generator = torch.Generator(device=like.device).manual_seed(seed)
        # 16 random bits decide on a weight: four times faster than a number for each
        self.n_dropped = round(dropout * 2**16)
        self.scale = 2**16 / max(2**16 - self.n_dropped, 1)

    def next(self, weights):
        """Return the factor of each weight: 0, or what makes up for the dropped."""
        n = weights.numel()
        bits = torch.empty(-(-n // 4), dtype=torch.int64, device=weights.device)
        bits.random_(-(2**63), None, generator=self.generator)
        bits = bits.view(torch.int16)[:n].view(weights.shape)
        return (bits >= self.n_dropped - 2**15).to(weights.dtype).mul_(self.scale)

    def drop_(self, weights):
        """Drop weights in place."""
        return weights.mul_(self.next(weights))


def _blocks(q):
    n_rows = q.shape[-2]
    step = max(1, _BLOCK // max(1, q.shape[:-1].numel()))
    return [slice(a, min(a + step, n_rows)) for a in range(0, n_rows, step)]
