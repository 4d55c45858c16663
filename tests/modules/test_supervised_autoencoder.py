import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sknumerai.modules import SupervisedAutoencoder

SMALL = {"hidden_units": (5, 4, 8, 6), "noise_std": 0.1, "dropouts": 0.2}
ENCODER = ("input_norm", "encoder")
# what only the loss on the reconstruction and the autoencoder's head can reach
AUTOENCODER = ("decoder", "ae_head")


def make(**params):
    torch.manual_seed(0)
    return SupervisedAutoencoder(12, 3, **{**SMALL, **params})


def gradients(module, loss):
    """Return the name of each parameter with its gradient, zeros where none is."""
    module.zero_grad()
    loss.backward()
    return {
        name: torch.zeros_like(p) if p.grad is None else p.grad.clone()
        for name, p in module.named_parameters()
    }


def reached(grads):
    return {name.split(".")[0] for name, g in grads.items() if (g != 0).any()}


@pytest.mark.parametrize(
    "n, n_targets, trainable, with_statistics",
    [
        (130, 5, 966_068, 971_260),
        (310, 6, 1_180_442, 1_186_354),
        (705, 6, 1_650_097, None),
        (1050, 6, 2_060_302, 2_069_174),
        (1050, 20, 2_065_258, None),
        (1191, 6, 2_227_951, None),
        (2376, 6, 3_636_916, None),
    ],
)
def test_number_of_parameters_is_that_of_the_source(
    n, n_targets, trainable, with_statistics
):
    module = SupervisedAutoencoder(n, n_targets)
    count = sum(p.numel() for p in module.parameters())
    running = sum(b.numel() for k, b in module.named_buffers() if "running" in k)
    assert count == trainable
    # the formula of the source's layers, with 4 statistics for a normalized column
    h = (96, 96, 896, 448, 448, 256)
    sizes = (n + h[0], *h[2:])
    assert count == (
        2 * n
        + (n * h[0] + h[0] + 2 * h[0])
        + (h[0] * n + n)
        + (n * h[1] + h[1] + 2 * h[1])
        + (h[1] * n_targets + n_targets)
        + 2 * (n + h[0])
        + sum(a * b + b + 2 * b for a, b in zip(sizes, sizes[1:]))
        + (h[-1] * n_targets + n_targets)
    )
    if with_statistics is not None:
        assert count + running == with_statistics


def test_dropouts_lie_where_the_source_has_them():
    module = SupervisedAutoencoder(12, 3)
    drops = {k: m.p for k, m in module.named_modules() if isinstance(m, nn.Dropout)}
    assert list(drops.values()) == [0.035, 0.4, 0.1, 0.4, 0.3, 0.25, 0.4]
    assert [k.split(".")[0] for k in drops] == [
        "decoder",
        "ae_head",
        "joint",
        *["mlp"] * 4,
    ]
    assert module.noise.std == 0.035


def test_shapes():
    module, X = SupervisedAutoencoder(42, 3).eval(), torch.rand(7, 42)
    assert [tuple(o.shape) for o in module(X)] == [(7, 42), (7, 3), (7, 3)]
    assert module.encode(X).shape == (7, 96)
    assert module.forward_targets(X).shape == (7, 3)
    assert (module.in_features, module.out_features) == (42, 3)
    assert module.code_features == 96


@pytest.mark.parametrize("ae_head_input", ["recon", "code"])
@pytest.mark.parametrize("batch_norm", [False, True, "warm_up"])
def test_against_the_table_of_layers_written_out(ae_head_input, batch_norm):
    module = make(ae_head_input=ae_head_input, batch_norm=batch_norm)
    for _ in range(3):  # move the running statistics
        module(torch.rand(30, 12))
    module.eval()
    X = torch.rand(9, 12)

    def norm(layer, x):
        if not batch_norm:
            return x
        scale = torch.sqrt(layer.running_var + 1e-3)
        return (x - layer.running_mean) / scale * layer.weight + layer.bias

    def dense(layer, x):
        return x @ layer.weight.T + layer.bias

    def swish(x):
        return x * torch.sigmoid(x)

    x0 = norm(module.input_norm, X)
    code = swish(norm(module.encoder[1], dense(module.encoder[0], x0)))
    recon = dense(module.decoder[1], code)
    hidden = module.ae_head.hidden
    ae = recon if ae_head_input == "recon" else code
    ae = dense(module.ae_head.output, swish(norm(hidden[1], dense(hidden[0], ae))))
    x = norm(module.joint[0], torch.cat([x0, code], dim=1))
    for i in range(0, 8, 4):
        x = swish(norm(module.mlp.hidden[i + 1], dense(module.mlp.hidden[i], x)))
    x = dense(module.mlp.output, x)
    torch.testing.assert_close(module(X, logits=True), (recon, ae, x))
    expected = recon, torch.sigmoid(ae), torch.sigmoid(x)
    torch.testing.assert_close(module(X), expected)
    torch.testing.assert_close(module.forward_targets(X), expected[2])
    torch.testing.assert_close(module.forward_targets(X, logits=True), x)
    torch.testing.assert_close(module.encode(X), code)
    torch.testing.assert_close(module.reconstruction(X), recon)


def test_identity_outputs_are_the_logits():
    module, X = make(output_activation="identity").eval(), torch.rand(5, 12)
    torch.testing.assert_close(module(X), module(X, logits=True))


def test_the_perceptron_reads_features_without_noise():
    module = make(noise_std=100.0, dropouts=0.0)
    seen = []
    module.joint.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    X = torch.rand(50, 12)
    module(X)
    expected = (X - X.mean(0)) / torch.sqrt(X.var(0, correction=0) + 1e-3)
    torch.testing.assert_close(seen[0][:, :12], expected, rtol=1e-4, atol=1e-5)


