"""What a reader of a diagnostics report must know before believing it."""

# SPDX-License-Identifier: BSD-3-Clause

import warnings

import numpy as np
import pandas as pd

from sknumerai.exceptions import HorizonWarning, LeakageWarning
from sknumerai.inspection._report_tables import METRICS, enough_eras
from sknumerai.metrics._cuts import MAX_MISSING
from sknumerai.model_selection import check_leakage, embargo_for
from sknumerai.model_selection._leaking_columns import leaking_columns
from sknumerai.utils import model_horizon

CALLER = "diagnostics_report"
COLUMNS = ["level", "kind", "about", "message"]
# Real models have a mean CORR of 0.02 or so.
TOO_GOOD = 0.1
# Correlation from which on two columns are the same model.
SAME = 0.999
DAYS_PER_ERA = 5
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


def find_leaks(findings, inputs, training):
    """Look for training eras that are scored, or that reach into scored ones.

    Parameters
    ----------
    findings : Findings
        Where to add them.

    inputs : ReportInputs
        What is scored.

    training : dict of object to ndarray
        Era numbers that models were fitted on.
    """
    numbers = inputs.eras.numbers[inputs.scored_eras]
    days = inputs.horizon
    reach = 0 if not days else -(-days // DAYS_PER_ERA) - 1
    # models that were fitted on the same eras have the same to say
    alike = {}
    for model, seen in training.items():
        alike.setdefault(np.asarray(seen).tobytes(), []).append(model)
    for models in alike.values():
        seen = np.asarray(training[models[0]])
        about = ", ".join(map(str, models))
        leaks = check_leakage(seen, numbers, embargo=reach, raise_error=False)
        same = leaks[leaks["kind"] == "same era"]
        if len(same):
            findings.add(
                "warning",
                "leak",
                about,
                f"{_names(models)} learned from {len(same)} of the {len(numbers)} eras "
                f"that are scored ({_eras(same['train_era'], count=False)}). Scores there "
                "say nothing about new eras.",
            )
        near = leaks[leaks["kind"] == "label window"]
        if len(near):
            findings.add(
                "warning",
                "label window",
                about,
                f"{_names(models)} learned from {_eras(near['train_era'])}, whose "
                f"targets share days with those of scored eras: targets of {days} days "
                f"reach {reach} eras ahead. Leave these eras out of training, or of the "
                "scores.",
            )
        future = leaks[leaks["kind"] == "future"]
        if len(future):
            findings.add(
                "note",
                "future",
                about,
                f"{_names(models)} learned from {_eras(future['train_era'])} too, after "
                "eras that are scored. Live, the future is not known.",
            )
        _say_short_purge(findings, models, seen, numbers, inputs, leaks)
    unknown = [model for model in inputs.models if model not in training]
    if unknown:
        findings.add(
            "note",
            "training eras unknown",
            ", ".join(map(str, unknown)),
            f"Which eras {_names(unknown)} learned from is not known, so it was not "
            "checked that these scores are out of sample (estimators=, train_eras=).",
        )


def _say_short_purge(findings, models, seen, numbers, inputs, leaks):
    """Targets do not overlap, but fewer eras lie between than Numerai leaves out."""
    if (
        inputs.horizon not in (20, 60)
        or leaks["kind"].isin(["same era", "label window"]).any()
    ):
        return
    gaps = np.abs(np.subtract.outer(np.asarray(seen), numbers[[0, -1]]))
    official = embargo_for(inputs.horizon)
    if gaps.min() <= official:
        findings.add(
            "note",
            "purge",
            ", ".join(map(str, models)),
            f"{_names(models)}: {_n(gaps.min() - 1, 'era')} between training and the "
            f"scored eras. Numerai leaves out {official} for targets of "
            f"{inputs.horizon} days.",
        )


def find_columns(findings, inputs):
    """Look for features that are the target, or were made from it."""
    features = inputs.sides.get("features")
    if not isinstance(features, pd.DataFrame):
        return
    same_rows = inputs.aligned["features"].positions is None
    target = inputs.target_name
    if same_rows and features.index.equals(inputs.target.index):
        target = inputs.target.rename(inputs.target_name or "target")
    found = leaking_columns(features, inputs.eras, target, 0.3, CALLER)
    for column, message in found if same_rows else ():
        findings.add(
            "warning",
            "column",
            column,
            message.replace("of the training rows", "of features") + ".",
        )


def find_doubts(findings, inputs, summary, correlation):
    """Look for scores that no honest model has, and for models that are the same."""
    corr = summary.loc["corr"]
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
        if high < 0:
            findings.add(
                "note",
                "below zero",
                model,
                f"{model} is surely worse than chance (CORR {mean:.4f}, at most "
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
    names = getattr(benchmark, "columns", [getattr(benchmark, "name", None)])
    for name in names:
        other = model_horizon(name)
        if other not in (None, days):
            findings.add(
                "warning",
                "horizon",
                name,
                f"The benchmark {name} was trained for {other} days ahead and the "
                f"target looks {days} days ahead. To beat it is easier than to beat a "
                "benchmark of the target's own horizon.",
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
            f"Left out: {_n(len(inputs.partial), 'era')} of which more than "
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
            f"Left out: {_n(n_open, 'era')} without targets ({_eras(labels)}).",
        )
    n_missing = _n_missing_targets(inputs)
    if n_missing:
        findings.add(
            "note",
            "targets",
            "target",
            f"Left out: {_n(n_missing, 'row')} of scored eras without a target.",
        )
    for model in inputs.models:
        _say_missing(findings, inputs, model, coverage, scores)
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
                f"{name.capitalize()}: missing for {_n(row['n_missing'], 'row')} with a "
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


def _say_missing(findings, inputs, model, coverage, scores):
    missing = coverage.at[("predictions", model), "n_missing"]
    if missing:
        findings.add(
            "note",
            "predictions",
            model,
            f"{model} has no prediction for {_n(missing, 'row')} with a target.",
        )
    without = scores[("corr", model)].isna()
    if without.any():
        findings.add(
            "warning",
            "predictions",
            model,
            f"{model} has no score in {int(without.sum())} of {len(scores)} eras "
            f"({_eras(scores.index[without])}), where more than {MAX_MISSING:.0%} of its "
            "predictions are missing or all are the same, or the target is. Its summary "
            "leaves them out.",
        )


def _n_missing_targets(inputs):
    """Rows without target in eras that are scored."""
    scored = np.zeros(inputs.eras.n_eras, dtype=bool)
    scored[inputs.scored_eras] = True
    return int((scored[inputs.eras.codes] & ~inputs.resolved).sum())


def _n(number, what):
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _names(models):
    models = [str(model) for model in models]
    if len(models) > 3:
        return f"{models[0]}, {models[1]} and {len(models) - 2} others"
    return (
        " and ".join([", ".join(models[:-1]), models[-1]]) if models[1:] else models[0]
    )


def _eras(labels, count=True):
    labels = [str(label) for label in labels]
    if len(labels) == 1:
        return f"era {labels[0]}"
    if len(labels) == 2:
        return f"eras {labels[0]} and {labels[1]}"
    among = f"{len(labels)} eras from" if count else "eras"
    return f"{among} {labels[0]} to {labels[-1]}"
