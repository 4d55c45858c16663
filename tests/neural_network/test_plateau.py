"""Learning rates on a plateau, weight decay by the size of the data."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from sknumerai.neural_network import ConvSELURegressor
from sknumerai.neural_network._normalized_decay import normalized_weight_decay
from sknumerai.neural_network._plateau import ReduceLROnPlateau


class Net:
    """What the callback sees of a net."""

    def __init__(self, lrs):
        weights = [nn.Parameter(torch.zeros(1)) for _ in lrs]
        self.optimizers_ = [torch.optim.SGD([w], lr=v) for w, v in zip(weights, lrs)]
        self.history = self
        self.rows = []

    def __getitem__(self, i):
        return self.rows[i]

    def rates(self):
        return [o.param_groups[0]["lr"] for o in self.optimizers_]


def test_halves_after_five_bad_epochs_and_stops_at_the_least():
    net, plateau = Net([1e-3, 4e-5, 1e-6]), ReduceLROnPlateau(5, 0.5, 1e-5)
    plateau.on_train_begin(net)
    seen = []
    for epoch in range(1, 40):
        # the best is that of epoch 2; less than min_delta better does not count
        loss = 1.0 if epoch == 1 else 0.5 - 1e-6 * epoch
        net.rows.append({"train_loss": 9.0, "valid_loss": loss})
        plateau.on_epoch_end(net)
        seen.append(net.rates())
    first = [rates[0] for rates in seen]
    assert first[:6] == [1e-3] * 6  # epochs 3 to 7 are bad
    assert first[6:11] == [5e-4] * 5 and first[11] == 2.5e-4
    assert first[35] == pytest.approx(1e-3 / 2**6) and first[36:] == [1e-5] * 3
    assert seen[-1][1:] == [1e-5, 1e-6]


def test_watches_the_training_loss_where_nothing_is_held_out():
    net, plateau = Net([1.0]), ReduceLROnPlateau(2, 0.1, 0.0)
    plateau.on_train_begin(net)
    for loss in (3.0, 2.0, 2.0, 2.0, float("nan"), float("nan")):
        net.rows.append({"train_loss": loss})
        plateau.on_epoch_end(net)
    assert net.rates() == [pytest.approx(0.01)]


def test_an_epoch_without_a_batch_is_no_best():
    """It was a KeyError where all batches were too small to train on."""
    net, plateau = Net([1.0]), ReduceLROnPlateau(2, 0.1, 0.0)
    plateau.on_train_begin(net)
    for row in ({"train_loss": 3.0}, {}, {}):
        net.rows.append(row)
        plateau.on_epoch_end(net)
    assert net.rates() == [pytest.approx(0.1)]


def test_normalized_decay_of_the_article():
    size = {"n_rows": 500_000, "n_epochs": 100, "lr": 1e-3}
    encoder = normalized_weight_decay(0.005, batch_rows=16384, **size)
    assert encoder * 1e-3 == pytest.approx(9.05e-5, rel=1e-3)
    classifier = normalized_weight_decay(0.005, batch_rows=1024, **size)
    assert classifier == pytest.approx(0.0226, rel=2e-3)
    whole = normalized_weight_decay(0.005, batch_rows=10**9, **size)
    assert whole == pytest.approx(0.005 * 0.1 / 1e-3)


def test_a_step_of_adamw_is_that_of_the_article():
    """p - Adam's step - lr / lr0 * wd * p, as in the AdamW for Keras that it used."""
    lr0, wd, p0, grad = 1e-3, 9.05e-5, 0.8, 0.3
    weight = nn.Parameter(torch.tensor([p0], dtype=torch.float64))
    optimizer = torch.optim.AdamW([weight], lr=lr0, weight_decay=wd / lr0)
    p, m, v = p0, 0.0, 0.0
    for t, lr in enumerate([lr0, lr0, lr0 / 2], start=1):
        optimizer.param_groups[0]["lr"] = lr
        weight.grad = torch.tensor([grad], dtype=torch.float64)
        optimizer.step()
        m, v = 0.9 * m + 0.1 * grad, 0.999 * v + 0.001 * grad**2
        step = lr * math.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m
        decay = lr / lr0 * wd * p
        p -= step / (math.sqrt(v) + 1e-8 * math.sqrt(1 - 0.999**t)) + decay
        assert weight.item() == pytest.approx(p, abs=1e-12)


def test_the_optimizer_of_a_fit_gets_it(problem):
    X, y, _, _ = problem
    seen = []

    def optimizer(params, **kwargs):
        seen.append(kwargs)
        return torch.optim.AdamW(params, **kwargs)

    model = ConvSELURegressor(
        conv_channels=(3,),
        kernel_sizes=(3,),
        dense_features=(4,),
        max_epochs=4,
        batch_size=60,
        n_validation_eras=0,
        optimizer=optimizer,
        random_state=0,
    )
    model.fit(X, y)
    expected = 0.005 * np.sqrt(60 / 1800 / 4) / 1e-3
    assert seen[-1]["weight_decay"] == pytest.approx(expected)
    # an era has 60 rows
    model.set_params(batch_size=1, batch_by="era").fit(X, y)
    assert seen[-1]["weight_decay"] == pytest.approx(expected)
    model.set_params(batch_size=60, batch_by="rows", decay_epochs=16).fit(X, y)
    assert seen[-1]["weight_decay"] == pytest.approx(expected / 2)
    model.set_params(normalized_weight_decay=False).fit(X, y)
    assert seen[-1]["weight_decay"] == 0.005
    model.set_params(weight_decay=0.0, normalized_weight_decay=True).fit(X, y)
    assert "weight_decay" not in seen[-1]
