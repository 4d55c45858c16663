import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import Ridge
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknumerai.datasets import _era_stream, load_numerai, predict_numerai
from sknumerai.ensemble import NeutralizedRegressor
from sknumerai.neural_network import ContextAwareRanker
from tests.datasets.numerai_files import make_frame

N_ROWS = 23


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    path = tmp_path_factory.mktemp("train") / "train.parquet"
    make_frame(range(1, 9), N_ROWS).to_parquet(path)
    return load_numerai(path, verbose=0)


@pytest.fixture(scope="module")
def models(train):
    X, y = train.data, train.target
    # columns in another order than in the file, and not all of them
    some = ["feature_d", "feature_a", "feature_f"]
    net = ContextAwareRanker(max_epochs=1, random_state=0, verbose=0)
    return {
        "ridge": Ridge().fit(X[some], y),
        "ranker": net.fit(X, y),
        "neutral": NeutralizedRegressor(Ridge()).fit(X, y),
        "several": MultiOutputRegressor(Ridge()).fit(X[some], np.c_[y, -y]),
    }


def write(frame, folder, group, name="validation.parquet"):
    """A file whose eras lie across its row groups."""
    frame.to_parquet(folder / name, row_group_size=group)
    assert pq.ParquetFile(folder / name).num_row_groups == -(-len(frame) // group)
    return folder / name


def expected(model, path, **options):
    data = load_numerai(path, "all", targets=None, verbose=0, **options)
    names = list(model.feature_names_in_)
    values = np.asarray(model.predict(data.data[names]))
    ids = data.data.index.get_level_values("id")
    columns = {"era": data.eras.to_numpy()}
    if values.ndim == 1:
        columns["prediction"] = values
    else:
        columns |= {f"prediction_{i}": v for i, v in enumerate(values.T)}
    return pd.DataFrame(columns, index=ids)


def same(found, frame):
    pd.testing.assert_frame_equal(found, frame, atol=1e-6, check_column_type=False)


@pytest.mark.parametrize("name", ["ridge", "ranker", "neutral", "several"])
@pytest.mark.parametrize("group", [10, 37, 1000])
def test_as_of_the_loaded_frame(tmp_path, models, name, group):
    path = write(make_frame(range(20, 27), N_ROWS, seed=1), tmp_path, group)
    found = predict_numerai(models[name], path)
    same(found, expected(models[name], path))
    assert found.index.name == "id"
    assert len(set(found["era"])) == 7


@pytest.mark.parametrize("name", ["ridge", "ranker"])
def test_rows_in_any_order(tmp_path, models, name):
    frame = make_frame(range(20, 27), N_ROWS, seed=1).sample(frac=1, random_state=0)
    path = write(frame, tmp_path, 30)
    with pytest.warns(UserWarning, match="not in the order"):
        wanted = expected(models[name], path)
    same(predict_numerai(models[name], path), wanted)


@pytest.mark.parametrize("name", ["ridge", "ranker"])
@pytest.mark.parametrize("options", [{"every": 3}, {"eras": [21, 25]}])
def test_some_eras(tmp_path, models, name, options):
    path = write(make_frame(range(20, 27), N_ROWS, seed=1), tmp_path, 40)
    found = predict_numerai(models[name], path, **options)
    same(found, expected(models[name], path, **options))


def test_several_files_and_live_rows(tmp_path, models):
    frames = {
        "train": make_frame(range(20, 22), N_ROWS, seed=1),
        "validation": make_frame(range(22, 25), N_ROWS, seed=2),
        "live": make_frame(["X"], N_ROWS, seed=3),
    }
    for split, frame in frames.items():
        write(frame, tmp_path, 15, f"{split}.parquet")
    found = predict_numerai(models["ranker"], tmp_path, list(frames))
    parts = [
        expected(models["ranker"], tmp_path / f"{split}.parquet") for split in frames
    ]
    same(found, pd.concat(parts))
    assert set(predict_numerai(models["ridge"], tmp_path, "live")["era"]) == {"X"}


def test_csv(tmp_path, models):
    frame = make_frame(range(20, 23), N_ROWS, seed=1)
    frame.to_csv(tmp_path / "validation.csv")
    path = write(frame, tmp_path, 30)
    found = predict_numerai(models["ranker"], tmp_path / "validation.csv")
    same(found, expected(models["ranker"], path))


def test_floats_and_missing_features(tmp_path, models):
    frame = make_frame(range(20, 23), N_ROWS, seed=1)
    codes = frame.filter(like="feature").columns
    path = write(frame, tmp_path, 30)
    wanted = expected(models["ranker"], path)
    frame[codes] = (frame[codes] / 4).astype(np.float32)
    path = write(frame, tmp_path, 30)
    same(predict_numerai(models["ranker"], path, float_features="codes"), wanted)
    frame.iloc[5, frame.columns.get_loc("feature_a")] = np.nan
    path = write(frame, tmp_path, 30)
    with pytest.raises(ValueError, match=r"predict_numerai.*'feature_a' has 1 "):
        predict_numerai(models["ranker"], path, float_features="codes")
    predict_numerai(models["ranker"], path, float_features="codes", missing_features=2)


def test_a_model_of_arrays_needs_names(tmp_path, train):
    X, eras = train.data.to_numpy(), train.eras.to_numpy()
    net = ContextAwareRanker(max_epochs=1, random_state=0, verbose=0)
    net.fit(X, train.target.to_numpy(), groups=eras)
    path = write(make_frame(range(20, 27), N_ROWS, seed=1), tmp_path, 40)
    with pytest.raises(ValueError, match=r"no feature_names_in_.*feature_set="):
        predict_numerai(net, path)
    found = predict_numerai(net, path, feature_set=train.feature_names)
    data = load_numerai(path, "all", targets=None, verbose=0)
    wanted = net.predict(data.data.to_numpy(), groups=data.eras.to_numpy())
    np.testing.assert_allclose(found["prediction"], wanted, atol=1e-6)
    with pytest.raises(ValueError, match="Leave feature_set out"):
        predict_numerai(Ridge().fit(train.data, train.target), path, feature_set="all")


# scikit-learn's, of what the scaler made
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_an_era_is_one_for_a_pipeline_that_drops_the_index(tmp_path, train):
    net = ContextAwareRanker(max_epochs=1, random_state=0, verbose=0)
    pipe = make_pipeline(StandardScaler(), net).set_output(transform="pandas")
    pipe.fit(train.data, train.target)
    path = write(make_frame(range(20, 27), N_ROWS, seed=1), tmp_path, 40)
    wanted = expected(pipe, path)
    pipe.set_output(transform="default")
    same(predict_numerai(pipe, path), wanted)


def test_written_whole_or_not_at_all(tmp_path, models, train):
    path = write(make_frame(range(20, 27), N_ROWS, seed=1), tmp_path, 40)
    out = tmp_path / "predictions.parquet"
    out.write_bytes(b"older")

    class Fails(Ridge):
        def predict(self, X):
            if X.index[0][0] == "0025":
                raise RuntimeError("no more")
            return super().predict(X)

    with pytest.raises(RuntimeError, match="no more"):
        predict_numerai(Fails().fit(train.data, train.target), path, out=out)
    assert out.read_bytes() == b"older"
    assert predict_numerai(models["ranker"], path, out=out) == out
    same(pd.read_parquet(out), expected(models["ranker"], path))
    assert not [n for n in os.listdir(tmp_path) if "part" in n]


def test_large_row_groups_go_through_a_file(tmp_path, models, monkeypatch):
    path = write(make_frame(range(20, 27), N_ROWS, seed=1), tmp_path, 40)
    wanted = expected(models["ranker"], path)
    monkeypatch.setattr(_era_stream, "GROUP_BYTES", 1)
    kinds = []

    class Recorder(Ridge):
        def predict(self, X):
            return np.zeros(len(X))

        feature_names_in_ = models["ridge"].feature_names_in_

    reserve = _era_stream.reserve
    monkeypatch.setattr(
        _era_stream, "reserve", lambda *args: kinds.append(args) or reserve(*args)
    )
    same(predict_numerai(models["ranker"], path), wanted)
    assert len(kinds) == 5
    predict_numerai(Recorder(), path)
    assert not list(tmp_path.rglob("*.tmp"))


def test_scattered_eras_are_refused_in_time(tmp_path, models, monkeypatch):
    frame = make_frame(range(20, 27), N_ROWS, seed=1).sample(frac=1, random_state=0)
    path = write(frame, tmp_path, 30)
    monkeypatch.setattr(_era_stream, "WAITING_BYTES", 200)
    with pytest.raises(ValueError, match=r"scattered in validation.parquet.*load_num"):
        predict_numerai(models["ridge"], path)
    # whole eras do not wait, and those that do go away again
    path = write(make_frame(range(20, 27), N_ROWS, seed=1), tmp_path, 30)
    predict_numerai(models["ridge"], path)


def test_bad_input(tmp_path, models, train):
    path = write(make_frame(range(20, 22), N_ROWS, 3, seed=1), tmp_path, 40)
    with pytest.raises(ValueError, match=r"lacks 2 of the 3 features .*'feature_d'"):
        predict_numerai(models["ridge"], path)
    with pytest.raises(TypeError, match="must have a method predict"):
        predict_numerai(StandardScaler(), path)
    with pytest.raises(ValueError, match=r"must be a file\.parquet or file\.csv"):
        predict_numerai(models["ridge"], path, out=tmp_path / "p.txt")
    with pytest.raises(FileNotFoundError, match="Create it first"):
        predict_numerai(models["ridge"], path, out=tmp_path / "no" / "p.parquet")
    with pytest.raises(FileNotFoundError, match="no file for split='live'"):
        predict_numerai(models["ridge"], tmp_path, "live")

    class Short(Ridge):
        def predict(self, X):
            return super().predict(X)[1:]

    path = write(make_frame(range(20, 22), N_ROWS, seed=1), tmp_path, 40)
    with pytest.raises(ValueError, match="gives 22 predictions for the 23 rows"):
        predict_numerai(Short().fit(train.data, train.target), path)


@pytest.mark.slow
def test_memory_is_that_of_a_row_group(tmp_path):
    """Of a matrix of 100 MB no more than a row group and an era are held."""
    if not sys.platform.startswith("linux"):
        pytest.skip("reads /proc/self/status")
    code = """
import numpy as np, pyarrow as pa, pyarrow.parquet as pq
from sklearn.linear_model import Ridge
from sknumerai.datasets import predict_numerai

rng = np.random.default_rng(0)
names = [f"feature_{i}" for i in range(500)]
with pq.ParquetWriter("validation.parquet", pa.schema(
        [("era", pa.string()), ("id", pa.string())] + [(n, pa.int8()) for n in names]
)) as writer:
    for first in range(0, 200_000, 10_000):
        rows = range(first, first + 10_000)
        block = rng.integers(0, 5, (500, 10_000), dtype=np.int8)
        columns = [[f"{1 + r // 3000:04d}" for r in rows], [f"n{r}" for r in rows]]
        arrays = [pa.array(c) for c in [*columns, *block]]
        writer.write_table(pa.Table.from_arrays(arrays, schema=writer.schema))

class Sum(Ridge):
    feature_names_in_ = names
    peak = 0
    def predict(self, X):
        status = open("/proc/self/status").read()
        now = int(status.split("RssAnon:")[1].split()[0]) / 1e3
        self.peak = max(self.peak, now)
        self.first = getattr(self, "first", now)
        return X.to_numpy().sum(axis=1, dtype=np.int64)

model = Sum()
found = predict_numerai(model, ".", verbose=0)
assert len(found) == 200_000 and found["prediction"].between(800, 1200).all()
print(model.peak - model.first)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert float(done.stdout) < 70


def test_the_file_that_is_read_is_not_written_over(tmp_path, models):
    path = write(make_frame(range(20, 22), N_ROWS, seed=1), tmp_path, 40)
    before = path.read_bytes()
    for read in (path, tmp_path):
        with pytest.raises(ValueError, match="holds no predictions"):
            predict_numerai(models["ridge"], read, out=path, verbose=0)
    assert path.read_bytes() == before
    # earlier predictions are, of one output or several
    for name in ("ridge", "several", "ridge"):
        predict_numerai(models[name], path, out=tmp_path / "p.parquet", verbose=0)
    same(pd.read_parquet(tmp_path / "p.parquet"), expected(models["ridge"], path))


def test_a_csv_file_is_written_and_others_are_not_written_over(tmp_path, models):
    frame = make_frame(range(20, 22), N_ROWS, seed=1)
    path, out = write(frame, tmp_path, 40), tmp_path / "p.csv"
    # nothing at all, one output, several, one again
    out.touch()
    for name in ("ranker", "several", "ridge"):
        assert predict_numerai(models[name], path, out=out, verbose=0) == out
        found = pd.read_csv(out, index_col="id", dtype={"era": str})
        pd.testing.assert_frame_equal(
            found, expected(models[name], path), check_dtype=False, atol=1e-6
        )
    for other in (b"id,era,feature_a\nn1,0001,2\n", b"\xff\xfe\x00,\n"):
        out.write_bytes(other)
        with pytest.raises(ValueError, match="holds no predictions"):
            predict_numerai(models["ridge"], path, out=out, verbose=0)
        assert out.read_bytes() == other


class Gives(BaseEstimator):
    """Predicts what a function makes of the number of rows."""

    feature_names_in_ = np.array(["feature_a"], dtype=object)

    def __init__(self, make):
        self.make = make

    def predict(self, X):
        return self.make(len(X))


def test_one_column_is_a_prediction_like_one_without(tmp_path):
    path = write(make_frame(range(20, 22), N_ROWS, seed=1), tmp_path, 40)
    flat, column = (
        predict_numerai(Gives(lambda n, s=s: np.arange(n * 1.0).reshape(n, *s)), path)
        for s in ((), (1,))
    )
    same(column, flat)


def test_predictions_that_no_submission_takes_are_told(tmp_path):
    path = write(make_frame(range(20, 22), N_ROWS, seed=1), tmp_path, 40)
    for bad in (np.nan, np.inf):
        model = Gives(lambda n, bad=bad: np.r_[0.5, bad, np.full(n - 2, 0.5)])
        with pytest.warns(
            UserWarning, match="2 of .* infinite, in 2 era.*first in 0020"
        ):
            predict_numerai(model, path)
    with pytest.raises(ValueError, match="era 0020 are no numbers"):
        predict_numerai(Gives(lambda n: np.full(n, "up")), path, out=tmp_path / "p.csv")
    assert not (tmp_path / "p.csv").exists()


@pytest.mark.parametrize("name", ["live_example_preds.parquet", "preds.csv"])
def test_numerais_example_predictions_are_not_written_over(tmp_path, models, name):
    path = write(make_frame(range(20, 22), N_ROWS, seed=1), tmp_path, 40)
    table = pd.DataFrame({"prediction": [0.5]}, index=pd.Index(["n1"], name="id"))
    out = tmp_path / name
    (table.to_csv if out.suffix == ".csv" else table.to_parquet)(out)
    before = out.read_bytes()
    with pytest.raises(ValueError, match="holds no predictions"):
        predict_numerai(models["ridge"], path, out=out, verbose=0)
    assert out.read_bytes() == before


def test_a_folder_as_out_is_told_before_predicting(tmp_path, models):
    path = write(make_frame(range(20, 22), N_ROWS, seed=1), tmp_path, 40)
    (tmp_path / "p.parquet").mkdir()
    with pytest.raises(ValueError, match="is a folder"):
        predict_numerai(models["ridge"], path, out=tmp_path / "p.parquet")


def test_whole_numbers_in_the_first_era_do_not_round_the_others(tmp_path, train):
    path = write(make_frame(range(20, 23), N_ROWS, seed=1), tmp_path, 40)

    class Rounds(Ridge):
        def predict(self, X):
            first = X.index[0][0] == "0020"
            return np.zeros(len(X), dtype=int) if first else super().predict(X)

    class Widens(Ridge):
        def predict(self, X):
            y = super().predict(X)
            return y if X.index[0][0] == "0020" else np.c_[y, y]

    found = predict_numerai(Rounds().fit(train.data, train.target), path)
    whole = expected(Ridge().fit(train.data, train.target), path)
    same(found.iloc[N_ROWS:], whole.iloc[N_ROWS:])
    assert (found["prediction"].iloc[:N_ROWS] == 0).all()
    with pytest.raises(
        ValueError, match=r"predictions of shape \(23, 2\) for era 0021"
    ):
        predict_numerai(Widens().fit(train.data, train.target), path)
