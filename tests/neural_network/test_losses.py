"""Every loss trains every kind of network."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch

from sknumerai import losses
from sknumerai.datasets import make_numerai
from sknumerai.losses import (
    ApproximateSpearmanLoss,
    CorrelationLoss,
    ExposurePenalty,
    JensenShannonLoss,
    ListMLELoss,
    ListNetLoss,
    MaskedBCELoss,
    MaskedMSELoss,
    MMCLoss,
    NeutralCorrelationLoss,
    NeutralizedMLPLoss,
    NumeraiCorrLoss,
    PayoutLoss,
    PooledCorrelationLoss,
    RankNetLoss,
    SharpeLoss,
    SoftRankCorrelationLoss,
    SupervisedAutoencoderLoss,
    TopBottomCorrelationLoss,
)
from sknumerai.metrics import numerai_corr_score
from sknumerai.neural_network import (
    ContextAwareRanker,
    ConvAutoencoderRegressor,
    ConvSELUClassifier,
    MLPRegressor,
    NeutralizedMLPRegressor,
    SupervisedAutoencoderRegressor,
)
from sknumerai.neural_network._losses import LOSSES as TABLE
from tests.neural_network import tiny

LOSSES = {
    "mse": MaskedMSELoss(),
    "corr": CorrelationLoss(),
    "spearman": ApproximateSpearmanLoss(),
    "numerai_corr": NumeraiCorrLoss(),
    "soft_rank": SoftRankCorrelationLoss(),
    "top_bottom": TopBottomCorrelationLoss(20),
    "fnc": NeutralCorrelationLoss(columns=range(5)),
    "mmc": MMCLoss(),
    "payout": PayoutLoss(),
    "sharpe": SharpeLoss(),
    "ranknet": RankNetLoss(),
    "listnet": ListNetLoss(),
    "listmle": ListMLELoss(),
    "exposure": ExposurePenalty(NumeraiCorrLoss()),
    "bce": MaskedBCELoss(from_logits=True),
    "js": JensenShannonLoss(),
    "pooled_corr": PooledCorrelationLoss(),
    "exposure_alone": ExposurePenalty(),
    "sharpe_of_mmc": SharpeLoss(MMCLoss()),
}
NAMES = set(LOSSES) - {"exposure_alone", "sharpe_of_mmc"}
BY_ROW = ("mse", "bce", "js", "pooled_corr")
every_loss = pytest.mark.parametrize("name", LOSSES)
BUNCH = make_numerai(n_eras=12, n_samples_per_era=80, random_state=0)
X, Y, META = BUNCH.data, BUNCH.target, BUNCH.meta_model


def small(Network=MLPRegressor, **params):
    params = {"lr": 1e-2, "max_epochs": 8, "random_state": 0, **params}
    return Network(n_validation_eras=0, **params)


def test_no_loss_is_forgotten():
    # these compare several outputs of one network
    others = {"NeutralizedMLPLoss", "SupervisedAutoencoderLoss"}
    public = {n for n in losses.__all__ if n != "soft_rank"} - others
    assert {type(loss).__name__ for loss in LOSSES.values()} == public
    assert NAMES == set(TABLE)


@every_loss
def test_training_lowers_it(name):
    net = small(loss=LOSSES[name]).fit(X, Y, meta_model=META)
    first, *_, last = (entry["train_loss"] for entry in net.history_)
    assert last < first
    p = net.predict(X)
    assert np.isfinite(p).all() and p.std() > 0
    # brought back to the units of y, also where the loss does not see them
    assert abs(p.mean() - Y.mean()) < 0.05
    assert net.batch_by_ == ("rows" if name in BY_ROW else "era")
    by_era = 16 if "sharpe" in name else 1
    assert net.batch_size_ == (32 if name in BY_ROW else by_era)


@pytest.mark.parametrize("name", sorted(NAMES - {"exposure", "top_bottom", "fnc"}))
def test_names_are_classes_and_instances(name):
    net = small(loss=name, max_epochs=1).fit(X, Y, meta_model=META)
    for loss in (type(LOSSES[name]), LOSSES[name]):
        again = small(loss=loss, max_epochs=1).fit(X, Y, meta_model=META)
        assert net.history_[0]["train_loss"] == again.history_[0]["train_loss"]


def test_the_name_of_the_penalty_has_a_loss_beside_it():
    net = small(loss="exposure", max_epochs=1).fit(X, Y)
    same = small(loss=ExposurePenalty(NumeraiCorrLoss()), max_epochs=1).fit(X, Y)
    np.testing.assert_array_equal(net.predict(X), same.predict(X))


@pytest.mark.parametrize("name", sorted(NAMES))
@pytest.mark.parametrize("Network", tiny.REGRESSORS, ids=lambda N: N.__name__)
def test_every_network_trains_with_every_loss(Network, name):
    assert f"'{name}'" in Network.__doc__
    net = tiny.tiny(Network, loss=name)
    before = tiny.tiny(Network, loss=name, lr=1e-30)
    data = {"meta_model": tiny.META}
    net.fit(tiny.X, tiny.Y, **data)
    before.fit(tiny.X, tiny.Y, **data)
    prediction = net.predict(tiny.X)
    assert np.isfinite(prediction).all() and prediction.std() > 0
    assert np.abs(prediction.mean() - tiny.Y.mean()) < 0.2
    # it is the loss that moves the weights
    trained, untrained = net.module_.state_dict(), before.module_.state_dict()
    assert any(not torch.equal(trained[k], untrained[k]) for k in trained)


@pytest.mark.parametrize("Network", tiny.REGRESSORS, ids=lambda N: N.__name__)
@pytest.mark.parametrize("name", ["bce", "js"])
def test_held_out_scores_are_those_of_predict_after_logits(Network, name):
    y = 3 * tiny.Y + 2
    seen = []

    def monitor(y_true, y_pred, groups):
        seen.append(y_pred)
        return -float(np.mean((y_true - y_pred) ** 2))

    net = tiny.tiny(Network, loss=name, n_validation_eras=2, embargo=0, monitor=monitor)
    net.fit(tiny.X, y)
    prediction = net.predict(tiny.X)
    if not net._scale_free:
        assert 2 <= prediction.min() and prediction.max() <= 5
        np.testing.assert_allclose(seen[0], prediction[-len(seen[0]) :], atol=1e-5)
    assert np.corrcoef(seen[0], prediction[-len(seen[0]) :])[0, 1] > 1 - 1e-6


@pytest.mark.parametrize("name", ["bce", "js"])
def test_losses_of_probabilities_learn_the_mean(name):
    # a constant feature: the best prediction is the mean of y, for any of these losses
    constant = np.ones((400, 1), dtype=np.float32)
    y = np.random.default_rng(0).random(400)
    net = MLPRegressor((4,), loss=name, lr=0.05, max_epochs=60, random_state=0)
    prediction = net.fit(constant, 10 * y - 3).predict(constant)
    assert prediction.mean() == pytest.approx(10 * y.mean() - 3, abs=0.3)


def test_probabilities_of_outputs_without_bounds():
    with pytest.raises(ValueError, match=r"outputs of this network are not bounded"):
        small(loss=MaskedBCELoss()).fit(X, Y)
    # these have a sigmoid of their own: either kind, and not two of them
    for Network in (SupervisedAutoencoderRegressor, ConvAutoencoderRegressor):
        how = {"batch_by": "rows", "batch_size": 10**6, "max_epochs": 3, "lr": 0.01}
        fits = [
            tiny.tiny(Network, loss=loss, **how).fit(tiny.X, tiny.Y).predict(tiny.X)
            for loss in (MaskedBCELoss(), MaskedBCELoss(from_logits=True), "bce")
        ]
        for other in fits[1:]:
            np.testing.assert_allclose(fits[0], other, atol=1e-4)


def test_losses_of_several_outputs_are_for_their_network():
    for loss in (NeutralizedMLPLoss, SupervisedAutoencoderLoss()):
        with pytest.raises(TypeError, match=r"cannot train MLPRegressor. Use one of"):
            small(loss=loss).fit(X, Y)
    with pytest.raises(TypeError, match="cannot train ConvAutoencoderRegressor"):
        tiny.tiny(ConvAutoencoderRegressor, loss=NeutralizedMLPLoss()).fit(X, Y)
    own = {
        NeutralizedMLPRegressor: ("neutralized", NeutralizedMLPLoss),
        SupervisedAutoencoderRegressor: ("mse", SupervisedAutoencoderLoss),
    }
    for Network, (name, loss) in own.items():
        fits = [
            tiny.tiny(Network, loss=given).fit(tiny.X, tiny.Y).predict(tiny.X)
            for given in (name, loss, loss())
        ]
        np.testing.assert_array_equal(fits[0], fits[1])
        np.testing.assert_array_equal(fits[0], fits[2])
    other = SupervisedAutoencoderLoss("corr", loss_weights=(0, 0, 1))
    net = tiny.tiny(SupervisedAutoencoderRegressor, loss=other).fit(tiny.X, tiny.Y)
    assert net.batch_by_ == "era"
    assert -1 < net.history_[0]["train_loss"] < 0.5  # no reconstruction in it


def test_classifiers_say_which_losses_they_take():
    y = tiny.Y > 0.5
    for loss in ("mse", "corr"):
        with pytest.raises(ValueError, match=r"'loss' parameter .*'log_loss'"):
            tiny.tiny(ConvSELUClassifier, loss=loss).fit(tiny.X, y)
    for loss in (CorrelationLoss, MaskedMSELoss(), ExposurePenalty()):
        with pytest.raises(TypeError, match=r"loss must be 'log_loss', or a torch\.nn"):
            tiny.tiny(ConvSELUClassifier, loss=loss).fit(tiny.X, y)
    one = tiny.tiny(ConvSELUClassifier).fit(tiny.X, y)
    bce = MaskedBCELoss(from_logits=True)
    same = tiny.tiny(ConvSELUClassifier, loss=bce).fit(tiny.X, y)
    np.testing.assert_allclose(
        one.predict_proba(tiny.X), same.predict_proba(tiny.X), atol=1e-6
    )


def test_warm_start_with_a_loss_of_another_scale():
    net = small(loss="mse", max_epochs=1, warm_start=True).fit(X, Y)
    net.set_params(loss="numerai_corr").fit(X, Y)
    with pytest.raises(ValueError, match="loss='bce' needs another scale"):
        net.set_params(loss="bce").fit(X, Y)


def test_targets_in_their_own_units_are_not_cut_off():
    # MMC sees raw targets, also where the output is a sigmoid
    data = {"meta_model": tiny.META}
    fits = [
        tiny.tiny(
            SupervisedAutoencoderRegressor,
            loss=MMCLoss(target_scale=1),
            loss_weights=(0, 0, 1),
        )
        .fit(tiny.X, scale * tiny.Y, **data)
        .history_[0]["train_loss"]
        for scale in (1, 100)
    ]
    assert fits[1] == pytest.approx(100 * fits[0], rel=0.1)


def test_missing_auxiliary_targets_and_weights():
    aux = np.random.default_rng(0).random((len(Y), 2))
    aux[::3, 0] = np.nan
    weight = np.arange(len(Y)) % 3
    for name in ("numerai_corr", "payout", "fnc", "listmle"):
        net = small(loss=LOSSES[name], max_epochs=1)
        net.fit(X, Y, aux_targets=aux, sample_weight=weight, meta_model=META)
        assert np.isfinite(net.predict_targets(X)).all()


def test_the_loss_of_an_epoch_is_that_of_the_meta_models_rows():
    # one batch of all eras in a shuffled order of rows: rows and meta model stay together
    order = np.random.default_rng(0).permutation(len(Y))
    params = {"loss": MMCLoss(), "batch_size": 12, "max_epochs": 2}
    a = small(**params).fit(X, Y, meta_model=META)
    b = small(**params).fit(X.iloc[order], Y.iloc[order], meta_model=META)
    for one, other in zip(a.history_, b.history_):
        assert one["train_loss"] == pytest.approx(other["train_loss"], rel=1e-3)
    wrong = small(**params).fit(X, Y, meta_model=META.to_numpy()[order])
    assert wrong.history_[0]["train_loss"] != pytest.approx(a.history_[0]["train_loss"])


def test_benchmark_stands_for_the_meta_model():
    a = small(loss="mmc", max_epochs=1).fit(X, Y, meta_model=META)
    b = small(loss="mmc", max_epochs=1).fit(X, Y, benchmark=pd.DataFrame({"m": META}))
    assert a.history_[0]["train_loss"] == b.history_[0]["train_loss"]


def test_held_out_eras_have_the_loss_too():
    net = MLPRegressor(
        (8,),
        loss="payout",
        n_validation_eras=2,
        embargo=1,
        max_epochs=2,
        monitor="loss",
    )
    net.fit(X, Y, meta_model=META)
    assert np.isfinite(net.history_[0]["valid_loss"])


def test_pickles_with_a_loss():
    net = small(loss=PayoutLoss(1, 2), max_epochs=1).fit(X, Y, meta_model=META)
    copy = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(copy.predict(X), net.predict(X))


def test_errors():
    with pytest.raises(
        TypeError, match=r"MMCLoss needs meta_model=.*fit\(\.\.\., meta"
    ):
        small(loss="mmc").fit(X, Y)
    with pytest.raises(ValueError, match="hard ranks"):
        small(loss=ExposurePenalty(NumeraiCorrLoss(0))).fit(X, Y)
    with pytest.raises(ValueError, match="a batch needs 2 at the least"):
        small(loss="sharpe", batch_size=1).fit(X, Y)
    with pytest.raises(ValueError, match="taken over whole eras"):
        small(loss="ranknet", batch_by="rows").fit(X, Y)
    with pytest.raises(ValueError, match="meta_model has 3 rows"):
        small(loss="mmc").fit(X, Y, meta_model=np.zeros(3))


def test_batches_of_a_network_by_eras_hold_what_a_loss_asks_for():
    """Two eras do not make a Sharpe ratio: the ranker did not learn."""
    bunch = make_numerai(n_eras=40, n_samples_per_era=40, random_state=0)
    X, y = bunch.data, bunch.target
    found = {}
    for loss, size in [("corr", 2), ("sharpe", 16)]:
        model = ContextAwareRanker(loss=loss, max_epochs=8, random_state=0).fit(X, y)
        assert model.batch_size_ == size
        found[loss] = numerai_corr_score(y, model.predict(X))
    assert found["sharpe"] > 0.8 * found["corr"] > 0.2
    assert ContextAwareRanker.from_preset("sarfati").batch_size == 2


@pytest.mark.parametrize("loss", ["ranknet", "listnet", "listmle"])
def test_a_range_of_scores_cripples_no_loss_that_learns_their_scale(loss):
    bunch = make_numerai(n_eras=40, n_samples_per_era=40, random_state=0)
    X, y = bunch.data, bunch.target
    params = {"loss": loss, "max_epochs": 6, "lr": 1e-2, "random_state": 0}
    free = ContextAwareRanker(output_range=None, **params).fit(X, y)
    found = ContextAwareRanker(**params).fit(X, y)
    for a, b in zip(free.history_, found.history_):
        assert b["train_loss"] == pytest.approx(a["train_loss"], rel=1e-5)
        assert b["valid_corr"] == pytest.approx(a["valid_corr"], abs=1e-4)
    # what is predicted is stretched all the same
    by_era = pd.Series(found.predict(X), index=X.index).groupby(level="era")
    spread = (by_era.max() - by_era.min()).to_numpy()
    np.testing.assert_allclose(spread, spread[0], rtol=1e-4)


def test_a_loss_that_does_not_mask_missing_targets_is_not_told_to_lower_lr():
    aux = np.column_stack([Y, np.where(np.arange(len(Y)) % 3, Y, np.nan)])
    model = MLPRegressor((4,), loss=torch.nn.HuberLoss, max_epochs=1)
    message = "NaN in some rows, and HuberLoss does not leave them out"
    with pytest.raises(ValueError, match=message) as error:
        model.fit(X, Y, aux_targets=aux)
    assert "lr" not in str(error.value)
    with pytest.raises(ValueError, match="Lower lr"):
        small(optimizer=torch.optim.SGD, lr=1e30).fit(X, Y, aux_targets=aux)
