"""A fit that fails leaves what was fitted before."""

# SPDX-License-Identifier: BSD-3-Clause

from functools import wraps


def keeps_old_state(fit):
    """Leave an estimator as it was where its ``fit`` fails.

    Names and number of features are learned first. After a failure, or Ctrl-C, they
    would be those of the new data, and everything else of the old.

    Parameters
    ----------
    fit : callable
        A method that fits.

    Returns
    -------
    fit : callable
        With the same signature.
    """

    @wraps(fit)
    def wrapped(self, *args, **kwargs):
        before = vars(self).copy()
        try:
            return fit(self, *args, **kwargs)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    return wrapped
