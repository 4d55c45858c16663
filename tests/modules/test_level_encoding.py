import numpy as np
import pytest
import torch

from sknumerai.modules import MLP, TabM
from sknumerai.modules._level_encoding import LevelEncoding

CODES = (torch.arange(5.0) - 2)[:, None] / 2


def test_codes_are_one_hot():
    code = LevelEncoding(5)(CODES)
    raw = code / 1.25**0.5 + 0.2
    torch.testing.assert_close(raw, torch.eye(5))


def test_even_codes_have_mean_0_and_a_variance_of_1_in_sum():
    code = LevelEncoding(5)(CODES.repeat(1, 3))
    torch.testing.assert_close(code.mean(dim=0), torch.zeros(15))
    total = code.var(dim=0, correction=0).reshape(3, 5).sum(dim=1)
    torch.testing.assert_close(total, torch.ones(3))


def test_between_levels_it_interpolates_and_outside_it_stays():
    X = torch.tensor([[-3.0], [-0.6], [0.1], [0.75], [1.5]])
    weight = torch.tensor([3.0, -1, 4, 1, 5])
    code = LevelEncoding(5)(X)
    curve = (code / 1.25**0.5 + 0.2) @ weight
    expected = np.interp(X[:, 0], [-1, -0.5, 0, 0.5, 1], weight)
    np.testing.assert_allclose(curve, expected, rtol=1e-5)


def test_columns_of_a_feature_lie_together():
    X = torch.tensor([[-1.0, 1.0]])
    code = LevelEncoding(3)(X)
    assert code.argmax() in (0, 5) and (code > 0.5).nonzero()[:, 1].tolist() == [0, 5]


@pytest.mark.parametrize("cls", [MLP, TabM])
def test_the_linear_skip_begins_as_zero_and_is_added(cls):
    module = cls(2, 1, hidden_features=(4,), n_levels=5, linear_skip=True).eval()
    X = torch.rand(6, 2) * 2 - 1
    with torch.no_grad():
        before = module(X)
        assert (module.skip.weight == 0).all()
        module.skip.weight.copy_(torch.arange(10.0))
        added = module.encoding(X) @ torch.arange(10.0)
        torch.testing.assert_close((module(X) - before).reshape(6, -1)[:, 0], added)
    # with gradients TabM goes another way
    torch.testing.assert_close(module(X).detach(), module(X.clone()).detach())
    if cls is TabM:
        with torch.no_grad():
            alone = module.mean(X)
        torch.testing.assert_close(module.mean(X).detach(), alone)


@pytest.mark.parametrize("cls", [MLP, TabM])
def test_output_gain_shrinks_the_output_layer_alone(cls):
    torch.manual_seed(0)
    one = cls(3, 1, hidden_features=(4,))
    torch.manual_seed(0)
    small = cls(3, 1, hidden_features=(4,), output_gain=0.01)
    assert small.output.weight.abs().max() > 0
    for (name, a), b in zip(one.named_parameters(), small.parameters()):
        gain = 0.01 if name.startswith("output") else 1.0
        torch.testing.assert_close(a * gain, b)


@pytest.mark.parametrize("cls", [MLP, TabM])
def test_width_and_errors(cls):
    module = cls(7, 2, hidden_features=(), n_levels=5)
    assert module.in_features == 7 and module.output.weight.shape[-1] == 35
    with pytest.raises(ValueError, match="n_levels must be 2 or more"):
        cls(7, 2, n_levels=1)
    with pytest.raises(ValueError, match="n_levels must be a positive integer"):
        cls(7, 2, n_levels=0)
