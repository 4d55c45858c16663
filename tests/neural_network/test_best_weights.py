"""The weights that are kept: of the best epoch, after Ctrl-C too, in every network."""

import copy
import warnings

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from sknumerai.exceptions import InterruptedFitWarning
from sknumerai.metrics import numerai_corr_score, sharpe_ratio
from sknumerai.neural_network import (
    ConvAutoencoderRegressor,
    DenoisingAutoencoder,
    MLPRegressor,
)
from tests.neural_network import tiny
from tests.neural_network.tiny import X, Y, output, target_for

every_network = pytest.mark.parametrize(
    "Network", tiny.SIZES, ids=lambda Network: Network.__name__
)
SCORES = [0.1, 0.9, 0.3, 0.2, 0.1, 0.1]


def scripted():
    """Return a monitor that finds the second epoch the best."""
    scores = iter(SCORES)
    return lambda y_true, y_pred, groups: next(scores)


def model_of(Network, **params):
    params = {"lr": 0.01, "n_validation_eras": 3, "embargo": 0, **params}
    params |= {"patience": None, "normalized_weight_decay": False}
    if Network is DenoisingAutoencoder:
        params["n_noise_rounds"] = 0  # one stage
    else:
        params["monitor"] = scripted()
    return tiny.tiny(Network, **params)


def press_ctrl_c():
    raise KeyboardInterrupt


class Interrupt(Callback):
    """Raises in the fourth epoch, as the user or as a callback that stops."""

    def __init__(self, where, press=press_ctrl_c):
        self.where = where
        self.press = press

    def on_batch_end(self, net, training=False, **kwargs):
        if self.where == "batch" and training and len(net.history) == 4:
            self.press()

    def on_epoch_end(self, net, **kwargs):
        if self.where == "epoch" and len(net.history) == 4:
            self.press()
        if self.where == "stop" and len(net.history) == 4:
            raise KeyboardInterrupt


def assert_same_weights(one, other):
    states = one.module_.state_dict(), other.module_.state_dict()
    assert states[0].keys() == states[1].keys()
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name


@every_network
@pytest.mark.parametrize("where", ["batch", "epoch", "stop"])
def test_ctrl_c_keeps_the_best_weights(Network, where):
    y = target_for(Network)
    model = model_of(Network, max_epochs=6, callbacks=[Interrupt(where)])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y)
    said = any(w.category is InterruptedFitWarning for w in caught)
    assert said == (where != "stop")
    assert model.n_iter_ == (3 if where == "batch" else 4)
    best = 2
    if Network is DenoisingAutoencoder:
        best = 1 + int(np.argmin([row["valid_loss"] for row in model.history_]))
    assert model.best_epoch_ == best
    # trained to the best epoch and no further: the same weights, of all parts
    assert_same_weights(model, model_of(Network, max_epochs=best).fit(X, y))
    assert np.isfinite(output(model)).all()


def test_optimizers_apart_have_one_checkpoint():
    # encoder and decoder go on in each epoch, the perceptron too: none may be later
    later = model_of(ConvAutoencoderRegressor, max_epochs=5).fit(X, Y)
    seen = []

    class Keep(Callback):
        def on_epoch_end(self, net, **kwargs):
            seen.append(copy.deepcopy(net.module_.state_dict()))

    again = model_of(ConvAutoencoderRegressor, max_epochs=5, callbacks=[Keep()])
    again.fit(X, Y)
    assert_same_weights(later, again)
    for part in ("encoder", "decoder", "head"):
        names = [name for name in seen[0] if name.startswith(part)]
        assert names, part
        kept = again.module_.state_dict()
        assert all(torch.equal(kept[n], seen[1][n]) for n in names)
        assert any(not torch.equal(kept[n], seen[4][n]) for n in names)


def test_without_held_out_eras_the_last_weights_are_kept():
    model = model_of(MLPRegressor, max_epochs=6, callbacks=[Interrupt("epoch")])
    model.set_params(n_validation_eras=0, monitor="auto")
    with pytest.warns(InterruptedFitWarning):
        model.fit(X, Y)
    last = model_of(MLPRegressor, max_epochs=4)
    last.set_params(n_validation_eras=0, monitor="auto").fit(X, Y)
    assert_same_weights(model, last)
    assert model.best_epoch_ is None


def test_the_sharpe_ratio_of_eras_decides(problem):
    X, y, _, _ = problem
    states = []

    class Keep(Callback):
        def on_epoch_end(self, net, **kwargs):
            states.append(copy.deepcopy(net.module_.state_dict()))

    model = MLPRegressor(
        (16,),
        lr=0.03,
        max_epochs=15,
        monitor="sharpe",
        patience=None,
        n_validation_eras=6,
        embargo=2,
        callbacks=[Keep()],
        random_state=0,
    ).fit(X, y)
    late = X.index.get_level_values("era") > "0024"
    kept = copy.deepcopy(model.module_.state_dict())
    ratios, means = [], []
    for state in states:
        model.module_.load_state_dict(state)
        by_era = numerai_corr_score(y[late], model.predict(X[late]), aggregate=None)
        ratios.append(sharpe_ratio(by_era))
        means.append(by_era.mean())
    recorded = [row["valid_sharpe"] for row in model.history_]
    np.testing.assert_allclose(recorded, ratios, rtol=1e-4)
    assert model.best_epoch_ == 1 + np.argmax(ratios) != 1 + np.argmax(means)
    best = states[model.best_epoch_ - 1]
    assert all(torch.equal(kept[name], best[name]) for name in kept)


@every_network
def test_a_network_that_goes_on_remembers_all_eras_it_learned_from(Network):
    y = target_for(Network)
    model = tiny.tiny(Network, warm_start=True)
    model.fit(X.loc[:"0008"], y.loc[:"0008"])
    model.fit(X.loc["0009":], y.loc["0009":])
    assert model.eras_seen_.tolist() == list(range(1, 13))
    # from scratch it has learned from the last rows alone
    model.set_params(warm_start=False).fit(X.loc["0009":], y.loc["0009":])
    assert model.eras_seen_.tolist() == [9, 10, 11, 12]
