"""Training: against a hand-written loop, reproducible, stopped at the right epoch."""

import signal
import threading
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from sknumerai.exceptions import InterruptedFitWarning
from sknumerai.metrics import numerai_corr_score
from sknumerai.modules import MLP, GaussianNoise
from sknumerai.neural_network import (
    DenoisingAutoencoder,
    MLPRegressor,
    NeuralNetRegressor,
    SupervisedAutoencoderRegressor,
)


def weights(model):
    return {k: v.numpy() for k, v in model.module_.state_dict().items()}


def test_weights_are_those_of_a_hand_written_loop(problem):
    X, y, _, _ = problem
    model = MLPRegressor(
        (16,), max_epochs=3, batch_size=100, n_validation_eras=0, random_state=3
    ).fit(X, y)

    seed = int(np.random.RandomState(3).randint(2**31 - 1))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = MLP(**model._spec[1])
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    features = torch.from_numpy(X.to_numpy().astype(np.float32) * 0.5 - 1)
    scaled = (y.to_numpy() - y.to_numpy().mean()) / y.to_numpy().std()
    targets = torch.from_numpy(scaled.astype(np.float32))[:, None]
    generator = torch.Generator().manual_seed(seed)
    for _ in range(3):
        for rows in torch.randperm(len(X), generator=generator).split(100):
            optimizer.zero_grad()
            nn.functional.mse_loss(module(features[rows]), targets[rows]).backward()
            optimizer.step()
    for name, value in module.state_dict().items():
        np.testing.assert_allclose(weights(model)[name], value, rtol=1e-4, atol=1e-6)


def test_fit_is_reproducible_and_leaves_torch_alone(problem):
    X, y, _, _ = problem
    before = torch.get_rng_state()
    first = MLPRegressor((8,), dropout=0.2, max_epochs=3, random_state=0).fit(X, y)
    torch.manual_seed(99)
    model = MLPRegressor((8,), dropout=0.2, max_epochs=3, random_state=0)
    second = model.fit(X, y).predict(X)
    again = model.fit(X, y).predict(X)
    np.testing.assert_array_equal(first.predict(X), second)
    np.testing.assert_array_equal(again, second)
    torch.set_rng_state(before)
    MLPRegressor((8,), dropout=0.2, max_epochs=1, random_state=0).fit(X, y)
    assert torch.equal(torch.get_rng_state(), before)


