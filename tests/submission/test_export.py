"""Exported files: they run as Numerai runs them, where sknumerai is not installed."""

import inspect
import os
import subprocess
import sys
import threading
from pathlib import Path

import cloudpickle
import lightgbm
import numpy as np
import pandas as pd
import pytest
import torch
import xgboost
from numerai_tools import submissions
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    HistGradientBoostingRegressor,
    StackingRegressor,
    VotingRegressor,
)
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import sknumerai
from sknumerai.exceptions import SubmissionError
from sknumerai.neural_network import MLPRegressor
from sknumerai.submission import _fresh, export_model
from sknumerai.submission._images import image_pins, needed_packages
from sknumerai.submission._predictor import LivePredictor
from sknumerai.utils import check_eras
from tests.submission.frames import FEATURES, make_frame, make_live, ranks

BY = (__name__,)


class TorchRegressor(RegressorMixin, BaseEstimator):
    """A network that reads its eras, as those of sknumerai do."""

    def __init__(self, callbacks=None):
        self.callbacks = callbacks

    def fit(self, X, y, groups=None):
        check_eras(groups, X, y)
        self.feature_names_in_ = np.array(X.columns, dtype=object)
        solution = torch.linalg.lstsq(
            torch.tensor(X.to_numpy(np.float32)),
            torch.tensor(np.asarray(y, np.float32)),
        )
        self.module_ = torch.nn.Linear(X.shape[1], 1, bias=False)
        self.module_.load_state_dict({"weight": solution.solution[None]})
        return self

    def predict(self, X, groups=None):
        eras = check_eras(groups, X, required=True, allow_live=True)
        out = np.empty(len(X))
        for rows in eras.rows():  # ranks over the era
            with torch.inference_mode():
                data = torch.tensor(X.iloc[rows].to_numpy(np.float32))
                raw = self.module_(data)[:, 0].numpy()
            out[rows] = raw.argsort().argsort()
        return out


MODELS = {
    "ridge": lambda: Ridge(),
    "pipeline": lambda: make_pipeline("passthrough", StandardScaler(), Ridge()),
    "pandas pipeline": lambda: make_pipeline(
        StandardScaler(), TorchRegressor()
    ).set_output(transform="pandas"),
    "voting": lambda: VotingRegressor([("r", Ridge()), ("t", TorchRegressor())]),
    "stacking": lambda: StackingRegressor(
        [("r", Ridge()), ("h", HistGradientBoostingRegressor(max_iter=3))], cv=3
    ),
    "transformed target": lambda: TransformedTargetRegressor(
        TorchRegressor(), func=np.sinh, inverse_func=np.arcsinh, check_inverse=False
    ),
    "column transformer": lambda: make_pipeline(
        ColumnTransformer([("s", StandardScaler(), FEATURES[:2])]), LinearRegression()
    ),
    "search": lambda: GridSearchCV(Ridge(), {"alpha": [1, 10]}, cv=KFold(3)),
    "lightgbm": lambda: lightgbm.LGBMRegressor(
        n_estimators=5, min_child_samples=5, verbose=-1, n_jobs=1
    ),
    "xgboost": lambda: xgboost.XGBRegressor(n_estimators=5, n_jobs=1),
}


@pytest.mark.parametrize("name", MODELS)
def test_file_predicts_like_the_model(name, data, tmp_path):
    X, y = data
    model = MODELS[name]().fit(X, y)
    live = make_live()
    before = live.copy()
    path = export_model(model, tmp_path / "predict.pkl", verify=False)
    assert path == tmp_path / "predict.pkl"
    predict = pd.read_pickle(path)
    assert len(inspect.signature(predict).parameters) == 2
    got = predict(live, pd.DataFrame(index=live.index))
    expected = model.predict(live.set_index("era", append=True)[FEATURES])
    assert type(got) is pd.DataFrame
    assert list(got.columns) == ["prediction"]
    np.testing.assert_allclose(got["prediction"], ranks(expected))
    pd.testing.assert_frame_equal(predict(live), got)
    pd.testing.assert_frame_equal(live, before)  # the caller's frame is left alone
    # Numerai's own check of a submission
    submissions.validate_submission_numerai(live.index.to_series(), got.reset_index())
    assert got["prediction"].between(0, 1, inclusive="neither").all()


def run(code, folder):
    return subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
    )


