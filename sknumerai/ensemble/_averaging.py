"""What regressors that average copies of one regressor share."""

# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state, get_tags
from sklearn.utils._param_validation import HasMethods, StrOptions
from sklearn.utils.validation import _num_samples, check_is_fitted

from sknumerai.ensemble._delegation import DelegatingRegressor, params_of
from sknumerai.ensemble._members import average
from sknumerai.preprocessing._tables import find_eras, read_table

MOST_SEEDS = np.iinfo(np.int32).max


class BaseAveragingRegressor(DelegatingRegressor):
    """Base of regressors whose members are copies of `estimator`.

    A subclass fits ``estimators_`` and ``weights_``, and stores `estimator`,
    `n_seeds`, `aggregation`, `random_state`, `n_jobs` and `verbose`.
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict"])],
        "aggregation": [StrOptions({"mean", "median", "rank_mean"})],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def predict(self, X, groups=None):
        """Predict the average of the members.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        groups : array-like of shape (n_samples,), default=None
            Era of each row, live rows ("X") included, for ranks and for a regressor
            whose ``predict`` takes it. By default the index level "era" of `X`; where
            there is none, the rows are one era.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Averages.
        """
        check_is_fitted(self, "estimators_")
        read_table(self, X, reset=False)
        params = params_of(self, "predict", self.estimators_[0], groups, {})
        return average(
            (member.predict(X, **params) for member in self.estimators_),
            self.weights_,
            how=self.aggregation,
            find_eras=lambda: find_eras(self, groups, X, None, _num_samples(X)),
        )

    def _draw_seeds(self, n_members, caller):
        """The seed of each member; raises where they would be copies of one."""
        if self.n_seeds > 1 and not seed_names(self.estimator):
            raise ValueError(
                f"{caller}: {type(self.estimator).__name__} has no parameter "
                f"random_state, so all {self.n_seeds} would be the same. Use n_seeds=1, "
                "or it by itself."
            )
        random = check_random_state(self.random_state)
        return random.randint(MOST_SEEDS, size=n_members).tolist()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.target_tags = inner.target_tags
        tags.input_tags.allow_nan = inner.input_tags.allow_nan
        poor = inner.regressor_tags is not None and inner.regressor_tags.poor_score
        # ranks are in no units of the target
        tags.regressor_tags.poor_score = poor or self.aggregation == "rank_mean"
        return tags


def seed_names(estimator):
    """The parameters of an estimator, and of those inside, that are seeds."""
    return sorted(
        name
        for name in estimator.get_params(deep=True)
        if name == "random_state" or name.endswith("__random_state")
    )


def set_seeds(estimator, seed):
    """Set the seeds of an estimator and of those inside, each to another one.

    Parameters
    ----------
    estimator : estimator
        Changed in place.

    seed : int
        Decides all of them.

    Returns
    -------
    estimator : estimator
        The same object.
    """
    random = check_random_state(seed)
    names = seed_names(estimator)
    return estimator.set_params(**{n: random.randint(MOST_SEEDS) for n in names})
