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
    ListMLELoss,
    ListNetLoss,
    MaskedMSELoss,
    MMCLoss,
    NeutralCorrelationLoss,
    NumeraiCorrLoss,
    PayoutLoss,
    RankNetLoss,
    SharpeLoss,
    SoftRankCorrelationLoss,
    TopBottomCorrelationLoss,
)
from sknumerai.neural_network import (
    ContextAwareRanker,
    MLPRegressor,
    NeuralNetRegressor,
    SupervisedAutoencoderRegressor,
    TabMRegressor,
)

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
    "exposure": ExposurePenalty(NumeraiCorrLoss(), weight=0.1),
    "exposure_alone": ExposurePenalty(),
    "sharpe_of_mmc": SharpeLoss(MMCLoss()),
}
NAMES = set(LOSSES) - {"exposure", "exposure_alone", "sharpe_of_mmc"}
every_loss = pytest.mark.parametrize("name", LOSSES)
BUNCH = make_numerai(n_eras=12, n_samples_per_era=80, random_state=0)
X, Y, META = BUNCH.data, BUNCH.target, BUNCH.meta_model


def small(Network=MLPRegressor, **params):
    params = {"lr": 1e-2, "max_epochs": 8, "random_state": 0, **params}
    return Network(n_validation_eras=0, **params)


def test_no_loss_is_forgotten():
    # these compare other things than predictions and targets
    others = {
        "JensenShannonLoss",
        "MaskedBCELoss",
        "NeutralizedMLPLoss",
        "PooledCorrelationLoss",
        "SupervisedAutoencoderLoss",
    }
    public = {n for n in losses.__all__ if n != "soft_rank"} - others
    assert {type(loss).__name__ for loss in LOSSES.values()} == public


@every_loss
def test_training_lowers_it(name):
    net = small(loss=LOSSES[name]).fit(X, Y, meta_model=META)
    first, *_, last = (entry["train_loss"] for entry in net.history_)
    assert last < first
    p = net.predict(X)
    assert np.isfinite(p).all() and p.std() > 0
    # brought back to the units of y, also where the loss does not see them
    assert abs(p.mean() - Y.mean()) < 0.05
    assert net.batch_by_ == ("rows" if name == "mse" else "era")
    assert net.batch_size_ == {"mse": 32}.get(name, 16 if "sharpe" in name else 1)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_names(name):
    net = small(loss=name, max_epochs=1).fit(X, Y, meta_model=META)
    loss = type(LOSSES[name])
    again = small(loss=loss, max_epochs=1).fit(X, Y, meta_model=META)
    assert net.history_[0]["train_loss"] == again.history_[0]["train_loss"]


@pytest.mark.parametrize(
    "Network",
    [
        ContextAwareRanker,
        NeuralNetRegressor,
        SupervisedAutoencoderRegressor,
        TabMRegressor,
    ],
)
@pytest.mark.parametrize("name", ["fnc", "payout", "ranknet", "exposure"])
def test_other_networks_hand_on_features_and_meta_model(Network, name):
    params = {"max_epochs": 1}
    if Network is NeuralNetRegressor:
        params["module"] = torch.nn.Linear
    elif Network is TabMRegressor:
        params.update(k=3, hidden_features=(8,))
    net = small(Network, loss=LOSSES[name], **params).fit(X, Y, meta_model=META)
    assert np.isfinite(net.predict(X)).all()


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
