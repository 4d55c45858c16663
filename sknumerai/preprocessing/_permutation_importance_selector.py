"""Features without which a model scores less."""

# SPDX-License-Identifier: BSD-3-Clause

from functools import partial
from numbers import Integral

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.base import MetaEstimatorMixin, _fit_context, clone, is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.validation import has_fit_parameter, validate_data

from sknumerai.metrics._scorer import EraScorer
from sknumerai.preprocessing._selecting import (
    CHOICE_CONSTRAINTS,
    BaseFeatureSelector,
    best,
    main_target,
)
from sknumerai.utils import check_eras, refuse_era_column
from sknumerai.utils._shared_data import Sent, SharedData, received


class PermutationImportanceSelector(MetaEstimatorMixin, BaseFeatureSelector):
    """Keep the features whose shuffling lowers a model's score the most.

    Scikit-learn computes permutation importances but does not select by them:
    ``SelectFromModel`` sees the fitted model alone. With a scorer of
    :func:`~sknumerai.metrics.make_era_scorer` the importance of a feature is what an
    era score loses without it. Read more in the :doc:`User Guide
    </user_guide/preprocessing>`.

    Parameters
    ----------
    estimator : estimator
        The model. It is cloned.

    scoring : str, callable or None, default=None
        Score of the model, more is better: a scorer, such as
        :data:`~sknumerai.metrics.numerai_corr_scorer`, a name that scikit-learn knows,
        or None for the model's own.

    n_features : int, float or None, default=0.5
        The most features to keep: a number, a share of all if between 0 and 1, or None
        for no limit.

    threshold : float or None, default=None
        The least importance to keep, in units of the score.

    cv : int, splitter, iterable or None, default=None
        Where importances are measured: in the test rows of each fold, the model fitted
        on the others, averaged over folds. None: on the rows that the model was fitted
        on, where what it has learned by heart counts too. Prefer
        :class:`~sknumerai.model_selection.GroupTimeSeriesSplit`.

    within_eras : bool or "auto", default="auto"
        Whether the values of a feature are shuffled within each era, instead of over
        all rows. "auto": where the eras are known. Era scores compare rows of one era,
        and models are told apart by what they say there: shuffled over all rows, a
        feature that differs from era to era, or is missing in some, seems to count for
        that alone.

    n_repeats : int, default=5
        How often each feature is shuffled.

    n_jobs : int or None, default=None
        Number of features that are shuffled in parallel. None means 1.

    random_state : int, RandomState instance or None, default=None
        Decides the shuffling.

    verbose : bool, default=False
        Whether a progress bar over the features of a fold is shown.

    Attributes
    ----------
    importances_mean_, importances_std_ : ndarray of shape (n_features,)
        What the score loses, over folds and repeats.

    support_ : ndarray of shape (n_features,)
        Whether each feature is kept.

    eras_seen_ : ndarray of shape (n_eras,)
        Numbers of the eras that were learned from, if there were any: scores of these
        are warned of.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`, where they are all strings.

    See Also
    --------
    sklearn.inspection.permutation_importance : The importances.
    StableFeatureSelector : Without a model.

    Notes
    -----
    The model predicts ``n_features * n_repeats`` times per fold and `X` is copied for
    each feature, so give every fourth era or fewer. Of features that are correlated
    each can be shuffled without loss, and all may look useless: select one of each
    cluster first.

    References
    ----------
    .. [1] Breiman, L. (2001). Random Forests. Machine Learning 45, section 10.
    .. [2] Truda, G. (2021). Numerai experiments: permutation importance by Spearman's
       correlation.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sknumerai.datasets import make_numerai
    >>> from sknumerai.metrics import numerai_corr_scorer
    >>> from sknumerai.preprocessing import PermutationImportanceSelector
    >>> X, y = make_numerai(n_eras=8, n_features=6, random_state=0, return_X_y=True)
    >>> selector = PermutationImportanceSelector(
    ...     Ridge(), scoring=numerai_corr_scorer, n_features=2, random_state=0
    ... )
    >>> selector.fit_transform(X, y).shape
    (800, 2)
    """

    _parameter_constraints: dict = {
        **CHOICE_CONSTRAINTS,
        "estimator": [HasMethods("fit")],
        "scoring": [str, callable, None],
        "cv": ["cv_object"],
        "within_eras": ["boolean", StrOptions({"auto"})],
        "n_repeats": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator,
        *,
        scoring=None,
        n_features=0.5,
        threshold=None,
        cv=None,
        within_eras="auto",
        n_repeats=5,
        n_jobs=None,
        random_state=None,
        verbose=False,
    ):
        self.estimator = estimator
        self.scoring = scoring
        self.n_features = n_features
        self.threshold = threshold
        self.cv = cv
        self.within_eras = within_eras
        self.n_repeats = n_repeats
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, groups=None):
        """Measure the importances and select.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Target. Several are handed to the model; era scorers score the first, the
            main one.

        groups : array-like of shape (n_samples,), default=None
            Era of each row, for the splitter, for an era scorer and for a model whose
            fit takes them. By default each finds them in the index of `X` or `y`.

        Returns
        -------
        self : object
            Fitted selector.

        Raises
        ------
        MissingErasError
            If no eras are found and ``within_eras=True``.
        """
        caller = type(self).__name__
        refuse_era_column(X, caller)
        matrix, checked_y = validate_data(
            self,
            X,
            main_target(y),
            dtype="numeric",
            ensure_all_finite="allow-nan" if self._allow_nan() else True,
        )
        eras = check_eras(
            groups,
            X,
            y,
            n_samples=len(matrix),
            required=self.within_eras is True,
            caller=caller,
        )
        if eras is not None:
            self.eras_seen_ = eras.numbers
        elif hasattr(self, "eras_seen_"):
            del self.eras_seen_
        # indexes carry the eras to the model, the splitter and the scorer
        X = X if isinstance(X, pd.DataFrame) else matrix
        if not isinstance(y, pd.Series | pd.DataFrame):
            several = np.asarray(y)
            y = several if several.ndim == 2 else checked_y
        groups = None if groups is None else eras.labels[eras.codes]
        random_state = check_random_state(self.random_state)
        codes = None if eras is None or self.within_eras is False else eras.codes
        found = [
            self._importances(X, y, groups, codes, train, test, random_state)
            for train, test in self._folds(X, y, groups)
        ]
        importances = np.concatenate(found, axis=1)
        self.importances_mean_ = importances.mean(axis=1)
        self.importances_std_ = importances.std(axis=1)
        self.support_ = best(self.importances_mean_, self.n_features, self.threshold)
        return self

    def _folds(self, X, y, groups):
        if self.cv is None:
            return [(None, None)]
        cv = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        return cv.split(X, y, groups)

    def _importances(self, X, y, groups, codes, train, test, random_state):
        model, fit_params = clone(self.estimator), {}
        X_train, y_train, scored_groups = X, y, groups
        if train is not None:
            X_train, y_train = _safe_split(model, X, y, train)
            X, y = _safe_split(model, X, y, test, train)
            codes = None if codes is None else _safe_indexing(codes, test)
        if groups is not None:
            if train is not None:
                scored_groups = _safe_indexing(groups, test)
                groups = _safe_indexing(groups, train)
            if has_fit_parameter(model, "groups"):
                fit_params["groups"] = groups
        model.fit(X_train, y_train, **fit_params)
        scorer = check_scoring(model, scoring=self.scoring)
        if scored_groups is not None and isinstance(scorer, EraScorer):
            # shuffling a column leaves the rows where they are
            scorer = partial(scorer, groups=scored_groups)
        # each feature is shuffled alike, whatever the number of jobs
        seed = random_state.randint(np.iinfo(np.int32).max + 1)
        if codes is None:
            orders = shuffles(len(X), self.n_repeats, seed)
        else:
            orders = shuffles_within(codes, self.n_repeats, seed)
        with SharedData(X=X, y=y, orders=orders) as shared:
            scores = Parallel(n_jobs=self.n_jobs, return_as="generator")(
                delayed(_scores_without)(Sent(model), Sent(scorer), shared, j)
                for j in range(X.shape[1])
            )
            if self.verbose:
                from tqdm.auto import tqdm

                name = type(self).__name__
                scores = tqdm(scores, name, X.shape[1], unit="feature")
            scores = list(scores)
        return scorer(model, X, y) - np.array(scores)

    def _allow_nan(self):
        tags = getattr(self.estimator, "__sklearn_tags__", None)
        return tags is not None and tags().input_tags.allow_nan

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.allow_nan = self._allow_nan()
        return tags


