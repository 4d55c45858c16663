"""The tables of a diagnostics report."""

# SPDX-License-Identifier: BSD-3-Clause

from functools import partial

import numpy as np
import pandas as pd

from sknumerai.inspection._feature_exposure_display import FeatureExposureDisplay
from sknumerai.metrics import (
    bmc_score,
    compare_scores,
    fnc_score,
    mmc_score,
    numerai_corr_score,
    payout_score,
    prediction_correlation_score,
    score_summary,
)
from sknumerai.metrics._blocks import block_rows
from sknumerai.metrics._cuts import MAX_MISSING
from sknumerai.utils import ERA_LEVEL

# Metrics in the order of the report: what they are called, and the input they need.
METRICS = {
    "corr": ("CORR", None),
    "mmc": ("MMC", "meta_model"),
    "bmc": ("BMC", "benchmark"),
    "fnc": ("FNC", "features"),
    "payout": ("payout", "meta_model"),
    "payout_bmc": ("payout, BMC for MMC", "benchmark"),
}
WITH_INTERVAL = ("mean", "sharpe", "max_drawdown")
WITHOUT = (
    "std",
    "positive_share",
    "autocorrelation",
    "smart_sharpe",
    "worst",
    "longest_losing_run",
)
# A score that is less is 0, and rounding what is left of it.
ROUNDING = 1e-12
# Others that models are compared with in the table of correlations.
MAX_OTHERS = 8


def era_score_table(inputs, policy, verbose=0):
    """Score each model in each era by all metrics that the inputs allow.

    Parameters
    ----------
    inputs : ReportInputs
        What is scored.

    policy : PayoutPolicy
        Rule of the payouts.

    verbose : int, default=0
        Whether what takes long shows a bar.

    Returns
    -------
    scores : DataFrame of shape (n_eras, n_metrics * n_models)
        Columns (metric, model), NaN where an era has no such score.
    """
    y, models, scored = inputs.target, inputs.predictions, inputs.scored
    aligned, groups = inputs.sides, inputs.groups
    call = {
        "corr": partial(numerai_corr_score, y, scored),
        "mmc": partial(mmc_score, y, scored),
        # a benchmark adds nothing to itself
        "bmc": partial(bmc_score, y, models),
        "fnc": partial(fnc_score, y, scored, verbose=verbose),
        "payout": partial(payout_score, y, scored, policy=policy),
        "payout_bmc": partial(payout_score, y, models, policy=policy),
    }
    tables = {}
    for key, (_, side) in METRICS.items():
        if side is None:
            tables[key] = call[key](groups=groups, aggregate=None)
        elif side in aligned and n_covered_eras(inputs, side):
            tables[key] = call[key](
                aligned[side], groups=groups, aggregate=None, min_coverage=0.0
            )
    scores = pd.concat(
        {key: table.reindex(tables["corr"].index) for key, table in tables.items()},
        axis=1,
    )
    scores.columns.names = ["metric", "model"]
    # a benchmark's BMC is what rounding left, and has no Sharpe ratio
    return scores.mask(scores.abs() < ROUNDING, 0.0)


def n_covered_eras(inputs, side):
    """Number of eras with targets of which an input has enough rows."""
    return int(covered_eras(inputs, side).sum())


def covered_eras(inputs, side):
    """Whether an input has enough rows of each era with targets, of shape (n_eras,)."""
    return _covered(inputs, inputs.aligned[side].present(slice(None)))[1]


def summary_table(scores, options):
    """Summarize the scores of all eras, with intervals where there are enough.

    Parameters
    ----------
    scores : DataFrame
        From :func:`era_score_table`.

    options : dict
        `confidence_level`, `horizon`, `n_resamples`, `random_state` and `verbose`; a horizon of
        None means no intervals.

    Returns
    -------
    summary : DataFrame
        Rows (metric, model).
    """
    parts = {}
    for key in _metrics_of(scores):
        table = scores[key].dropna(how="all")
        plain = score_summary(
            table, statistics=[*WITH_INTERVAL, *WITHOUT], nan_policy="omit"
        )
        ends = [f"{name}_{end}" for name in WITH_INTERVAL for end in ("low", "high")]
        if enough_eras(table, options["horizon"]):
            bounds = score_summary(
                table, statistics=WITH_INTERVAL, nan_policy="omit", **options
            )[ends]
        else:
            bounds = pd.DataFrame(np.nan, index=plain.index, columns=ends)
        part = plain.join(bounds)
        parts[key] = part[_in_order(part.columns)]
    summary = pd.concat(parts)
    summary.index.names = ["metric", "model"]
    return summary


def comparison_table(scores, baseline, options):
    """Compare models with a baseline on the eras that both have.

    Parameters
    ----------
    scores : DataFrame
        From :func:`era_score_table`.

    baseline : object
        What they are compared with, or None.

    options : dict
        As for :func:`summary_table`.

    Returns
    -------
    comparison : DataFrame or None
        Rows (metric, model). None where there is nothing to compare, or too few eras.
    """
    parts = {}
    for key in _metrics_of(scores):
        table = scores[key]
        if baseline not in table.columns or table.shape[1] < 2:
            continue
        table = table.dropna(how="all")
        if enough_eras(table, options["horizon"]):
            parts[key] = compare_scores(
                table, baseline=baseline, nan_policy="omit", **options
            ).drop(columns="n_left_out")
    if not parts:
        return None
    comparison = pd.concat(parts)
    comparison.index.names = ["metric", "model"]
    return comparison


def enough_eras(table, horizon):
    """Whether intervals can be computed: two blocks of eras are there."""
    if horizon is None or len(table) < 2:
        return False
    return len(table) >= 2 * block_rows(table, horizon, None, "diagnostics_report")


