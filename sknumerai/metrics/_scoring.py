"""One scorer of all metrics: everything that its inputs allow, from one prediction."""

# SPDX-License-Identifier: BSD-3-Clause

from sknumerai.metrics._era_scoring import EraScoring
from sknumerai.metrics._inputs import check_min_coverage
from sknumerai.metrics._policy_argument import check_policy
from sknumerai.metrics._scoring_formulas import CALLER, names_of
from sknumerai.metrics._side_inputs import SideInputs, as_input

ONE_COLUMN = ("meta_model", "example_predictions", "sample_weight")


def numerai_scoring(
    *,
    meta_model=None,
    benchmark=None,
    features=None,
    neutralizers=None,
    sample_weight=None,
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

    sample_weight : Series or array of shape (n_rows,), default=None
        Weights of the stocks, as Signals gives them out, for Alpha. Needs
        `neutralizers` beside it.

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
          ``neutral_contribution``, and with sample weights too ``alpha``;
        * with example predictions ``example_correlation`` (Spearman's), and with
          features too ``exposure_dissimilarity`` and ``fnc_dissimilarity``.

        ``metrics="all"`` adds ``corr_top_bottom_200``, ``legacy_corr``,
        ``benchmark_correlation`` (Spearman's), ``fnc_top_bottom_200``, ``legacy_fnc``,
        ``rms_feature_exposure``, and of CORR, MMC, BMC and the payouts standard
        deviation, Sharpe ratio, adjusted and smart Sharpe, drawdown, worst era and mean
        plus worst era. The 200 at either end are NaN in eras of fewer than 400 rows.
        A list of names may also have ``churn``, with neutralizers ``neutral_churn``,
        and with sample weights too ``turnover``: of each era against the one before it
        among those that are scored, as :func:`churn_score` and its like compare them.
        They follow assets, so the index must hold their names and not the ids of
        Numerai Classic, which change with every era, and need neutralizers and weights
        in every era, or are NaN.

        All are means over the eras that have a target, where no other name is given,
        and coverages, which inputs of their own get, are shares of these eras. In
        standard deviations and drawdowns, ``cwmm``, correlations with other predictions,
        exposures, churn and turnover less is better.
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
        "sample_weight": sample_weight,
        "example_predictions": example_predictions,
    }
    sides = {n: as_input(n, value) for n, value in named.items() if value is not None}
    if sample_weight is not None and neutralizers is None:
        raise ValueError(
            f"{CALLER}: sample_weight is for Alpha and turnover, which need "
            "neutralizers too. Pass neutralizers=, or leave sample_weight out."
        )
    for name in ONE_COLUMN:
        shape = getattr(sides.get(name), "shape", (0,))
        if len(shape) == 2 and shape[1] != 1:
            raise ValueError(
                f"{CALLER}: {name} must be one column. Got shape {shape}: select one, "
                f"e.g. {name}[{name}.columns[0]]."
            )
    names_of(metrics, sides)
    return EraScoring(SideInputs(sides), policy, min_coverage, metrics)
