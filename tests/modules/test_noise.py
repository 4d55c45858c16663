import pytest
import torch

from sknumerai.modules import (
    CoupledGaussianDropout,
    FeatureReversalNoise,
    GaussianNoise,
)


def test_gaussian_noise_is_absolute():
    torch.manual_seed(0)
    X = torch.tensor([0.0, 1.0, 100.0]).repeat(50_000, 1)
    noise = GaussianNoise(0.035)(X) - X
    torch.testing.assert_close(
        noise.std(0), torch.full((3,), 0.035), rtol=0.03, atol=0.0
    )
    assert noise.mean().abs() < 1e-3


def test_reversal_takes_one_sign_for_a_column():
    torch.manual_seed(0)
    X = torch.rand(20, 4000) - 0.5
    signs = FeatureReversalNoise()(X) / X
    assert (signs == signs[0]).all() and set(signs[0].tolist()) == {-1.0, 1.0}
    assert abs((signs[0] < 0).float().mean() - 0.25) < 0.03


def test_reversal_about_a_centre_keeps_features_in_their_range():
    X = torch.tensor([[0.0, 0.25, 0.5, 1.0]])
    out = FeatureReversalNoise(p=1.0, center=0.5)(X)
    assert out.tolist() == [[1.0, 0.75, 0.5, 0.0]]


def test_reversal_passes_the_gradient_with_its_sign():
    X = torch.rand(3, 4, requires_grad=True)
    FeatureReversalNoise(p=1.0)(X).sum().backward()
    assert (X.grad == -1).all()


def test_coupled_noise_has_the_size_of_the_value_as_variance():
    torch.manual_seed(0)
    values = torch.tensor([0.0, 0.25, -1.0, 4.0])
    X = values.repeat(50_000, 1).requires_grad_()
    out = CoupledGaussianDropout(0.5)(X)
    std = (out - X).detach().std(0)
    expected = 0.5 * values.abs().clamp_min(1e-6).sqrt()
    torch.testing.assert_close(std, expected, rtol=0.03, atol=0.0)
    out.sum().backward()
    assert (X.grad == 1).all()  # the factor is detached


@pytest.mark.parametrize(
    "cls", [GaussianNoise, FeatureReversalNoise, CoupledGaussianDropout]
)
def test_off_is_the_input_itself(cls):
    X = torch.rand(4, 3)
    assert cls().eval()(X) is X
    assert cls(0).train()(X) is X


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: GaussianNoise(-1), "std must be 0 or more. Got -1"),
        (lambda: FeatureReversalNoise(2), r"p must be in \[0, 1\]. Got 2"),
        (lambda: CoupledGaussianDropout(float("nan")), "alpha must be 0 or more"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()
