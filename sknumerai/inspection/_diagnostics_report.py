"""One page that says how good models are, and whether to believe it."""

# SPDX-License-Identifier: BSD-3-Clause

from datetime import UTC, datetime
from numbers import Integral, Real

from sknumerai.inspection import _report_page as page
from sknumerai.inspection._report import DiagnosticsReport
from sknumerai.inspection._report_drawings import draw_figures, legend_dashes
from sknumerai.inspection._report_findings import (
    Findings,
    find_doubts,
    find_gaps,
    find_horizons,
)
from sknumerai.inspection._report_inputs import check_inputs, check_training
from sknumerai.inspection._report_leaks import find_columns, find_leaks
from sknumerai.inspection._report_tables import (
    comparison_table,
    correlation_table,
    coverage_table,
    era_score_table,
    exposure_table,
    n_covered_eras,
    summary_table,
    universe_sizes,
)
from sknumerai.metrics._policy_argument import check_policy
from sknumerai.utils import import_optional
from sknumerai.utils._output_path import check_output

CALLER = "diagnostics_report"


def diagnostics_report(
    y_true,
    y_pred,
    *,
    groups=None,
    meta_model=None,
    benchmark=None,
    features=None,
    estimators=None,
    train_eras=None,
    baseline=None,
    policy=None,
    target=None,
    horizon=None,
    confidence_level=0.95,
    n_resamples=2000,
    random_state=0,
    title="Diagnostics",
    path=None,
    verbose=1,
):
    """Report how good one or several models are, on one HTML page.

    The page has the scores with confidence intervals, a paired comparison with a
    baseline, payouts, figures of eras, exposures and predictions, how much of the rows
    each input covers, and warnings of leaks. It is one file that needs no network, in
    light and dark, for desktops, phones and paper. Read more in the
    :doc:`User Guide </user_guide/report>`.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Targets. Rows and eras without one (NaN) are left out; an era that lacks more
        than a fifth of its targets is too, with a warning on the page.

    y_pred : array-like of shape (n_samples,) or (n_samples, n_models)
        Predictions, on any scale, NaN where missing. The columns of a DataFrame are
        models, by name.

    groups : array-like of shape (n_samples,), default=None
        Era of each row. By default the index level "era" of y_true or y_pred.

    meta_model : Series or array-like of shape (n_samples,), default=None
        The meta model's predictions, for MMC and payouts. Pandas objects are matched
        by their index, here as below, and may be of more or fewer rows.

    benchmark : Series, DataFrame or array-like of shape (n_samples, n_benchmarks), \
            default=None
        Benchmark models' predictions, for BMC (of several by the mean of their ranks),
        and to be compared with.

    features : DataFrame or array-like of shape (n_samples, n_features), default=None
        Finite features, for FNC and exposures. This takes longer than all else.

    estimators : estimator or dict of label to estimator, default=None
        The fitted models, by column of `y_pred`, which are asked what eras they were
        fitted on. Nothing is predicted.

    train_eras : array-like or dict of label to array-like, default=None
        Eras that the models were fitted on, where they do not know it themselves.

    baseline : label, default=None
        Column of `y_pred` or `benchmark` that the models are compared with. By default
        the first benchmark, or without one the first of several models.

    policy : PayoutPolicy, int or str, default=None
        Rule of the payouts: a :class:`PayoutPolicy`, the number of a round or the name
        of a rule. None is the latest rule that this version knows.

    target : str, default=None
        Name of the target. By default that of y_true.

    horizon : int, default=None
        Days that the target looks ahead; 0 where targets of eras do not overlap. By
        default the end of the target's name, 20 or 60. Where it is not known there are
        no intervals and no comparison, and the page says so.

    confidence_level : float, default=0.95
        Share of such intervals that should hold the true value.

    n_resamples : int, default=2000
        Number of resamples of the intervals.

    random_state : int, RandomState instance or None, default=0
        Seed of the resamples.

    title : str, default="Diagnostics"
        Headline of the page.

    path : str or path-like, default=None
        File to write the page to. By default it is not written.

    verbose : int, default=1
        Whether progress bars over the eras, models and resamples appear where one takes
        more than two seconds: feature-neutral scores, exposures and intervals.

    Returns
    -------
    report : DiagnosticsReport
        `html`, `tables`, `warnings` and :meth:`DiagnosticsReport.save`.

    Raises
    ------
    FileNotFoundError
        If the folder of `path` does not exist; nothing is computed then.

    ImportError
        If matplotlib or jinja2, the extra "plot", are not installed.

    IsADirectoryError
        If `path` is a folder.

    MissingErasError
        If no eras are found.

    TypeError
        If `policy` is no rule or `title` no text.

    ValueError
        If the inputs do not fit each other, two models have one name, there is no
        target at all, or a parameter is out of its range.

    Warns
    -----
    LeakageWarning
        If scored eras were fitted on, or share days with those that were, or a feature
        gives the target away.

    HorizonWarning
        If the benchmark that models are compared with, or the rule of the payouts, is of
        another horizon than the target.

    See Also
    --------
    score_summary : The table of one metric.
    compare_scores : The comparison.
    EraScoresDisplay : The figures of eras.
    check_leakage : What training rows tell about test rows.

    Notes
    -----
    Scores of eras that an input does not cover are missing for the metrics that need it
    only: their means are of other eras than CORR's, and the page says which. A model is
    called too good from a mean CORR of 0.1 on.

    References
    ----------
    Numerai's documentation, "Diagnostics" and "Scoring".

    Examples
    --------
    >>> from sknumerai.datasets import make_numerai
    >>> from sknumerai.inspection import diagnostics_report
    >>> data = make_numerai(n_eras=30, n_samples_per_era=60, random_state=0)
    >>> y_pred = data.oracle.rename("best possible")
    >>> report = diagnostics_report(data.target, y_pred, n_resamples=100)
    >>> report.tables["summary"].loc["corr", ["mean", "n_eras"]].round(2)
                   mean  n_eras
    model
    best possible  0.44      30
    >>> report.warnings["kind"].tolist()
    ['too good', 'training eras unknown']
    """
    for name in ("matplotlib", "jinja2"):
        # before minutes of work
        import_optional(name, extra="plot", caller=CALLER)
    if path is not None:
        path = check_output(path, CALLER)
    policy = check_policy(policy, CALLER)
    _check_options(confidence_level, n_resamples, title)
    named = {"meta_model": meta_model, "benchmark": benchmark, "features": features}
    inputs = check_inputs(
        y_true,
        y_pred,
        groups,
        sides={name: side for name, side in named.items() if side is not None},
        baseline=baseline,
        target=target,
        horizon=horizon,
    )
    training = check_training(inputs.models, estimators, train_eras)
    options = {
        "confidence_level": confidence_level,
        "horizon": inputs.horizon,
        "n_resamples": n_resamples,
        "random_state": random_state,
        "verbose": verbose,
    }
    tables, exposures = _compute(inputs, policy, options)
    findings = _find(inputs, tables, training, policy, confidence_level)
    context = {
        "title": title,
        "sections": _sections(inputs, tables, exposures, findings, policy, options),
        "facts": _facts(inputs),
        "headline": page.headline(tables["summary"], inputs.models),
        "versions": page.versions(),
        "made": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "dashes": legend_dashes(inputs.scored.shape[1]),
    }
    report = DiagnosticsReport(page.render(**context), tables, findings.table())
    findings.warn(stacklevel=2)
    if path is not None:
        report.save(path)
    return report


