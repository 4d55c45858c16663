"""What a diagnostics report is made of: checked, aligned, and what is left out."""

# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from sknumerai.metrics._cuts import MAX_MISSING
from sknumerai.metrics._inputs import check_no_infinity, check_target, find_eras
from sknumerai.utils import (
    LIVE_ERA,
    AlignedInput,
    Eras,
    era_numbers,
    fitted_eras,
    model_horizon,
    row_index,
    target_horizon,
)

CALLER = "diagnostics_report"
# Inputs whose values are ranked, and may have gaps.
RANKED = ("meta_model", "benchmark")


@dataclass(eq=False)
class ReportInputs:
    """Rows to report on, all in one order.

    Parameters
    ----------
    target : Series of shape (n_samples,)
        Targets without a name, NaN where missing, and in eras that cannot be scored.

    predictions : DataFrame of shape (n_samples, n_models)
        One column per model.

    reference : DataFrame of shape (n_samples, n_references)
        The benchmark that models are compared with, where it is none of them.

    eras : Eras
        Era of each row.

    sides : dict of str to object
        Benchmark, meta model and features, as given.

    partial : dict of object to float
        Eras that are left out as too many of their targets are missing, and the share.

    baseline : object
        Column of `predictions` or `reference`, or None.

    target_name : str
        Name of the target, or None.

    horizon : int
        Days that the target looks ahead, or None.
    """

    target: pd.Series
    predictions: pd.DataFrame
    reference: pd.DataFrame
    eras: Eras
    sides: dict
    partial: dict
    baseline: object
    target_name: str
    horizon: int
    aligned: dict = field(default_factory=dict)

    @property
    def groups(self):
        """Eras as metrics take them, without comparing a label twice."""
        return pd.Categorical.from_codes(self.eras.codes, categories=self.eras.labels)

    @property
    def models(self):
        """Names of the models."""
        return list(self.predictions.columns)

    @property
    def scored(self):
        """Models, and what they are compared with."""
        if self.reference.shape[1] == 0:
            return self.predictions
        return pd.concat([self.predictions, self.reference], axis=1)

    @property
    def resolved(self):
        """Which rows have a target, of shape (n_samples,)."""
        return self.target.notna().to_numpy()

    @property
    def scored_eras(self):
        """Positions of the eras that have targets."""
        counts = np.bincount(self.eras.codes[self.resolved], minlength=self.eras.n_eras)
        return np.flatnonzero(counts)


def check_inputs(
    y_true, y_pred, groups, *, sides, baseline, target, horizon, caller=CALLER
):
    """Check and align what a report is made of.

    Parameters
    ----------
    y_true, y_pred, groups, baseline, target, horizon
        See :func:`sknumerai.inspection.diagnostics_report`.

    sides : dict of str to object
        "meta_model", "benchmark" and "features", those that are given.

    caller : str, default="diagnostics_report"
        Name to begin error messages with.

    Returns
    -------
    inputs : ReportInputs
        All of it.
    """
    eras = find_eras(y_true, y_pred, (), groups, caller, required=True)
    name = getattr(y_true, "name", None) if target is None else target
    values = check_target(y_true, caller).copy()
    predictions = _as_models(y_pred, caller)
    index = row_index(y_true, y_pred)
    index = pd.RangeIndex(len(values)) if index is None else index
    predictions = predictions.set_axis(index)
    resolved, partial = _resolved_eras(values, eras)
    if not resolved.any():
        raise ValueError(f"{caller}: y_true has no target: nothing to score.")
    inputs = ReportInputs(
        pd.Series(values, index=index),
        predictions,
        predictions.iloc[:, :0],
        eras,
        sides,
        partial,
        baseline,
        name if isinstance(name, str) else None,
        _check_horizon(horizon, name, caller),
    )
    for key, side in sides.items():
        inputs.aligned[key] = AlignedInput(
            key, side, index, len(values), caller, ranked=key in RANKED
        )
    _find_baseline(inputs, caller)
    return inputs


def check_training(models, estimators, train_eras, caller=CALLER):
    """Find the eras that each model was fitted on.

    Parameters
    ----------
    models : list
        Names of the models.

    estimators : object, dict or None
        A fitted model for all columns, or one for each name.

    train_eras : array-like, dict or None
        Eras for all models, or for each name.

    caller : str, default="diagnostics_report"
        Name to begin error messages with.

    Returns
    -------
    training : dict of object to ndarray
        Era numbers in rising order of the models of which they are known.
    """
    found = {}
    for model, estimator in _by_model(estimators, models, "estimators", caller).items():
        # an exported function holds the model that it was made of
        seen = fitted_eras(getattr(estimator, "model", estimator))
        if seen is not None:
            found[model] = seen[seen != LIVE_ERA]
    for model, eras in _by_model(train_eras, models, "train_eras", caller).items():
        labels = pd.unique(np.asarray(eras).ravel()).tolist()
        numbers = era_numbers(labels, caller=f"{caller}, train_eras")
        found[model] = np.union1d(found.get(model, []), numbers).astype(np.int64)
    return found


