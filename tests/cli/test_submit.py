"""``sknumerai submit``, ``upload`` and ``status`` against a server on loopback."""

import os
import signal
import sys
from datetime import UTC, datetime, timedelta

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from sknumerai.submission import export_model
from sknumerai.submission._watch import Signals
from tests.cli.running import run
from tests.submission.frames import make_frame
from tests.submission.numerai_server import PUBLIC, SECRET, serving


@pytest.fixture
def numerai(here, monkeypatch):
    monkeypatch.setenv("NUMERAI_PUBLIC_ID", PUBLIC)
    monkeypatch.setenv("NUMERAI_SECRET_KEY", SECRET)
    monkeypatch.setenv("SKNUMERAI_DATA", str(here / "home"))
    with serving() as fake:
        monkeypatch.setenv("SKNUMERAI_API_URL", fake.url)
        # the commands have the real time
        now = datetime.now(UTC)
        fake.clock.time = now
        fake.opens, fake.closes = now - timedelta(hours=1), now + timedelta(hours=1)
        yield fake


@pytest.fixture
def model(here):
    X, y = make_frame()
    return export_model(Ridge().fit(X, y), here / "predict.pkl", verify=False)


@pytest.fixture
def table(numerai, here):
    frame = pd.DataFrame({"prediction": (np.arange(40) + 0.5) / 40}, numerai.live.index)
    frame.to_csv(here / "predictions.csv")
    return here / "predictions.csv"


def submit(capsys, file, *args):
    return run(capsys, "submit", "--model", file, "--to", "mine", *args)


def test_a_model(numerai, model, capsys):
    code, out, err = submit(capsys, model, "--out", "sent.csv")
    assert code == 0, err
    assert out == "round 1340: sent, 40 rows, submission s0\n"
    (stored,) = numerai.stored.values()
    sent = pd.read_csv("sent.csv", index_col="id")
    assert stored == (model.parent / "sent.csv").read_bytes()
    expected = pd.read_pickle(model)(numerai.live)
    pd.testing.assert_frame_equal(sent, expected, check_index_type=False)
    numerai.asked.clear()
    code, out, err = submit(capsys, model)
    assert code == 0 and out == "round 1340: was sent before, 40 rows, submission s0\n"
    # no data are downloaded for it
    assert numerai.asked == ["account", "rounds"]


def test_a_table(numerai, table, capsys):
    code, out, err = submit(capsys, table)
    assert code == 0 and out == "round 1340: sent, 40 rows, submission s0\n", err
    changed = pd.read_csv(table).assign(prediction=lambda x: 1 - x["prediction"])
    changed.to_csv(table, index=False)
    code, out, err = submit(capsys, table)
    assert code == 1 and "--replace" in err
    code, out, err = submit(capsys, table, "--replace")
    assert code == 0 and "submission s1" in out


def test_a_function_of_two_arguments_gets_the_benchmarks(numerai, here, capsys):
    def predict(live_features, live_benchmark_models):
        assert list(live_features.index) == list(live_benchmark_models.index)
        values = live_benchmark_models["v53_lgbm_ender60"].cumsum()
        return (values / 100).to_frame("prediction")

    (here / "two.pkl").write_bytes(cloudpickle.dumps(predict))
    code, out, err = submit(capsys, "two.pkl")
    assert code == 0, err
    assert "round 1340: sent" in out


def test_dry_run_needs_no_keys_and_sends_nothing(numerai, model, capsys, monkeypatch):
    monkeypatch.delenv("NUMERAI_SECRET_KEY")
    monkeypatch.delenv("NUMERAI_PUBLIC_ID")
    code, out, err = submit(capsys, model, "--dry-run")
    assert code == 0 and out == "40 rows are in order. Nothing was sent.\n", err
    assert "account" not in numerai.asked and not numerai.submissions
    monkeypatch.setenv("HOME", "/nonexistent")
    code, out, err = submit(capsys, model)
    assert code == 1 and "There are no keys" in err


def test_exit_codes(numerai, model, capsys, here):
    closes, numerai.closes = numerai.closes, numerai.opens
    code, _, err = submit(capsys, model)
    assert code == 3 and "Round 1340 was open until" in err
    numerai.closes = closes
    numerai.retry_after = 3600
    numerai.faults["rounds"] = [429]
    code, _, err = submit(capsys, model)
    assert code == 4 and "asks to wait 3600 s" in err
    joblib.dump(Ridge(), here / "ridge.pkl")
    code, _, err = submit(capsys, "ridge.pkl")
    assert code == 1 and "holds a fitted Ridge. Export it first" in err
    code, _, err = submit(capsys, "no.pkl")
    assert code == 1 and "There is no file no.pkl" in err
    code, _, err = submit(capsys, "predict.txt")
    assert code == 1 and "neither a model" in err
    code, _, err = submit(capsys, model, "--watch", "--dry-run")
    assert code == 1 and "do not go together" in err
    with pytest.raises(SystemExit) as info:
        submit(capsys, model, "--poll", "0")
    assert info.value.code == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_watch_ends_with_a_signal_after_what_it_is_sending(
    numerai, table, capsys, number, monkeypatch
):
    before = signal.getsignal(number)
    register = numerai.answer

    def answer(name, variables):
        if name == "create_submission":
            os.kill(os.getpid(), number)
        return register(name, variables)

    monkeypatch.setattr(numerai, "answer", answer)
    code, out, err = submit(capsys, table, "--watch")
    assert code == 128 + number, err
    lines = [line.split(" ", 1)[1] for line in out.splitlines()]
    assert lines == [
        "watching for mine with " + str(table),
        "round 1340: sent, 40 rows, submission s0",
        f"stopped by signal {int(number)}",
    ]
    assert signal.getsignal(number) is before


