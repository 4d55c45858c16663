"""The encoder of the context-aware ranker."""

import os
import subprocess
import sys

import pytest
import torch
from torch.nn import functional

from sknumerai.modules import ContextAwareEncoder, _attention
from sknumerai.modules._attention import _BlockedAttention, attend


def encoder(**params):
    torch.manual_seed(0)
    return ContextAwareEncoder(7, d_hidden=8, **params).eval()


@pytest.mark.parametrize(
    "features, width, blocks, count",
    [
        (705, 16, 1, 13_041),
        (705, 16, 2, 14_737),
        (35, 8, 1, 777),
        (335, 8, 2, 3_641),
    ],
)
def test_parameters_are_those_of_the_paper(features, width, blocks, count):
    module = ContextAwareEncoder(features, d_hidden=width, n_blocks=blocks)
    assert sum(p.numel() for p in module.parameters()) == count
    equations = ContextAwareEncoder(
        features, d_hidden=width, n_blocks=blocks, norm_first=False, final_norm=False
    )
    assert sum(p.numel() for p in equations.parameters()) == count - 2 * width


def by_hand(module, X, *, first, scale):
    """The layers as the equations write them, a head at a time."""

    def attention(block, x):
        q, k, v = block.qkv(x).chunk(3, dim=1)
        width = q.shape[1] // block.n_heads
        heads = [
            torch.softmax(a @ b.T / scale**0.5, dim=1) @ c
            for a, b, c in zip(q.split(width, 1), k.split(width, 1), v.split(width, 1))
        ]
        return block.mix(torch.cat(heads, dim=1))

    x = module.input(X)
    for block in module.blocks:
        norm_1, norm_2 = block.attention_norm, block.feed_forward_norm
        if first:
            z = x + attention(block, norm_1(x))
            x = z + block.feed_forward(norm_2(z))
        else:
            z = norm_1(x + attention(block, x))
            x = norm_2(z + block.feed_forward(z))
    return module.output(module.norm(x))


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("scale", ["head", "model"])
def test_layers_written_out_by_hand(first, scale):
    module = encoder(
        n_blocks=2, norm_first=first, final_norm=first, attention_scale=scale
    ).double()
    X = torch.rand(11, 7, dtype=torch.float64)
    raw = by_hand(module, X, first=first, scale=2 if scale == "head" else 8)
    expected = (raw - raw.min()) / (raw.max() - raw.min())
    torch.testing.assert_close(module(X), expected)
    module.output_range = (-1.0, 1.0)
    torch.testing.assert_close(module(X), 2 * expected - 1)
    module.output_range = None
    torch.testing.assert_close(module(X), raw)


def test_order_of_stocks_does_not_matter():
    module = encoder(n_blocks=2, out_features=3).double()
    X, order = torch.rand(50, 7, dtype=torch.float64), torch.randperm(50)
    torch.testing.assert_close(module(X[order]), module(X)[order])


def test_an_era_scores_the_same_alone_and_beside_others():
    module = encoder(n_blocks=2).double()
    X = torch.rand(60, 7, dtype=torch.float64)
    groups = torch.randint(4, (60,))
    together = module(X, groups)
    for era in range(4):
        torch.testing.assert_close(together[groups == era], module(X[groups == era]))
    other = torch.where((groups == 0)[:, None], X, 9 * X)
    same = module(other, groups)[groups == 0]
    torch.testing.assert_close(same, together[groups == 0])


def test_padding_is_not_attended_to():
    module = encoder().double()
    X = torch.rand(9, 7, dtype=torch.float64)
    mask = torch.zeros(3, 6, dtype=torch.bool)
    mask[0, :4], mask[1, 1:6] = True, True
    for filler in (0.0, 5.0, float("nan")):
        padded = torch.full((3, 6, 7), filler, dtype=torch.float64)
        padded[mask] = X
        out = module(padded, mask=mask)
        torch.testing.assert_close(out[0, :4], module(X[:4]))
        torch.testing.assert_close(out[1, 1:6], module(X[4:]))
        assert (out[~mask] == 0).all()
    assert module(torch.rand(2, 3, 7).double()).shape == (2, 3, 1)
    with pytest.raises(ValueError, match=r"mask must be bool and of shape \(3, 6\)"):
        module(padded, mask=mask[:2])


