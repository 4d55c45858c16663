"""What a reader of a diagnostics report must know before believing it."""

# SPDX-License-Identifier: BSD-3-Clause

import warnings

import numpy as np
import pandas as pd
from scipy.stats import norm

from sknumerai.exceptions import HorizonWarning, LeakageWarning
from sknumerai.inspection._report_tables import METRICS, covered_eras, enough_eras
from sknumerai.metrics._cuts import MAX_MISSING
from sknumerai.utils import model_horizon

CALLER = "diagnostics_report"
COLUMNS = ["level", "kind", "about", "message"]
# Real models have a mean CORR of 0.02 or so.
TOO_GOOD = 0.1
# Correlation from which on two columns are the same model.
SAME = 0.999
# Share of reports on noise in which a model is called worse than chance.
BY_CHANCE = 0.001
KINDS = {
    "leak": LeakageWarning,
    "label window": LeakageWarning,
    "column": LeakageWarning,
    "horizon": HorizonWarning,
}


class Findings:
    """Collects warnings and notes in the order in which they are to be read."""

    def __init__(self):
        self._rows = []

    def add(self, level, kind, about, message):
        """Add one: `level` is "warning" or "note"."""
        self._rows.append((level, kind, str(about), message))

    def table(self):
        """All findings, warnings first."""
        rows = sorted(self._rows, key=lambda row: row[0] != "warning")
        return pd.DataFrame(rows, columns=COLUMNS)

    def warn(self, stacklevel):
        """Warn, in Python's way, of leaks and of other horizons."""
        for level, kind, _, message in self._rows:
            if level == "warning" and kind in KINDS:
                warnings.warn(
                    f"{CALLER}: {message}", KINDS[kind], stacklevel=stacklevel + 1
                )


def find_doubts(findings, inputs, summary, correlation, confidence_level):
    """Look for scores that no honest model has, and for models that are the same."""
    corr = summary.loc["corr"]
    # the interval is of one model: of many the worst is low by chance
    wider = norm.isf(BY_CHANCE / len(inputs.models))
    wider = max(1, wider / norm.isf((1 - confidence_level) / 2))
    for model in inputs.models:
        mean, high = corr.at[model, "mean"], corr.at[model, "mean_high"]
        if mean >= TOO_GOOD:
            findings.add(
                "warning",
                "too good",
                model,
                f"{model} has a mean CORR of {mean:.3f}. On real data 0.02 is a good "
                f"model, and {TOO_GOOD:.2f} a leak: a target among the features, or "
                "eras that it was fitted on. Synthetic data may have a stronger signal.",
            )
        if mean + wider * (high - mean) < 0:
            findings.add(
                "note",
                "below zero",
                model,
                f"{model} is worse than chance explains (CORR {mean:.4f}, at most "
                f"{high:.4f}): is its sign turned round?",
            )
    _find_same(findings, inputs, correlation)


def _find_same(findings, inputs, correlation):
    names = list(correlation.columns)
    for i, model in enumerate(inputs.models):
        for other in names[i + 1 :]:
            r = correlation.at[model, other]
            if r >= SAME:
                findings.add(
                    "note",
                    "same predictions",
                    model,
                    f"{model} and {other} rank stocks alike (correlation {r:.4f}).",
                )


def find_horizons(findings, inputs, policy, with_payout):
    """Look for benchmarks and a rule of another horizon than the target's."""
    days = inputs.horizon
    if days not in (20, 60):
        if days is None:
            findings.add(
                "note",
                "horizon unknown",
                "target",
                "How many days ahead the target looks is not known from its name, so "
                "there are no intervals, no comparison and no check of overlapping "
                "targets. Pass horizon=20 or horizon=60 (0 where eras do not overlap).",
            )
        return
    benchmark = inputs.sides.get("benchmark")
    names = list(getattr(benchmark, "columns", [getattr(benchmark, "name", None)]))
    others = [n for n in names if model_horizon(n) not in (None, days)]
    # one that stands alone is what models are compared with
    told = [n for n in others if n == inputs.baseline or len(names) == 1]
    for name in told:
        findings.add(
            "warning",
            "horizon",
            name,
            f"The benchmark {name} was trained for {model_horizon(name)} days ahead and "
            f"the target looks {days} days ahead. To beat it is easier than to beat a "
            "benchmark of the target's own horizon.",
        )
    if len(others) > len(told):
        findings.add(
            "note",
            "horizon",
            "benchmark",
            f"{len(others)} of the {len(names)} benchmarks, such as {others[0]}, were "
            f"trained for other days ahead than the target's {days}: BMC, which takes "
            "the mean of all their ranks, mixes them.",
        )
    if with_payout and policy.horizon not in (None, days):
        findings.add(
            "warning",
            "horizon",
            "payout",
            f"The rule {policy.name} pays for targets of {policy.horizon} days and "
            f"this one looks {days} days ahead: payouts are not what a round pays.",
        )


