"""One scorer of all metrics: everything that its inputs allow, from one prediction."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd

from sknumerai.exceptions import ScoringError
from sknumerai.metrics._aggregates import aggregate_scores
from sknumerai.metrics._by_era import Formula
from sknumerai.metrics._contribution import contribution_of
from sknumerai.metrics._correlation import corr_of, rank_correlation, spearman_of
from sknumerai.metrics._cuts import EraCuts
from sknumerai.metrics._exposure_vectors import as_columns, exposures, largest
from sknumerai.metrics._feature_neutral import fnc_of
from sknumerai.metrics._inputs import (
    check_min_coverage,
    check_predictions,
    check_target,
)
from sknumerai.metrics._payout_policy import check_policy
from sknumerai.metrics._ranked import RankTables
from sknumerai.metrics._scorer import BaseEraScorer
from sknumerai.metrics._scorer_inputs import ScoredRows
from sknumerai.metrics._side_inputs import (
    SideInputs,
    as_input,
    describe_input,
    is_pandas,
)
from sknumerai.metrics._sides import Side
from sknumerai.utils import ERA_LEVEL, era_numbers

CALLER = "numerai_scoring"
# Scores that each side input makes possible.
COLUMNS = {
    None: ("corr", "spearman"),
    "meta_model": ("mmc", "cwmm", "payout"),
    "benchmark": ("bmc", "lpayout", "expected_payout"),
    "features": ("fnc", "max_feature_exposure"),
}
CORR_SUMMARY = {
    "corr_std": "std",
    "corr_sharpe": "sharpe",
    "corr_max_drawdown": "max_drawdown",
    "corr_worst": "worst",
    "corr_mean_plus_worst": "mean_plus_worst",
}
SHARPES = ("mmc", "bmc")
ALL_OF_X = "X"


def numerai_scoring(
    *, meta_model=None, benchmark=None, features=None, policy=None, min_coverage=1.0
):
    """Make a scorer of all scores at once, from one prediction and one sort of it.

    It gives a dict, which ``cross_validate``, ``GridSearchCV`` and
    ``permutation_importance`` take: scikit-learn predicts once for each of several
    scorers, and here once for all.

    Parameters
    ----------
    meta_model : Series or DataFrame of shape (n_rows, 1), default=None
        The meta model's predictions, for all rows and with their index. Each fold takes
        its own rows.

    benchmark : Series or DataFrame of shape (n_rows, n_benchmarks), default=None
        Benchmark models' predictions. Of several, the mean of their ranks.

    features : DataFrame, list of column names of X or "X", default=None
        Features for FNC and exposure: of their own, some columns of X, or "X" for all
        of them. None: no such scores, which cost more than all others together.

    policy : PayoutPolicy, int or str, default=None
        Rule of the payouts: a :class:`PayoutPolicy`, the number of a round, or the name
        of a rule. None is the latest rule, 3 CORR + 15 MMC.

    min_coverage : float, default=1.0
        Share of the scored eras that a side input must cover. Where it covers less, the
        scores that need it are NaN, and its coverage says why.

    Returns
    -------
    scoring : callable
        ``scoring(estimator, X, y, groups=None)`` gives a dict of floats by name:

        * ``corr``, ``corr_std``, ``corr_sharpe``, ``corr_max_drawdown``,
          ``corr_worst``, ``corr_mean_plus_worst``, ``spearman``;
        * with a meta model ``mmc``, ``mmc_sharpe``, ``cwmm``, ``payout`` (the rule's
          payout for CORR and MMC, clipped) and ``meta_model_coverage``;
        * with a benchmark ``bmc``, ``bmc_sharpe``, ``lpayout`` (CORR + 2 BMC),
          ``expected_payout`` (the rule's weights, with BMC in MMC's place, neither
          clipped nor scaled: 3 CORR + 15 BMC) and ``benchmark_coverage``;
        * with features ``fnc``, ``max_feature_exposure`` and, where they are data of
          their own, ``features_coverage``.

        All are means over the eras that have a target, where no other name is given,
        and coverages are shares of these eras. In ``corr_std``, ``corr_max_drawdown``,
        ``cwmm`` and ``max_feature_exposure`` less is better.
        ``scoring.era_table(estimator, X, y, groups=None)`` gives the scores of all
        eras, a DataFrame of eras by scores, NaN where an era is not covered.

    Raises
    ------
    TypeError
        If `policy` is no rule.

    ValueError
        If the rule pays for other scores than CORR and MMC, or an input is malformed.

    Warns
    -----
    LeakageWarning
        When scoring, if some of the scored eras were fitted on, see
        :func:`make_era_scorer`.

    HorizonWarning
        When scoring, if the names of y and of `benchmark` tell different horizons, or
        the rule of the payouts is of another.

    See Also
    --------
    make_era_scorer : One score, for searches that take a single number.

    Notes
    -----
    A fold in whose eras a side input has no rows at all gets NaN for its scores: early
    folds have no meta model. ``GridSearchCV`` needs ``refit="expected_payout"`` or
    another name; ``HalvingGridSearchCV`` and ``OptunaSearchCV`` take a single number.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.linear_model import Ridge
    >>> from sknumerai.metrics import numerai_scoring
    >>> rng = np.random.default_rng(0)
    >>> index = pd.MultiIndex.from_product([[1, 2, 3], range(50)], names=["era", "id"])
    >>> X = pd.DataFrame(rng.normal(size=(150, 3)), index=index)
    >>> y = X[0] + rng.normal(size=150)
    >>> scoring = numerai_scoring(benchmark=X[0] + rng.normal(size=150))
    >>> model = Ridge().fit(X, y)
    >>> scores = scoring(model, X, y)
    >>> round(scores["corr"], 2), round(scores["bmc"], 2)
    (0.74, 0.53)
    >>> scoring.era_table(model, X, y)[["corr", "bmc", "lpayout"]].round(2)
         corr   bmc  lpayout
    era
    1    0.67  0.75     2.16
    2    0.74  0.49     1.73
    3    0.82  0.34     1.50
    """
    check_min_coverage(min_coverage, CALLER)
    policy = check_policy(policy, CALLER)
    others = set(policy.paid) - {"corr", "mmc"}
    if others:
        raise ValueError(
            f"{CALLER}: the rule pays for {sorted(others)}, and only 'corr' and 'mmc' "
            "follow from predictions. Pass a rule of these two."
        )
    named = {"meta_model": meta_model, "benchmark": benchmark, "features": features}
    sides = {
        name: value if _is_all_of_x(name, value) else as_input(name, value)
        for name, value in named.items()
        if value is not None
    }
    if np.ndim(meta_model) == 2 and np.shape(meta_model)[1] != 1:
        raise ValueError(
            f"{CALLER}: meta_model must be one column of predictions. Got shape "
            f"{np.shape(meta_model)}: select one, e.g. meta_model['numerai_meta_model']."
        )
    return EraScoring(SideInputs(sides), policy, min_coverage)


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

    See Also
    --------
    numerai_scoring : Make such a scorer.
    """

    _names = ("side_inputs", "policy", "min_coverage")

    def __init__(self, side_inputs, policy, min_coverage=1.0):
        self.side_inputs = side_inputs
        self.policy = policy
        self.min_coverage = min_coverage

    def __call__(self, estimator, X, y, groups=None):
        table, covered = self._tables(estimator, X, y, groups)
        scores = {"corr": _aggregate(table["corr"], "mean")}
        for name, aggregate in CORR_SUMMARY.items():
            scores[name] = _aggregate(table["corr"], aggregate)
        scores["spearman"] = _aggregate(table["spearman"], "mean")
        for side in self.side_inputs:
            share = covered[side].mean()
            part = table[covered[side]]
            for column in COLUMNS[side]:
                enough = len(part) and share >= self.min_coverage
                values = part[column] if enough else part[column][:0]
                scores[column] = _aggregate(values, "mean")
                if column in SHARPES:
                    scores[f"{column}_sharpe"] = _aggregate(values, "sharpe")
            if not _is_of_x(self.side_inputs[side]):
                scores[f"{side}_coverage"] = float(share)
        return scores

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
        return self._tables(estimator, X, y, groups)[0]

    def __repr__(self):
        said = [f"{k}={describe_input(v)}" for k, v in self.side_inputs.items()]
        said.append(f"policy={self.policy.name or self.policy!r}")
        if self.min_coverage != 1:
            said.append(f"min_coverage={self.min_coverage}")
        return f"numerai_scoring({', '.join(said)})"

    def _tables(self, estimator, X, y, groups):
        """Scores of eras, and by side input which eras it covers."""
        rows = ScoredRows(estimator, X, y, groups, CALLER, stacklevel=4)
        pays = {"meta_model", "benchmark"} & set(self.side_inputs)
        rows.warn_of_horizons(
            self.side_inputs.get("benchmark"), self.policy if pays else None
        )
        try:
            return self._score_eras(rows)
        except ValueError as error:
            # a search of Optuna would swallow it and refit default parameters
            raise ScoringError(str(error)) from error

    def _score_eras(self, rows):
        target = check_target(rows.y_true, CALLER)
        pred = check_predictions(rows.y_pred, CALLER)
        sides = {name: self._side(name, rows) for name in self.side_inputs}
        cuts = EraCuts(
            target,
            pred,
            {name: side for name, side in sides.items() if side is not None},
            RankTables(),
            CALLER,
        )
        labels, found, covered = [], [], {name: [] for name in sides}
        for label, positions in zip(rows.eras.labels, rows.eras.rows()):
            cuts.enter(label, positions)
            scores = cuts.score(FORMULAS[None])
            if scores is EraCuts.UNRESOLVED:
                continue
            line = dict(zip(COLUMNS[None], scores))
            for name, side in sides.items():
                part = EraCuts.UNCOVERED
                if side is not None:
                    part = cuts.score(FORMULAS[name])
                covered[name].append(part is not EraCuts.UNCOVERED)
                if covered[name][-1]:
                    line.update(part)
            labels.append(label)
            found.append(line)
        if not found:
            raise ValueError(
                f"{CALLER}: y has {len(target)} rows and no target: nothing to score."
            )
        index = pd.Index(np.array(labels), name=ERA_LEVEL)
        table = self._pay(pd.DataFrame(found, index=index))
        return table, {name: np.array(mask) for name, mask in covered.items()}

    def _side(self, name, rows):
        """The side input seen from these rows; None where it is of other eras."""
        given = self.side_inputs[name]
        index = None if _is_of_x(given) else rows.index
        try:
            values = rows.side(name, self.side_inputs)
            return Side(name, values, index, rows.n_samples, CALLER, rows.numbered)
        except ValueError:
            if _is_of_other_eras(given, rows.eras):
                return None
            raise

    def _pay(self, table):
        """Add the payouts, which follow from the scores of eras."""
        weights = self.policy.weights
        if "meta_model" in self.side_inputs:
            given = {"corr": table["corr"], "mmc": _get(table, "mmc")}
            paid = {name: given[name] for name in self.policy.paid}
            table["payout"] = self.policy.payout(paid) if paid else 0.0
        if "benchmark" in self.side_inputs:
            corr, bmc = table["corr"], _get(table, "bmc")
            table["lpayout"] = corr + 2 * bmc
            table["expected_payout"] = (
                weights.get("corr", 0) * corr + weights.get("mmc", 0) * bmc
            )
        columns = [*COLUMNS[None], *(c for s in self.side_inputs for c in COLUMNS[s])]
        return table.reindex(columns=columns).astype(np.float64)


