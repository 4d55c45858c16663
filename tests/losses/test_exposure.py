import torch

from sknumerai.losses import CorrelationLoss, ExposurePenalty


def batch(n=100, m=6):
    rng = torch.Generator().manual_seed(0)
    X = torch.randint(5, (n, m), generator=rng).double() / 4
    p = X @ torch.linspace(-1, 1, m).double() + torch.rand(n, generator=rng).double()
    return p, torch.rand(n, generator=rng).double(), X


def test_total_exposure_by_its_formula():
    p, y, X = batch()
    unit = (p - p.mean()) / torch.linalg.vector_norm(p - p.mean())
    expected = ((unit @ (X - 0.5)) ** 2).sum()
    out = ExposurePenalty(kind="total")(p, y, features=X)
    torch.testing.assert_close(out, expected)
    ends = torch.cat([p.argsort()[:20], p.argsort()[-20:]])
    of_ends = ExposurePenalty(kind="total")(p[ends], y[ends], features=X[ends])
    out = ExposurePenalty(kind="total", top_bottom=20)(p, y, features=X)
    torch.testing.assert_close(out, of_ends)


def test_only_what_exceeds_the_limit_counts():
    p, y, X = batch()
    r = torch.corrcoef(torch.column_stack([p, X]).T)[0, 1:].abs()
    expected = ((r - 0.3).clamp_min(0) ** 2).mean()
    assert 0 < (r < 0.3).sum() < len(r)
    out = ExposurePenalty(max_exposure=0.3)(p, y, features=X)
    torch.testing.assert_close(out, expected)


def test_is_added_to_the_other_loss():
    p, y, X = batch()
    alone = CorrelationLoss()(p, y)
    penalty = ExposurePenalty()(p, y, features=X)
    both = ExposurePenalty(CorrelationLoss(), weight=3.0)(p, y, features=X)
    torch.testing.assert_close(both, alone + 3 * penalty)
    few = ExposurePenalty(columns=[0, 5])(p, y, features=X)
    torch.testing.assert_close(few, ExposurePenalty()(p, y, features=X[:, [0, 5]]))


def test_descent_takes_the_exposure_away():
    p, y, X = batch()
    p = p.clone().requires_grad_()
    optimizer = torch.optim.Adam([p], lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        out = ExposurePenalty()(p, y, features=X)
        out.backward()
        optimizer.step()
    assert out < 1e-3