def test_watch_waits_for_the_file_of_this_round(numerai, table, capsys, monkeypatch):
    good = table.read_text()
    table.write_text(good.replace("live00", "old00"))
    # another program writes the file between two questions
    monkeypatch.setattr(Signals, "wait", lambda self, s: table.write_text(good))
    register = numerai.answer

    def answer(name, variables):
        if name == "create_submission":
            os.kill(os.getpid(), signal.SIGTERM)
        return register(name, variables)

    monkeypatch.setattr(numerai, "answer", answer)
    code, out, err = submit(capsys, table, "--watch")
    assert code == 143, err
    assert "round 1340: waiting, check_submission: 40 of 40 live ids have no" in out
    assert "round 1340: sent" in out and len(numerai.submissions) == 1


def test_a_round_that_ends_while_the_model_predicts(numerai, here, table, capsys):
    read = numerai.files

    def files():
        numerai.round = 1341
        return read()

    numerai.files = files
    code, _, err = submit(capsys, table)
    assert code == 3 and "Round 1340 closed while the predictions were made" in err
    assert not numerai.submissions


def test_upload(numerai, model, capsys):
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    numerai.images = {"Python 3.1": "i1", f"Python {minor}": "here"}
    code, out, err = run(
        capsys, "upload", model, "--to", "mine", "--data-version", "v5.3"
    )
    assert code == 0, err
    assert "uploaded for mine" in out and f"Python {minor}, data v5.3, id p0" in out
    code, out, err = run(
        capsys, "upload", model, "--to", "mine", "--data-version", "v5.3"
    )
    assert code == 0 and "was uploaded before" in out
    code, out, err = run(
        capsys, "upload", model, "--to", "mine", "--docker-image", "3.99"
    )
    assert code == 1 and "no image" in err


def test_status(numerai, table, capsys):
    code, out, err = run(capsys, "status", "mine")
    assert code == 0 and "has nothing of mine yet" in out, err
    submit(capsys, table)
    date = numerai.opens.isoformat()
    numerai.scores = [
        {
            "roundNumber": 1339, "displayName": name, "version": "v1", "day": day,
            "date": date, "value": day / 100, "percentile": 0.5, "resolved": False,
        }
        for name in ("corr60", "mmc60")
        for day in (1, 2)
    ]  # fmt: skip
    numerai.diagnostics = {"updatedAt": date, "validationCorrMean": 0.0312}
    code, out, err = run(capsys, "status", "mine", "--out", "status.csv")
    assert code == 0, err
    assert "submissions that count" in out and "sent from here" in out
    assert "validationCorrMean 0.0312" in " ".join(out.split())
    assert "1339 2 0.0200 0.0200 no" in " ".join(out.split())
    assert len(pd.read_csv("status.csv")) == 2 + 4 + 1


def test_corrected_model_in_the_same_round(numerai, model, here, capsys):
    """It was "sent before", though the other model was."""
    code, out, err = submit(capsys, model)
    assert code == 0, err

    def predict(live_features):
        n = len(live_features)
        values = (np.arange(n) + 0.5) / n
        return pd.DataFrame({"prediction": values}, index=live_features.index)

    (here / "corrected.pkl").write_bytes(cloudpickle.dumps(predict))
    code, out, err = submit(capsys, "corrected.pkl")
    assert code == 1 and "other predictions were sent" in err and "--replace" in err
    code, out, err = submit(capsys, "corrected.pkl", "--replace")
    assert code == 0 and "submission s1" in out, err
    code, out, err = submit(capsys, "corrected.pkl")
    assert code == 0 and "was sent before" in out, err
    # another file with the same predictions is that submission, and known from then
    (here / "again.pkl").write_bytes(cloudpickle.dumps((predict,)[0], protocol=4))
    for _ in range(2):
        code, out, err = submit(capsys, "again.pkl")
        assert code == 0 and "was sent before" in out, err
    assert len(numerai.submissions) == 2


@pytest.mark.parametrize("kind", ["parquet", "empty csv", "torn csv", "pkl"])
def test_watch_waits_for_a_file_that_is_being_written(
    numerai, table, model, capsys, monkeypatch, kind
):
    """It ended, and later rounds were lost."""
    path = model if kind == "pkl" else table
    if kind == "parquet":
        path = table.with_suffix(".parquet")
        pd.read_csv(table, index_col="id").to_parquet(path)
    whole = path.read_bytes()
    if kind == "empty csv":
        path.write_bytes(b"")
    elif kind == "torn csv":
        path.write_bytes(b"id,prediction\nlive0,0.5\nlive1,0.1,0.3,7\n")
    else:
        path.write_bytes(whole[: len(whole) // 2])
    monkeypatch.setattr(Signals, "wait", lambda self, s: path.write_bytes(whole))
    register = numerai.answer

    def answer(name, variables):
        if name == "create_submission":
            os.kill(os.getpid(), signal.SIGTERM)
        return register(name, variables)

    monkeypatch.setattr(numerai, "answer", answer)
    code, out, err = submit(capsys, path, "--watch")
    assert code == 143, err
    assert "round 1340: waiting, " in out and "round 1340: sent" in out


def test_watch_ends_with_a_model_that_stays_broken(numerai, model, capsys):
    model.write_bytes(model.read_bytes()[:-10])
    os.utime(model, (0, 0))
    code, _, err = submit(capsys, model, "--watch")
    assert code == 1 and "cannot be loaded" in err
