import numpy as np
import pandas as pd
import pytest

from sknumerai.datasets import load_benchmark_models, load_meta_model, load_numerai
from tests.datasets.numerai_files import make_frame

NAMES = ["v53_lgbm_ender20", "v53_lgbm_ender60"]


@pytest.fixture
def folder(tmp_path):
    frame = make_frame()
    frame.to_parquet(tmp_path / "train.parquet")
    rng = np.random.default_rng(0)
    scores = pd.DataFrame(rng.uniform(size=(30, 2)), frame.index, NAMES)
    scores.insert(0, "era", frame["era"])
    scores = scores.astype(dict.fromkeys(NAMES, "float32"))
    scores.to_parquet(tmp_path / "validation_benchmark_models.parquet")
    # as in the official files, the first eras are not covered
    scores = scores[scores["era"] >= "0003"]
    scores.to_parquet(tmp_path / "train_benchmark_models.parquet")
    meta = scores[["era"]].assign(
        data_type="validation", numerai_meta_model=rng.uniform(size=20)
    )
    meta.to_parquet(tmp_path / "meta_model.parquet")
    return tmp_path


def test_all_rows(folder):
    expected = pd.read_parquet(folder / "train_benchmark_models.parquet")
    benchmark = load_benchmark_models(folder)
    assert benchmark.columns.tolist() == NAMES
    np.testing.assert_array_equal(benchmark, expected[NAMES])
    assert benchmark.index.names == ["era", "id"]
    assert benchmark.index.get_level_values("era").tolist() == expected["era"].tolist()
    assert (benchmark.dtypes == np.float32).all()
    assert load_benchmark_models(folder, models=NAMES[1:]).columns.tolist() == NAMES[1:]
    path = folder / "train_benchmark_models.parquet"
    pd.testing.assert_frame_equal(load_benchmark_models(path), benchmark)
    meta = load_meta_model(folder)
    expected = pd.read_parquet(folder / "meta_model.parquet")["numerai_meta_model"]
    np.testing.assert_array_equal(meta, expected)
    assert meta.name == "numerai_meta_model"


def test_on_the_rows_of_the_data(folder, capsys):
    data = load_numerai(folder).data.sample(frac=1, random_state=0)
    expected = pd.read_parquet(folder / "train_benchmark_models.parquet")
    expected = expected.reindex(data.index.get_level_values("id"))
    benchmark = load_benchmark_models(folder, index=data.index)
    assert benchmark.index is data.index
    np.testing.assert_array_equal(benchmark, expected[NAMES])
    assert "10 of 30 rows are not covered" in capsys.readouterr().err
    ids = data.index.get_level_values("id")
    for index in (ids, pd.Index(ids.to_numpy(dtype=object))):
        other = load_benchmark_models(folder, index=index, verbose=0)
        np.testing.assert_array_equal(other, benchmark)
    meta = load_meta_model(folder, index=data.index, verbose=0)
    assert int(meta.isna().sum()) == 10
    assert capsys.readouterr().err == ""


@pytest.mark.filterwarnings("ignore:.*order")
def test_files_in_another_order_stay_with_their_ids(folder):
    path = folder / "train_benchmark_models.parquet"
    expected = pd.read_parquet(path)
    expected.sample(frac=1, random_state=0).to_parquet(path)
    benchmark = load_benchmark_models(folder).droplevel("era")
    pd.testing.assert_frame_equal(
        benchmark.loc[expected.index.to_list()].reset_index(drop=True),
        expected[NAMES].reset_index(drop=True),
    )


def test_bad_input(folder):
    with pytest.raises(FileNotFoundError, match="split='live_benchmark_models'"):
        load_benchmark_models(folder, "live")
    match = r"no column 'v53_lgbm_ender6'. Near matches: \['v53_lgbm_ender60'"
    with pytest.raises(ValueError, match=match):
        load_benchmark_models(folder, models=["v53_lgbm_ender6"])
    with pytest.raises(ValueError, match="none of the 2 rows of index is in the file"):
        load_benchmark_models(folder, index=pd.Index(["a", "b"]))
    with pytest.raises(TypeError, match=r"must be a pandas\.Index"):
        load_benchmark_models(folder, index=["a"])
    index = pd.MultiIndex.from_tuples([("0001", "a")], names=["era", "row"])
    with pytest.raises(ValueError, match="none is 'id'"):
        load_benchmark_models(folder, index=index)
    with pytest.raises(ValueError, match="no column 'numerai_meta_model'"):
        load_meta_model(folder / "train_benchmark_models.parquet")
    frame = pd.read_parquet(folder / "meta_model.parquet")
    frame.iloc[3, -1] = np.nan
    frame.to_parquet(folder / "meta_model.parquet")
    with pytest.raises(ValueError, match="missing predictions"):
        load_meta_model(folder)
    frame.iloc[:, :2].to_parquet(folder / "empty.parquet")
    with pytest.raises(ValueError, match="no columns of predictions"):
        load_benchmark_models(folder / "empty.parquet")
