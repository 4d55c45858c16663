"""diagnostics_report: its tables are what the metrics give, whatever is passed."""

import pickle

import numpy as np
import pandas as pd
import pytest

from sknumerai.exceptions import MissingErasError
from sknumerai.inspection import DiagnosticsReport, diagnostics_report
from sknumerai.metrics import (
    PayoutPolicy,
    bmc_score,
    compare_scores,
    fnc_score,
    max_feature_exposure,
    mmc_score,
    numerai_corr_score,
    payout_score,
    prediction_correlation_score,
    rms_feature_exposure,
    score_summary,
)
from tests.inspection.reports import noisy_models, tournament

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")
pytestmark = pytest.mark.filterwarnings(
    "ignore::sknumerai.exceptions.HorizonWarning",
    "ignore::sknumerai.exceptions.LeakageWarning",
)
FEW = {"n_resamples": 50}


@pytest.fixture(scope="module", autouse=True)
def no_figures():
    """Drawing takes most of the time; pages with figures are in test_report_page."""
    with pytest.MonkeyPatch.context() as patch:
        nothing = {"intervals": [], "eras": [], "exposure": [], "data": []}
        patch.setattr(
            "sknumerai.inspection._diagnostics_report.draw_figures",
            lambda *args: nothing,
        )
        yield


@pytest.fixture(scope="module")
def data():
    return tournament()


@pytest.fixture(scope="module")
def models(data):
    return noisy_models(data)


@pytest.fixture(scope="module")
def report(data, models):
    return diagnostics_report(
        data.target,
        models,
        meta_model=data.meta_model,
        benchmark=data.benchmark,
        features=data.data,
        **FEW,
    )


@pytest.mark.filterwarnings("ignore")
def test_era_scores_are_those_of_the_metrics(report, data, models):
    baseline = "v53_lgbm_ender20"
    both = models.join(data.benchmark[[baseline]])
    expected = {
        "corr": numerai_corr_score(data.target, both, aggregate=None),
        "mmc": mmc_score(data.target, both, data.meta_model, aggregate=None),
        "bmc": bmc_score(data.target, models, data.benchmark, aggregate=None),
        "fnc": fnc_score(data.target, both, data.data, aggregate=None),
        "payout": payout_score(data.target, both, data.meta_model, aggregate=None),
        "payout_bmc": payout_score(data.target, models, data.benchmark, aggregate=None),
    }
    scores = report.tables["era_scores"]
    assert list(scores.columns.unique("metric")) == list(expected)
    for name, table in expected.items():
        pd.testing.assert_frame_equal(scores[name], table, check_names=False)


def test_summary_and_comparison_are_those_of_the_metrics(report):
    scores = report.tables["era_scores"]
    options = {"horizon": 20, "n_resamples": 50, "random_state": 0}
    for name in scores.columns.unique("metric"):
        expected = score_summary(
            scores[name],
            statistics=["mean", "sharpe"],
            confidence_level=0.95,
            **options,
        )
        found = report.tables["summary"].loc[name]
        pd.testing.assert_frame_equal(
            found[expected.columns], expected, check_names=False
        )
    for name in report.tables["comparison"].index.unique("metric"):
        expected = compare_scores(scores[name], baseline="v53_lgbm_ender20", **options)
        found = report.tables["comparison"].loc[name]
        pd.testing.assert_frame_equal(
            found, expected.drop(columns="n_left_out"), check_names=False
        )
    assert set(report.tables["comparison"].index.unique("metric")) == {
        "corr", "mmc", "fnc", "payout",
    }  # fmt: skip


def test_exposures_and_correlations_are_those_of_the_metrics(report, data, models):
    table = report.tables["exposure"]
    for metric, column in (
        (max_feature_exposure, "max_exposure"),
        (rms_feature_exposure, "rms_exposure"),
    ):
        expected = metric(None, models, data.data)
        np.testing.assert_allclose(table[column], expected)
    correlation = report.tables["correlation"]
    assert list(correlation) == ["one", "two", *data.benchmark, data.meta_model.name]
    for name in correlation:
        other = models.join(data.benchmark).join(data.meta_model)[name]
        expected = prediction_correlation_score(None, models, other)
        np.testing.assert_allclose(correlation[name], expected)


def test_coverage_counts_rows_and_eras(data, models):
    y, models = data.target.copy(), models.copy()
    labels = data.eras.unique()
    y.loc[labels[0]] = np.nan
    y.iloc[-3:] = np.nan
    models.loc[labels[1], "one"] = np.nan
    models.iloc[-5, 1] = np.nan
    report = diagnostics_report(
        y, models, meta_model=data.meta_model.loc[labels[10] :], **FEW
    )
    table = report.tables["coverage"]
    columns = ["n_rows", "n_missing", "n_eras", "first_era", "last_era"]
    rows = {
        ("target", ""): [23 * 40 - 3, 43, 23, labels[1], labels[-1]],
        ("predictions", "one"): [22 * 40 - 3, 40, 22, labels[2], labels[-1]],
        ("predictions", "two"): [23 * 40 - 4, 1, 23, labels[1], labels[-1]],
        ("meta_model", ""): [14 * 40 - 3, 9 * 40, 14, labels[10], labels[-1]],
    }
    for key, expected in rows.items():
        assert table.loc[key, columns].tolist() == expected, key
    assert table.loc[("target", ""), "row_share"] == (23 * 40 - 3) / (24 * 40)
    assert table.loc[("meta_model", ""), "era_share"] == 14 / 23
    universe = report.tables["universe"]
    assert universe["n_rows"].tolist() == [40] * 24
    assert universe["n_resolved"].tolist() == [0, *[40] * 22, 37]