def test_runs_in_a_process_without_sknumerai(data, tmp_path):
    """All kinds of models in one process, through the runner that verify uses."""
    X, y = data
    live = make_live()
    for i, make in enumerate(MODELS.values()):
        model = make().fit(X, y)
        path = export_model(model, tmp_path / f"{i}.pkl", verify=False, by_value=BY)
        pd.read_pickle(path)(live).to_pickle(tmp_path / f"{i}.expected")
    live.to_pickle(tmp_path / "live.pkl")
    code = f"""
import sys
sys.path.insert(0, {str(Path(_fresh.__file__).parent)!r})
import _runner, pandas as pd
for i in range({len(MODELS)}):
    _runner.main(f"{{i}}.pkl", "sknumerai,skorch")
    got, expected = pd.read_pickle("predictions.pkl"), pd.read_pickle(f"{{i}}.expected")
    assert (got - expected).abs().max(axis=None) <= 1 / 40, i
assert "sknumerai" not in sys.modules and "skorch" not in sys.modules
try:
    import sknumerai
except ModuleNotFoundError:
    print("whole")
"""
    done = run(code, tmp_path)
    assert done.stdout.strip() == "whole", done.stderr


def test_check_in_a_fresh_process_reports(data, tmp_path):
    X, y = data
    model = TorchRegressor().fit(X, y)
    path = export_model(model, tmp_path / "predict.pkl", by_value=BY, verify=False)
    predict = pd.read_pickle(path)
    facts = _fresh.check_in_fresh_process(path, make_live(), predict(make_live()))
    assert facts["n_arguments"] == 2
    assert os.listdir(tmp_path) == ["predict.pkl"]


