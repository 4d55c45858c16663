"""Errors and warnings of the package."""

# SPDX-License-Identifier: BSD-3-Clause

__all__ = [
    "HorizonWarning",
    "InterruptedFitWarning",
    "LeakageError",
    "LeakageWarning",
    "MissingErasError",
    "OneEraWarning",
    "RoundClosedError",
    "ScoringError",
    "SubmissionError",
    "UnknownHorizonError",
]


class MissingErasError(LookupError):
    """A splitter or a scorer was given no eras.

    It is a LookupError, not a ValueError: Optuna's search swallows ValueErrors and
    would then refit default parameters in silence.

    Examples
    --------
    >>> from sknumerai.exceptions import MissingErasError
    >>> issubclass(MissingErasError, LookupError)
    True
    """


class ScoringError(LookupError):
    """A scorer cannot score: its inputs do not fit the rows, or the metric raised.

    Of a side input that is of other rows, too few eras that it covers, or targets that
    are half missing. A LookupError for the same reason as :class:`MissingErasError`. A
    model that predicts NaN raises a ValueError instead: such a trial may be left out.

    Examples
    --------
    >>> from sknumerai.exceptions import ScoringError
    >>> issubclass(ScoringError, LookupError)
    True
    """


class UnknownHorizonError(LookupError):
    """The horizon of a target could not be told from its name.

    A LookupError for the same reason as :class:`MissingErasError`.

    Examples
    --------
    >>> from sknumerai.exceptions import UnknownHorizonError
    >>> issubclass(UnknownHorizonError, LookupError)
    True
    """


class LeakageError(LookupError):
    """Training rows tell something about the targets of test rows.

    A LookupError for the same reason as :class:`MissingErasError`.

    Parameters
    ----------
    message : str
        What was found.

    leaks : DataFrame or None, default=None
        All findings, as :func:`sknumerai.model_selection.check_leakage` returns them.

    Examples
    --------
    >>> from sknumerai.exceptions import LeakageError
    >>> issubclass(LeakageError, LookupError)
    True
    """

    def __init__(self, message, leaks=None):
        super().__init__(message)
        self.leaks = leaks

    def __reduce__(self):
        # raised in a worker process it must arrive whole
        return type(self), (self.args[0], self.leaks)


class SubmissionError(RuntimeError):
    """A model or a file of predictions cannot be submitted as it is.

    Examples
    --------
    >>> from sknumerai.exceptions import SubmissionError
    >>> issubclass(SubmissionError, RuntimeError)
    True
    """


class RoundClosedError(SubmissionError):
    """No round of the tournament is open, so nothing can be submitted.

    Parameters
    ----------
    message : str
        What the server says.

    number : int or None, default=None
        The round that was closed, or is not open yet, if the server names one.

    Examples
    --------
    >>> from sknumerai.exceptions import RoundClosedError, SubmissionError
    >>> issubclass(RoundClosedError, SubmissionError)
    True
    """

    def __init__(self, message, number=None):
        super().__init__(message)
        self.number = number

    def __reduce__(self):
        return type(self), (self.args[0], self.number)


class OneEraWarning(UserWarning):
    """No eras were found where they matter, so all rows were taken as one era.

    Examples
    --------
    >>> from sknumerai.exceptions import OneEraWarning
    >>> issubclass(OneEraWarning, UserWarning)
    True
    """


class InterruptedFitWarning(UserWarning):
    """Training was interrupted and the best weights so far were kept.

    Examples
    --------
    >>> from sknumerai.exceptions import InterruptedFitWarning
    >>> issubclass(InterruptedFitWarning, UserWarning)
    True
    """


class LeakageWarning(UserWarning):
    """Eras are scored that the model was fitted on.

    Examples
    --------
    >>> from sknumerai.exceptions import LeakageWarning
    >>> issubclass(LeakageWarning, UserWarning)
    True
    """


class HorizonWarning(UserWarning):
    """A benchmark or a payout rule is of another horizon than the target.

    Examples
    --------
    >>> from sknumerai.exceptions import HorizonWarning
    >>> issubclass(HorizonWarning, UserWarning)
    True
    """
