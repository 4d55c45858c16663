"""One fold: fit, predict once, score."""

# SPDX-License-Identifier: BSD-3-Clause

import time
from traceback import format_exc

from sklearn.utils.validation import _num_samples

from sknumerai.model_selection._folds import take, take_params
from sknumerai.model_selection._predict_once import predict_once
from sknumerai.model_selection._scorers import score_all, score_eras
from sknumerai.utils._shared_data import Sent, received


def run_fold(
    estimator, shared, fold, scorers, catch, era_scores=False, keep=False, each=False
):
    """Fit an estimator on one fold and score it.

    Parameters
    ----------
    estimator : estimator or Sent
        Not fitted.

    shared : SharedData
        "X", "y", "fit_params", "score_params" (of each scorer), and "folds": pairs of
        rows to fit on and a dict of rows to score, by name of the part.

    fold : int
        Which fold.

    scorers : dict of str to callable or None
        By name. None if `shared` holds them as "scorers".

    catch : bool
        Whether an error is told instead of raised.

    era_scores : bool, default=False
        Whether to score each era of the part "test" too.

    keep : bool, default=False
        Whether to give the fitted estimator back.

    each : bool, default=False
        Whether an error of a scorer that is caught leaves the other scores.

    Returns
    -------
    result : dict
        "scores" by part and metric, "eras" (a table, or None), "fit_time" and
        "score_time" in seconds (of what was not fitted on), "error" (None, or the
        traceback), "failures" (tracebacks of scorers by part and name, if `each`) and
        "estimator" (Sent, or None).
    """
    estimator = received(estimator)
    scorers = shared["scorers"] if scorers is None else scorers
    X, y = shared["X"], shared["y"]
    train, parts = shared["folds"][fold]
    n_samples = _num_samples(X)
    result = {"scores": {}, "eras": None, "fit_time": 0.0, "score_time": 0.0}
    result |= {"error": None, "failures": {}}
    result["estimator"] = Sent(estimator) if keep else None
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
            data = stand_in, X_part, y_part, given
            failures = {} if catch and each else None
            result["scores"][part] = score_all(scorers, *data, failures)
            if era_scores and part == "test":
                again = {n: s for n, s in scorers.items() if n not in (failures or {})}
                in_eras = None if failures is None else {}
                result["eras"] = score_eras(again, *data, in_eras)
                result["failures"]["era"] = in_eras or {}
            result["failures"][part] = failures or {}
            if part != "train":
                result["score_time"] += time.perf_counter() - begun
    except Exception:
        if not catch:
            raise
        result |= {"scores": {}, "eras": None, "error": format_exc()}
    return result
