"""What scorers that are objects share."""

# SPDX-License-Identifier: BSD-3-Clause

import copy

from sklearn.utils.metadata_routing import MetadataRequest

from sknumerai.metrics._side_inputs import SideInputs, as_input
from sknumerai.metrics._statistics import AGGREGATES


class BaseEraScorer:
    """What era scorers share: parameters as an estimator has them, and routing.

    Not a BaseEstimator: those print nested parameters their own way, past __repr__.
    """

    _names = ()
    # False in what `told` gives
    _tells = True

    def told(self, target, stacklevel=2):
        """Warn of other horizons now, and give a scorer that no longer does.

        Cross-validation calls it once, and what it gives for each fold.

        Parameters
        ----------
        target : object
            Name of the target, which tells its horizon, or nothing.

        stacklevel : int, default=2
            As in :func:`warnings.warn`.

        Returns
        -------
        scorer : object
            A copy that scores the same.
        """
        self._tell_horizons(target, stacklevel=stacklevel + 1)
        quiet = copy.copy(self)
        quiet._tells = False
        return quiet

    def get_params(self, deep=True):
        """Get the parameters of this scorer.

        Parameters
        ----------
        deep : bool, default=True
            Not used: no parameter has parameters.

        Returns
        -------
        params : dict
            Names and values.
        """
        return {name: getattr(self, name) for name in self._names}

    def set_params(self, **params):
        """Set parameters of this scorer.

        Parameters
        ----------
        **params : dict
            Names and values.

        Returns
        -------
        self : object
            This scorer.
        """
        unknown = set(params) - set(self._names)
        if unknown:
            raise ValueError(
                f"{self!r} has no parameters {sorted(unknown)}; it has "
                f"{list(self._names)}."
            )
        for name, value in params.items():
            if name == "side_inputs" and not isinstance(value, SideInputs):
                value = {n: as_input(n, v) for n, v in (value or {}).items()}
                value = SideInputs(value)
            if name == "aggregate":
                check_one_number(value, "set_params")
            setattr(self, name, value)
        return self

    def get_metadata_routing(self):
        """Get metadata routing of this object: it asks for `groups`.

        Returns
        -------
        routing : MetadataRequest
            What the scorer requests.
        """
        # the class attribute __metadata_request__score counts only beside a method
        # `score`, so the request is made here
        request = MetadataRequest(owner=self)
        request.score.add_request(param="groups", alias=True)
        return request

    def _accept_sample_weight(self):
        # asked for by searches that are given sample_weight
        return False


def check_one_number(aggregate, caller):
    """Raise if `aggregate` does not make one number of era scores."""
    if aggregate is None:
        raise ValueError(
            f"{caller}: a scorer gives one number, so aggregate cannot be None. "
            "For the scores of all eras call the metric with aggregate=None."
        )
    if not (callable(aggregate) or aggregate in AGGREGATES):
        raise ValueError(
            f"{caller}: aggregate must be one of {sorted(AGGREGATES)} or a callable of "
            f"one model's era scores. Got {aggregate!r} instead."
        )