def _check_options(confidence_level, n_resamples, title):
    if isinstance(confidence_level, bool) or not (
        isinstance(confidence_level, Real) and 0 < confidence_level < 1
    ):
        raise ValueError(
            f"{CALLER}: confidence_level must be between 0 and 1, such as 0.95. Got "
            f"{confidence_level!r}."
        )
    if (
        isinstance(n_resamples, bool)
        or not isinstance(n_resamples, Integral)
        or n_resamples < 2
    ):
        raise ValueError(
            f"{CALLER}: n_resamples must be an integer of at least 2. Got "
            f"{n_resamples!r}."
        )
    if not isinstance(title, str):
        raise TypeError(f"{CALLER}: title must be a str. Got {title!r}.")


def _compute(inputs, policy, options):
    """All tables, and the display of exposures."""
    scores = era_score_table(inputs, policy, options["verbose"])
    tables = {
        "summary": summary_table(scores, options),
        "comparison": comparison_table(scores, inputs.baseline, options),
        "era_scores": scores,
        "coverage": coverage_table(inputs),
        "universe": universe_sizes(inputs),
        "correlation": correlation_table(inputs),
    }
    exposures = None
    if "features" in inputs.sides and n_covered_eras(inputs, "features"):
        tables["exposure"], exposures = exposure_table(inputs, options["verbose"])
    return {name: t for name, t in tables.items() if t is not None}, exposures


