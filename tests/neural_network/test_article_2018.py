"""Networks on real rows of 2018, end to end: the pipeline of the article of then, too."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from sknumerai.metrics import numerai_corr_scorer
from sknumerai.model_selection import GroupTimeSeriesSplit
from sknumerai.neural_network import (
    ConvSELUClassifier,
    DenoisingAutoencoder,
    SupervisedAutoencoderRegressor,
)

DATA = os.environ.get("SKNUMERAI_TEST_DATA")

pytestmark = pytest.mark.skipif(
    not DATA, reason="SKNUMERAI_TEST_DATA does not name the folder of real data"
)


@pytest.fixture(scope="module")
def rows():
    frame = pd.read_parquet(Path(DATA) / "numerai_2018.parquet")
    return frame.set_index("era", append=True).swaplevel()


@pytest.mark.parametrize("with_autoencoder", [True, False])
def test_from_features_to_probabilities_within_limits(rows, with_autoencoder):
    features = [name for name in rows if name.startswith("feature")]
    train = rows[rows["data_type"] == "train"]
    model = ConvSELUClassifier.from_preset("article", max_epochs=4, random_state=0)
    if with_autoencoder:
        autoencoder = DenoisingAutoencoder.from_preset(
            "article", max_epochs=5, random_state=0
        )
        model = make_pipeline(autoencoder, model)
    model.fit(train[features], train["target_bernie"].astype(int))
    classifier = model[-1] if with_autoencoder else model
    # eras reached it through the autoencoder: all of them train
    assert classifier.eras_seen_.tolist() == list(range(1, 121))
    assert classifier.best_epoch_ is None and classifier.n_iter_ == 4
    assert "valid_loss" not in classifier.history_[0] and "lr" in classifier.history_[0]
    if with_autoencoder:
        errors = [row["train_loss"] for row in model[0].history_]
        assert len(errors) == 6 * 5 and errors[-1] < errors[0]
        assert classifier.n_features_in_ == 32
        assert sum(p.numel() for p in classifier.module_.parameters()) == 283_521

    tournament = rows[rows["data_type"] != "train"]
    proba = model.predict_proba(tournament[features])[:, 1]
    assert len(proba) == len(tournament) and 0.3 <= proba.min() <= proba.max() <= 0.7
    valid = (tournament["data_type"] == "validation").to_numpy()
    known = tournament["target_bernie"].notna().to_numpy() & valid
    loss = log_loss(tournament["target_bernie"][known], proba[known])
    assert abs(loss - np.log(2)) < 0.02  # chance is hard to beat on so few rows

    ids = tournament.index.get_level_values("id")
    submission = pd.DataFrame({"id": ids, "probability_bernie": proba})
    assert submission["id"].is_unique and submission.notna().all(axis=None)


def test_supervised_autoencoder_from_rows_to_scores_of_eras(rows):
    features = [name for name in rows if name.startswith("feature")]
    targets = [name for name in rows if name.startswith("target")]
    train = rows[rows["data_type"] == "train"]
    X, y = train[features], train["target_bernie"].astype(np.float32)
    model = SupervisedAutoencoderRegressor(max_epochs=2, random_state=0)
    model.fit(X, y, aux_targets=train[targets])
    assert model.eras_seen_.tolist() == list(range(1, 121))
    assert "valid_corr" in model.history_[0] and model.n_iter_ == 2
    tournament = rows[rows["data_type"] != "train"]
    prediction = model.predict(tournament[features])
    assert np.isfinite(prediction).all() and np.std(prediction) > 0

    cv = GroupTimeSeriesSplit(n_splits=2, embargo=4)
    scores = cross_val_score(model, X, y, cv=cv, scoring=numerai_corr_scorer)
    assert len(scores) == 2 and np.isfinite(scores).all()
