"""Boosting on the eras that are predicted worst."""

# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral, Real

import numpy as np
import pandas as pd
from sklearn import get_config
from sklearn.base import _fit_context, clone
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing, get_tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import (
    check_is_fitted,
    column_or_1d,
)

from sknumerai.ensemble._delegation import DelegatingRegressor, params_of
from sknumerai.ensemble._members import read_rows, rows_of_params
from sknumerai.ensemble._prediction import predict_by_eras
from sknumerai.metrics import numerai_corr_score
from sknumerai.model_selection._folds import as_slice
from sknumerai.model_selection._warm_start import WarmStart
from sknumerai.preprocessing._tables import find_eras, read_table
from sknumerai.utils._old_state import keeps_old_state


class EraBoostingRegressor(DelegatingRegressor):
    """Fit in rounds, each to the eras that are predicted worst so far.

    An ordinary model minimizes the mean error and may live on a few good times. Here
    the first round learns from all eras; then eras are scored in sample, and each
    further round learns from the worst of them. In sample the scores of eras become
    much more alike, and their Sharpe ratio rises steeply; out of sample that is not
    certain: compare with as many rounds of ``proportion=1``.

    Parameters
    ----------
    estimator : estimator
        Regressor of one round, a small one for ``method="residual"``: ten trees with a
        low learning rate, for example. Of LightGBM, XGBoost and scikit-learn, or a
        network.

    n_rounds : int, default=20
        Number of rounds, the first one on all eras included.

    method : {"residual", "warm_start", "weight"}, default="residual"
        How rounds build on another. "residual": each is fitted to what the ones before
        leave of the target, and they are added, as boosting does; for any regressor
        that minimizes squared errors. "warm_start": one regressor with a parameter
        `warm_start` is trained further, for networks with losses of ranks; to
        scikit-learn's trees each round adds `n_estimators` (or `max_iter`). "weight":
        each round is fitted anew with the worst eras weighed more, and the rounds are
        averaged; for any regressor with sample weights.

    proportion : float, default=0.5
        Share of the eras that are the worst ones.

    learning_rate : float, default=1.0
        With "residual" what each round's predictions are multiplied by after the first,
        for regressors without a learning rate of their own.

    weight : float, default=2.0
        With "weight" what the weights of the rows of the worst eras are multiplied by,
        round after round; all weights are then scaled to a mean of 1.

    metric : callable, default=None
        ``metric(y_true, y_pred, groups=, aggregate=None)`` gives a Series of the eras'
        scores, by the labels in ``groups`` and in any order, higher being better. An
        era that it leaves out counts as worst. None is
        :func:`sknumerai.metrics.numerai_corr_score`.

    verbose : bool, default=False
        Whether to show a progress bar over the rounds.

    Attributes
    ----------
    estimators_ : list of estimator
        The fitted regressors: one of each round, or one.

    era_scores_ : ndarray of shape (n_rounds, n_eras)
        In-sample score of each era after each round.

    focus_ : ndarray of shape (n_rounds, n_eras)
        Bool, the eras that each round was fitted to or weighed more, all in the first.

    n_features_in_ : int
        Number of features.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features, if all are strings.

    eras_seen_ : ndarray of shape (n_eras,)
        Numbers of the eras, where they were known: the columns of `era_scores_`.

    See Also
    --------
    EraEnsembleRegressor : Models of slices of eras. Both may be combined.

    Notes
    -----
    With "residual" and "warm_start" a round takes a copy of the rows of its eras; with
    "weight" none. An era whose score is not defined, such as one of a constant
    prediction, counts as worst. Where no eras are known all rows are one era.

    References
    ----------
    Numerai's forum, "Era boosted models": ten trees a round, twenty rounds, the worst
    half of the eras.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> from sknumerai.datasets import make_numerai
    >>> from sknumerai.ensemble import EraBoostingRegressor
    >>> data = make_numerai(n_eras=8, n_samples_per_era=50, n_features=5, random_state=0)
    >>> tree = DecisionTreeRegressor(max_depth=3, random_state=0)
    >>> model = EraBoostingRegressor(tree, 5, learning_rate=0.1)
    >>> scores = model.fit(data.data, data.target).era_scores_
    >>> bool(scores[-1].min() > scores[0].min())
    True
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict"])],
        "n_rounds": [Interval(Integral, 1, None, closed="left")],
        "method": [StrOptions({"residual", "warm_start", "weight"})],
        "proportion": [Interval(Real, 0, 1, closed="right")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "weight": [Interval(Real, 1, None, closed="left")],
        "metric": [callable, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator,
        n_rounds=20,
        *,
        method="residual",
        proportion=0.5,
        learning_rate=1.0,
        weight=2.0,
        metric=None,
        verbose=False,
    ):
        self.estimator = estimator
        self.n_rounds = n_rounds
        self.method = method
        self.proportion = proportion
        self.learning_rate = learning_rate
        self.weight = weight
        self.metric = metric
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=False)
    @keeps_old_state
    def fit(self, X, y, groups=None, **fit_params):
        """Fit round after round.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        y : array-like of shape (n_samples,)
            Target.

        groups : array-like of shape (n_samples,), default=None
            Era of each row. By default the index level "era" of `X` or `y`; where there
            is none, the rows are one era.

        **fit_params : dict
            Further arguments of the regressor's ``fit``, such as ``sample_weight``. Of
            those that are as long as X each round takes its rows.

        Returns
        -------
        self : object
            Fitted estimator.
        """
        caller = f"{type(self).__name__}.fit"
        table, target = read_rows(self, X, y, groups, caller)
        values = column_or_1d(target, warn=True).astype(np.float64)
        eras = find_eras(self, groups, X, target, len(values))
        if self.method == "warm_start":
            self._check_warm_start(caller)
        params = params_of(self, "fit", self.estimator, groups, fit_params)
        state = _Rounds(self, table, target, values, eras, params, groups)
        rounds = range(self.n_rounds)
        if self.verbose:
            from tqdm.auto import tqdm

            rounds = tqdm(rounds, desc=type(self).__name__, unit="round")
        for _ in rounds:
            state.next()
        self.estimators_ = state.members
        self.era_scores_ = np.array(state.scores)
        self.focus_ = np.array(state.focus)
        if eras.n_eras > 1:
            self.eras_seen_ = eras.numbers
        elif hasattr(self, "eras_seen_"):
            del self.eras_seen_
        return self

    def predict(self, X, groups=None):
        """Predict with all rounds.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        groups : array-like of shape (n_samples,), default=None
            Era of each row, live rows ("X") included, for a regressor whose ``predict``
            takes it.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Predictions, float64.
        """
        check_is_fitted(self, "estimators_")
        table = read_table(self, X, reset=False)
        eras = find_eras(self, groups, X, None, len(table))
        params = params_of(self, "predict", self.estimators_[0], groups, {})
        total = np.zeros(len(table))
        for i, member in enumerate(self.estimators_):
            total += self._share(i) * predict_by_eras(member, table, eras, params)
        return total

    def _share(self, i, n_members=None):
        """What the predictions of a member are multiplied by."""
        if self.method == "warm_start":
            return 1.0
        if self.method == "weight":
            return 1 / (n_members or len(self.estimators_))
        return 1.0 if i == 0 else self.learning_rate

    def _check_warm_start(self, caller):
        name = _last_name(self.estimator, "warm_start")
        if not self.estimator.get_params(deep=True).get(name, False):
            raise ValueError(
                f"{caller}: method='warm_start' trains one regressor further, and "
                f"{type(self.estimator).__name__} is not set to: give it "
                "warm_start=True. Regressors without that parameter take "
                "method='residual', LightGBM's and XGBoost's among them."
            )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags.allow_nan = inner.input_tags.allow_nan
        poor = inner.regressor_tags is not None and inner.regressor_tags.poor_score
        tags.regressor_tags.poor_score = poor
        return tags


class _Rounds:
    """What is known between two rounds."""

    def __init__(self, owner, X, target, y, eras, params, groups):
        self.owner, self.X, self.target, self.y = owner, X, target, y
        self.eras, self.params, self.groups = eras, params, groups
        self.members, self.scores, self.focus = [], [], []
        self.warm_start = WarmStart(
            owner.estimator, owner.method == "warm_start", type(owner).__name__
        )
        self.total = np.zeros(len(y))
        self.weights = np.ones(len(y))

    def next(self):
        """Fit one more round, and score."""
        worst = self._worst()
        fit = {"residual": self._residual, "weight": self._weighted}
        fit.get(self.owner.method, self._further)(worst)
        self.scores.append(self._score())
        self.focus.append(worst)

    def _score(self):
        """Score of each era, in the order of eras."""
        metric = self.owner.metric or numerai_corr_score
        codes, n_eras = pd.Series(self.eras.codes), self.eras.n_eras
        scores = metric(self.y, self._prediction(), groups=codes, aggregate=None)
        told = np.shape(scores)
        if isinstance(scores, pd.Series | pd.DataFrame):
            # a metric may return the eras in any order
            index = scores.index
            fits = index.is_unique and index.isin(range(n_eras)).all()
            scores = scores.reindex(range(n_eras)) if fits else None
        values = np.asarray(scores, dtype=np.float64)
        if values.size != n_eras or scores is None:
            raise ValueError(
                f"{type(self.owner).__name__}.fit: metric must return one score for "
                f"each of the {n_eras} eras where aggregate=None, a Series with the "
                f"labels of groups, which are 0 to {n_eras - 1}. It returned "
                f"{f'shape {told}' if told else 'one number'}."
            )
        return values.reshape(n_eras)

    def _worst(self):
        if not self.scores:
            return np.ones(self.eras.n_eras, dtype=bool)
        scores = np.nan_to_num(self.scores[-1], nan=-np.inf)
        n_worst = max(1, round(self.owner.proportion * len(scores)))
        worst = np.zeros(len(scores), dtype=bool)
        worst[np.argsort(scores, kind="stable")[:n_worst]] = True
        return worst

    def _prediction(self):
        if self.owner.method == "weight":
            return self.total / len(self.members)
        return self.total

    def _residual(self, worst):
        y = self.target if not self.members else self._like_target(self.y - self.total)
        member = self._fit(clone(self.owner.estimator), y, worst)
        self.total += self.owner._share(len(self.members)) * self._predict(member)
        self.members.append(member)

    def _further(self, worst):
        fitted = self.members[0] if self.members else None
        # one that stops at a number of trees is given more of them each round
        member, _ = self.warm_start.next(fitted, len(self.scores), {})
        self.members = [self._fit(member, self.target, worst)]
        self.total = self._predict(self.members[0])

    def _weighted(self, worst):
        if self.members:
            self.weights[worst[self.eras.codes]] *= self.owner.weight
            self.weights /= self.weights.mean()
        name = "sample_weight"
        if not get_config()["enable_metadata_routing"]:
            # a pipeline hands it on to its steps by name
            name = _last_name(self.owner.estimator, name)
        given = self.params.get(name)
        weights = self.weights if given is None else self.weights * np.asarray(given)
        params = {**self.params, name: weights}
        member = clone(self.owner.estimator).fit(self.X, self.target, **params)
        self.total += self._predict(member)
        self.members.append(member)

    def _fit(self, member, y, worst):
        X, params = self.X, self.params
        if not worst.all():
            rows = as_slice(np.flatnonzero(worst[self.eras.codes]))
            params = rows_of_params(params, len(self.y), rows)
            X, y = _safe_indexing(X, rows), _safe_indexing(y, rows)
        return member.fit(X, y, **params)

    def _predict(self, member):
        params = params_of(self.owner, "predict", member, self.groups, {})
        return predict_by_eras(member, self.X, self.eras, params).astype(np.float64)

    def _like_target(self, values):
        if isinstance(self.target, pd.Series):
            # its name tells networks the horizon, its index the eras
            name, index = self.target.name, self.target.index
            return pd.Series(values, index, name=name, copy=False)
        return values


def _last_name(estimator, name):
    """The name of a parameter of an estimator, or of the last step of a pipeline."""
    prefix = ""
    while isinstance(estimator, Pipeline):
        prefix += f"{estimator.steps[-1][0]}__"
        estimator = estimator[-1]
    return prefix + name
