"""One fold: fit, predict once, score."""

# SPDX-License-Identifier: BSD-3-Clause

import time
from traceback import format_exc

from sklearn.utils.validation import _num_samples

from sknumerai.model_selection._folds import take, take_params
from sknumerai.model_selection._predict_once import predict_once
from sknumerai.model_selection._scorers import score_all, score_eras


def run_fold(estimator, shared, fold, scorers, catch, era_scores=False, keep=False):
    """Fit an estimator on one fold and score it.

    Parameters
    ----------
    estimator : estimator
        Not fitted.

    shared : SharedData
        "X", "y", "fit_params", "score_params" (of each scorer), and "folds": pairs of
        rows to fit on and a dict of rows to score, by name of the part.

    fold : int
        Which fold.

    scorers : dict of str to callable
        By name.

    catch : bool
        Whether an error is told instead of raised.

    era_scores : bool, default=False
        Whether to score each era of the part "test" too.

    keep : bool, default=False
        Whether to give the fitted estimator back.

    Returns
    -------
    result : dict
        "scores" by part and metric, "eras" (a table, or None), "fit_time" and
        "score_time" in seconds (of what was not fitted on), "error" (None, or the
        traceback) and "estimator" (or None).
    """
    X, y = shared["X"], shared["y"]
    train, parts = shared["folds"][fold]
    n_samples = _num_samples(X)
    result = {"scores": {}, "eras": None, "fit_time": 0.0, "score_time": 0.0}
    result |= {"error": None, "estimator": estimator if keep else None}
    try:
        begun = time.perf_counter()
        given = take_params(shared["fit_params"], train, n_samples)
        estimator.fit(take(X, train), take(y, train), **given)
        result["fit_time"] = time.perf_counter() - begun
        stand_in = predict_once(estimator)
        for part, rows in parts.items():
            begun = time.perf_counter()
            X_part, y_part = take(X, rows), take(y, rows)
            given = {
                name: take_params(params, rows, n_samples)
                for name, params in shared["score_params"].items()
            }
            scores = score_all(scorers, stand_in, X_part, y_part, given)
            result["scores"][part] = scores
            if era_scores and part == "test":
                result["eras"] = score_eras(scorers, stand_in, X_part, y_part, given)
            if part != "train":
                result["score_time"] += time.perf_counter() - begun
    except Exception:
        if not catch:
            raise
        result |= {"scores": {}, "eras": None, "error": format_exc()}
    return result