def test_fits_in_threads_are_those_of_one_thread(problem):
    X, y, _, _ = problem
    models = [
        MLPRegressor((8,), dropout=0.5, max_epochs=15, batch_size=40, random_state=i)
        for i in range(4)
    ]
    expected = [MLPRegressor(**m.get_params()).fit(X, y).predict(X) for m in models]
    threads = [threading.Thread(target=m.fit, args=(X, y)) for m in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for model, prediction in zip(models, expected):
        np.testing.assert_array_equal(model.predict(X), prediction)


def test_best_weights_are_those_of_the_best_epoch(problem):
    X, y, _, _ = problem
    model = MLPRegressor((32,), lr=0.03, max_epochs=30, patience=4, random_state=0)
    model.fit(X, y)
    scores = [row["valid_corr"] for row in model.history_]
    assert model.best_epoch_ == 1 + int(np.argmax(scores))
    assert model.n_iter_ == min(30, model.best_epoch_ + 4)
    held_out = np.isin(X.index.get_level_values("era"), ["0028", "0029", "0030"])
    score = numerai_corr_score(y[held_out], model.predict(X[held_out]))
    assert score == pytest.approx(max(scores), abs=1e-6)


@pytest.mark.parametrize(
    "params",
    [{"dropout": 0.5}, {"input_noise": 1.0}, {"batch_norm": True}, {"loss": "corr"}],
)
def test_held_out_eras_are_scored_as_predict_predicts(problem, params):
    X, y, _, _ = problem
    model = MLPRegressor((16,), max_epochs=3, random_state=0, **params).fit(X, y)
    held_out = np.isin(X.index.get_level_values("era"), ["0028", "0029", "0030"])
    score = numerai_corr_score(y[held_out], model.predict(X[held_out]))
    recorded = model.history_[model.best_epoch_ - 1]["valid_corr"]
    assert score == pytest.approx(recorded, abs=1e-5)


def test_loss_of_held_out_eras_counts_eras_alike(problem):
    X, y, _, _ = problem
    keep = np.ones(len(X), dtype=bool)
    keep[-50:] = False  # the last era has 10 rows
    X, y = X[keep], y[keep]
    model = MLPRegressor((8,), loss="corr", batch_size=2, max_epochs=1, random_state=0)
    recorded = model.fit(X, y).history_[0]["valid_loss"]
    prediction = model.predict(X)
    eras = X.index.get_level_values("era")
    by_hand = [
        np.corrcoef(prediction[eras == era], y[eras == era])[0, 1]
        for era in ("0028", "0029", "0030")
    ]
    assert recorded == pytest.approx(-np.mean(by_hand), abs=1e-4)


def test_noise_gets_features_centred_at_zero(problem):
    class Watch(nn.Module):
        seen = []

        def forward(self, X):
            self.seen.append((float(X.min()), float(X.max())))
            return X

    X, y, _, _ = problem
    MLPRegressor((8,), max_epochs=1, input_noise=Watch(), random_state=0).fit(X, y)
    assert set(Watch.seen) == {(-1.0, 1.0)}
    Watch.seen.clear()
    SupervisedAutoencoderRegressor(
        (4, 4, 8), dropouts=0.0, max_epochs=1, input_noise=Watch(), random_state=0
    ).fit(X, y)
    assert set(Watch.seen) == {(-0.5, 0.5)}


def test_weight_decay_reaches_the_optimizer(problem):
    X, y, _, _ = problem
    params = {"optimizer": torch.optim.AdamW, "lr": 0.01, "random_state": 0}
    free = MLPRegressor((8,), max_epochs=5, **params).fit(X, y)
    bound = MLPRegressor((8,), max_epochs=5, weight_decay=10.0, **params).fit(X, y)
    name = "output.weight"
    assert np.abs(weights(bound)[name]).sum() < np.abs(weights(free)[name]).sum() / 2


class InterruptingAdam(torch.optim.Adam):
    """Raises as Ctrl-C does, in the 20th step."""

    steps = 0

    def step(self, closure=None):
        InterruptingAdam.steps += 1
        if InterruptingAdam.steps == 20:
            raise KeyboardInterrupt
        return super().step(closure)


def test_ctrl_c_in_a_first_phase_ends_all_phases(problem):
    X, y, _, _ = problem
    InterruptingAdam.steps = 0
    model = SupervisedAutoencoderRegressor(
        (4, 4, 8),
        dropouts=0.0,
        pretrain_epochs=5,
        max_epochs=5,
        batch_size=100,
        optimizer=InterruptingAdam,
        random_state=0,
    )
    with pytest.warns(InterruptedFitWarning):
        model.fit(X, y)
    assert [row["phase"] for row in model.history_] == ["pretrain"]


def test_best_epoch_counts_all_phases(problem):
    X, y, _, _ = problem
    model = SupervisedAutoencoderRegressor(
        (4, 4, 8), dropouts=0.0, pretrain_epochs=4, max_epochs=3, random_state=0
    ).fit(X, y)
    assert model.best_epoch_ > 4
    assert model.history_[model.best_epoch_ - 1]["best"]


def test_monitors(problem):
    X, y, _, _ = problem
    for monitor, name in [
        ("loss", "valid_loss"),
        ("sharpe", "valid_sharpe"),
        (numerai_corr_score, "valid_score"),
    ]:
        model = MLPRegressor((8,), max_epochs=6, monitor=monitor, random_state=0)
        values = [row[name] for row in model.fit(X, y).history_]
        best = np.argmin(values) if monitor == "loss" else np.argmax(values)
        assert model.best_epoch_ == best + 1


def test_own_monitor_gets_the_units_and_eras_of_the_user(problem):
    X, y, _, _ = problem
    y = 100 * y + 7
    seen = []

    def monitor(y_true, y_pred, groups):
        seen.append((y_true, y_pred, groups))
        return -float(np.mean((y_true - y_pred) ** 2))

    model = MLPRegressor((8,), max_epochs=3, monitor=monitor, random_state=0).fit(X, y)
    y_true, y_pred, groups = seen[model.best_epoch_ - 1]
    held_out = np.isin(X.index.get_level_values("era"), ["0028", "0029", "0030"])
    np.testing.assert_array_equal(y_true, y[held_out])
    np.testing.assert_array_equal(groups, np.repeat([28, 29, 30], 60))
    np.testing.assert_allclose(y_pred, model.predict(X[held_out]), rtol=1e-5)


def test_min_delta_asks_for_more_than_a_little(problem):
    X, y, _, _ = problem
    params = {"monitor": "loss", "patience": 3, "max_epochs": 12, "random_state": 0}
    model = MLPRegressor((8,), min_delta=10.0, **params).fit(X, y)
    assert (model.best_epoch_, model.n_iter_) == (1, 4)
    assert MLPRegressor((8,), **params).fit(X, y).best_epoch_ > 1


def test_patience_none_never_stops(problem):
    X, y, _, _ = problem
    model = MLPRegressor((32,), lr=0.03, max_epochs=15, patience=None, random_state=0)
    assert model.fit(X, y).n_iter_ == 15
    assert model.best_epoch_ < 15


class InterruptingLinear(nn.Linear):
    """Raises as Ctrl-C does, in the 40th forward pass in training."""

    def forward(self, X):
        self.calls = getattr(self, "calls", 0) + self.training
        if self.calls == 40 and self.training:
            raise KeyboardInterrupt
        return super().forward(X)


def test_ctrl_c_keeps_the_best_weights(problem):
    X, y, _, _ = problem
    model = NeuralNetRegressor(
        InterruptingLinear, batch_size=100, max_epochs=50, random_state=0
    )
    with pytest.warns(InterruptedFitWarning, match="interrupted after 3 epochs"):
        model.fit(X, y)
    assert model.n_iter_ == 3 and 1 <= model.best_epoch_ <= 3
    assert np.isfinite(model.predict(X)).all()


def test_early_stopping_is_no_interruption(problem):
    from skorch.callbacks import EarlyStopping

    X, y, _, _ = problem
    model = MLPRegressor((32,), lr=0.03, max_epochs=30, patience=2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, y)
        callbacks = [EarlyStopping("train_loss", patience=1, threshold=0.5)]
        theirs = MLPRegressor((8,), callbacks=callbacks, random_state=0).fit(X, y)
    assert model.n_iter_ < 30 and theirs.n_iter_ < 30


def test_callbacks_see_the_scores_of_the_epoch(problem):
    from skorch.callbacks import Callback, LRScheduler

    class Watch(Callback):
        seen = []

        def on_epoch_end(self, net, **kwargs):
            self.seen.append(net.history[-1, "valid_loss"])

    X, y, _, _ = problem
    scheduler = LRScheduler(torch.optim.lr_scheduler.StepLR, step_size=2, gamma=0.1)
    model = MLPRegressor(
        (8,), max_epochs=3, callbacks=[Watch(), scheduler], random_state=0
    ).fit(X, y)
    assert Watch.seen == [row["valid_loss"] for row in model.history_]


def test_progress_bar_is_shown_on_request_only(problem, capsys, monkeypatch):
    # a bar is cut at the width of the terminal
    monkeypatch.setenv("COLUMNS", "200")
    X, y, _, _ = problem
    MLPRegressor((8,), max_epochs=2, random_state=0).fit(X, y)
    assert capsys.readouterr().err == ""
    MLPRegressor((8,), max_epochs=2, random_state=0, verbose=1).fit(X, y)
    err = capsys.readouterr().err
    assert "MLPRegressor: 100%" in err and "train_loss=" in err


def test_warm_start_goes_on(problem):
    X, y, _, _ = problem
    model = MLPRegressor(
        (8,), max_epochs=5, n_validation_eras=0, warm_start=True, random_state=0
    )
    first = model.fit(X, y).history_[-1]["train_loss"]
    second = model.fit(X, y).history_[0]["train_loss"]
    assert second < first
    with pytest.raises(ValueError, match="warm_start goes on with a network of 1 out"):
        model.fit(X, np.column_stack([y, y]))
    with pytest.raises(ValueError, match="feature names should match"):
        model.fit(X.iloc[:, :3], y)
    with pytest.raises(ValueError, match=r"the features now have None"):
        model.fit(X.astype(np.float32), y)
    with pytest.raises(ValueError, match=r"but \['hidden_features'\] changed"):
        model.set_params(hidden_features=(16,)).fit(X, y)


def test_warm_start_of_a_scale_free_loss_keeps_the_scale_of_training(problem):
    X, y, _, _ = problem
    model = MLPRegressor(
        (8,), loss="spearman", max_epochs=2, warm_start=True, random_state=0
    )
    scales = [float(model.fit(X, y)._target_scale[0]) for _ in range(3)]
    assert scales[0] == scales[1] == scales[2]


def test_ctrl_c_inside_a_callback_is_the_users(problem):
    from skorch.callbacks import Callback

    class Slow(Callback):
        def on_epoch_end(self, net, **kwargs):
            signal.raise_signal(signal.SIGINT)

    X, y, _, _ = problem
    model = MLPRegressor((8,), max_epochs=9, callbacks=[Slow()], random_state=0)
    # a process started in the background of a shell ignores the signal
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.warns(InterruptedFitWarning):
            model.fit(X, y)
    finally:
        signal.signal(signal.SIGINT, handler)
    assert model.n_iter_ == 1


def test_ctrl_c_before_an_epoch_leaves_nothing_fitted(problem):
    X, y, _, _ = problem
    InterruptingAdam.steps = 19
    model = MLPRegressor(
        (8,), optimizer=InterruptingAdam, batch_size=100, random_state=0
    )
    with pytest.raises(KeyboardInterrupt, match="before an epoch was complete"):
        model.fit(X, y)
    assert not hasattr(model, "module_")


def test_history_holds_plain_numbers(problem):
    X, y, _, _ = problem
    history = MLPRegressor((8,), max_epochs=2, random_state=0).fit(X, y).history_
    assert [row["epoch"] for row in history] == [1, 2]
    for row in history:
        assert set(row) == {
            "epoch",
            "phase",
            "dur",
            "lr",
            "train_loss",
            "valid_loss",
            "valid_corr",
            "best",
        }
        assert all(type(v) in (int, float, str, bool) for v in row.values())


def test_callbacks_and_the_bar_see_the_last_epoch_of_early_stopping(problem, capsys):
    from skorch.callbacks import Callback

    class Watch(Callback):
        seen = []

        def on_epoch_end(self, net, **kwargs):
            self.seen.append(len(net.history))
            net.history.record("watched", True)

    X, y, _, _ = problem
    model = MLPRegressor((32,), lr=0.03, max_epochs=30, patience=2, verbose=1)
    model.set_params(callbacks=[Watch()], random_state=0, lr_patience=1).fit(X, y)
    assert model.n_iter_ < 30
    assert Watch.seen == list(range(1, model.n_iter_ + 1))
    assert all(row["watched"] and row["lr"] > 0 for row in model.history_)
    assert f"| {model.n_iter_}/30" in capsys.readouterr().err


@pytest.mark.parametrize(
    "make",
    [
        lambda **how: MLPRegressor((8,), **how),
        lambda **how: SupervisedAutoencoderRegressor(
            (4, 4, 8), dropouts=0.0, noise_std=0.0, pretrain_epochs=1, **how
        ),
        lambda **how: DenoisingAutoencoder((8, 4), n_noise_rounds=1, **how),
    ],
    ids=["one_phase", "pretraining", "rounds"],
)
def test_a_warm_start_that_gets_worse_keeps_the_weights_it_had(problem, make):
    X, y, _, _ = problem
    common = {"n_validation_eras": 3, "batch_size": 200, "random_state": 0}
    model = make(lr=0.01, max_epochs=5, patience=2, warm_start=True, **common)
    before = weights(model.fit(X, y))
    assert model.best_epoch_ > 0
    model.set_params(lr=2.0).fit(X, y)
    assert model.best_epoch_ == 0
    assert model.history_[-1]["epoch"] == model.n_iter_ >= 2
    for name, value in weights(model).items():
        np.testing.assert_array_equal(value, before[name])
    # nothing was held out: the last weights are kept, as asked for
    model.set_params(n_validation_eras=0, lr=0.01).fit(X, y)
    assert model.best_epoch_ is None
    assert not np.array_equal(
        *(next(iter(w.values())) for w in (before, weights(model)))
    )


def test_a_warm_start_that_gets_better_goes_on(problem):
    X, y, _, _ = problem
    params = {"patience": 3, "warm_start": True, "random_state": 0}
    model = MLPRegressor((16,), max_epochs=1, **params).fit(X, y)
    first = model.history_[0]["valid_corr"]
    model.set_params(max_epochs=10).fit(X, y)
    assert model.best_epoch_ > 0
    assert model.history_[model.best_epoch_ - 1]["valid_corr"] > first


def test_noise_that_was_switched_off_disturbs_and_stays_as_it_is(problem):
    X, y, _, _ = problem
    noise = GaussianNoise(1.0).eval()
    params = {"max_epochs": 1, "random_state": 0}
    expected = MLPRegressor((8,), input_noise=1.0, **params).fit(X, y)
    model = MLPRegressor((8,), input_noise=noise, **params).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), expected.predict(X))
    assert not noise.training
    assert model.input_noise is noise
