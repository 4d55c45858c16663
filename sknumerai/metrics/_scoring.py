"""One scorer of all metrics: everything that its inputs allow, from one prediction."""

# SPDX-License-Identifier: BSD-3-Clause

import warnings

import numpy as np
import pandas as pd
from sklearn.exceptions import UndefinedMetricWarning

from sknumerai.exceptions import ScoringError
from sknumerai.metrics._aggregates import aggregate_scores
from sknumerai.metrics._columns_of_x import ColumnsOfX, SideOfX
from sknumerai.metrics._cuts import EraCuts
from sknumerai.metrics._horizon_warnings import warn_of_horizons
from sknumerai.metrics._inputs import (
    check_min_coverage,
    check_predictions,
    check_target,
)
from sknumerai.metrics._payout_policy import check_policy
from sknumerai.metrics._ranked import RankTables
from sknumerai.metrics._scorer import BaseEraScorer
from sknumerai.metrics._scorer_inputs import ScoredRows
from sknumerai.metrics._scoring_formulas import (
    CALLER,
    NEEDS,
    formulas_of,
    in_order,
    names_of,
    split_name,
    with_payouts,
)
from sknumerai.metrics._side_inputs import (
    SideInputs,
    as_input,
    describe_input,
    is_pandas,
)
from sknumerai.metrics._sides import Side
from sknumerai.utils import ERA_LEVEL, era_numbers

ONE_COLUMN = ("meta_model", "example_predictions")


def numerai_scoring(
    *,
    meta_model=None,
    benchmark=None,
    features=None,
    neutralizers=None,
    example_predictions=None,
    policy=None,
    metrics="default",
    min_coverage=1.0,
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

    neutralizers : DataFrame, list of column names of X or "X", default=None
        What neutral correlation and contribution take out, as Signals does.

    example_predictions : Series or DataFrame of shape (n_rows, 1), default=None
        Numerai's example predictions, or others to be compared with.

    policy : PayoutPolicy, int or str, default=None
        Rule of the payouts: a :class:`PayoutPolicy`, the number of a round, or the name
        of a rule. None is the latest rule, 3 CORR + 15 MMC.

    metrics : {"default", "all"} or list of str, default="default"
        Which of the scores below that the inputs allow. A list names scores, by
        themselves for the mean over eras or with an aggregate behind an underscore,
        such as ``["corr", "bmc_worst", "payout_smart_sharpe"]``; only what it names is
        computed.

    min_coverage : float, default=1.0
        Share of the scored eras that a side input must cover. Where it covers less, the
        scores that need it are NaN, with a warning, and its coverage says why.

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
        * with features ``fnc`` and ``max_feature_exposure``;
        * with neutralizers ``neutral_corr``, and with a meta model too
          ``neutral_contribution``;
        * with example predictions ``example_correlation`` (Spearman's), and with
          features too ``exposure_dissimilarity`` and ``fnc_dissimilarity``.

        ``metrics="all"`` adds ``corr_top_bottom_200``, ``legacy_corr``,
        ``benchmark_correlation`` (Spearman's), ``fnc_top_bottom_200``, ``legacy_fnc``,
        ``rms_feature_exposure``, and of CORR, MMC, BMC and the payouts standard
        deviation, Sharpe ratio, adjusted and smart Sharpe, drawdown, worst era and mean
        plus worst era. The 200 at either end are NaN in eras of fewer than 400 rows.

        All are means over the eras that have a target, where no other name is given,
        and coverages, which inputs of their own get, are shares of these eras. In
        standard deviations and drawdowns, ``cwmm``, correlations with other predictions
        and exposures less is better.
        ``scoring.era_table(estimator, X, y, groups=None)`` gives the scores of all
        eras, a DataFrame of eras by scores, NaN where an era is not covered.

    Raises
    ------
    TypeError
        If `policy` is no rule.

    ValueError
        If the rule pays for other scores than CORR and MMC, an input is malformed, or
        `metrics` has an unknown name or one that needs an input that is not given.

    Warns
    -----
    LeakageWarning
        When scoring, if some of the scored eras were fitted on, see
        :func:`make_era_scorer`.

    HorizonWarning
        When scoring, if the names of y and of `benchmark` tell different horizons, or
        the rule of the payouts is of another.

    UndefinedMetricWarning
        When scoring, if the estimator predicts NaN or infinity, and then all scores are
        NaN, or if an input covers less than `min_coverage`.

    See Also
    --------
    make_era_scorer : One score, for searches that take a single number.

    Notes
    -----
    A fold in whose eras a side input has no rows at all gets NaN for its scores: early
    folds have no meta model. ``GridSearchCV`` needs ``refit="expected_payout"`` or
    another name, of a score that every fold has: where the best is NaN it takes the
    first candidate. ``HalvingGridSearchCV`` and ``OptunaSearchCV`` take a single
    number, and fail with ``KeyError: 'test_score'``.

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
    named = {
        "meta_model": meta_model,
        "benchmark": benchmark,
        "features": features,
        "neutralizers": neutralizers,
        "example_predictions": example_predictions,
    }
    sides = {n: as_input(n, value) for n, value in named.items() if value is not None}
    for name in ONE_COLUMN:
        shape = getattr(sides.get(name), "shape", (0,))
        if len(shape) == 2 and shape[1] != 1:
            raise ValueError(
                f"{CALLER}: {name} must be one column of predictions. Got shape "
                f"{shape}: select one, e.g. {name}[{name}.columns[0]]."
            )
    names_of(metrics, sides)
    return EraScoring(SideInputs(sides), policy, min_coverage, metrics)


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
        pays = {"meta_model", "benchmark"} & set(self.side_inputs)
        warn_of_horizons(
            getattr(rows.y_true, "name", None),
            CALLER,
            benchmark=self.side_inputs.get("benchmark"),
            policy=self.policy if pays else None,
            stacklevel=3,
        )
        return rows

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