def _by_model(given, models, name, caller):
    if given is None:
        return {}
    if not isinstance(given, dict):
        return dict.fromkeys(models, given)
    unknown = [key for key in given if key not in models]
    if unknown:
        raise ValueError(
            f"{caller}: {name} names {unknown[0]!r}, which is no model. These are "
            f"{models[:5]}."
        )
    return {key: value for key, value in given.items() if value is not None}


def _as_models(y_pred, caller):
    """Predictions as a frame whose columns have names of their own."""
    values, _ = check_no_infinity(y_pred, caller)
    if isinstance(y_pred, pd.DataFrame):
        if y_pred.columns.nlevels > 1:
            raise ValueError(
                f"{caller}: the columns of y_pred have {y_pred.columns.nlevels} levels. "
                "Give each model one name, e.g. y_pred.columns = ['_'.join(map(str, c)) "
                "for c in y_pred.columns]."
            )
        names = list(y_pred.columns)
        for name in names:
            if isinstance(name, tuple) or pd.isna(name):
                raise ValueError(
                    f"{caller}: each column of y_pred must be named by a text or a "
                    f"number. Got {name!r}. Rename it, e.g. y_pred.columns = "
                    "['one', 'two']."
                )
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(
                f"{caller}: two columns of y_pred are called {twice[0]!r}. Give each "
                "model a name of its own."
            )
        same = values.dtype == np.float64
        return y_pred if same else pd.DataFrame(values.astype(float), columns=names)
    if values.shape[1] == 1:
        name = getattr(y_pred, "name", None)
        names = ["model" if name is None else name]
    else:
        names = [f"model {j + 1}" for j in range(values.shape[1])]
    return pd.DataFrame(values.astype(np.float64), columns=names)


def _resolved_eras(values, eras):
    """Which eras are scored, and those of which too little is known to be."""
    n_known = np.bincount(eras.codes[~np.isnan(values)], minlength=eras.n_eras)
    share = 1 - n_known / eras.counts
    too_few = (share > MAX_MISSING) & (n_known > 0)
    values[too_few[eras.codes]] = np.nan
    partial = {eras.labels[i]: float(share[i]) for i in np.flatnonzero(too_few)}
    return (n_known > 0) & ~too_few, partial


def _check_horizon(horizon, name, caller):
    if horizon is None:
        days = target_horizon(name)
        return days if days in (20, 60) else None
    whole = isinstance(horizon, int | np.integer) and not isinstance(horizon, bool)
    if not whole or horizon < 0:
        raise ValueError(
            f"{caller}: horizon must be the days that the target looks ahead, such as "
            f"20 or 60, or 0 if targets of eras do not overlap. Got {horizon!r}."
        )
    return int(horizon)


def _find_baseline(inputs, caller):
    """Set what models are compared with: asked for, a benchmark or the first model."""
    benchmark = inputs.sides.get("benchmark")
    names = list(getattr(benchmark, "columns", [getattr(benchmark, "name", None)]))
    names = [] if benchmark is None else names
    if inputs.baseline is None:
        if names:
            # one that was trained for the same days, if there is any
            alike = [n for n in names if model_horizon(n) in (None, inputs.horizon)]
            _add_reference(inputs, names, names.index((alike or names)[0]))
        elif len(inputs.models) > 1:
            inputs.baseline = inputs.models[0]
    elif inputs.baseline in names and inputs.baseline not in inputs.models:
        _add_reference(inputs, names, names.index(inputs.baseline))
    elif inputs.baseline not in inputs.models:
        raise ValueError(
            f"{caller}: baseline={inputs.baseline!r} is neither a column of y_pred "
            f"({inputs.models[:5]}) nor of benchmark ({names[:5]})."
        )


def _add_reference(inputs, names, j):
    side = inputs.aligned["benchmark"]
    column = side.take(slice(None))[:, j]
    name = "benchmark" if names[j] is None else names[j]
    while name in inputs.models:
        name = f"{name} (benchmark)"
    inputs.baseline = name
    inputs.reference = pd.DataFrame(
        {name: np.asarray(column, dtype=np.float64)}, index=inputs.predictions.index
    )
