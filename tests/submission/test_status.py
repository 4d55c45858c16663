from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from sknumerai.exceptions import SubmissionError
from sknumerai.submission import submission_status, submit_predictions
from tests.submission.numerai_server import NOW, PUBLIC, serving


def score(number, name, day, value, resolved):
    return {
        "roundNumber": number,
        "displayName": name,
        "version": "v1",
        "day": day,
        "date": (NOW + timedelta(days=day)).isoformat(),
        "value": value,
        "percentile": 0.8,
        "resolved": resolved,
    }


@pytest.fixture
def numerai(tmp_path):
    with serving() as fake:
        fake.scores = [
            score(1300, "corr60", 60, 0.031, True),
            score(1335, "corr60", 3, 0.01, False),
            score(1335, "corr60", 2, -0.01, False),
            score(1335, "mmc60", 3, None, False),
        ]
        intra = score(1340, "v2_corr20", 1, 0.02, False)
        fake.intra = [
            {"roundNumber": 1339, "intraRoundSubmissionScores": None},
            {"roundNumber": 1340, "intraRoundSubmissionScores": [intra]},
        ]
        fake.diagnostics = {
            "status": "done", "updatedAt": NOW.isoformat(), "validationCorrMean": 0.03,
            "trainedOnVal": False, "perEraDiagnostics": [{"era": 1}], "message": None,
        }  # fmt: skip
        values = pd.Series((np.arange(40) + 0.5) / 40, fake.live.index)
        submit_predictions(
            values, "mine", live=fake.live, api=fake.client(), data_home=tmp_path
        )
        yield fake


def status(numerai, home, model="mine", **kwargs):
    return submission_status(model, api=numerai.client(), data_home=home, **kwargs)


def test_what_the_server_has(numerai, tmp_path):
    table = status(numerai, tmp_path, last_n_rounds=None).set_index("kind")
    submission = table.loc["submission"]
    assert submission["round"] == 1340 and submission["text"] == "s0"
    assert submission["name"] == numerai.submissions[0]["filename"]
    assert table.loc["sent", "text"] == "sent s0"
    scores = table.loc["score"]
    assert list(scores["round"]) == [1300, 1335, 1335, 1335]
    assert list(scores["day"]) == [60, 2, 3, 3]
    assert list(scores["value"].round(3))[:3] == [0.031, -0.01, 0.01]
    assert list(scores["resolved"]) == [True, False, False, False]
    assert scores["date"].iloc[0] == pd.Timestamp(NOW) + pd.Timedelta(days=60)
    assert table.loc["intra_round", "name"] == "v2_corr20"
    diagnostics = table.loc["diagnostics"].set_index("name")
    assert diagnostics.loc["validationCorrMean", "value"] == 0.03
    assert diagnostics.loc["status", "text"] == "done"
    assert diagnostics.loc["trainedOnVal", "text"] == "False"
    assert len(diagnostics) == 3


def test_the_last_rounds(numerai, tmp_path):
    table = status(numerai, tmp_path, last_n_rounds=3)
    assert set(table["round"].dropna()) == {1340}
    assert "diagnostics" in set(table["kind"])
    assert set(status(numerai, tmp_path)["round"].dropna()) == {1335, 1340}


@pytest.mark.parametrize("name", ["status.parquet", "status.csv"])
def test_saved(numerai, tmp_path, name):
    path = tmp_path / name
    table = status(numerai, tmp_path, path=path)
    read = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    assert list(read.columns) == list(table.columns) and len(read) == len(table)
    np.testing.assert_array_equal(read["value"], table["value"])
    if path.suffix == ".parquet":
        assert read.to_csv() == table.to_csv()
        assert read["round"].dtype == "Int64"
    assert not list(tmp_path.glob(".status*"))


def test_a_new_model_has_nothing(numerai, tmp_path):
    numerai.scores, numerai.intra, numerai.diagnostics = None, None, None
    numerai.submissions = []
    table = status(numerai, tmp_path / "elsewhere", path=tmp_path / "s.parquet")
    assert len(table) == 0 and table["round"].dtype == "Int64"
    numerai.diagnostics = []
    assert len(status(numerai, tmp_path / "elsewhere")) == 0


def test_a_part_that_the_server_refuses(numerai, tmp_path):
    numerai.faults["computePickles"] = [400]
    with pytest.warns(UserWarning, match=r"no uploads.*HTTP 400"):
        table = status(numerai, tmp_path)
    assert {"submission", "score", "diagnostics"} <= set(table["kind"])


def test_errors(numerai, tmp_path):
    with pytest.raises(SubmissionError, match="no model 'yours'"):
        status(numerai, tmp_path, "yours")
    with pytest.raises(SubmissionError, match="Check that the public id"):
        client = numerai.client((PUBLIC, "WRONG"))
        submission_status("mine", api=client, data_home=tmp_path)
    for bad in (0, 1.5, "all"):
        with pytest.raises(ValueError, match="'last_n_rounds' parameter"):
            status(numerai, tmp_path, last_n_rounds=bad)
    with pytest.raises(FileNotFoundError, match="no folder"):
        status(numerai, tmp_path, path=tmp_path / "no" / "s.csv")
    numerai.faults["submissionScores"] = [503] * 6
    with pytest.raises(ConnectionError):
        status(numerai, tmp_path)