def test_noise_and_dropout_before_the_decoder_leave_the_code_of_the_perceptron():
    module = make(noise_std=0.0, dropouts=(0.9, 0, 0, 0, 0))
    codes = []
    module.joint.register_forward_pre_hook(
        lambda _, args: codes.append(args[0][:, 12:])
    )
    module.decoder.register_forward_pre_hook(lambda _, args: codes.append(args[0]))
    module(torch.rand(50, 12))
    assert torch.equal(*codes)  # the decoder drops after this point, for itself


def test_gradients_of_each_term():
    """The decoder learns nothing from the predictions: they meet in the encoder."""
    module, X, y = make(), torch.rand(40, 12), torch.rand(40, 3)
    F.mse_loss(module(X)[2], y).backward()
    assert all(p.grad is None for p in module.decoder.parameters())
    assert all(p.grad is None for p in module.ae_head.parameters())
    assert reached(gradients(module, F.mse_loss(module(X)[2], y))) == {
        *ENCODER,
        "joint",
        "mlp",
    }
    assert reached(gradients(module, F.mse_loss(module(X)[0], X))) == {
        *ENCODER,
        "decoder",
    }
    assert reached(gradients(module, F.mse_loss(module(X)[1], y))) == {
        *ENCODER,
        *AUTOENCODER,
    }


def test_a_head_on_the_code_leaves_the_decoder_alone():
    module, X, y = make(ae_head_input="code"), torch.rand(40, 12), torch.rand(40, 3)
    assert reached(gradients(module, F.mse_loss(module(X)[1], y))) == {
        *ENCODER,
        "ae_head",
    }


def test_without_the_autoencoders_losses_it_trains_as_a_perceptron():
    module, X, y = (
        make(dropouts=0.0, noise_std=0.0),
        torch.rand(40, 12),
        torch.rand(40, 3),
    )
    other = copy.deepcopy(module)
    alone = gradients(other, F.mse_loss(other.forward_targets(X), y))
    whole = gradients(module, F.mse_loss(module(X)[2], y))
    torch.testing.assert_close(whole, alone)


def test_frozen_encoder():
    module, X, y = make(), torch.rand(40, 12), torch.rand(40, 3)
    module(X)
    assert module.freeze_encoder() is module and module.encoder_frozen
    before = {k: v.clone() for k, v in module.state_dict().items()}
    with torch.no_grad():
        code = module.eval().encode(X)
        for mode in (module.train(), copy.deepcopy(module).train()):
            torch.testing.assert_close(mode.encode(X), code)  # no noise, no batch
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    for _ in range(3):
        outputs = module(X)
        loss = sum(F.mse_loss(o, t) for o, t in zip(outputs, (X, y, y)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    changed = {
        k.split(".")[0]
        for k, v in module.state_dict().items()
        if not torch.equal(v, before[k])
    }
    assert changed == {"decoder", "ae_head", "joint", "mlp"}
    assert module.joint.training and module.mlp.training
    module.freeze_encoder(False)
    assert module.encoder.training and module.noise.training
    assert reached(gradients(module, module(X)[2].sum())) == {*ENCODER, "joint", "mlp"}


def test_freezing_in_evaluation_mode_stays_there():
    module = make().eval().freeze_encoder()
    assert not any(m.training for m in module.modules())
    module.freeze_encoder(False)
    assert not any(m.training for m in module.modules())


def test_learns_what_a_linear_model_cannot():
    """A product of two features, centred: no linear signal at all."""
    rng = torch.Generator().manual_seed(0)
    X = torch.randint(5, (3000, 6), generator=rng) / 4
    y = 0.5 + 1.5 * ((X[:, 0] - 0.5) * (X[:, 1] - 0.5))[:, None]
    torch.manual_seed(0)
    module = SupervisedAutoencoder(
        6, 1, hidden_units=(8, 8, 32, 16), dropouts=0.0, batch_norm="warm_up"
    )
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-2)
    for _ in range(10):
        for rows in torch.randperm(2000, generator=rng).split(200):
            outputs = module(X[rows])
            loss = sum(
                F.mse_loss(o, t) for o, t in zip(outputs, (X[rows], y[rows], y[rows]))
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    module.eval()
    with torch.inference_mode():
        recon, ae, targets = module(X[2000:])
    corr = [
        torch.corrcoef(torch.stack([o[:, 0], y[2000:, 0]]))[0, 1] for o in (ae, targets)
    ]
    assert corr[0] > 0.5 and corr[1] > 0.9
    assert F.mse_loss(recon, X[2000:]) < 0.5 * X.var()


@pytest.mark.parametrize(
    "params, message",
    [
        ({"in_features": 0}, "in_features must be a positive integer"),
        ({"hidden_units": (96,)}, "at least the width of the code"),
        ({"noise_std": -0.1}, "std must be 0 or more"),
        (
            {"dropouts": (0.035, 0.035, 0.4, 0.1, 0.4, 0.3, 0.25, 0.4)},
            r"7 numbers, got 8.*pass noise_std=0.035, dropouts=\(0.035, 0.4",
        ),
        ({"dropouts": (0.1, 0.2)}, "each of the 7 layers that drop. Got 2"),
        ({"dropouts": 1.5}, r"dropouts must be in \[0, 1\)"),
        ({"ae_head_input": "x"}, "ae_head_input must be one of"),
        ({"output_activation": "tanh"}, "output_activation must be one of"),
        ({"activation": "swoosh"}, "activation must be one of"),
    ],
)
def test_errors(params, message):
    with pytest.raises(ValueError, match=message):
        SupervisedAutoencoder(**{"in_features": 4, "out_features": 2, **params})
