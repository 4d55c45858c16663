"""The scores of numerai_scoring: their names, what they need and how they are taken."""

# SPDX-License-Identifier: BSD-3-Clause

from functools import partial

import numpy as np
import pandas as pd

from sknumerai.metrics._alpha import alpha_of
from sknumerai.metrics._by_era import Formula
from sknumerai.metrics._contribution import (
    contribution_of,
    mean_of_ranks,
    scaled_target,
)
from sknumerai.metrics._correlation import (
    corr_of,
    legacy_corr_of,
    rank_correlation,
    spearman_of,
)
from sknumerai.metrics._dissimilarity import dissimilarity_of
from sknumerai.metrics._exposure_vectors import (
    as_columns,
    exposures,
    largest,
    root_mean_square,
)
from sknumerai.metrics._feature_neutral import legacy_fnc_of, residuals
from sknumerai.metrics._ranked import RankedColumns
from sknumerai.metrics._statistics import AGGREGATES
from sknumerai.utils import orthogonalize, pearson_correlation

CALLER = "numerai_scoring"
TOP_BOTTOM = 200
# Names of scores by the side inputs that they need, in the order of the dict: those of
# the default, and those that "all" adds.
DEFAULT = {
    (): (
        "corr",
        "corr_std",
        "corr_sharpe",
        "corr_max_drawdown",
        "corr_worst",
        "corr_mean_plus_worst",
        "spearman",
    ),
    ("meta_model",): ("mmc", "mmc_sharpe", "cwmm", "payout"),
    ("benchmark",): ("bmc", "bmc_sharpe", "lpayout", "expected_payout"),
    ("features",): ("fnc", "max_feature_exposure"),
    ("neutralizers",): ("neutral_corr",),
    ("meta_model", "neutralizers"): ("neutral_contribution",),
    ("neutralizers", "sample_weight"): ("alpha",),
    ("example_predictions",): ("example_correlation",),
    ("features", "example_predictions"): (
        "exposure_dissimilarity",
        "fnc_dissimilarity",
    ),
}
MORE = {
    (): ("corr_top_bottom_200", "legacy_corr"),
    ("benchmark",): ("benchmark_correlation",),
    ("features",): ("fnc_top_bottom_200", "legacy_fnc", "rms_feature_exposure"),
}
# Only where a list names them: they follow assets from era to era, and ids of Numerai
# Classic change with every era.
NAMED_ONLY = {
    (): ("churn",),
    ("neutralizers",): ("neutral_churn",),
    ("neutralizers", "sample_weight"): ("turnover",),
}
LINKED = tuple(name for names in NAMED_ONLY.values() for name in names)
# What "all" says of these, beside their mean.
FIGURES = (
    "std",
    "sharpe",
    "adjusted_sharpe",
    "smart_sharpe",
    "max_drawdown",
    "worst",
    "mean_plus_worst",
)
WITH_FIGURES = ("corr", "mmc", "payout", "bmc", "lpayout", "expected_payout")
# Scores that follow from those of the same era.
FOLLOW = {
    "payout": ("corr", "mmc"),
    "lpayout": ("corr", "bmc"),
    "expected_payout": ("corr", "bmc"),
}


def split_name(name):
    """Split a name, such as "mmc_sharpe", into the score of eras and the aggregate."""
    if name in NEEDS:
        return name, "mean"
    for aggregate in AGGREGATES:
        column = name[: -len(aggregate) - 1]
        if name == f"{column}_{aggregate}" and column in NEEDS:
            return column, aggregate
    raise ValueError(
        f"{CALLER}: no score is called {name!r}. A name is one of {list(NEEDS)}, by "
        f"itself for the mean over eras, or with one of {sorted(AGGREGATES)} behind an "
        'underscore, such as "mmc_sharpe".'
    )


