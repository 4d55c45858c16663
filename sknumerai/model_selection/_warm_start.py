"""How an estimator goes on from what it has learned."""

# SPDX-License-Identifier: BSD-3-Clause

from inspect import signature

from sklearn.base import clone
from sklearn.pipeline import Pipeline

# Parameters of fit by which boosting libraries take a model to go on from.
PREVIOUS = ("init_model", "xgb_model")
# What counts the iterations of estimators that stop at a number, which has to grow.
ITERATIONS = {
    "HistGradientBoostingRegressor": "max_iter",
    "HistGradientBoostingClassifier": "max_iter",
}


class WarmStart:
    """Makes of a fitted estimator the one to fit next.

    Parameters
    ----------
    estimator : estimator
        The pattern. In a Pipeline the last step goes on, and the others are fitted anew.

    enabled : bool
        Whether to go on at all, or to begin each fit from scratch.

    caller : str
        Name to begin error messages with.

    Raises
    ------
    ValueError
        If the estimator cannot go on.
    """

    def __init__(self, estimator, enabled, caller):
        self.pattern = estimator
        self.prefix, last = _last_step(estimator)
        self.own = last.get_params(deep=False)
        self.previous_name = self.growing = None
        self.enabled = enabled
        if not enabled:
            return
        name = type(last).__name__
        parameters = _parameters_of_fit(last)
        taken = [p for p in PREVIOUS if p in parameters]
        if taken:
            self.previous_name = taken[0]
        elif "warm_start" not in self.own:
            raise ValueError(
                f"{caller}: {name} cannot go on from what it has learned: it has no "
                f"parameter warm_start, and its fit takes none of {list(PREVIOUS)}. "
                "Use warm_start=False to fit each fold from scratch, or a network, "
                "LightGBM or XGBoost."
            )
        elif name in ITERATIONS or "n_estimators" in self.own:
            self.growing = ITERATIONS.get(name, "n_estimators")

    def next(self, fitted, n_fits, settings):
        """Make the estimator to fit next.

        Parameters
        ----------
        fitted : estimator or None
            The one that was fitted last. It is not to be used any more.

        n_fits : int
            How often it was fitted.

        settings : dict
            Parameters to set, of those that the last step has.

        Returns
        -------
        estimator : estimator
            To be fitted.

        fit_params : dict
            What its `fit` is to be given.
        """
        settings = {k: v for k, v in settings.items() if k in self.own}
        if fitted is None or not self.enabled or self.previous_name:
            estimator = clone(self.pattern)
        else:
            # its attributes are kept, and its parameters are those of the pattern
            estimator = fitted
            _last_step(estimator)[1].set_params(**self.own)
        if self.enabled and "warm_start" in self.own and not self.previous_name:
            settings["warm_start"] = True
        if self.growing:
            settings[self.growing] = self.own[self.growing] * (n_fits + 1)
        _last_step(estimator)[1].set_params(**settings)
        if self.previous_name and fitted is not None:
            previous = {self.prefix + self.previous_name: _last_step(fitted)[1]}
            return estimator, previous
        return estimator, {}


def _last_step(estimator):
    prefix = ""
    while isinstance(estimator, Pipeline):
        name, estimator = estimator.steps[-1]
        prefix += f"{name}__"
    return prefix, estimator


def _parameters_of_fit(estimator):
    try:
        return signature(estimator.fit).parameters
    except (TypeError, ValueError):
        return {}
