"""What the trials of a search come to."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
from scipy.stats import rankdata


def fold_objective(objective, scores):
    """Make one number of the scores of some folds.

    Parameters
    ----------
    objective : {"mean", "sharpe"} or callable
        What to do with them. "sharpe" is the mean over the standard deviation
        (population) over folds.

    scores : list of float
        Score of each fold.

    Returns
    -------
    value : float
        NaN for "sharpe" where the folds are equal or only one.
    """
    if callable(objective):
        return float(objective(np.asarray(scores)))
    mean = float(np.mean(scores))
    if objective == "mean":
        return mean
    deviation = float(np.std(scores))
    # equal scores differ by rounding
    known = deviation > 1e-12 * np.max(np.abs(scores))
    return mean / deviation if known else float("nan")


def results_of(trials, params):
    """Collect trials in the layout of scikit-learn's searches.

    Parameters
    ----------
    trials : list of optuna.trial.FrozenTrial
        Trials that have ended, in the order of their numbers.

    params : list of dict
        Parameters for the estimator of each.

    Returns
    -------
    results : dict of str to ndarray or list
        "params", "param_<name>", "number", "state", "value" (what was maximized),
        "error", "rank_value", the mean and standard deviation of "fit_time" and
        "score_time" and, for each part and metric, "split<k>_<part>_<metric>",
        "mean_...", "std_..." and "rank_...". Folds that were not run are NaN.
    """
    values = np.array([t.value if t.value is not None else np.nan for t in trials])
    results = {
        "params": params,
        "number": np.array([t.number for t in trials]),
        "state": np.array([t.state.name.lower() for t in trials]),
        "value": values.astype(np.float64),
        "error": [t.user_attrs.get("error") for t in trials],
    }
    results["rank_value"] = _ranks(results["value"])
    for name in dict.fromkeys(name for one in params for name in one):
        column = [one.get(name) for one in params]
        known = [name in one for one in params]
        filled = np.empty(len(column), dtype=object)
        filled[:] = column
        results[f"param_{name}"] = np.ma.MaskedArray(filled, mask=~np.array(known))
    tables = [_scores_of(trial) for trial in trials]
    n_folds = max((len(t) for table in tables for t in table.values()), default=0)
    for name in dict.fromkeys(name for table in tables for name in table):
        array = np.full((len(trials), n_folds), np.nan)
        for row, table in zip(array, tables):
            row[: len(table.get(name, []))] = table.get(name, [])
        results[f"mean_{name}"] = _over_folds(np.mean, array)
        results[f"std_{name}"] = _over_folds(np.std, array)
        if name.endswith("_time"):
            continue
        for fold in range(n_folds):
            results[f"split{fold}_{name}"] = array[:, fold]
        # of trials that had all folds: others have not the same eras
        whole = np.isfinite(array).all(axis=1)
        means = np.where(whole, results[f"mean_{name}"], np.nan)
        results[f"rank_{name}"] = _ranks(means)
    return results


def is_complete(trial):
    """Tell whether a trial has a value.

    Parameters
    ----------
    trial : optuna.trial.FrozenTrial
        A trial.

    Returns
    -------
    complete : bool
        Whether all its folds were scored.
    """
    return trial.state.name == "COMPLETE"


def _scores_of(trial):
    """Lists over folds by name."""
    folds = trial.user_attrs.get("folds", [])
    found = {}
    for fold in folds:
        for name in ("fit_time", "score_time"):
            found.setdefault(name, []).append(fold[name])
        for part, scores in fold["scores"].items():
            for metric, score in scores.items():
                found.setdefault(f"{part}_{metric}", []).append(score)
    return found


def _over_folds(function, array):
    """Of the folds that were run; NaN where none was."""
    return np.array(
        [
            function(row[~np.isnan(row)]) if (~np.isnan(row)).any() else np.nan
            for row in array
        ]
    )


def _ranks(values):
    ranks = np.full(len(values), len(values), dtype=np.int32)
    known = ~np.isnan(values)
    ranks[known] = rankdata(-values[known], method="min")
    ranks[~known] = known.sum() + 1
    return ranks
