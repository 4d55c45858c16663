"""Exact attention over the rows of an era, without the matrix of all pairs in memory."""

# SPDX-License-Identifier: BSD-3-Clause

import math

import torch
from torch.nn import functional

# Attention weights of a block, for each thread: two blocks stay in the cache of a core
_BLOCK = 2**18
_BLOCK_OF_OTHER_DEVICES = 2**24
# From this width on torch's fused kernel is the faster one
_WIDE_HEAD = 16


def attend(q, k, v, *, scale, dropout=0.0):
    """Mix the values of all rows by softmax(scale * q k').

    In memory proportional to the rows. torch's fused kernel does it for wide heads and
    on other devices than the CPU. It is slow for the ranker's heads of 4 numbers, and
    with dropout it makes the matrix of all pairs; for these the weights are computed
    for some queries at a time, and again in the backward pass with the same draws.

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
    if not dropout and (q.device.type != "cpu" or q.shape[-1] >= _WIDE_HEAD):
        return functional.scaled_dot_product_attention(q, k, v, scale=scale)
    # the seed comes from torch's own generator, which decides all other dropout too
    seed = int(torch.randint(2**63 - 1, ())) if dropout else None
    heads = (t.flatten(0, 1) for t in (q, k, v))
    return _BlockedAttention.apply(*heads, scale, dropout, seed).view(q.shape)


class _BlockedAttention(torch.autograd.Function):
    """Attention of heads (n_heads, n_rows, d_head), some queries at a time.

    Powers are of 2, for which vector instructions take a third of the time of those of
    e. Small matrices have their long side along the memory: products with them are
    several times faster.
    """

    @staticmethod
    def forward(ctx, q, k, v, scale, dropout, seed):
        out, norm = torch.empty_like(q), q.new_empty(*q.shape[:-1], 1)
        draws = _Draws(q, dropout, seed)
        q_in_bits, k_cols = q * (scale * math.log2(math.e)), k.mT.contiguous()
        v_cols = (v * draws.scale).mT.contiguous()
        for head, rows, weights in _blocks(q):
            torch.mm(q_in_bits[head, rows], k_cols[head], out=weights)
            top = weights.amax(dim=1, keepdim=True)
            weights.sub_(top).exp2_()
            total = weights.sum(dim=1, keepdim=True)
            if dropout:
                weights.mul_(draws.next(weights))
            torch.div(weights @ v_cols[head].T, total, out=out[head, rows])
            torch.add(top, total.log2_(), out=norm[head, rows])
        ctx.save_for_backward(q, k, v, out, norm)
        ctx.settings = scale, dropout, seed
        return out

    @staticmethod
    def backward(ctx, grad):
        # torch's decorator for this cannot be pickled by value, as exports are
        if torch.is_grad_enabled():
            raise RuntimeError(
                "Attention by blocks has first derivatives only: differentiate without "
                "create_graph=True, or use heads of 16 numbers and more."
            )
        q, k, v, out, norm = ctx.saved_tensors
        scale, dropout, seed = ctx.settings
        draws = _Draws(q, dropout, seed)
        centre = (out * grad).sum(dim=-1, keepdim=True)
        grad = grad * draws.scale
        # one more column subtracts a number from each row of a product
        one = q.new_ones(*q.shape[:-1], 1)
        k_cols = torch.cat([k, one], dim=-1).mT.contiguous()
        v_cols = torch.cat([v, one], dim=-1).mT.contiguous()
        q_in_bits = torch.cat([q * (scale * math.log2(math.e)), -norm], dim=-1)
        shift = torch.zeros_like(centre) if dropout else -centre
        shifted_grad = torch.cat([grad, shift], dim=-1)
        q_cols, grad_cols = (q * scale).mT.contiguous(), grad.mT.contiguous()
        dq = torch.empty_like(q)
        dk, dv = torch.zeros_like(q_cols), torch.zeros_like(grad_cols)
        slope_store = None
        for head, rows, weights in _blocks(q):
            if slope_store is None:
                slope_store = torch.empty_like(weights)
            slope = slope_store[: len(weights)]
            torch.mm(q_in_bits[head, rows], k_cols[head], out=weights)
            weights.exp2_()
            torch.mm(shifted_grad[head, rows], v_cols[head], out=slope)
            if dropout:
                keep = draws.next(weights)
                slope.mul_(keep).sub_(centre[head, rows]).mul_(weights)
                weights.mul_(keep)
            else:
                slope.mul_(weights)
            dv[head].addmm_(grad_cols[head, :, rows], weights)
            dk[head].addmm_(q_cols[head, :, rows], slope)
            torch.mm(slope, k_cols[head, :-1].T, out=dq[head, rows])
        return dq.mul_(scale), dk.mT, dv.mT, None, None, None


class _Draws:
    """Which weights are kept, block after block, the same for the same seed.

    Parameters
    ----------
    like : torch.Tensor
        Has the device.

    dropout : float
        Share that is dropped.

    seed : int or None
        Of the generator; None where nothing is dropped.
    """

    def __init__(self, like, dropout, seed):
        # 16 random bits decide on a weight: four times faster than a number for each
        self.n_dropped = round(dropout * 2**16)
        self.scale = 2**16 / max(2**16 - self.n_dropped, 1)
        if seed is not None:
            self.generator = torch.Generator(device=like.device).manual_seed(seed)

    def next(self, weights):
        """Return the factor of each weight, 0 or 1; `scale` makes up for the dropped."""
        n = weights.numel()
        bits = torch.empty(-(-n // 4), dtype=torch.int64, device=weights.device)
        bits.random_(-(2**63), None, generator=self.generator)
        bits = bits.view(torch.int16)[:n].view(weights.shape)
        keep = torch.empty_like(weights)
        return torch.ge(bits, self.n_dropped - 2**15, out=keep)


def _blocks(q):
    """Yield heads, slices of queries and memory for their weights, the same for all."""
    n_heads, n_rows, _ = q.shape
    most = _BLOCK_OF_OTHER_DEVICES
    if q.device.type == "cpu":
        most = _BLOCK * torch.get_num_threads()
    step = max(1, min(most // max(1, n_rows), n_rows))
    weights = q.new_empty(step, n_rows)
    for head in range(n_heads):
        for first in range(0, n_rows, step):
            rows = slice(first, min(first + step, n_rows))
            yield head, rows, weights[: rows.stop - first]
