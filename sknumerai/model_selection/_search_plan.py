"""What a search is going to do with its data."""

# SPDX-License-Identifier: BSD-3-Clause

import warnings

import numpy as np
from sklearn import get_config
from sklearn.metrics import check_scoring
from sklearn.model_selection import KFold
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples

from sknumerai.exceptions import OneEraWarning
from sknumerai.model_selection._fingerprint import describe, digest
from sknumerai.model_selection._folds import (
    check_splitter,
    positions_of,
    split_rows,
)
from sknumerai.model_selection._routing import route
from sknumerai.model_selection._scorers import check_scorers
from sknumerai.utils import ERA_LEVEL, check_eras


class SearchPlan:
    """Folds, scorers and metadata of a search.

    Parameters
    ----------
    search : OptunaSearchRegressor
        The search.

    X, y : array-like
        Rows and targets.

    groups : array-like or None
        Eras, as the search was given them.

    fit_params : dict
        Further metadata.

    Attributes
    ----------
    scorers : dict of str to callable
        The scorers, "score" where there is one without a name.

    folds : list of tuple
        Rows to fit on, and a dict of rows to score by name of the part.

    part : {"test", "valid"}
        The part that parameters are chosen on.

    fit_params : dict
        What `fit` is given.

    score_params : dict of dict
        What each scorer is given.
    """

    def __init__(self, search, X, y, groups, fit_params):
        self.search, self.X, self.y = search, X, y
        self.caller = type(search).__name__
        self.eras = check_eras(
            groups, X, y, n_samples=_num_samples(X), caller=self.caller
        )
        self.scorers = self._check_scorers()
        cv = self.cv = self._check_cv()
        split_params, self.fit_params, self.score_params = route(
            search.estimator,
            cv,
            self.scorers,
            self._to_pass_on(groups),
            fit_params,
            self.caller,
        )
        self.part = self._check_part(cv)
        splits = cv
        if self.part == "valid":
            splits = list(cv.split_with_validation(X, y, **split_params))
        folds = split_rows(splits, X, y, split_params)
        if search.objective == "sharpe" and len(folds) < 2:
            raise ValueError(
                f"{self.caller}: objective='sharpe' is a ratio over folds and needs two "
                f"of them. Got {len(folds)} from cv={search.cv!r}."
            )
        self.folds = [
            (train, dict(zip(("valid", "test")[-len(parts) :], parts)))
            for train, *parts in folds
        ]

    def fingerprint(self):
        """Tell this search from others.

        Returns
        -------
        fingerprint : dict of str to str
            Estimator, ranges, folds, scores and data, the same in every process.
        """
        search = self.search
        folds = [
            rows for train, parts in self.folds for rows in (train, *parts.values())
        ]
        metric = search.refit if isinstance(search.refit, str) else None
        said = {
            "estimator": describe(search.estimator),
            "param_distributions": describe(search.param_distributions),
            "cv": f"{describe(self.cv)}, {digest(*map(positions_of, folds))}",
            "scoring": describe(self.scorers),
            "objective": describe((metric, search.objective, self.part)),
            "batch_size": str(search.batch_size),
            "data": self._describe_data(),
        }
        params = {n: v for n, v in self.fit_params.items() if not n.endswith("groups")}
        if params:
            said["fit_params"] = describe(params)
        if isinstance(search.random_state, int | np.integer):
            said["random_state"] = str(search.random_state)
        return said

    def _check_scorers(self):
        search = self.search
        if search.scoring is None and self.eras is None:
            # the estimator's own, as in scikit-learn's searches
            return {"score": check_scoring(search.estimator)}
        scorers = check_scorers(search.scoring, self.caller)
        # a scorer that gives a dict says its names when it is called
        names = tuple(f"{name}_" for name in scorers)
        known = search.refit in scorers or str(search.refit).startswith(names)
        if list(scorers) != ["score"] and not known:
            raise ValueError(
                f"{self.caller}: of several metrics, refit must name the one to "
                f"maximize: one of {list(scorers)}. Got refit={search.refit!r}."
            )
        return scorers

    def _check_cv(self):
        cv = self.search.cv
        if cv is not None or self.eras is not None:
            return check_splitter(cv, self.caller)
        warnings.warn(
            f"{self.caller}: no eras were found, so cv=None splits rows, five folds of "
            "them, and scoring=None is the estimator's own score. Put the eras into "
            "the index of X (level 'era') or pass groups=.",
            OneEraWarning,
            stacklevel=5,
        )
        return KFold(5)

    def _to_pass_on(self, groups):
        """The eras for who does not find them in X; with routing on as requested."""
        if groups is not None or self.eras is None or _carries_eras(self.X):
            return groups
        if get_config()["enable_metadata_routing"]:
            return None
        return self.eras.labels[self.eras.codes]

    def _check_part(self, cv):
        select_on = self.search.select_on
        has_part = hasattr(cv, "split_with_validation")
        has_part = has_part and getattr(cv, "valid_size", 1) != 0
        if select_on == "auto":
            return "valid" if has_part else "test"
        if select_on == "valid" and not has_part:
            raise ValueError(
                f"{self.caller}: select_on='valid' needs a splitter with a validation "
                "set, such as GroupTimeSeriesSplit(valid_size=13). Got "
                f"cv={self.search.cv!r}."
            )
        return select_on

    def _describe_data(self):
        n_samples = _num_samples(self.X)
        rows = np.arange(0, n_samples, max(1, n_samples // 100))
        arrays = [self.y, np.asarray(_safe_indexing(self.X, rows))]
        if self.eras is not None:
            arrays += [self.eras.codes, self.eras.numbers]
        return f"{n_samples} rows, {digest(*arrays)}"


def _carries_eras(X):
    return ERA_LEVEL in getattr(getattr(X, "index", None), "names", ())
