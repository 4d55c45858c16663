"""Which metrics a display of era scores computes, by name or as functions."""

# SPDX-License-Identifier: BSD-3-Clause

from inspect import Parameter, signature

import pandas as pd

from sknumerai.metrics import (
    bmc_score,
    cwmm_score,
    era_scores,
    fnc_score,
    learn_payout_score,
    mmc_score,
    numerai_corr_score,
    payout_score,
    spearman_score,
)

# Name: function, the third input that it needs, and what an axis calls it.
KNOWN = {
    "corr": (numerai_corr_score, None, "CORR (correlation)"),
    "mmc": (mmc_score, "meta_model", "MMC"),
    "bmc": (bmc_score, "benchmark", "BMC"),
    "fnc": (fnc_score, "features", "FNC (correlation)"),
    "payout": (payout_score, "meta_model", "payout (share of stake)"),
    "lpayout": (learn_payout_score, "benchmark", "CORR + 2 BMC"),
    "spearman": (spearman_score, None, "Spearman correlation"),
    "cwmm": (cwmm_score, "meta_model", "CWMM (correlation)"),
}
# What is drawn where nothing is said, as far as the inputs allow.
_USUAL = ("corr", "mmc", "bmc", "fnc", "payout")


def label_of(name):
    """What an axis calls the scores of that name."""
    return KNOWN[name][2] if name in KNOWN else str(name)


def check_metrics(metrics, sides, caller):
    """Read what was asked for.

    Parameters
    ----------
    metrics : str, callable, list of these, dict of str to these or None
        What to compute.

    sides : dict of str to object
        Third inputs that were given, by name.

    caller : str
        Name to begin messages with.

    Returns
    -------
    metrics : dict of str to callable
        By the name that panels get.
    """
    if metrics is None:
        allowed = [n for n in _USUAL if KNOWN[n][1] is None or KNOWN[n][1] in sides]
        return {name: KNOWN[name][0] for name in allowed}
    if isinstance(metrics, str) or callable(metrics):
        metrics = [metrics]
    if not isinstance(metrics, dict):
        metrics = {_name_of(metric): metric for metric in metrics}
    if not metrics:
        raise ValueError(f"{caller}: metrics is empty.")
    found = {}
    for name, metric in metrics.items():
        if not callable(metric):
            if metric not in KNOWN:
                raise ValueError(
                    f"{caller}: there is no metric {metric!r}. Pass names of "
                    f"{list(KNOWN)}, or functions of targets and predictions."
                )
            needed = KNOWN[metric][1]
            if needed is not None and needed not in sides:
                raise ValueError(
                    f"{caller}: {metric!r} needs {needed}. Pass {needed}= for all rows, "
                    "with their index."
                )
            metric = KNOWN[metric][0]
        found[name] = metric
    return found


def _name_of(metric):
    return getattr(metric, "__name__", str(metric)) if callable(metric) else metric


def score_eras(metric, y_true, y_pred, sides, more, caller):
    """Score each era by one metric.

    Parameters
    ----------
    metric : callable
        A metric of this package, or a function that knows one era.

    y_true, y_pred : array-like
        Targets and predictions.

    sides : dict of str to object
        Third inputs, of which it takes those that it has parameters for.

    more : dict of str to object
        Further parameters of metrics, which get those that they have: the eras as
        "groups", "min_coverage", "policy" and "verbose".

    caller : str
        Name to begin messages with.

    Returns
    -------
    scores : Series or DataFrame
        Rows are eras.
    """
    parameters = _parameters_of(metric)
    if "aggregate" not in parameters:
        return era_scores(metric, y_true, y_pred, groups=more["groups"])
    absent = [
        name
        for name, parameter in list(parameters.items())[2:]
        if parameter.default is Parameter.empty
        and parameter.kind is not Parameter.VAR_KEYWORD
        and name not in sides
    ]
    if absent:
        raise ValueError(
            f"{caller}: {_name_of(metric)} needs {' and '.join(absent)}. Pass "
            + ", ".join(f"{name}=..." for name in absent)
            + ", or a function of your own that brings them along."
        )
    given = {n: value for n, value in (sides | more).items() if n in parameters}
    scores = metric(y_true, y_pred, aggregate=None, **given)
    if not isinstance(scores, pd.Series | pd.DataFrame):
        raise TypeError(
            f"{caller}: {_name_of(metric)} gives a {type(scores).__name__} with "
            "aggregate=None. It must give a Series or DataFrame whose rows are eras."
        )
    return scores


def _parameters_of(function):
    try:
        return dict(signature(function).parameters)
    except (TypeError, ValueError):
        # compiled functions may not tell
        return {}