def _base_of(target, pred):
    return [corr_of(target, pred)[0], spearman_of(target, pred)[0]]


def _meta_model_of(target, pred, meta_model):
    other = meta_model.values[:, 0].astype(np.float64)
    return {
        "mmc": contribution_of(target, pred, meta_model)[0],
        "cwmm": rank_correlation(other, pred, 1.5)[0],
    }


def _benchmark_of(target, pred, benchmark):
    return {"bmc": contribution_of(target, pred, benchmark)[0]}


def _features_of(target, pred, features):
    features = as_columns(features, CALLER)
    found = exposures(pred, features, "pearson", None, CALLER)
    return {
        "fnc": fnc_of(target, pred, features)[0],
        "max_feature_exposure": largest(found)[0],
    }


# Each of one model.
FORMULAS = {
    None: Formula(_base_of),
    "meta_model": Formula(_meta_model_of, ("meta_model",)),
    "benchmark": Formula(_benchmark_of, ("benchmark",)),
    "features": Formula(_features_of, ("features",)),
}


def _aggregate(scores, aggregate):
    return aggregate_scores(scores, aggregate) if len(scores) else np.nan


def _get(table, name):
    return table[name] if name in table else pd.Series(np.nan, table.index)


def _is_all_of_x(name, values):
    return name == "features" and isinstance(values, str) and values == ALL_OF_X


def _is_of_x(values):
    return isinstance(values, list | str)


def _is_of_other_eras(values, eras):
    if not is_pandas(values) or ERA_LEVEL not in values.index.names:
        return False
    labels = values.index.get_level_values(ERA_LEVEL).unique().tolist()
    own = era_numbers(labels, allow_live=True, caller=CALLER)
    return not np.isin(own, eras.numbers).any()