def test_one_model_alone(data, models):
    """A Series, no further input, no baseline."""
    report = diagnostics_report(data.target, models["one"], **FEW)
    assert set(report.tables) == {
        "summary", "era_scores", "coverage", "universe", "correlation",
    }  # fmt: skip
    assert list(report.tables["summary"].index) == [("corr", "one")]
    assert "Compared" not in report.html


def test_arrays_and_eras_give_the_same(data, models, report):
    groups = data.eras.to_numpy()
    bare = diagnostics_report(
        data.target.to_numpy(),
        models.to_numpy(),
        groups=groups,
        target="target_ender_20",
        benchmark=data.benchmark.to_numpy(),
        **FEW,
    )
    np.testing.assert_allclose(
        bare.tables["era_scores"]["corr"][["model 1", "model 2"]],
        report.tables["era_scores"]["corr"][["one", "two"]],
    )
    assert bare.tables["comparison"].shape[0] == 2
    np.testing.assert_array_equal(
        bare.tables["summary"].loc[("corr", "model 1")],
        report.tables["summary"].loc[("corr", "one")],
    )


def test_names_that_are_numbers(data, models, report):
    """Columns of a table that was made of an array."""
    made = diagnostics_report(
        data.target,
        models.set_axis([0, 1], axis=1),
        benchmark=data.benchmark.to_numpy()[:, :1],
        **FEW,
    )
    np.testing.assert_array_equal(
        made.tables["era_scores"]["corr"][[0, 1]],
        report.tables["era_scores"]["corr"][["one", "two"]],
    )
    assert made.tables["comparison"].loc["corr"].index.tolist() == [0, 1]
    assert made.tables["correlation"].columns.tolist() == [0, 1, "benchmark"]


def test_rows_in_another_order(data, models, report):
    order = np.random.default_rng(0).permutation(len(models))
    again = diagnostics_report(
        data.target.iloc[order],
        models.iloc[order],
        meta_model=data.meta_model,
        benchmark=data.benchmark,
        features=data.data,
        **FEW,
    )
    for name, table in report.tables.items():
        pd.testing.assert_frame_equal(again.tables[name], table, rtol=1e-9)


def test_baseline_is_a_model_or_a_benchmark(data, models):
    def compared(**kwargs):
        report = diagnostics_report(data.target, models, **FEW, **kwargs)
        return list(report.tables["comparison"].loc["corr"].index)

    assert compared() == ["two"]
    assert compared(baseline="two") == ["one"]
    benchmark = data.benchmark
    assert compared(benchmark=benchmark, baseline="two") == ["one"]
    assert compared(benchmark=benchmark, baseline="v53_lgbm_ender60") == ["one", "two"]
    # one of the target's own horizon, whatever comes first
    report = diagnostics_report(
        data.target, models, benchmark=benchmark[benchmark.columns[::-1]], **FEW
    )
    assert "v53_lgbm_ender20" in report.tables["summary"].loc["corr"].index


def test_policy(data, models):
    report = diagnostics_report(
        data.target,
        models,
        meta_model=data.meta_model,
        policy="ender20",
        **FEW,
    )
    expected = payout_score(
        data.target,
        models,
        data.meta_model,
        policy=PayoutPolicy.from_name("ender20"),
    )
    found = report.tables["summary"].loc["payout", "mean"]
    np.testing.assert_allclose(found, expected)
    assert "0.75 CORR + 2.25 MMC" in report.html


def test_few_eras_have_no_intervals(data, models):
    first = data.eras <= "0012"
    report = diagnostics_report(
        data.target[first], models[first], benchmark=data.benchmark, **FEW
    )
    assert report.tables["summary"]["mean_low"].isna().all()
    assert "comparison" not in report.tables
    one = data.eras == "0003"
    report = diagnostics_report(data.target[one], models[one], **FEW)
    assert report.tables["summary"]["n_eras"].tolist() == [1, 1]


def test_a_model_without_scores(data, models):
    table = models.assign(constant=1.0, absent=np.nan)
    report = diagnostics_report(data.target, table, benchmark=data.benchmark, **FEW)
    summary = report.tables["summary"].loc["corr"]
    assert summary.loc[["constant", "absent"], "n_eras"].tolist() == [0, 0]
    assert summary.loc["one", "n_eras"] == 24


