"""What the splitters of eras share."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils._param_validation import (
    InvalidParameterError,
    validate_parameter_constraints,
)
from sklearn.utils.validation import _num_samples

from sknumerai.model_selection._embargo import embargo_for
from sknumerai.utils import check_eras


class BaseEraSplitter(BaseCrossValidator):
    """Base of splitters that keep eras whole: parameters in, row positions out.

    A subclass declares ``_parameter_constraints`` and stores `n_splits` and `embargo`.
    Under metadata routing `groups` is requested by the class, so that nobody has to call
    ``set_split_request``.
    """

    __metadata_request__split = {"groups": True}
    _parameter_constraints: dict = {}

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return the number of splits.

        Parameters
        ----------
        X : object, default=None
            Not used.

        y : object, default=None
            Not used.

        groups : object, default=None
            Not used.

        Returns
        -------
        n_splits : int
            Number of splits.
        """
        return self.n_splits

    def _check_params(self):
        params = {name: getattr(self, name) for name in self._parameter_constraints}
        validate_parameter_constraints(
            self._parameter_constraints, params, caller_name=type(self).__name__
        )
        if isinstance(self.embargo, bool):
            # True is an integer to Python, and would be an embargo of one era
            raise InvalidParameterError(
                f"{type(self).__name__}: embargo must be a number of eras or 'auto'. "
                f"Got {self.embargo}."
            )

    def _find_eras(self, X, y, groups):
        if X is None and y is None and groups is None:
            raise ValueError(
                f"{type(self).__name__} needs rows to split: pass X, or groups alone."
            )
        first = next(obj for obj in (X, y, groups) if obj is not None)
        return check_eras(
            groups,
            X,
            y,
            n_samples=_num_samples(first),
            required=True,
            caller=type(self).__name__,
        )

    def _find_embargo(self, y):
        return embargo_for(y) if self.embargo == "auto" else int(self.embargo)


def row_finder(eras):
    """Make a function that finds the rows of a range of eras.

    Parameters
    ----------
    eras : Eras
        Era of each row.

    Returns
    -------
    rows_of : callable
        ``rows_of(first, stop)`` gives the positions, increasing, of the rows whose era
        is one of ``eras.labels[first:stop]``.
    """
    codes, starts = eras.codes, eras.starts
    if (codes[1:] >= codes[:-1]).all():
        return lambda first, stop: np.arange(starts[first], starts[stop])
    return lambda first, stop: np.flatnonzero((codes >= first) & (codes < stop))
