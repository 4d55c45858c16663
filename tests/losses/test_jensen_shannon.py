import math

import pytest
import torch
from scipy.spatial.distance import jensenshannon

from sknumerai.losses import JensenShannonLoss


def test_is_the_square_of_scipys_distance():
    z = torch.linspace(-5, 5, 41).double()
    q = torch.linspace(0, 1, 41).double()
    p = torch.sigmoid(z)
    expected = [jensenshannon([a, 1 - a], [b, 1 - b]) ** 2 for a, b in zip(p, q)]
    out = [JensenShannonLoss()(a[None], b[None]) for a, b in zip(z, q)]
    torch.testing.assert_close(torch.stack(out), torch.tensor(expected).double())


@pytest.mark.parametrize("z", [0.0, 20.0, -20.0, 150.0, -150.0, 1e4, -1e4])
@pytest.mark.parametrize("q", [0.0, 0.25, 1.0])
def test_finite_and_bounded_also_where_the_sigmoid_rounds(z, q):
    z = torch.tensor([z], requires_grad=True)
    out = JensenShannonLoss()(z, torch.tensor([q]))
    out.backward()
    assert -1e-6 <= out <= math.log(2) + 1e-6
    assert torch.isfinite(z.grad).all()


def test_zero_for_the_same():
    q = torch.linspace(0.01, 0.99, 50)
    assert JensenShannonLoss()(torch.logit(q), q).abs() < 1e-6