def test_eras_of_one_row_and_equal_stocks_score_the_middle():
    module = encoder(output_range=(-1.0, 3.0))
    X = torch.rand(1, 7)
    assert module(X).tolist() == [[1.0]]
    X = X.repeat(5, 1).requires_grad_()
    scores = module(X)
    assert scores.flatten().tolist() == [1.0] * 5
    scores.sum().backward()
    assert torch.isfinite(X.grad).all()


def heads(*shape, n=3, dtype=torch.float64):
    torch.manual_seed(0)
    return [torch.randn(shape, dtype=dtype).requires_grad_() for _ in range(n)]


@pytest.mark.parametrize("block", [7, 50, 10**6])
def test_blocks_of_attention_are_the_whole(monkeypatch, block):
    """Queries one by one, some at a time and all at once, against finite differences."""
    monkeypatch.setattr(_attention, "_BLOCK", block)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    inputs = heads(2, 11, 3)
    q, k, v = inputs
    torch.testing.assert_close(
        _BlockedAttention.apply(*inputs, 0.6, 0.0, None),
        torch.softmax(0.6 * q @ k.mT, -1) @ v,
    )
    assert torch.autograd.gradcheck(
        lambda *qkv: _BlockedAttention.apply(*qkv, 0.6, 0.0, None), inputs
    )


@pytest.mark.parametrize("width", [1, 4, 16])
@pytest.mark.parametrize("size", [1.0, 30.0])
def test_attention_in_float32_rounds_as_unfused(width, size):
    """Wide heads go to torch; large scores do not overflow."""
    q, k, v = heads(1, 2, 600, width, dtype=torch.float32)
    q.data *= size
    grad = torch.randn(1, 2, 600, width)

    def results(attention, *inputs):
        inputs = [t.detach().requires_grad_() for t in inputs]
        out = attention(*inputs)
        return [out, *torch.autograd.grad(out, inputs, grad.to(out.dtype))]

    def unfused(q, k, v):
        return torch.softmax(0.5 * q @ k.mT, -1) @ v

    exact = results(unfused, *(t.double() for t in (q, k, v)))
    rounded = results(unfused, q, k, v)
    found = results(lambda *qkv: attend(*qkv, scale=0.5), q, k, v)
    for ours, plain, value in zip(found, rounded, exact):
        scale = value.abs().max()
        limit = 4 * (plain - value).abs().max() + 1e-6 * scale
        assert (ours - value).abs().max() < limit


def test_no_rows_no_attention():
    inputs = heads(1, 2, 0, 4)
    for share in (0.0, 0.5):
        assert attend(*inputs, scale=1.0, dropout=share).shape == (1, 2, 0, 4)


def test_second_derivatives_are_refused_not_wrong():
    q, k, v = heads(1, 1, 5, 2)
    out = attend(q, k, v, scale=1.0).square().sum()
    with pytest.raises(RuntimeError, match="first derivatives only"):
        torch.autograd.grad(out, q, create_graph=True)


