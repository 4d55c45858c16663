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
                "Use a network, LightGBM or XGBoost, or fit from scratch (in a "
                "walk-forward by warm_start=False)."
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


def go_on(estimator, X, y, groups=None, **fit_params):
    """Fit a fitted estimator further, from what it has learned.

    Parameters
    ----------
    estimator : estimator
        Fitted. It may be changed in place: use what is returned.

    X : array-like of shape (n_samples, n_features)
        Features of new rows.

    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Their targets.

    groups : array-like of shape (n_samples,), default=None
        Era of each row, for a `fit` that takes `groups`. By default the index level
        "era" of X or y.

    **fit_params : dict
        Further parameters of `fit`.

    Returns
    -------
    estimator : estimator
        With the parameters that it had. In a Pipeline the last step has gone on, and the
        others are as they were.

    Raises
    ------
    ValueError
        If it cannot go on: it has no parameter `warm_start`, and `fit` takes no earlier
        model. Or if it grows with each fit, as ensembles of scikit-learn do.

    See Also
    --------
    WarmStartWalkForward : Goes on through all eras, and scores.

    References
    ----------
    .. [1] Sarfati, A. (2024). Numerai Tournament. Section 6.3.

    Examples
    --------
    >>> from sknumerai.datasets import make_numerai
    >>> from sknumerai.model_selection import go_on
    >>> from sknumerai.neural_network import MLPRegressor
    >>> data = make_numerai(n_eras=12, n_samples_per_era=30, random_state=0)
    >>> X, y = data.data, data.target
    >>> net = MLPRegressor(4, max_epochs=2, random_state=0)
    >>> net = net.fit(X.loc[:"0008"], y.loc[:"0008"])
    >>> go_on(net, X.loc["0009":], y.loc["0009":]).eras_seen_
    array([ 1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12])
    """
    if isinstance(estimator, Pipeline):
        if len(estimator) > 1:
            X = estimator[:-1].transform(X)
        gone_on = go_on(estimator[-1], X, y, groups, **fit_params)
        estimator.steps[-1] = (estimator.steps[-1][0], gone_on)
        return estimator
    caller = "go_on"
    warm = WarmStart(estimator, True, caller)
    if warm.growing:
        raise ValueError(
            f"{caller}: {type(estimator).__name__} goes on only by growing: raise its "
            f"{warm.growing}, set warm_start=True and fit it."
        )
    if groups is not None and "groups" in _parameters_of_fit(estimator):
        fit_params["groups"] = groups
    before = warm.own.get("warm_start")
    estimator, previous = warm.next(estimator, 1, {})
    estimator.fit(X, y, **fit_params, **previous)
    if before is not None:
        estimator.set_params(warm_start=before)
    return estimator


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
