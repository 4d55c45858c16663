"""From features alone to a trained network.

Imported inside ``fit`` alone, as ``_fitting`` is: not part of inference.
"""

# SPDX-License-Identifier: BSD-3-Clause

import copy

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import validate_data

from sknumerai.neural_network._coverage import check_weighted
from sknumerai.neural_network._fitting import _eras_seen, _resolve_batches
from sknumerai.neural_network._held_out import count_eras
from sknumerai.neural_network._inputs import (
    check_device,
    check_feature_range,
    check_weight,
    target_names,
)
from sknumerai.neural_network._training import make_dataset, train_module
from sknumerai.utils import check_eras, refuse_era_column


def fit_to_features(estimator, X, y, groups, sample_weight):
    """Validate, train, set the fitted attributes; return the estimator."""
    # all that is set goes into a stand-in first: a fit that fails changes nothing
    est = object.__new__(type(estimator))
    est.__dict__.update(estimator.__dict__)
    _fit(est, X, y, groups, sample_weight)
    estimator.__dict__.update(est.__dict__)
    return estimator


def _fit(est, X, y, groups, sample_weight):
    caller = f"{type(est).__name__}.fit"
    refuse_era_column(X, caller)
    warm = est.warm_start and hasattr(est, "module_")
    matrix = validate_data(est, X, dtype="numeric", reset=not warm)
    weight = check_weight(sample_weight, X, matrix, caller)
    found = check_eras(groups, X, y, n_samples=len(matrix), caller=caller)
    range_before = getattr(est, "feature_range_", None)
    est.feature_range_ = check_feature_range(est, matrix, caller)
    eras = _resolve_batches(est, found, len(matrix), caller)
    check_device(est.device, caller)
    n_train, n_valid = count_eras(est, eras, found is not None, target_names(y), caller)
    check_weighted(est, weight, eras, n_train, n_valid, caller)
    # targets of no columns: a batch then holds features alone
    nothing = np.empty((len(matrix), 0), dtype=np.float32)
    dataset = make_dataset(matrix, nothing, weight, eras)
    train, valid, score = dataset.eras(0, n_train), None, None
    if n_valid:
        valid = dataset.eras(eras.n_eras - n_valid, eras.n_eras)
        score = _losses

    spec = est._module_spec(matrix.shape[1], 0)
    if warm and (spec != est._spec or est.feature_range_ != range_before):
        changed = [k for k in spec[1] if spec[1][k] != est._spec[1].get(k)]
        raise ValueError(
            f"{caller}: warm_start goes on with the network as it is, but "
            f"{changed or ['feature_range']} changed since the last fit. Set them back, "
            "or set warm_start=False."
        )
    module = copy.deepcopy(est.module_) if warm else None
    est._spec = spec

    def make_module():
        return spec[0](**spec[1]) if module is None else module.train()

    seed = int(check_random_state(est.random_state).randint(2**31 - 1))
    est.module_, est.history_, est.best_epoch_ = train_module(
        est, make_module, train, valid, seed=seed, score=score, warm=warm
    )
    est.n_iter_ = len(est.history_)
    est.eras_seen_ = _eras_seen(est, None if found is None else eras.numbers, warm)


def _losses(evaluate, phase):
    terms, _ = evaluate(None)
    return {f"valid_{name}": value for name, value in terms.items()}