def test_dropout_of_attention_is_that_of_a_mask(monkeypatch):
    """Blocks of any size, forward and backward, against plain autograd."""
    n, d, share, seed = 9, 3, 0.3, 5
    q, k, v = (t.detach() for t in heads(4, n, d))
    # as values the unit vectors, and the result is the weights
    monkeypatch.setattr(_attention, "_BLOCK", 25)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    eye = torch.eye(n, dtype=torch.float64).expand(4, n, n)
    pad = torch.zeros(4, n, n - d, dtype=torch.float64)
    wide = torch.cat([q, pad], -1), torch.cat([k, pad], -1)
    dropped = _BlockedAttention.apply(*wide, eye, 0.6, share, seed)
    weights = torch.softmax(0.6 * q @ k.mT, -1)
    keep = (dropped / weights).round(decimals=6)
    assert set(keep.unique().tolist()) == {0.0, round(1 / (1 - share), 6)}
    inputs = [t.clone().requires_grad_() for t in (q, k, v)]
    plain = (torch.softmax(0.6 * inputs[0] @ inputs[1].mT, -1) * keep) @ inputs[2]
    torch.testing.assert_close(
        _BlockedAttention.apply(q, k, v, 0.6, share, seed), plain, rtol=1e-5, atol=1e-6
    )
    # gradients of all, and the mask that float32 makes in another way
    grad = torch.randn(4, n, d, dtype=torch.float64)
    expected = torch.autograd.grad(plain, inputs, grad)
    for dtype, close in (torch.float64, 1e-5), (torch.float32, 1e-4):
        ours = [t.detach().to(dtype).requires_grad_() for t in inputs]
        out = _BlockedAttention.apply(*ours, 0.6, share, seed)
        found = torch.autograd.grad(out, ours, grad.to(dtype))
        for a, b in zip(found, expected):
            torch.testing.assert_close(a.double(), b, rtol=close, atol=close)
    assert torch.autograd.gradcheck(
        lambda *qkv: _BlockedAttention.apply(*qkv, 0.6, share, seed), inputs
    )


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_draws_of_dropout_are_independent(share):
    """Between queries, keys, heads and steps: standard errors of what chance gives."""
    n_heads, n = 3, 600

    def mask(seed):
        draws = _attention._Draws(torch.empty(n_heads, n, 4), share, seed)
        one, rows = torch.ones(n, n), slice(0, n)
        kept = [draws.keep(one, h, rows, out=torch.empty(n, n)) for h in range(n_heads)]
        return (torch.stack(kept).double() - 1 + share) / (share * (1 - share)) ** 0.5

    x, after = mask(1), mask(2)
    assert torch.equal(x, mask(1))
    products = {"mean": x, "heads": x[0] * x[1], "steps": x * after}
    products["keys of queries"] = x[0] * x[0].T * (1 - torch.eye(n))
    products["rectangles"] = (
        x[:, 1:, 1:] * x[:, :-1, 1:] * x[:, 1:, :-1] * x[:, :-1, :-1]
    )
    for name, y in {"keys": x, "queries": x.mT}.items():
        for lag in (1, 2, 3, 64):
            products[f"{name}, {lag} apart"] = y[..., lag:] * y[..., :-lag]
        products[f"three {name}"] = y[..., 2:] * y[..., 1:-1] * y[..., :-2]
    for name, product in products.items():
        error = product.mean() * product.numel() ** 0.5
        assert error.abs() < 4, (name, error)
    for dim in (1, 2):
        # sums spread as binomial ones, and no two queries or keys are alike
        sums = x.sum(dim).square() / n
        assert (sums.mean() - 1).abs() < 4 * (2 / sums.numel()) ** 0.5
        rows = x[0] if dim == 2 else x[0].T
        alike = (rows @ rows.T / n**0.5).fill_diagonal_(0).abs().max()
        assert alike < 7


def test_draws_of_dropout_at_the_ends():
    for share, least in ((1e-12, 1.0), (1 - 1e-12, 0.0)):
        draws = _attention._Draws(torch.empty(1, 50, 4), share, 0)
        one = torch.ones(50, 50)
        kept = draws.keep(one, 0, slice(0, 50), out=torch.empty(50, 50))
        assert (kept == least).all() and draws.scale >= 1
        half = draws.keep(one.half(), 0, slice(0, 50), out=torch.empty(50, 50).half())
        assert torch.equal(half.float(), kept)


