"""The scorer of all metrics that numerai_scoring makes."""

# SPDX-License-Identifier: BSD-3-Clause

import warnings

import numpy as np
import pandas as pd
from sklearn.exceptions import UndefinedMetricWarning

from sknumerai.exceptions import ScoringError
from sknumerai.metrics._aggregates import aggregate_scores
from sknumerai.metrics._base_era_scorer import BaseEraScorer
from sknumerai.metrics._columns_of_x import ColumnsOfX, SideOfX
from sknumerai.metrics._cuts import EraCuts
from sknumerai.metrics._horizon_warnings import warn_of_horizons
from sknumerai.metrics._inputs import check_predictions, check_target
from sknumerai.metrics._ranked import RankTables
from sknumerai.metrics._scorer_inputs import ScoredRows
from sknumerai.metrics._scoring_formulas import (
    CALLER,
    LINKED,
    NEEDS,
    formulas_of,
    in_order,
    names_of,
    split_name,
    with_payouts,
)
from sknumerai.metrics._scoring_links import link_eras
from sknumerai.metrics._side_inputs import describe_input, is_pandas
from sknumerai.metrics._sides import Side
from sknumerai.utils import ERA_LEVEL, era_numbers


class EraScoring(BaseEraScorer):
    """Score an estimator's predictions by all metrics, era by era.

    Parameters
    ----------
    side_inputs : SideInputs
        Side inputs by name.

    policy : PayoutPolicy
        Rule of the payouts.

    min_coverage : float, default=1.0
        Share of the scored eras that a side input must cover.

    metrics : {"default", "all"} or list of str, default="default"
        Names of scores.

    See Also
    --------
    numerai_scoring : Make such a scorer.
    """

    _names = ("side_inputs", "policy", "min_coverage", "metrics")

    def __init__(self, side_inputs, policy, min_coverage=1.0, metrics="default"):
        self.side_inputs = side_inputs
        self.policy = policy
        self.min_coverage = min_coverage
        self.metrics = metrics

    def __call__(self, estimator, X, y, groups=None):
        names = names_of(self.metrics, self.side_inputs)
        rows = self._rows(estimator, X, y, groups)
        used = self._used(names)
        reported = [name for name in used if not _is_of_x(self.side_inputs[name])]
        if rows.n_not_finite:
            warnings.warn(
                f"{rows.say_not_finite()} All scores are NaN.",
                UndefinedMetricWarning,
                stacklevel=2,
            )
            return in_order(
                dict.fromkeys(names, np.nan), dict.fromkeys(reported, np.nan)
            )
        table, covered = self._tables(rows, names)
        shares = {sides: mask.mean() for sides, mask in covered.items()}
        self._warn_of_coverage(names, shares)
        scores = {}
        for name in names:
            column, aggregate = split_name(name)
            sides = NEEDS[column]
            scores[name] = np.nan
            if not sides or (shares[sides] >= self.min_coverage and shares[sides]):
                part = table[column][covered[sides]] if sides else table[column]
                if column in LINKED and np.isnan(part.iloc[0]):
                    # no era before it
                    part = part.iloc[1:]
                scores[name] = float(aggregate_scores(part, aggregate))
        return in_order(scores, {name: float(shares[name,]) for name in reported})

    def era_table(self, estimator, X, y, groups=None):
        """Score each era.

        Parameters
        ----------
        estimator : object
            A fitted estimator.

        X : array-like of shape (n_samples, n_features)
            Rows to predict.

        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets, of which the first column is scored.

        groups : array-like of shape (n_samples,), default=None
            Era of each row. By default the index level "era" of X, else of y.

        Returns
        -------
        table : DataFrame of shape (n_eras, n_scores)
            Rows are the eras that have a target, in the order of their numbers. NaN
            where a side input does not cover an era.
        """
        names = names_of(self.metrics, self.side_inputs)
        rows = self._rows(estimator, X, y, groups)
        if rows.n_not_finite:
            raise ValueError(rows.say_not_finite())
        return self._tables(rows, names)[0]

    def __repr__(self):
        said = [f"{k}={describe_input(v)}" for k, v in self.side_inputs.items()]
        said.append(f"policy={self.policy.name or self.policy!r}")
        if self.min_coverage != 1:
            said.append(f"min_coverage={self.min_coverage}")
        if self.metrics != "default":
            said.append(f"metrics={self.metrics!r}")
        return f"numerai_scoring({', '.join(said)})"

    def _rows(self, estimator, X, y, groups):
        rows = ScoredRows(estimator, X, y, groups, CALLER, stacklevel=4)
        if self._tells:
            self._tell_horizons(getattr(rows.y_true, "name", None), stacklevel=4)
        return rows

    def _tell_horizons(self, target, stacklevel):
        pays = {"meta_model", "benchmark"} & set(self.side_inputs)
        warn_of_horizons(
            target,
            CALLER,
            benchmark=self.side_inputs.get("benchmark"),
            policy=self.policy if pays else None,
            stacklevel=stacklevel,
        )

    def _used(self, names):
        """The side inputs that the scores of these names need, as they were given."""
        needed = {side for name in names for side in NEEDS[split_name(name)[0]]}
        return [side for side in self.side_inputs if side in needed]

    def _warn_of_coverage(self, names, shares):
        for sides, share in shares.items():
            absent = [n for n in names if NEEDS[split_name(n)[0]] == sides]
            if absent and share < self.min_coverage:
                verb = "covers" if len(sides) == 1 else "cover"
                warnings.warn(
                    f"{CALLER}: {' and '.join(sides)} {verb} {share:.2f} of the scored "
                    f"eras, less than min_coverage={self.min_coverage}, so "
                    f"{', '.join(absent)} are NaN. Let a search refit on another score, "
                    "score only the eras that are covered, or pass a lower "
                    "min_coverage=.",
                    UndefinedMetricWarning,
                    stacklevel=3,
                )

    def _tables(self, rows, names):
        """Scores of eras, and by side inputs which eras they cover."""
        try:
            return self._score_eras(rows, names)
        except ValueError as error:
            # a search of Optuna would swallow it and refit default parameters
            raise ScoringError(str(error)) from error

    def _score_eras(self, rows, names):
        target = check_target(rows.y_true, CALLER)
        pred = check_predictions(rows.y_pred, CALLER)
        columns = list(dict.fromkeys(split_name(name)[0] for name in names))
        formulas = formulas_of(columns)
        base = formulas.pop(())
        sides = {name: self._side(name, rows) for name in self._used(names)}
        known = {name: side for name, side in sides.items() if side is not None}
        cuts = EraCuts(target, pred, known, RankTables(), CALLER)
        labels, found, covered = [], [], {needed: [] for needed in formulas}
        for label, positions in zip(rows.eras.labels, rows.eras.rows()):
            cuts.enter(label, positions)
            line = cuts.score(base)
            if line is EraCuts.UNRESOLVED:
                continue
            for needed, formula in formulas.items():
                part = EraCuts.UNCOVERED
                if all(name in known for name in needed):
                    part = cuts.score(formula)
                covered[needed].append(part is not EraCuts.UNCOVERED)
                if covered[needed][-1]:
                    line.update(part)
            labels.append(label)
            found.append(line)
        if not found:
            raise ValueError(
                f"{CALLER}: y has {len(target)} rows and no target: nothing to score."
            )
        index = pd.Index(np.array(labels), name=ERA_LEVEL)
        table = pd.DataFrame(found, index=index)
        table = with_payouts(table, columns, self.policy)
        masks = {needed: np.array(mask) for needed, mask in covered.items()}
        # an era that lacks neutralizers would break the chain
        whole = [n for n in columns if not NEEDS[n] or masks[NEEDS[n]].all()]
        table = table.assign(**link_eras(whole, rows, self.side_inputs))
        return table.reindex(columns=columns).astype(np.float64), masks

    def _side(self, name, rows):
        """The side input seen from these rows; None where it is of other eras."""
        given = self.side_inputs[name]
        index = None if _is_of_x(given) else rows.index
        try:
            values = rows.side(name, self.side_inputs)
            if isinstance(values, ColumnsOfX):
                return SideOfX(name, values, CALLER)
            return Side(name, values, index, rows.n_samples, CALLER, rows.numbered)
        except ValueError:
            if _is_of_other_eras(given, rows.eras):
                return None
            raise


def _is_of_x(values):
    return isinstance(values, list | str)


def _is_of_other_eras(values, eras):
    if not is_pandas(values) or ERA_LEVEL not in values.index.names:
        return False
    labels = values.index.get_level_values(ERA_LEVEL).unique().tolist()
    own = era_numbers(labels, allow_live=True, caller=CALLER)
    return not np.isin(own, eras.numbers).any()
