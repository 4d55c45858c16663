"""Histograms of residuals."""

import pickle
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge

from sknumerai.inspection import ResidualsDisplay, _residuals_display


@pytest.fixture
def pyplot():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    pyplot.close("all")
    yield pyplot
    pyplot.close("all")


@pytest.fixture
def given():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.integers(0, 5, (300, 4)), columns=list("abcd"))
    y = pd.Series(rng.integers(0, 5, 300) / 4, name="target")
    return X, y + 0.01 * X["a"]


def test_residuals_against_numpy_and_scipy(given):
    X, y = given
    model = Ridge().fit(X, y)
    display = ResidualsDisplay.from_estimator(model, X, y, bins=30, plot=False)
    residuals = (y - model.predict(X)).to_numpy()
    row = display.summary.loc["Ridge"]
    expected = {
        "n_rows": 300,
        "n_missing": 0,
        "mean": residuals.mean(),
        "std": residuals.std(),
        "rmse": (residuals**2).mean() ** 0.5,
        "mae": np.abs(residuals).mean(),
        "skewness": stats.skew(residuals),
        "kurtosis": stats.kurtosis(residuals),
        "rmse_constant": y.std(ddof=0),
    }
    np.testing.assert_allclose(row[list(expected)], list(expected.values()), atol=1e-12)
    table = display.histograms["Ridge"]
    edges = np.append(table["lower"], table["upper"].iloc[-1])
    np.testing.assert_allclose(table["share"], np.histogram(residuals, edges)[0] / 300)
    np.testing.assert_allclose(
        table["share_constant"], np.histogram(y - y.mean(), edges)[0] / 300
    )


def test_models_and_targets(given):
    _, y = given
    models = pd.DataFrame({"a": y + 1, "b": y * 0}, index=y.index)
    display = ResidualsDisplay.from_predictions(y, models, plot=False)
    assert display.summary["mean"].round(9).tolist() == [-1.0, round(y.mean(), 9)]
    targets = pd.DataFrame({"main": y, "aux": y.where(y > 0.5)})
    display = ResidualsDisplay.from_predictions(targets, models.to_numpy(), plot=False)
    assert list(display.histograms) == ["main", "aux"]
    assert display.summary.loc["aux", "n_missing"] == (y <= 0.5).sum()


def test_several_outputs_of_an_estimator(given):
    X, y = given
    Y = pd.DataFrame({"main": y, "aux": -y})
    model = LinearRegression().fit(X, Y)
    display = ResidualsDisplay.from_estimator(model, X, Y, plot=False)
    assert list(display.histograms) == ["main", "aux"]
    np.testing.assert_allclose(*display.summary["rmse"])
    one = LinearRegression().fit(X, y)
    display = ResidualsDisplay.from_estimator(one, X, Y, plot=False)
    assert list(display.histograms) == ["LinearRegression"]


def test_classifiers_predict_the_expected_value(given):
    X, y = given
    labels = (y > 0.5).astype(int) * 3
    model = LogisticRegression(solver="newton-cholesky").fit(X, labels)
    display = ResidualsDisplay.from_estimator(model, X, labels, plot=False)
    residuals = labels - 3 * model.predict_proba(X)[:, 1]
    row = display.summary.loc["LogisticRegression"]
    assert row["mae"] == pytest.approx(np.abs(residuals).mean())
    named = LogisticRegression(solver="newton-cholesky").fit(
        X, np.where(labels, "up", "down")
    )
    with pytest.raises(ValueError, match="are no numbers, such as 'down'"):
        ResidualsDisplay.from_estimator(named, X, labels, plot=False)


class Halves(TransformerMixin, BaseEstimator):
    """Rebuild half of each feature."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.asarray(X) / 4

    def inverse_transform(self, X):
        return X * 2


def test_reconstruction_some_rows_at_a_time(given, monkeypatch):
    X, _ = given
    monkeypatch.setattr(_residuals_display, "_CHUNK", 4 * 70)
    display = ResidualsDisplay.from_estimator(Halves(), X, bins=10, plot=False)
    residuals = X.to_numpy().ravel() / 2
    (row,) = display.summary.to_dict("records")
    assert row["n_rows"] == 300
    assert row["mean"] == pytest.approx(residuals.mean())
    assert row["std"] == pytest.approx(residuals.std())
    assert row["skewness"] == pytest.approx(stats.skew(residuals))
    assert row["kurtosis"] == pytest.approx(stats.kurtosis(residuals))
    (table,) = display.histograms.values()
    np.testing.assert_allclose(
        table["share"], np.histogram(residuals, 10)[0] / len(residuals)
    )


def test_bad_input(given):
    X, y = given
    model = Ridge().fit(X, y)
    make = ResidualsDisplay.from_predictions
    with pytest.raises(ValueError, match="bins must be"):
        make(y, y, bins=True)
    with pytest.raises(ValueError, match="2 targets and 3 columns"):
        make(np.ones((4, 2)), np.ones((4, 3)), plot=False)
    with pytest.raises(ValueError, match="300 rows and y_pred has 4"):
        make(y, np.ones(4), plot=False)
    with pytest.raises(ValueError, match="no residual of 'prediction' is known"):
        make(y * np.nan, np.ones(300), plot=False)
    labelled = y.set_axis([f"n{i}" for i in y.index])
    with pytest.raises(ValueError, match=r"y_true .*and y_pred .*differ"):
        make(labelled, labelled.sort_index(), plot=False)
    with pytest.raises(ValueError, match="does not rebuild"):
        ResidualsDisplay.from_estimator(model, X)
    with pytest.raises(TypeError, match="does not predict"):
        ResidualsDisplay.from_estimator(Halves(), X, y)


def test_plot(given, pyplot, monkeypatch):
    X, y = given
    display = ResidualsDisplay.from_estimator(Ridge().fit(X, y), X, y)
    steps, constant = (patch.get_data() for patch in display.ax_.patches)
    table = display.histograms["Ridge"]
    np.testing.assert_allclose(steps.values, table["share"])
    np.testing.assert_allclose(constant.values, table["share_constant"])
    assert display.ax_.get_xlabel() == "residual"
    assert "RMSE" in display.ax_.get_title()
    again = pickle.loads(pickle.dumps(display))
    _, ax = pyplot.subplots()
    assert again.plot(ax).ax_ is ax
    rebuilt = ResidualsDisplay.from_estimator(Halves(), X)
    assert len(rebuilt.ax_.patches) == 1 and rebuilt.ax_.get_legend() is None
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"sknumerai\[plot\]"):
        display.plot()