def test_module_beside_the_script_is_named(data, tmp_path, monkeypatch):
    (tmp_path / "my_nets.py").write_text(
        "from sklearn.linear_model import Ridge\n\nclass Mine(Ridge):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    from my_nets import Mine

    model = Mine().fit(*data)
    path = tmp_path / "predict.pkl"
    with pytest.raises(SubmissionError, match=r"by_value=\['my_nets'\]"):
        export_model(model, path)
    assert not path.exists()
    export_model(model, path, by_value=["my_nets"])


def test_module_on_the_path_is_warned_of(data, tmp_path, monkeypatch):
    """PYTHONPATH and editable installs reach the fresh process too."""
    (tmp_path / "nets_on_path.py").write_text(
        "from sklearn.linear_model import Ridge\n\nclass Mine(Ridge):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    from nets_on_path import Mine

    model = Mine().fit(*data)
    with pytest.warns(UserWarning, match=r"1 module.* nets_on_path .*by_value=\["):
        export_model(model, tmp_path / "predict.pkl")


class RandomRegressor(Ridge):
    def predict(self, X):
        return np.random.default_rng().normal(size=len(X))


def test_random_predictions_are_refused(data, tmp_path):
    path = tmp_path / "predict.pkl"
    path.write_text("the old one")
    with pytest.raises(SubmissionError, match="predicts otherwise"):
        export_model(RandomRegressor().fit(*data), path, by_value=BY)
    assert path.read_text() == "the old one"
    assert os.listdir(tmp_path) == ["predict.pkl"]


def test_registry_of_cloudpickle_is_left_as_it_was(data, tmp_path):
    model = Ridge().fit(*data)
    before = cloudpickle.list_registry_pickle_by_value()
    export_model(model, tmp_path / "predict.pkl", verify=False)
    assert cloudpickle.list_registry_pickle_by_value() == before
    cloudpickle.register_pickle_by_value(sknumerai)
    try:
        export_model(model, tmp_path / "predict.pkl", verify=False)
        assert "sknumerai" in cloudpickle.list_registry_pickle_by_value()
    finally:
        cloudpickle.unregister_pickle_by_value(sknumerai)


def test_loading_changes_no_class_of_this_process(data, tmp_path):
    """cloudpickle would write the file's methods over those of the same class here."""
    before = dict(vars(LivePredictor)), TorchRegressor.predict
    model = TorchRegressor().fit(*data)
    path = export_model(model, tmp_path / "p.pkl", verify=False, by_value=BY)
    predict = pd.read_pickle(path)
    assert before == (dict(vars(LivePredictor)), TorchRegressor.predict)
    assert type(predict) is not LivePredictor
    assert type(predict.model) is not TorchRegressor


def test_exports_in_threads(data, tmp_path):
    model = Ridge().fit(*data)
    errors = []

    def export(i):
        try:
            for _ in range(3):
                export_model(model, tmp_path / f"{i}.pkl", verify=False)
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=export, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    code = "import sys; sys.modules['sknumerai'] = None; import pandas as pd\n"
    code += "for i in range(4): pd.read_pickle(f'{i}.pkl')"
    done = run(code, tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("wrap", [None, "voting"])
def test_callbacks_stay_at_home(wrap, data, tmp_path):
    model = TorchRegressor(callbacks=[threading.Lock()])
    if wrap:
        model = VotingRegressor([("net", model)])
        # clone copies parameters, which a lock does not allow
        model.estimators_ = [TorchRegressor(callbacks=[threading.Lock()]).fit(*data)]
        model.feature_names_in_ = model.estimators_[0].feature_names_in_
    else:
        model.fit(*data)
    path = export_model(model, tmp_path / "predict.pkl", verify=False)
    loaded = pd.read_pickle(path).model
    net = loaded.estimators_[0] if wrap else loaded
    assert net.callbacks is None
    mine = model.estimators_[0] if wrap else model
    assert mine.callbacks


def test_the_part_that_does_not_pickle_is_named(data, tmp_path):
    model = make_pipeline(StandardScaler(), Ridge()).fit(*data)
    model.steps[1][1].extra_ = {"handles": [1, threading.Lock()]}
    with pytest.raises(
        SubmissionError, match=r"model\.steps\[1\]\[1\]\.extra_\['handles'\]\[1\].*lock"
    ):
        export_model(model, tmp_path / "predict.pkl")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("model", [Ridge(), make_pipeline(StandardScaler(), Ridge())])
def test_not_fitted(model, tmp_path):
    with pytest.raises(NotFittedError):
        export_model(model, tmp_path / "predict.pkl", features=FEATURES)


def test_two_columns_are_refused(data, tmp_path):
    X, y = data
    model = Ridge().fit(X, np.column_stack([y, y]))
    with pytest.raises(ValueError, match=r"shape \(64, 2\).*one number a row"):
        export_model(model, tmp_path / "predict.pkl")


def test_nan_predictions_are_refused(data, tmp_path):
    model = LinearRegression().fit(*data)
    model.coef_ = model.coef_ * np.nan
    with pytest.raises(ValueError, match="NaN or infinity for 64 of 64 rows"):
        export_model(model, tmp_path / "predict.pkl")


@pytest.mark.parametrize(
    "path, error, match",
    [
        ("nowhere/predict.pkl", FileNotFoundError, "nowhere' does not exist"),
        ("folder", IsADirectoryError, "is a directory"),
        ("predict.pkl.gz", ValueError, "compressed"),
    ],
)
def test_bad_paths(path, error, match, data, tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(error, match=match):
        export_model(Ridge().fit(*data), tmp_path / path)


@pytest.mark.parametrize("model", [Ridge, 3, StandardScaler()])
def test_no_estimator(model, tmp_path):
    with pytest.raises(TypeError, match="fitted estimator with a method predict"):
        export_model(model, tmp_path / "predict.pkl")


def test_features_of_a_model_fitted_on_arrays(data, tmp_path):
    X, y = data
    path = tmp_path / "predict.pkl"
    model = Ridge().fit(X.to_numpy(), y)
    with pytest.raises(ValueError, match=r"fitted on an array\. Pass features="):
        export_model(model, path)
    with pytest.raises(ValueError, match="4 columns and features= has 3 names"):
        export_model(model, path, features=FEATURES[:3])
    with pytest.raises(ValueError, match=r"\['feature_a'\] are named twice"):
        export_model(model, path, features=[*FEATURES[:3], "feature_a"])
    export_model(model, path, features=FEATURES, verify=False)
    got = pd.read_pickle(path)(make_live())  # no warning about names
    expected = ranks(Ridge().fit(X, y).predict(make_live()[FEATURES]))
    np.testing.assert_allclose(got["prediction"], expected)


def test_features_that_contradict_the_model(data, tmp_path):
    model = Ridge().fit(*data)
    with pytest.raises(ValueError, match=r"Unknown: \['x'\]; lacking: \['feature_b'\]"):
        export_model(model, tmp_path / "p.pkl", features=[*FEATURES[:3], "x"])
    with pytest.raises(ValueError, match="in that order"):
        export_model(model, tmp_path / "p.pkl", features=FEATURES[::-1])
    export_model(model, tmp_path / "p.pkl", features=FEATURES, verify=False)


def test_era_is_no_feature(data, tmp_path):
    X, y = data
    model = Ridge().fit(X.assign(era=1), y)
    with pytest.raises(ValueError, match="column 'era' as a feature"):
        export_model(model, tmp_path / "p.pkl")


def test_own_rows_as_sample(tmp_path):
    """A model that refuses codes 0 to 4 is tried on the rows given."""

    def unit(X):
        if np.asarray(X).max() > 1:
            raise ValueError("values above 1")
        return X

    X, y = make_frame()
    model = make_pipeline(FunctionTransformer(unit), Ridge()).fit(X / 4, y)
    with pytest.raises(ValueError, match="values above 1") as caught:
        export_model(model, tmp_path / "p.pkl")
    assert "sample=" in caught.value.__notes__[0]
    export_model(model, tmp_path / "p.pkl", sample=X / 4, verify=False)
    with pytest.raises(TypeError, match="sample must be a DataFrame"):
        export_model(model, tmp_path / "p.pkl", sample=3)


def test_unknown_module_by_value(data, tmp_path):
    with pytest.raises(ValueError, match="by_value names the module 'no_such'"):
        export_model(Ridge().fit(*data), tmp_path / "p.pkl", by_value=["no_such"])


def test_file_has_the_rights_of_any_new_file(data, tmp_path):
    path = export_model(Ridge().fit(*data), tmp_path / "p.pkl", verify=False)
    (tmp_path / "other").touch()
    assert path.stat().st_mode == (tmp_path / "other").stat().st_mode


def test_names_that_lightgbm_made_up_are_no_features(data, tmp_path):
    """LightGBM before 4.6 calls the columns of an array Column_0, Column_1, ..."""
    X, y = data
    model = MODELS["lightgbm"]().fit(X.to_numpy(), y)
    with pytest.raises(ValueError, match="features="):
        export_model(model, tmp_path / "predict.pkl", verify=False)
    path = export_model(
        model, tmp_path / "predict.pkl", features=list(X.columns), verify=False
    )
    live = make_live()
    expected = model.predict(live[list(X.columns)].to_numpy())
    ranks = pd.read_pickle(path)(live)["prediction"]
    assert np.corrcoef(ranks, pd.Series(expected).rank())[0, 1] > 0.999


def test_file_needs_no_package_that_its_model_does_not_use(data, tmp_path):
    """The version of torch is an object of torch; a ridge's file imported it."""
    assert "torch" in sys.modules
    path = export_model(Ridge().fit(*data), tmp_path / "predict.pkl", verify=False)
    assert type(pd.read_pickle(path).about["packages"]["torch"]) is str
    packages, modules, made_by = needed_packages(path, image_pins()[1])
    assert not {"torch", "skorch", "lightgbm"} & set(packages)
    assert "sklearn.linear_model._ridge" in modules
    assert made_by == ".".join(map(str, sys.version_info[:2]))


def test_by_value_of_one_name(data, tmp_path):
    """It was taken for a list of letters: no module named 'n'."""
    path = tmp_path / "predict.pkl"
    with pytest.raises(ValueError, match="the module 'no_such'"):
        export_model(Ridge().fit(*data), path, by_value="no_such")


def test_misspelt_features_to_neutralize_to_are_told(data, tmp_path):
    """They were filled with 2, and nothing was neutralized, without a word."""
    given = {"missing": 2, "neutralize": {"features": ["typo"]}, "verify": False}
    with pytest.warns(UserWarning, match=r"1 of the features .*\['typo'\].*missing=2"):
        export_model(Ridge().fit(*data), tmp_path / "predict.pkl", **given)


def test_features_of_a_bare_booster(data, tmp_path):
    X, y = data
    given = {"verbose": -1, "num_threads": 1, "min_data_in_leaf": 2}
    booster = lightgbm.train(given, lightgbm.Dataset(X, y), num_boost_round=2)
    path = export_model(booster, tmp_path / "predict.pkl", verify=False)
    assert pd.read_pickle(path).features == FEATURES


def test_the_same_file_gives_the_same_ranks_again(data, tmp_path):
    """Called repeatedly, on shuffled rows, and after another era."""
    live = make_live(100)
    model = make_pipeline(StandardScaler(), MLPRegressor((4,), max_epochs=1))
    for name, fitted in [("net", model.fit(*data)), ("ridge", Ridge().fit(*data))]:
        path = export_model(fitted, tmp_path / f"{name}.pkl", verify=False)
        predict = pd.read_pickle(path)
        first = predict(live, None)
        predict(make_live(60, seed=5), None)
        pd.testing.assert_frame_equal(predict(live, None), first)
        pd.testing.assert_frame_equal(pd.read_pickle(path)(live, None), first)
