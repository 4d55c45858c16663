"""Exact attention over the rows of an era, without the matrix of all pairs in memory."""

# SPDX-License-Identifier: BSD-3-Clause

import math

import torch
from torch.nn import functional

# Attention weights of a block, for each thread: two blocks stay in the cache of a core
_BLOCK = 2**18
_BLOCK_OF_OTHER_DEVICES = 2**24
# Heads of a block, or as many as there are threads if these are more
_HEADS = 4
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
    if q.dtype in (torch.bfloat16, torch.float16):
        # under autocast: the sums of a row are too long for so few digits
        with torch.autocast(q.device.type, enabled=False):
            mixed = attend(
                q.float(), k.float(), v.float(), scale=scale, dropout=dropout
            )
        return mixed.to(q.dtype)
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
        q_in_bits, k_cols = q * (scale * math.log2(math.e)), k.mT.contiguous()
        v_cols = v.mT.contiguous()
        if dropout:
            draws = _Draws(q, dropout, seed)
            v_cols *= draws.scale
        for heads, rows, weights, *kept in _blocks(q, 2 if dropout else 1):
            torch.bmm(q_in_bits[heads, rows], k_cols[heads], out=weights)
            top = weights.amax(dim=-1, keepdim=True)
            weights.sub_(top).exp2_()
            total = weights.sum(dim=-1, keepdim=True)
            if dropout:
                weights = draws.keep(weights, heads, rows, out=kept[0])
            mixed = torch.bmm(weights, v_cols[heads].mT)
            torch.div(mixed, total, out=out[heads, rows])
            torch.add(top, total.log2_(), out=norm[heads, rows])
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
        centre = (out * grad).sum(dim=-1, keepdim=True)
        # one more column subtracts a number from each row of a product
        one = q.new_ones(*q.shape[:-1], 1)
        k_cols = torch.cat([k, one], dim=-1).mT.contiguous()
        q_in_bits = torch.cat([q * (scale * math.log2(math.e)), -norm], dim=-1)
        if dropout:
            draws = _Draws(q, dropout, seed)
            grad = grad * draws.scale
            left, v_cols = grad, v.mT.contiguous()
        else:
            left = torch.cat([grad, -centre], dim=-1)
            v_cols = torch.cat([v, one], dim=-1).mT.contiguous()
        q_cols, grad_cols = (q * scale).mT.contiguous(), grad.mT.contiguous()
        dq = torch.empty_like(q)
        dk, dv = torch.zeros_like(q_cols), torch.zeros_like(grad_cols)
        for heads, rows, weights, slope, *kept in _blocks(q, 3 if dropout else 2):
            torch.bmm(q_in_bits[heads, rows], k_cols[heads], out=weights)
            weights.exp2_()
            torch.bmm(left[heads, rows], v_cols[heads], out=slope)
            if dropout:
                kept = draws.keep(weights, heads, rows, out=kept[0])
                slope.mul_(kept).addcmul_(weights, centre[heads, rows], value=-1)
            else:
                kept = weights
                slope.mul_(weights)
            dv[heads].baddbmm_(grad_cols[heads, :, rows], kept)
            dk[heads].baddbmm_(q_cols[heads, :, rows], slope)
            dq[heads, rows] = torch.bmm(slope, k_cols[heads, :-1].mT)
        return dq.mul_(scale), dk.mT, dv.mT, None, None, None


class _Draws:
    """Which weights are kept, the same for the same seed, in whatever order one asks.

    A weight is dropped where ``factor[query] * place[key] + shift[query]``, modulo
    2**32, is below ``dropout * 2**32``. Factor and shift are drawn anew for each query
    of each head and step, so what queries lose is independent. The places of keys are
    drawn for each head and step, no two of them equal, so that any two weights of a query
    are independent too (up to 2**-18 for 5,000 keys). It is two passes over memory in the
    cache; drawing numbers one by one takes several times as long.

    Parameters
    ----------
    like : torch.Tensor of shape (n_heads, n_rows, d_head)
        Has the device and the sizes.

    dropout : float
        Share that is dropped, rounded to a multiple of 2**-32.

    seed : int
        Of the generator.
    """

    def __init__(self, like, dropout, seed):
        n_heads, n_rows, _ = like.shape
        n_dropped = min(max(round(dropout * 2**32), 1), 2**32 - 1)
        self.last_dropped = n_dropped - 2**31 - 1
        self.scale = 2**32 / (2**32 - n_dropped)
        self.factor, self.place, self.shift = torch.randint(
            -(2**31),
            2**31,
            (3, n_heads, n_rows, 1),
            dtype=torch.int32,
            device=like.device,
            generator=torch.Generator(device=like.device).manual_seed(seed),
        )
        self.factor |= 1
        # the low bits count the keys: two that were equal would be dropped together
        keys = torch.arange(n_rows, dtype=torch.int32, device=like.device)
        self.place = (self.place.mT << n_rows.bit_length()) | keys

    def keep(self, weights, heads, rows, *, out):
        """Write a block's weights into `out`, 0 for those that are dropped.

        `scale` makes up for these.
        """
        single = out.element_size() == 4
        shape = out.shape
        bits = out.view(torch.int32) if single else self.place.new_empty(shape)
        torch.mul(self.factor[heads, rows], self.place[heads], out=bits)
        bits.add_(self.shift[heads, rows])
        if not single:
            return torch.mul(weights, bits > self.last_dropped, out=out)
        # the one operation that compares and chooses in one pass; it takes what to
        # choose from, what to compare and with what
        # (got by its name, since what refers to torch.ops cannot be pickled by value)
        choose = getattr(torch, "ops").aten.threshold_backward.grad_input  # noqa: B009
        choose(weights.view(torch.int32), bits, self.last_dropped, grad_input=bits)
        return out


def _blocks(q, n):
    """Yield slices of heads and of queries, and memory for n blocks, the same for all.

    Several heads at a time: products of a stack are divided among the threads, which
    those of one head of few numbers are not.
    """
    n_heads, n_rows, _ = q.shape
    most, group = _BLOCK_OF_OTHER_DEVICES, _HEADS
    if q.device.type == "cpu":
        most = _BLOCK * torch.get_num_threads()
        group = max(group, torch.get_num_threads())
    group = min(group, n_heads)
    step = max(1, min(most // max(1, group * n_rows), n_rows))
    stores = q.new_empty(n, group * step * n_rows)
    for head in range(0, n_heads, group):
        heads = slice(head, min(head + group, n_heads))
        for first in range(0, n_rows, step):
            rows = slice(first, min(first + step, n_rows))
            shape = heads.stop - head, rows.stop - first, n_rows
            # contiguous, also where the last heads or queries are fewer
            parts = stores[:, : math.prod(shape)].unflatten(1, shape)
            yield heads, rows, *parts