def names_of(metrics, given):
    """Names of the scores that are asked for.

    Parameters
    ----------
    metrics : {"default", "all"} or list of str
        What is asked for.

    given : collection of str
        Names of the side inputs that are given.

    Returns
    -------
    names : list of str
        In the order of the dict.
    """
    if isinstance(metrics, str):
        if metrics not in ("default", "all"):
            raise ValueError(
                f'{CALLER}: metrics must be "default", "all" or a list of names. Got '
                f"{metrics!r}."
            )
        names = [(n, s) for s, part in DEFAULT.items() for n in part]
        if metrics == "all":
            names += [(n, s) for s, part in MORE.items() for n in part]
            names += [(f"{n}_{f}", NEEDS[n]) for n in WITH_FIGURES for f in FIGURES]
        return list(dict.fromkeys(n for n, s in names if set(s) <= set(given)))
    names = list(metrics)
    if not names:
        raise ValueError(f"{CALLER}: metrics is empty. Name at least one score.")
    for name in names:
        column, _ = split_name(str(name))
        absent = [side for side in NEEDS[column] if side not in given]
        if absent:
            raise ValueError(
                f"{CALLER}: {name} needs {' and '.join(absent)}. Pass "
                + ", ".join(f"{side}=..." for side in absent)
                + ", or leave it out of metrics."
            )
    return names


def formulas_of(columns):
    """Formulas of the scores, by the side inputs that they take.

    Parameters
    ----------
    columns : collection of str
        Scores of eras that are wanted.

    Returns
    -------
    formulas : dict of tuple of str to Formula
        Each gives a dict of scores of an era. One without inputs is always there, and
        one for each input alone, by which its coverage is counted.
    """
    wanted = {*columns, *(part for name in columns for part in FOLLOW.get(name, ()))}
    needs = {NEEDS[name] for name in wanted}
    alone = {(side,) for sides in needs for side in sides}
    return {
        sides: Formula(partial(function, wanted), sides)
        for sides, function in FUNCTIONS.items()
        if sides in needs | alone | {()}
    }


def with_payouts(table, columns, policy):
    """Add the payouts that are wanted, which follow from the scores of eras."""
    weights = policy.weights
    if "payout" in columns:
        given = {"corr": table["corr"], "mmc": _get(table, "mmc")}
        paid = {name: given[name] for name in policy.paid}
        nothing = 0 * given["mmc"]
        table["payout"] = policy.payout(paid) if paid else nothing
    if {"lpayout", "expected_payout"} & set(columns):
        corr, bmc = table["corr"], _get(table, "bmc")
        table["lpayout"] = corr + 2 * bmc
        table["expected_payout"] = (
            weights.get("corr", 0) * corr + weights.get("mmc", 0) * bmc
        )
    return table


def _get(table, name):
    # of other eras altogether
    return table[name] if name in table else pd.Series(np.nan, table.index)


def in_order(scores, coverages):
    """The dict of scores, and each coverage behind the scores that need the input alone."""
    ordered, waiting = {}, dict(coverages)
    names = list(scores)
    for name, following in zip(names, [*names[1:], None]):
        ordered[name] = scores[name]
        sides = NEEDS[split_name(name)[0]]
        after = following and NEEDS[split_name(following)[0]]
        if len(sides) == 1 and after != sides and sides[0] in waiting:
            ordered[f"{sides[0]}_coverage"] = waiting.pop(sides[0])
    ordered.update({f"{name}_coverage": share for name, share in waiting.items()})
    return ordered


def _base_of(wanted, target, pred):
    scores = {}
    if "corr" in wanted:
        scores["corr"] = corr_of(target, pred)[0]
    if "spearman" in wanted:
        scores["spearman"] = spearman_of(target, pred)[0]
    if "corr_top_bottom_200" in wanted:
        scores["corr_top_bottom_200"] = _top_bottom_corr(target, pred)
    if "legacy_corr" in wanted:
        scores["legacy_corr"] = legacy_corr_of(target, pred)[0]
    return scores


def _meta_model_of(wanted, target, pred, meta_model):
    scores = {}
    if "mmc" in wanted:
        scores["mmc"] = contribution_of(target, pred, meta_model)[0]
    if "cwmm" in wanted:
        other = meta_model.values[:, 0].astype(np.float64)
        scores["cwmm"] = rank_correlation(other, pred, 1.5)[0]
    return scores