def test_dropout_of_attention_keeps_the_mean():
    torch.manual_seed(0)
    q, k, v = (torch.randn(1, 2, 40, 3) for _ in range(3))
    drawn = torch.stack([attend(q, k, v, scale=0.5, dropout=0.2) for _ in range(1000)])
    exact = functional.scaled_dot_product_attention(q, k, v, scale=0.5)
    error = drawn.std(0) / 1000**0.5
    # 240 values: beyond five standard errors with a chance of one in ten thousand
    assert ((drawn.mean(0) - exact).abs() < 5 * error).all()
    assert (drawn.mean(0) * exact).sum() / exact.square().sum() == pytest.approx(
        1, abs=0.02
    )
    torch.manual_seed(1)
    first = attend(q, k, v, scale=0.5, dropout=0.2)
    torch.manual_seed(1)
    assert torch.equal(first, attend(q, k, v, scale=0.5, dropout=0.2))


def test_a_step_does_not_hold_the_matrix_of_all_pairs():
    """2 eras of unlike length, 4 heads: all pairs are 763 MB in each of many copies."""
    if not sys.platform.startswith("linux"):
        pytest.skip("reads /proc")
    code = (
        "import torch\n"
        "from sknumerai.modules import ContextAwareEncoder\n"
        "torch.set_num_threads(1)\n"
        "def step(n, m, share):\n"
        "    module = ContextAwareEncoder(42, attention_dropout=share)\n"
        "    groups = torch.repeat_interleave(torch.tensor([n, m]))\n"
        "    module(torch.rand(n + m, 42), groups).square().sum().backward()\n"
        "    lines = open('/proc/self/status').read().splitlines()\n"
        # ru_maxrss would begin at what the process of the tests has had
        "    return next(int(x.split()[1]) for x in lines if 'VmHWM' in x) / 1e3\n"
        "step(50, 40, 0.0), step(50, 40, 0.1)\n"
        "before = step(50, 40, 0.0)\n"
        "print(step(5000, 4000, 0.0) - before, step(5000, 4000, 0.1) - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    plain, dropped = map(float, done.stdout.split())
    assert plain < 60 and dropped < 100, (plain, dropped)


def test_a_skip_from_levels_and_a_quiet_start():
    """The skip begins as zero and reads one column for each code, of its own weight."""
    codes = torch.randint(0, 5, (20, 7))
    plain, quiet = (
        encoder(output_range=None),
        encoder(output_range=None, output_gain=0.01),
    )
    for (name, a), b in zip(plain.named_parameters(), quiet.parameters()):
        torch.testing.assert_close(a * (0.01 if name == "output.weight" else 1), b)
    module = encoder(output_range=None, n_levels=5, linear_skip=True)
    assert module.in_features == 7 and module.input.in_features == 35
    X = codes / 4
    with torch.no_grad():
        before = module(X)
        assert (module.skip.weight == 0).all()
        curve = torch.zeros(7, 5)
        curve[2] = torch.tensor([3.0, -1, 4, 1, 5])
        module.skip.weight.copy_(curve.reshape(1, -1))
        added = (module(X) - before)[:, 0]
    expected = curve[2][codes[:, 2]] - curve[2].mean()
    torch.testing.assert_close(added, expected * 1.25**0.5)
    with pytest.raises(ValueError, match="n_levels must be 2 or more"):
        encoder(n_levels=1)


@pytest.mark.parametrize(
    "params, message",
    [
        ({"n_heads": 3}, "d_hidden must be a multiple of n_heads"),
        ({"attention_scale": "root"}, "attention_scale must be"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\)"),
        ({"attention_dropout": -1}, r"attention_dropout must be in \[0, 1\)"),
        ({"output_range": (1, 0)}, "output_range must be"),
        ({"n_blocks": 0}, "n_blocks must be a positive integer"),
    ],
)
def test_errors_say_what_is_allowed(params, message):
    with pytest.raises(ValueError, match=message):
        encoder(**params)


def test_groups_of_other_rows():
    with pytest.raises(ValueError, match="one era code for each of the 3 rows"):
        encoder()(torch.rand(3, 7), torch.zeros(2, dtype=torch.long))