def coverage_table(inputs):
    """Count the rows and eras that each input covers.

    Parameters
    ----------
    inputs : ReportInputs
        What is reported on.

    Returns
    -------
    coverage : DataFrame
        One row per input: `n_rows` and `n_eras` with a value, their shares of all rows
        for the target and of those with a target for the others, `n_missing` rows, and
        the `first_era` and `last_era` that are covered.
    """
    rows = {"target": _coverage(inputs, inputs.resolved, whole=True)}
    for name in inputs.models:
        present = inputs.predictions[name].notna().to_numpy()
        rows[("predictions", name)] = _coverage(inputs, present)
    for key, side in inputs.aligned.items():
        rows[key] = _coverage(inputs, side.present(slice(None)))
    index = [key if isinstance(key, tuple) else (key, "") for key in rows]
    return pd.DataFrame(
        list(rows.values()),
        index=pd.MultiIndex.from_tuples(index, names=["of", "model"]),
    )


def exposure_table(inputs, verbose=0):
    """Exposures of models to features.

    Parameters
    ----------
    inputs : ReportInputs
        What is reported on.

    verbose : int, default=0
        Whether a bar over the eras appears.

    Returns
    -------
    table : DataFrame of shape (n_models, 4)
        Mean over eras of the largest and of the root mean square exposure, the feature
        with the largest mean exposure, and that exposure.

    display : FeatureExposureDisplay
        Exposures by era and by feature.
    """
    display = FeatureExposureDisplay.from_predictions(
        None,
        inputs.predictions,
        inputs.sides["features"],
        groups=inputs.groups,
        min_coverage=0.0,
        verbose=verbose,
        plot=False,
    )
    rows = []
    for name in inputs.models:
        by_era = display.by_era[name].mean()
        means = display.by_feature[name]["mean"]
        top = means.abs().idxmax() if means.notna().any() else None
        rows.append(
            {
                "max_exposure": by_era["max"],
                "rms_exposure": by_era["rms"],
                "top_feature": top,
                "top_exposure": np.nan if top is None else means[top],
            }
        )
    return pd.DataFrame(rows, index=pd.Index(inputs.models, name="model")), display


def correlation_table(inputs):
    """Correlate models with each other, benchmarks and the meta model.

    Parameters
    ----------
    inputs : ReportInputs
        What is reported on.

    Returns
    -------
    correlation : DataFrame of shape (n_models, n_models + n_others)
        Mean over eras of Spearman's correlation.
    """
    others = {name: inputs.predictions[name] for name in inputs.models}
    for key in ("benchmark", "meta_model"):
        side = inputs.aligned.get(key)
        if side is None or not n_covered_eras(inputs, key):
            continue
        names = list(getattr(side.values, "columns", [getattr(side.values, "name", 0)]))
        values = side.take(slice(None))
        for j, name in enumerate(names[:MAX_OTHERS]):
            label = key if name in (None, 0) else name
            label = f"{label} ({key})" if label in others else label
            others[label] = pd.Series(values[:, j], index=inputs.target.index)
    columns = {}
    for label, other in others.items():
        if not _has_an_era(inputs, other.notna().to_numpy()):
            columns[label] = pd.Series(np.nan, index=inputs.predictions.columns)
            continue
        by_era = prediction_correlation_score(
            None,
            inputs.predictions,
            other,
            groups=inputs.groups,
            aggregate=None,
            min_coverage=0.0,
        )
        columns[label] = by_era.mean()
    table = pd.DataFrame(columns, index=inputs.predictions.columns)
    return table.rename_axis("model")


def universe_sizes(inputs):
    """Number of stocks of each era: all, and those with a target."""
    eras = inputs.eras
    known = np.bincount(eras.codes[inputs.resolved], minlength=eras.n_eras)
    index = pd.Index(eras.labels, name=ERA_LEVEL)
    return pd.DataFrame({"n_rows": eras.counts, "n_resolved": known}, index=index)


def _metrics_of(scores):
    return list(dict.fromkeys(scores.columns.get_level_values("metric")))


def _in_order(columns):
    """Each interval behind its statistic."""
    ordered = []
    for name in columns:
        if name.endswith(("_low", "_high")):
            continue
        ordered.append(name)
        ordered += [f"{name}_{e}" for e in ("low", "high") if f"{name}_{e}" in columns]
    return ordered


def _has_an_era(inputs, present):
    n_present = np.bincount(inputs.eras.codes[present], minlength=inputs.eras.n_eras)
    return (n_present >= (1 - MAX_MISSING) * inputs.eras.counts).any()


def _covered(inputs, present):
    """Rows with target that are covered, and whether each era with targets is."""
    resolved, eras = inputs.resolved, inputs.eras
    present = resolved if present is None else present & resolved
    n_rows = np.bincount(eras.codes[resolved], minlength=eras.n_eras)
    n_present = np.bincount(eras.codes[present], minlength=eras.n_eras)
    enough = (n_rows > 0) & (n_present >= (1 - MAX_MISSING) * n_rows)
    return present, enough


def _coverage(inputs, present, whole=False):
    eras, resolved = inputs.eras, inputs.resolved
    present, covered = _covered(inputs, present)
    n_rows = len(resolved) if whole else int(resolved.sum())
    n_eras = eras.n_eras if whole else len(inputs.scored_eras)
    labels = eras.labels[covered]
    return {
        "n_rows": int(present.sum()),
        "n_missing": n_rows - int(present.sum()),
        "row_share": present.sum() / n_rows,
        "n_eras": int(covered.sum()),
        "era_share": covered.sum() / n_eras,
        "first_era": labels[0] if len(labels) else None,
        "last_era": labels[-1] if len(labels) else None,
    }
