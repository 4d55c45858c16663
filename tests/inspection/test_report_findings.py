"""Each warning of diagnostics_report, by a planted fault, and none without."""

import re
import warnings

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from sknumerai.exceptions import HorizonWarning, LeakageWarning
from sknumerai.inspection import diagnostics_report
from tests.inspection.reports import noisy_models, tournament

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")


@pytest.fixture(scope="module", autouse=True)
def no_figures():
    with pytest.MonkeyPatch.context() as patch:
        nothing = {"intervals": [], "eras": [], "exposure": [], "data": []}
        patch.setattr(
            "sknumerai.inspection._diagnostics_report.draw_figures",
            lambda *args: nothing,
        )
        yield


@pytest.fixture(scope="module")
def data():
    return tournament(30, first_era=101)


@pytest.fixture(scope="module")
def models(data):
    return noisy_models(data)


def report_on(y, y_pred, **kwargs):
    """The findings, and Python's warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        report = diagnostics_report(y, y_pred, n_resamples=20, **kwargs)
    for message in report.warnings["message"]:
        start = message[:30].replace("<", "&lt;").replace("'", "&#39;")
        assert start in report.html
    assert "<nan>" not in report.html and ">nan<" not in report.html
    return report.warnings, [(w.category, str(w.message)) for w in caught]


def only(findings, kind):
    """The one finding of a kind."""
    (row,) = findings[findings["kind"] == kind].to_dict("records")
    return row


def test_an_honest_report_has_none(data, models):
    findings, caught = report_on(
        data.target, models, train_eras=range(1, 90), benchmark=data.benchmark.iloc[:, 0],
        policy="ender20",
    )  # fmt: skip
    assert findings.empty and not caught


def test_eras_that_were_fitted_on(data, models):
    findings, caught = report_on(
        data.target, models, train_eras={"one": [99, 101, 102], "two": range(1, 90)}
    )
    row = only(findings, "leak")
    assert (row["level"], row["about"]) == ("warning", "one")
    assert "2 of the 30 eras that are scored (eras 101 and 102)" in row["message"]
    categories = {category for category, _ in caught}
    assert categories == {LeakageWarning}


def test_fitted_models_are_asked_for_their_eras(data, models):
    model = Ridge().fit(data.data, data.target)
    model.eras_seen_ = np.array([110])
    findings, _ = report_on(data.target, models, estimators=model)
    assert only(findings, "leak")["about"] == "one, two"
    findings, _ = report_on(data.target, models, estimators={"two": model})
    assert only(findings, "leak")["about"] == "two"
    assert only(findings, "training eras unknown")["about"] == "one"


@pytest.mark.parametrize(
    "horizon, last, overlaps",
    [(20, 98, 1), (20, 97, 0), (60, 90, 1), (60, 89, 0), (5, 100, 0), (0, 100, 0)],
)
def test_label_windows_that_overlap(data, models, horizon, last, overlaps):
    """Targets of 20 days reach 3 eras ahead of their own, those of 60 days 11."""
    findings, caught = report_on(
        data.target, models, horizon=horizon, train_eras=range(1, last + 1)
    )
    assert (findings["kind"] == "label window").sum() == overlaps
    assert len(caught) == overlaps


def test_fewer_eras_between_than_numerai_leaves_out(data, models):
    findings, caught = report_on(data.target, models, train_eras=range(1, 96))
    row = only(findings, "purge")
    assert row["level"] == "note" and not caught
    assert "5 eras between" in row["message"] and "leaves out 8" in row["message"]


def test_training_after_scored_eras(data, models):
    findings, _ = report_on(data.target, models, train_eras=range(200, 210))
    assert only(findings, "future")["level"] == "note"


def test_a_feature_that_is_the_target(data, models):
    features = data.data.assign(odd=data.target.to_numpy() + 0.1)
    findings, caught = report_on(
        data.target, models, features=features, train_eras=range(1, 90)
    )
    row = only(findings, "column")
    assert row["about"] == "odd"
    assert re.search(r"correlation of 1.00 with 'target_ender_20'", row["message"])
    assert [category for category, _ in caught] == [LeakageWarning]


def test_too_good_to_be_true(data, models):
    table = models.assign(peeks=data.target + 0.1 * models["one"])
    findings, _ = report_on(data.target, table, train_eras=range(1, 90))
    row = only(findings, "too good")
    assert row["about"] == "peeks" and row["level"] == "warning"
    assert "0.02 is a good model" in row["message"]


def test_a_sign_that_is_turned_round(data):
    findings, _ = report_on(
        data.target, (-data.target).rename("wrong"), train_eras=range(1, 90)
    )
    assert "sign turned round" in only(findings, "below zero")["message"]


def test_two_models_that_are_one(data, models):
    table = models.assign(copy=models["one"] * 2 + 1)
    findings, _ = report_on(data.target, table, train_eras=range(1, 90))
    assert (
        "one and copy rank stocks alike"
        in only(findings, "same predictions")["message"]
    )


def test_horizons_of_benchmark_and_rule(data, models):
    findings, caught = report_on(
        data.target,
        models,
        benchmark=data.benchmark["v53_lgbm_ender60"],
        train_eras=range(1, 90),
    )
    rows = findings[findings["kind"] == "horizon"]
    assert rows["about"].tolist() == ["v53_lgbm_ender60", "payout"]
    assert [category for category, _ in caught] == [HorizonWarning] * 2
    findings, caught = report_on(
        data.target,
        models,
        benchmark=data.benchmark["v53_lgbm_ender20"],
        policy="ender20",
        train_eras=range(1, 90),
    )
    assert findings.empty and not caught


def test_many_benchmarks_of_another_horizon(data, models):
    """Each column had a warning of its own, and leaks were among a dozen."""
    mixed = data.benchmark.iloc[:, :1].rename(columns=lambda name: "v53_lgbm_ender20")
    for i in range(12):
        mixed[f"v{i}_lgbm_ender60"] = mixed.iloc[:, 0] + 0.01 * models["two"] * (i + 1)
    options = {"policy": "ender20", "train_eras": range(1, 90)}
    findings, caught = report_on(data.target, models, benchmark=mixed, **options)
    row = only(findings, "horizon")
    assert (row["level"], row["about"]) == ("note", "benchmark") and not caught
    assert row["message"].startswith("12 of the 13 benchmarks, such as v0_lgbm_ender60")
    findings, caught = report_on(
        data.target, models, benchmark=mixed, baseline="v3_lgbm_ender60", **options
    )
    rows = findings[findings["kind"] == "horizon"]
    assert rows["level"].tolist() == ["warning", "note"]
    assert rows["about"].tolist() == ["v3_lgbm_ender60", "benchmark"]
    assert [category for category, _ in caught] == [HorizonWarning]


def test_a_horizon_that_is_not_known(data, models):
    findings, _ = report_on(
        data.target.rename("target_bernie"), models, train_eras=range(1, 90)
    )
    assert "Pass horizon=20" in only(findings, "horizon unknown")["message"]


def test_meta_model_of_some_eras_and_rows(data, models):
    meta = data.meta_model.loc["0111":]
    findings, _ = report_on(
        data.target, models, meta_model=meta, policy="ender20", train_eras=range(1, 90)
    )
    row = only(findings, "coverage")
    assert row["level"] == "warning" and row["about"] == "meta_model"
    assert "20 of 30 scored eras (0111 to 0130)" in row["message"]
    findings, _ = report_on(
        data.target,
        models,
        meta_model=data.meta_model.iloc[2:],
        policy="ender20",
        train_eras=range(1, 90),
    )
    row = only(findings, "coverage")
    assert row["level"] == "note" and "2 rows" in row["message"]


def test_a_meta_model_that_covers_no_era(data, models):
    """It raised deep within a metric."""
    rows = data.meta_model.groupby(level="era").head(3)
    findings, _ = report_on(
        data.target, models, meta_model=rows, policy="ender20", train_eras=range(1, 90)
    )
    assert "0 of 30 scored eras" in only(findings, "coverage")["message"]


def test_targets_that_are_missing(data, models):
    y = data.target.copy()
    y.loc["0130"] = np.nan
    where = y.index.get_level_values("era")
    y[(where == "0128") & (np.arange(len(y)) % 2 == 0)] = np.nan
    y[(where == "0127") & (np.arange(len(y)) % 20 == 0)] = np.nan
    findings, _ = report_on(y, models, train_eras=range(1, 90))
    said = findings.loc[findings["kind"] == "targets", "message"].tolist()
    assert said[0].startswith("Left out: 1 era of which") and "0128 (50%" in said[0]
    assert said[1] == "Left out: 1 era without targets (era 0130)."
    assert said[2] == "Left out: 2 rows of scored eras without a target."


def test_predictions_that_are_missing(data, models):
    table = models.copy()
    table.loc["0105", "one"] = np.nan
    table.iloc[0, 1] = np.nan
    findings, _ = report_on(data.target, table, train_eras=range(1, 90))
    rows = findings[findings["kind"] == "predictions"].to_dict("records")
    assert [(r["level"], r["about"]) for r in rows] == [
        ("warning", "one"),
        ("note", "one"),
        ("note", "two"),
    ]
    assert "no score in 1 of 30 eras (era 0105)" in rows[0]["message"]
    assert "no prediction for 1 row" in rows[2]["message"]


def test_few_eras(data, models):
    findings, _ = report_on(
        data.target.loc[:"0110"], models.loc[:"0110"], train_eras=range(1, 90)
    )
    assert (
        "Too few eras for intervals and a comparison (10)"
        in only(findings, "few eras")["message"]
    )


def test_several_faults_of_many_models(data):
    """Models of the same training are named together."""
    models = noisy_models(data, [f"model {i}" for i in range(6)])
    findings, caught = report_on(data.target, models, train_eras=[101])
    row = only(findings, "leak")
    assert row["message"].startswith("model 0, model 1 and 4 others learned from 1")
    assert len(caught) == 1


@pytest.mark.parametrize("rows", ["shuffled", "more", "fewer", "array"])
def test_a_feature_that_is_the_target_in_rows_of_another_order(data, models, rows):
    """It was found only where features were row for row, and nothing was said."""
    features = data.data.assign(odd=data.target.to_numpy() + 0.1)
    y, y_pred, name = data.target, models, "odd"
    if rows == "shuffled":
        features = features.sample(frac=1, random_state=0)
    elif rows == "more":
        y, y_pred = y.loc["0105":], y_pred.loc["0105":]
    elif rows == "fewer":
        features = features.iloc[::-1].drop(index="0111", level="era").iloc[3:]
    else:
        features, name = features.to_numpy(), features.shape[1] - 1
    findings, caught = report_on(y, y_pred, features=features, train_eras=range(1, 90))
    row = only(findings, "column")
    assert row["about"] == str(name)
    assert f"column {name!r} of features has a correlation of 1.00" in row["message"]
    assert LeakageWarning in [category for category, _ in caught]


def test_noise_is_not_called_worse_than_chance():
    """One of five columns of noise was, "surely": 1 in 40 of all."""
    data = tournament(60, n_samples_per_era=30, first_era=101)
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(len(data.target), 40))
    findings, _ = report_on(
        data.target.to_numpy(), noise, groups=data.target.index.get_level_values("era"),
        horizon=20, train_eras=range(1, 90),
    )  # fmt: skip
    assert "below zero" not in set(findings["kind"])


@pytest.mark.parametrize("train_eras", [[], {"one": [], "two": [3]}])
def test_a_model_that_learned_from_no_era(data, models, train_eras):
    """It raised in check_leakage, of rows that nobody had passed."""
    findings, caught = report_on(data.target, models, train_eras=train_eras)
    assert findings.empty and not caught


def test_training_between_scored_eras(data, models):
    """Only the first and the last scored era were looked at."""
    between = data.target.index.get_level_values("era").isin(
        [f"{era:04d}" for era in range(108, 119)]
    )
    findings, _ = report_on(data.target[~between], models[~between], train_eras=[112])
    assert "4 eras between" in only(findings, "purge")["message"]


def test_a_model_and_a_meta_model_of_other_rows(data, models):
    """Both had enough rows of the era, but not in common: nothing was said."""
    table, meta = models.copy(), data.meta_model.copy()
    first = np.flatnonzero(table.index.get_level_values("era") == "0107")
    table.iloc[first[:8], 0] = np.nan
    meta.iloc[first[-8:]] = np.nan
    findings, _ = report_on(
        data.target, table, meta_model=meta, policy="ender20", train_eras=range(1, 90)
    )
    rows = findings[findings["kind"] == "no score"].to_dict("records")
    assert [(r["level"], r["about"]) for r in rows] == [("warning", "one")]
    message = rows[0]["message"]
    assert "one has no MMC and payout in 1 of 30 eras" in message
    assert "(era 0107)" in message