def _find(inputs, tables, training, policy, confidence_level):
    findings = Findings()
    find_leaks(findings, inputs, training)
    find_columns(findings, inputs)
    find_doubts(
        findings, inputs, tables["summary"], tables["correlation"], confidence_level
    )
    paid = {"payout", "payout_bmc"} & set(tables["summary"].index.unique("metric"))
    find_horizons(findings, inputs, policy, bool(paid))
    find_gaps(findings, inputs, tables["coverage"], tables["era_scores"])
    return findings


def _facts(inputs):
    eras = inputs.eras.labels[inputs.scored_eras]
    name = inputs.target_name or "target without a name"
    facts = [name]
    if inputs.horizon:
        facts.append(f"{inputs.horizon} days ahead")
    n_models = len(inputs.models)
    return [
        *facts,
        f"eras {eras[0]} to {eras[-1]} ({len(eras):,})",
        f"{int(inputs.resolved.sum()):,} rows",
        f"{n_models} model{'s' * (n_models != 1)}",
    ]


def _sections(inputs, tables, exposures, findings, policy, options):
    """The sections of the page that have something to show."""
    figures = draw_figures(inputs, tables, exposures)
    baseline = inputs.baseline
    level = f"{100 * options['confidence_level']:g}%"
    found = findings.table().to_dict("records")
    has_intervals = tables["summary"]["mean_low"].notna().any()
    blocks = f"blocks of eras, as long as targets of {inputs.horizon} days ask for"
    intervals = (
        f"In small letters: {level} intervals from resampled "
        f"{blocks if inputs.horizon else 'eras'}."
    )
    paid = {"payout", "payout_bmc"} & set(tables["summary"].index.unique("metric"))
    sections = [
        {"name": "warnings", "title": "Warnings and notes", "findings": found},
        {
            "name": "overview",
            "title": "Scores",
            "text": [
                *([intervals] if has_intervals else []),
                *([f"Payout of a round: {page.rule(policy)}."] if paid else []),
            ],
            "tables": [page.overview(tables["summary"], baseline)],
            "figures": figures["intervals"],
        },
        {
            "name": "eras",
            "title": "Eras",
            "legend": [str(name) for name in inputs.scored.columns],
            "figures": figures["eras"],
        },
        {
            "name": "features",
            "title": "Feature exposure",
            "tables": [page.exposure(tables["exposure"])]
            if "exposure" in tables
            else [],
            "legend": [str(name) for name in inputs.models],
            "figures": figures["exposure"],
        },
        {
            "name": "models",
            "title": "Correlation of models",
            "text": ["Mean over eras of the rank correlation of predictions."],
            "tables": [page.correlation(tables["correlation"])]
            if tables["correlation"].shape[1] > 1
            else [],
        },
        {
            "name": "metrics",
            "title": "Details",
            "tables": page.details(tables["summary"], baseline),
        },
        {
            "name": "data",
            "title": "Data",
            "tables": [page.coverage(tables["coverage"])],
            "figures": figures["data"],
        },
    ]
    if "comparison" in tables:
        text = (
            f"Means less those of {baseline} on the same eras, with {level} intervals and "
            "p-values that are adjusted, by Holm's method, for the number of models in a "
            "column. Neighbouring eras repeat each other, so they are worth fewer."
        )
        compared = {
            "name": "compared",
            "title": f"Compared with {baseline}",
            "text": [text],
            "tables": [
                page.comparison(
                    tables["comparison"],
                    [m for m in inputs.models if m != baseline],
                    options["confidence_level"],
                )
            ],
        }
        sections.insert(2, compared)
    empty = {"text": [], "findings": [], "legend": [], "figures": [], "tables": []}
    return [
        empty | section
        for section in sections
        if any(section.get(part) for part in ("findings", "figures", "tables"))
    ]
