"""What models of a diagnostics report learned from, and what features give away."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd

from sknumerai.inspection._report_findings import CALLER, count_of, eras_of, names_of
from sknumerai.model_selection import check_leakage, embargo_for
from sknumerai.model_selection._leaking_columns import leaking_columns

DAYS_PER_ERA = 5


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
        if not len(seen):
            continue
        about = ", ".join(map(str, models))
        leaks = check_leakage(seen, numbers, embargo=reach, raise_error=False)
        same = leaks[leaks["kind"] == "same era"]
        if len(same):
            findings.add(
                "warning",
                "leak",
                about,
                f"{names_of(models)} learned from {len(same)} of the {len(numbers)} eras "
                f"that are scored ({eras_of(same['train_era'], count=False)}). Scores there "
                "say nothing about new eras.",
            )
        near = leaks[leaks["kind"] == "label window"]
        if len(near):
            findings.add(
                "warning",
                "label window",
                about,
                f"{names_of(models)} learned from {eras_of(near['train_era'])}, whose "
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
                f"{names_of(models)} learned from {eras_of(future['train_era'])} too, after "
                "eras that are scored. Live, the future is not known.",
            )
        _say_short_purge(findings, models, seen, numbers, inputs, leaks)
    unknown = [model for model in inputs.models if model not in training]
    if unknown:
        findings.add(
            "note",
            "training eras unknown",
            ", ".join(map(str, unknown)),
            f"Which eras {names_of(unknown)} learned from is not known, so it was not "
            "checked that these scores are out of sample (estimators=, train_eras=).",
        )


def _say_short_purge(findings, models, seen, numbers, inputs, leaks):
    """Targets do not overlap, but fewer eras lie between than Numerai leaves out."""
    if (
        inputs.horizon not in (20, 60)
        or leaks["kind"].isin(["same era", "label window"]).any()
    ):
        return
    gaps = np.abs(np.subtract.outer(np.asarray(seen), numbers))
    official = embargo_for(inputs.horizon)
    if gaps.min() <= official:
        findings.add(
            "note",
            "purge",
            ", ".join(map(str, models)),
            f"{names_of(models)}: {count_of(gaps.min() - 1, 'era')} between training and the "
            f"scored eras. Numerai leaves out {official} for targets of "
            f"{inputs.horizon} days.",
        )


def find_columns(findings, inputs):
    """Look for features that are the target, or were made from it."""
    side = inputs.aligned.get("features")
    if side is None:
        return
    features = side.values
    if isinstance(features, pd.Series):
        features = features.to_frame()
    elif not isinstance(features, pd.DataFrame):
        features = pd.DataFrame(features, copy=False)
    positions = side.positions
    if positions is None:
        positions = np.arange(len(features))
    target = inputs.target.rename(inputs.target_name or "target")
    for column, message in leaking_columns(
        features, inputs.eras, target, 0.3, CALLER, positions
    ):
        findings.add(
            "warning",
            "column",
            column,
            message.replace("of the training rows", "of features") + ".",
        )
