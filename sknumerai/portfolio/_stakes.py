"""Stakes of models, of one round or of each era, as shares of their sum."""

# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Mapping

import numpy as np
import pandas as pd

from sknumerai.utils import as_numbers, era_numbers


class StakeShares:
    """What share of the total stake each model has, era by era.

    Parameters
    ----------
    stakes : array-like of shape (n_models,), Mapping or DataFrame
        Stakes by position, by the name of a model, or of eras by models.

    predictions : array-like of shape (n_samples, n_models)
        Whose columns are the models.

    caller : str
        Name to begin error messages with.
    """

    def __init__(self, stakes, predictions, caller):
        self.caller = caller
        n_models = np.shape(predictions)[1]
        names = getattr(predictions, "columns", None)
        if isinstance(stakes, Mapping):
            # not inferred: a name may be a tuple
            stakes = pd.Series(list(stakes.values()), index=pd.Index(list(stakes)))
            # columns of an array have numbers for names
            names = pd.RangeIndex(n_models) if names is None else names
        self._numbers, frame = None, isinstance(stakes, pd.DataFrame)
        if frame:
            self._numbers = self._eras_of(stakes)
        table = np.atleast_2d(as_numbers(stakes, "stakes", caller).astype(np.float64))
        if np.ndim(stakes) != (2 if frame else 1):
            raise ValueError(
                f"{caller}: stakes must have shape (n_models,), be a dict by model, or "
                "a DataFrame whose rows are eras and columns models. Got shape "
                f"{np.shape(stakes)}."
            )
        self._check_values(table)
        labels = stakes.columns if frame else None
        if isinstance(stakes, pd.Series):
            labels = stakes.index
        if names is None or labels is None:
            if table.shape[1] != n_models:
                raise ValueError(
                    f"{caller}: there are {table.shape[1]} stakes for {n_models} models."
                )
        else:
            table = self._by_name(table, pd.Index(labels), names)
        self._table = table

    def of(self, label, active=None):
        """Shares of one era, which sum to 1.

        Parameters
        ----------
        label : object
            The era as it was given.

        active : ndarray of shape (n_models,), default=None
            Mask of the models that take part.

        Returns
        -------
        shares : ndarray of shape (n_models,)
            Not negative.
        """
        row, of = 0, ""
        if self._numbers is not None:
            number = era_numbers([label], allow_live=True, caller=self.caller)[0]
            found = np.flatnonzero(self._numbers == number)
            if not len(found):
                raise ValueError(
                    f"{self.caller}: stakes has no row for era {label}. Give it one "
                    "for each era, or one stake for each model."
                )
            row = found[0]
        shares = self._table[row]
        if active is not None and not active.all():
            shares, of = np.where(active, shares, 0.0), " that has predictions"
        largest = shares.max(initial=0.0)
        if not largest:
            raise ValueError(
                f"{self.caller}: no model{of} has a stake in era {label}: a weighted "
                "mean needs one above 0. For a plain mean pass equal stakes."
            )
        # in two steps, so that the sum of huge stakes stays finite
        shares = shares / largest
        return shares / shares.sum()

    def _eras_of(self, stakes):
        numbers = era_numbers(
            stakes.index.tolist(), allow_live=True, caller=self.caller
        )
        if len(np.unique(numbers)) < len(numbers):
            raise ValueError(f"{self.caller}: stakes has two rows for the same era.")
        return numbers

    def _check_values(self, table):
        bad = ~np.isfinite(table)
        if bad.any():
            raise ValueError(
                f"{self.caller}: {int(bad.sum())} stakes are NaN or infinite. A model "
                "without a stake has 0: stakes.fillna(0)."
            )
        if (table < 0).any():
            raise ValueError(
                f"{self.caller}: stakes must not be negative. Got {table.min():g}."
            )

    def _by_name(self, table, labels, names):
        for what, index in (("stakes", labels), ("the predictions", names)):
            if not index.is_unique:
                twice = index[index.duplicated()][0]
                raise ValueError(
                    f"{self.caller}: {what} have the model {twice!r} more than once."
                )
        unknown = labels.difference(names, sort=False)
        if len(unknown):
            raise ValueError(
                f"{self.caller}: {len(unknown)} of {len(labels)} stakes are of models "
                f"without predictions ({list(unknown)[:3]}). The predictions' columns "
                f"are {list(names)[:3]}; models without a stake need no entry."
            )
        out = np.zeros((len(table), len(names)))
        out[:, names.get_indexer(labels)] = table
        return out