def find_gaps(findings, inputs, coverage, scores):
    """Say what is left out: eras, rows, predictions, and what inputs do not cover."""
    eras = inputs.eras
    n_open = eras.n_eras - len(inputs.scored_eras) - len(inputs.partial)
    if inputs.partial:
        first, share = next(iter(inputs.partial.items()))
        findings.add(
            "warning",
            "targets",
            "target",
            f"Left out: {count_of(len(inputs.partial), 'era')} of which more than "
            f"{MAX_MISSING:.0%} of the targets are missing, such as {first} "
            f"({share:.0%} missing).",
        )
    if n_open:
        known = np.zeros(eras.n_eras, dtype=bool)
        known[inputs.scored_eras] = True
        labels = [era for era in eras.labels[~known] if era not in inputs.partial]
        findings.add(
            "note",
            "targets",
            "target",
            f"Left out: {count_of(n_open, 'era')} without targets ({eras_of(labels)}).",
        )
    n_missing = _n_missing_targets(inputs)
    if n_missing:
        findings.add(
            "note",
            "targets",
            "target",
            f"Left out: {count_of(n_missing, 'row')} of scored eras without a target.",
        )
    for model in inputs.models:
        _say_missing(findings, model, coverage, scores)
    for metric in scores.columns.unique("metric"):
        if metric != "corr" and scores[metric].isna().all(axis=None):
            why = ""
            if metric == "fnc":
                why = ": eras with no more rows than features leave nothing over"
            findings.add(
                "warning",
                "no score",
                metric,
                f"{METRICS[metric][0].upper()} has no score in any era{why}.",
            )
    for side in inputs.aligned:
        _say_not_in_common(findings, inputs, side, scores)
        row = coverage.loc[(side, "")]
        name = side.replace("_", " ")
        n_eras = len(inputs.scored_eras)
        if row["n_eras"] < n_eras:
            has = f"{name.capitalize()}: {row['n_eras']} of {n_eras} scored eras"
            rest = (
                f" ({row['first_era']} to {row['last_era']}). Scores that need it are "
                "of these only, and not to be compared with those of all eras."
                if row["n_eras"]
                else ". There are no scores that need it."
            )
            findings.add("warning", "coverage", side, has + rest)
        elif row["n_missing"]:
            findings.add(
                "note",
                "coverage",
                side,
                f"{name.capitalize()}: missing for {count_of(row['n_missing'], 'row')} with a "
                "target, left out of the scores that need it.",
            )
    if inputs.horizon is not None and not enough_eras(scores, inputs.horizon):
        findings.add(
            "note",
            "few eras",
            "target",
            f"Too few eras for intervals and a comparison ({len(scores)}): neighbouring "
            "eras repeat each other, and two blocks of them are the least.",
        )


def _say_missing(findings, model, coverage, scores):
    missing = coverage.at[("predictions", model), "n_missing"]
    if missing:
        findings.add(
            "note",
            "predictions",
            model,
            f"{model} has no prediction for {count_of(missing, 'row')} with a target.",
        )
    without = scores[("corr", model)].isna()
    if without.any():
        findings.add(
            "warning",
            "predictions",
            model,
            f"{model} has no score in {int(without.sum())} of {len(scores)} eras "
            f"({eras_of(scores.index[without])}), where more than {MAX_MISSING:.0%} of its "
            "predictions are missing or all are the same, or the target is. Its summary "
            "leaves them out.",
        )


def _say_not_in_common(findings, inputs, side, scores):
    """Eras that a model and a further input both cover, but by too few rows of both."""
    covered = pd.Series(covered_eras(inputs, side), inputs.eras.labels)
    covered = covered.reindex(scores.index, fill_value=False)
    metrics = [
        metric
        for metric in scores.columns.unique("metric")
        if METRICS[metric][1] == side and scores[metric].notna().any(axis=None)
    ]
    for model in inputs.models:
        both = covered & scores["corr", model].notna()
        lost = {m: both & scores[m, model].isna() for m in metrics}
        names = [METRICS[m][0] for m in metrics if lost[m].any()]
        if not names:
            continue
        where = np.logical_or.reduce(list(lost.values()))
        findings.add(
            "warning",
            "no score",
            model,
            f"{model} has no {' and '.join(names)} in {where.sum()} of {len(scores)} eras "
            f"({eras_of(scores.index[where])}) that it and the {side.replace('_', ' ')} "
            "cover: too few rows have both, or they leave nothing over.",
        )


def _n_missing_targets(inputs):
    """Rows without target in eras that are scored."""
    scored = np.zeros(inputs.eras.n_eras, dtype=bool)
    scored[inputs.scored_eras] = True
    return int((scored[inputs.eras.codes] & ~inputs.resolved).sum())


def count_of(number, what):
    """A number and what it counts."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def names_of(models):
    """Models in words, not more than three."""
    models = [str(model) for model in models]
    if len(models) > 3:
        return f"{models[0]}, {models[1]} and {len(models) - 2} others"
    return (
        " and ".join([", ".join(models[:-1]), models[-1]]) if models[1:] else models[0]
    )


def eras_of(labels, count=True):
    """Eras in words."""
    labels = [str(label) for label in labels]
    if len(labels) == 1:
        return f"era {labels[0]}"
    if len(labels) == 2:
        return f"eras {labels[0]} and {labels[1]}"
    among = f"{len(labels)} eras from" if count else "eras"
    return f"{among} {labels[0]} to {labels[-1]}"