def _benchmark_of(wanted, target, pred, benchmark):
    scores = {}
    if "bmc" in wanted:
        scores["bmc"] = contribution_of(target, pred, benchmark)[0]
    if "benchmark_correlation" in wanted:
        ranks = mean_of_ranks(benchmark).gaussian("rank")[:, 0]
        scores["benchmark_correlation"] = rank_correlation(ranks, pred, "rank")[0]
    return scores


def _features_of(wanted, target, pred, features):
    features = as_columns(features, CALLER)
    scores = {}
    if wanted & {"fnc", "fnc_top_bottom_200"}:
        rest = residuals(pred.gaussian(), features)
        neutral = RankedColumns(rest, pred.tables)
        scores["fnc"] = corr_of(target, neutral)[0]
        if "fnc_top_bottom_200" in wanted:
            scores["fnc_top_bottom_200"] = _top_bottom_corr(target, neutral)
    if "legacy_fnc" in wanted:
        scores["legacy_fnc"] = legacy_fnc_of(target, pred, features)[0]
    if wanted & {"max_feature_exposure", "rms_feature_exposure"}:
        found = exposures(pred, features, "pearson", None, CALLER)
        scores["max_feature_exposure"] = largest(found)[0]
        scores["rms_feature_exposure"] = root_mean_square(found)[0]
    return scores


def _neutral_of(wanted, target, pred, neutralizers):
    if "neutral_corr" not in wanted:
        return {}
    rest = residuals(pred.gaussian(), as_columns(neutralizers, CALLER))
    return {"neutral_corr": pearson_correlation(rest, target)[0]}


def _neutral_contribution_of(wanted, target, pred, meta_model, neutralizers):
    both = np.hstack([pred.gaussian(), meta_model.gaussian()])
    both = residuals(both, as_columns(neutralizers, CALLER))
    neutral = orthogonalize(both[:, :1], both[:, 1])[:, 0]
    score = scaled_target(target, 4) @ neutral / len(target)
    return {"neutral_contribution": np.nan if pred.is_constant()[0] else score}


def _nothing_of(wanted, target, pred, sample_weight):
    return {}


def _alpha_of(wanted, target, pred, neutralizers, sample_weight):
    if "alpha" not in wanted:
        return {}
    neutralizers = as_columns(neutralizers, CALLER)
    return {"alpha": alpha_of(target, pred, neutralizers, sample_weight)[0]}


def _example_of(wanted, target, pred, example_predictions):
    if "example_correlation" not in wanted:
        return {}
    ranks = example_predictions.gaussian("rank")[:, 0]
    return {"example_correlation": rank_correlation(ranks, pred, "rank")[0]}


def _dissimilarity_of(wanted, target, pred, features, example_predictions):
    score = dissimilarity_of(pred, features, example_predictions, "pearson", CALLER)[0]
    scores = {"exposure_dissimilarity": score}
    if "fnc_dissimilarity" in wanted:
        rest = residuals(pred.gaussian(), as_columns(features, CALLER))
        fnc = corr_of(target, RankedColumns(rest, pred.tables))[0]
        scores["fnc_dissimilarity"] = fnc * score
    return scores


def _top_bottom_corr(target, pred):
    if len(target) < 2 * TOP_BOTTOM:
        # beside other scores: an era that is too small has none of this kind
        return np.nan
    return corr_of(target, pred, top_bottom=TOP_BOTTOM, caller=CALLER)[0]


# Names without an aggregate are of eras, and the side inputs that each needs.
NEEDS = {
    name: sides
    for table in (DEFAULT, MORE, NAMED_ONLY)
    for sides, names in table.items()
    for name in names
    if not name.endswith(tuple(f"_{aggregate}" for aggregate in AGGREGATES))
}
# Each of one model.
FUNCTIONS = {
    (): _base_of,
    ("meta_model",): _meta_model_of,
    ("benchmark",): _benchmark_of,
    ("features",): _features_of,
    ("neutralizers",): _neutral_of,
    ("meta_model", "neutralizers"): _neutral_contribution_of,
    # by itself there for its coverage alone
    ("sample_weight",): _nothing_of,
    ("neutralizers", "sample_weight"): _alpha_of,
    ("example_predictions",): _example_of,
    ("features", "example_predictions"): _dissimilarity_of,
}