def shuffles(n, n_repeats, seed):
    """Draw the orders of rows that scikit-learn's `permutation_importance` does.

    Parameters
    ----------
    n : int
        Number of rows.

    n_repeats : int
        How many.

    seed : int
        Decides them.

    Returns
    -------
    orders : list of ndarray of shape (n,)
        The row whose value each row is given.
    """
    rng = np.random.RandomState(seed)
    step, order, orders = np.arange(n), np.arange(n), []
    for _ in range(n_repeats):
        rng.shuffle(step)
        # what was shuffled already is shuffled again
        order = order[step]
        orders.append(order)
    return orders


def shuffles_within(codes, n_repeats, seed):
    """Draw orders of rows that differ within eras only.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)
        Number of the era of each row.

    n_repeats : int
        How many.

    seed : int
        Decides them.

    Returns
    -------
    orders : list of ndarray of shape (n_samples,)
        The row whose value each row is given.
    """
    rng = np.random.RandomState(seed)
    places, orders = np.argsort(codes, kind="stable"), []
    for _ in range(n_repeats):
        order = np.empty(len(codes), dtype=np.intp)
        order[places] = np.lexsort((rng.random_sample(len(codes)), codes))
        orders.append(order)
    return orders


def _scores_without(model, scorer, shared, j):
    """Scores with column `j` in other orders of rows."""
    model, scorer = received(model), received(scorer)
    X, y = shared["X"].copy(), shared["y"]
    is_frame = isinstance(X, pd.DataFrame)
    values = X.iloc[:, j].array.copy() if is_frame else X[:, j].copy()
    scores = []
    for order in shared["orders"]:
        if is_frame:
            X.isetitem(j, values[order])
        else:
            X[:, j] = values[order]
        scores.append(scorer(model, X, y))
    return scores
