"""From labels to the targets of a network.

Imported inside ``fit`` alone: not part of inference.
"""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from sknumerai.neural_network._fitting import fit_network


def fit_classifier(est, X, y, groups, sample_weight):
    """Encode the labels, train, set the fitted attributes; return the estimator."""
    caller = f"{type(est).__name__}.fit"
    if y is None:
        raise ValueError(
            f"{type(est).__name__} requires y to be passed, but the target y is None."
        )
    labels = column_or_1d(y, warn=True)
    check_classification_targets(labels)
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"{caller} needs samples of at least 2 classes. The {len(labels)} labels in "
            f"y are of one class: {classes}."
        )
    warm = est.warm_start and hasattr(est, "module_")
    if warm and not np.array_equal(classes, est.classes_):
        raise ValueError(
            f"{caller}: warm_start goes on with the classes {est.classes_}; y has "
            f"{classes}. Pass the same classes, or set warm_start=False."
        )
    if len(classes) > 2 and est._monitor_name() != "loss":
        raise ValueError(
            f"{caller}: monitor={est.monitor!r} is for two classes; y has "
            f"{len(classes)}. Use monitor='loss'."
        )
    if len(classes) == 2:
        targets = codes.astype(np.float32)
    else:
        targets = np.eye(len(classes), dtype=np.float32)[codes]
    if isinstance(y, pd.Series | pd.DataFrame):
        # the index has the eras, the name the horizon
        name = y.columns[0] if isinstance(y, pd.DataFrame) else y.name
        if targets.ndim == 1:
            targets = pd.Series(targets, index=y.index, name=name)
        else:
            columns = [name, *(f"class {i}" for i in range(1, len(classes)))]
            targets = pd.DataFrame(targets, index=y.index, columns=columns)
    fit_network(est, X, targets, groups, sample_weight, None)
    est.classes_ = classes
    return est