def test_save_is_whole_or_nothing(report, tmp_path, monkeypatch):
    path = report.save(tmp_path / "a.html")
    assert path.read_text(encoding="utf-8") == report.html
    assert [p.name for p in tmp_path.iterdir()] == ["a.html"]
    with pytest.raises(IsADirectoryError, match="is a folder"):
        report.save(tmp_path)
    with pytest.raises(FileNotFoundError, match="Create it first"):
        report.save(tmp_path / "no" / "a.html")

    def fail(self, *args, **kwargs):
        raise OSError("disk is full")

    monkeypatch.setattr(type(path), "write_text", fail)
    with pytest.raises(OSError, match="disk is full"):
        DiagnosticsReport("new", {}, None).save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["a.html"]
    assert path.read_text(encoding="utf-8") == report.html


def test_path_is_written(data, models, tmp_path):
    report = diagnostics_report(
        data.target, models, path=tmp_path / "b.html", title="Mine", **FEW
    )
    assert (tmp_path / "b.html").read_text(encoding="utf-8") == report.html


@pytest.mark.parametrize(
    "path, error", [("no/a.html", FileNotFoundError), ("", IsADirectoryError)]
)
def test_a_path_is_checked_before_the_work(
    data, models, tmp_path, monkeypatch, path, error
):
    """The report was made, minutes later, and lost."""
    monkeypatch.setattr("sknumerai.inspection._diagnostics_report._compute", None)
    with pytest.raises(error, match=r"^diagnostics_report: "):
        diagnostics_report(data.target, models, path=tmp_path / path, **FEW)


def test_a_benchmark_itself_adds_nothing(data):
    """Its BMC was noise of 1e-17, which had a Sharpe ratio."""
    benchmark = data.benchmark["v53_lgbm_ender20"]
    report = diagnostics_report(
        data.target, benchmark.rename("copy"), benchmark=benchmark, **FEW
    )
    assert (report.tables["era_scores"]["bmc", "copy"] == 0).all()
    row = report.tables["summary"].loc[("bmc", "copy")]
    assert row["mean"] == 0 and row["positive_share"] == 0
    assert np.isnan(row["sharpe"]) and np.isnan(row["smart_sharpe"])


def test_prints_and_pickles(report):
    text = str(report)
    assert text.splitlines()[0].split() == ["mean", "sharpe", "max_drawdown", "n_eras"]
    again = pickle.loads(pickle.dumps(report))
    assert again.html == report.html
    assert str(again) == text


@pytest.mark.parametrize(
    "change, error, match",
    [
        ({"groups": None, "bare": True}, MissingErasError, "found none"),
        ({"baseline": "three"}, ValueError, "baseline='three' is neither"),
        ({"horizon": -1}, ValueError, "horizon must be the days"),
        ({"horizon": True}, ValueError, "horizon must be the days"),
        ({"confidence_level": 1}, ValueError, "confidence_level must be between"),
        ({"n_resamples": 1}, ValueError, "n_resamples must be"),
        ({"title": None}, TypeError, "title must be a str"),
        ({"policy": "none"}, LookupError, "no rule is called"),
        (
            {"train_eras": {"three": [1]}},
            ValueError,
            "names 'three', which is no model",
        ),
        ({"estimators": {"three": None}}, ValueError, "which is no model"),
        ({"meta_model": pd.Series([1.0], ["x"])}, ValueError, "no row of y_pred"),
    ],
)
def test_bad_input(data, models, change, error, match):
    y = data.target
    if change.pop("bare", False):
        y, models = y.to_numpy(), models.to_numpy()
    with pytest.raises(error, match=match):
        diagnostics_report(y, models, **change)


def test_bad_predictions(data, models):
    twice = pd.concat([models, models], axis=1)
    with pytest.raises(ValueError, match="two columns of y_pred are called 'one'"):
        diagnostics_report(data.target, twice)
    levels = models.set_axis([("a", 1), ("a", 2)], axis=1)
    levels.columns = pd.MultiIndex.from_tuples(levels.columns)
    with pytest.raises(ValueError, match="have 2 levels"):
        diagnostics_report(data.target, levels)
    flat = pd.Index([("a", 1), ("a", 2)], tupleize_cols=False)
    for names in ([None, "two"], [np.nan, "two"], flat):
        with pytest.raises(ValueError, match="y_pred must be named by a text or a num"):
            diagnostics_report(data.target, models.set_axis(names, axis=1))
    with pytest.raises(ValueError, match="infinite"):
        diagnostics_report(data.target, models.replace(models.iloc[0, 0], np.inf))
    with pytest.raises(ValueError, match="has no target"):
        diagnostics_report(data.target * np.nan, models)


@pytest.mark.parametrize("name", ["matplotlib", "jinja2"])
def test_what_is_not_installed_is_named(data, models, monkeypatch, name):
    monkeypatch.setitem(__import__("sys").modules, name, None)
    with pytest.raises(ImportError, match=r"sknumerai\[plot\]"):
        diagnostics_report(data.target, models)
