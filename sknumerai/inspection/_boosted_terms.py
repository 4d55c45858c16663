"""The terms of a fitted explainable boosting machine, fold by fold."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd


class BoostedTerms:
    """Terms of a machine, without the bins that none of its rows are in.

    Of each metric, interpret keeps a bin for missing values before the others and one
    for unknown values after them.

    Parameters
    ----------
    ebm : interpret.glassbox.ExplainableBoostingRegressor
        Fitted to numbers, with one bag for each fold.

    names : list of str
        Names of the metrics.
    """

    def __init__(self, ebm, names):
        self.names = names
        self.features = list(ebm.term_features_)
        self.terms = [" & ".join(names[j] for j in at) for at in self.features]
        self.cuts = [
            [ebm.bins_[j][min(len(at), len(ebm.bins_[j])) - 1] for j in at]
            for at in self.features
        ]
        self.mean = [np.asarray(scores) for scores in ebm.term_scores_]
        self.folds = [np.asarray(scores) for scores in ebm.bagged_scores_]
        self.weights = [np.asarray(weights) for weights in ebm.bin_weights_]
        self.intercept = float(ebm.intercept_)
        self.fold_intercepts = np.ravel(ebm.bagged_intercept_)

    def bins_of(self, values):
        """Find the bins of rows.

        Parameters
        ----------
        values : ndarray of shape (n_rows, n_metrics)
            Metrics, NaN where missing.

        Returns
        -------
        bins : list of tuple of ndarray
            For each term the position in its scores.
        """
        return [
            tuple(
                np.where(
                    np.isnan(values[:, j]),
                    0,
                    np.searchsorted(cuts, values[:, j], side="right") + 1,
                )
                for j, cuts in zip(at, self.cuts[t])
            )
            for t, at in enumerate(self.features)
        ]

    def predict(self, bins, fold=None):
        """Add up the terms.

        Parameters
        ----------
        bins : list of tuple of ndarray
            What `bins_of` found.

        fold : int or None, default=None
            Take the machine of one fold. None is the mean of all.

        Returns
        -------
        predictions : ndarray of shape (n_rows,)
            Contributions as the metrics explain them.
        """
        if fold is None:
            return self.intercept + sum(s[at] for s, at in zip(self.mean, bins))
        terms = sum(scores[fold][at] for scores, at in zip(self.folds, bins))
        return self.fold_intercepts[fold] + terms

    def importances(self):
        """Return the mean size of each term over the rows.

        Returns
        -------
        importances : DataFrame
            The largest first, with standard error and share.
        """
        rows = [
            (_mean_size(mean, weights), _jackknife(_sizes_of_folds(folds, weights)))
            for mean, folds, weights in zip(self.mean, self.folds, self.weights)
        ]
        index = pd.Index(self.terms, name="term")
        table = pd.DataFrame(rows, index, columns=["importance", "standard_error"])
        table["share"] = table["importance"] / table["importance"].sum()
        return table.sort_values("importance", ascending=False, kind="stable")

    def scores(self):
        """Return the scores of each term in the bins that rows are in.

        Returns
        -------
        scores : dict of ndarray
            Scores by term.
        """
        return {
            term: scores[weights > 0]
            for term, scores, weights in zip(self.terms, self.mean, self.weights)
        }

    def shape_of(self, name, values):
        """Return the function that was learned for one metric.

        Parameters
        ----------
        name : str
            Name of the metric.

        values : ndarray of shape (n_rows, n_metrics)
            Metrics, for the first and last edge.

        Returns
        -------
        shape : DataFrame
            A row for each bin: its edges, score, standard error and number of rows.
            A bin of missing values comes last, without edges.
        """
        t, j = self.terms.index(name), self.names.index(name)
        edges = _edges(self.cuts[t][0], values[:, j])
        shape = pd.DataFrame(
            {
                "lower": [*edges[:-1], np.nan],
                "upper": [*edges[1:], np.nan],
                "score": np.roll(self.mean[t][:-1], -1),
                "standard_error": np.roll(_jackknife(self.folds[t])[:-1], -1),
                "n_rows": np.roll(self.weights[t][:-1], -1).astype(int),
            }
        )
        return shape[shape["n_rows"] > 0].reset_index(drop=True)

    def interactions(self, values):
        """Return the functions of pairs.

        Parameters
        ----------
        values : ndarray of shape (n_rows, n_metrics)
            Metrics, for the first and last edges.

        Returns
        -------
        interactions : dict of DataFrame
            By pair: the score for each bin of the first metric (rows) and of the
            second (columns).
        """
        frames = {}
        for at, cuts, scores in zip(self.features, self.cuts, self.mean):
            if len(at) == 2:
                index, columns = (
                    pd.IntervalIndex.from_breaks(
                        _edges(c, values[:, j]), closed="left", name=self.names[j]
                    )
                    for j, c in zip(at, cuts)
                )
                frames[tuple(self.names[j] for j in at)] = pd.DataFrame(
                    scores[1:-1, 1:-1], index, columns
                )
        return frames


def _edges(cuts, values):
    return np.concatenate([[np.nanmin(values)], cuts, [np.nanmax(values)]])


def _mean_size(scores, weights):
    return float((np.abs(scores) * weights).sum() / weights.sum())


def _sizes_of_folds(folds, weights):
    return np.array([_mean_size(scores, weights) for scores in folds])


def _jackknife(values):
    """Standard error of a mean over folds that each leave another block out."""
    n = len(values)
    return np.sqrt((n - 1) / n * np.square(values - values.mean(axis=0)).sum(axis=0))
