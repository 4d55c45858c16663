"""The pipeline of the article of 2018 on real rows of that time, end to end."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline

from sknumerai.neural_network import ConvSELUClassifier, DenoisingAutoencoder

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
    # eras reached it through the autoencoder: the last tenth is held out
    assert classifier.eras_seen_.tolist() == list(range(1, 121))
    assert "valid_loss" in classifier.history_[0] and "lr" in classifier.history_[0]
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
