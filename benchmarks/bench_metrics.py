"""Time of scores: sknumerai.metrics against numerai-tools and numerblox.

The same predictions of ten models are scored against the same target, era by era, in
one process and one thread. numerai-tools knows one era at a time, so it is called in a
loop over eras that were cut and sorted before the clock runs; ours gets the whole frame.
The two take turns, and which goes first alternates; the results are compared before any
time is taken. numerblox's evaluator, where it is installed, knows one model at a time
and is timed over fewer eras and models, as time per era and model.

Ids are Numerai's: a letter and fifteen digits, sorted within each era.

    OMP_NUM_THREADS=1 python benchmarks/bench_metrics.py [--runs 9] [--eras 20]
        [--rows 5000] [--models 10] [--only corr mmc fnc growth]
"""

# SPDX-License-Identifier: BSD-3-Clause

import argparse
import contextlib
import importlib.util
import io
import time
import warnings
from functools import partial

import numpy as np
import pandas as pd
from growth import exponent
from numerai_tools import scoring

from sknumerai import metrics
from sknumerai.utils import Scratch, stable_order

PREDICTIONS = {
    "no ties": lambda rng, size: rng.normal(size=size),
    "float32": lambda rng, size: rng.normal(size=size).astype(np.float32),
    "ties": lambda rng, size: rng.normal(size=size).round(2),
}


class Rows:
    """Targets, predictions and a meta model of many eras, whole and cut."""

    def __init__(self, n_eras, n_rows, n_models, kind="no ties", seed=0):
        rng = np.random.default_rng(seed)
        eras = np.repeat([f"{era:04d}" for era in range(1, n_eras + 1)], n_rows)
        ids = rng.integers(0, 2**60, (n_eras, n_rows))
        ids = [f"n{number:015x}" for number in np.sort(ids, axis=1).ravel()]
        index = pd.MultiIndex.from_arrays([eras, ids], names=["era", "id"])
        self.y = pd.Series(rng.integers(0, 5, len(index)) / 4, index, name="target")
        self.p = pd.DataFrame(
            PREDICTIONS[kind](rng, (len(index), n_models)),
            index=index,
            columns=[f"model_{j}" for j in range(n_models)],
        )
        self.meta = pd.Series(rng.normal(size=len(index)), index, name="meta_model")
        self.cut = [
            tuple(part.xs(era, level="era") for part in (self.y, self.p, self.meta))
            for era in np.unique(eras)
        ]

    def loop(self, score):
        """Score each era with a function of numerai-tools: (n_eras, n_models)."""
        return np.array([score(*era) for era in self.cut])


def seconds(call):
    """Wall time of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def pair(ours, theirs, runs):
    """Times of paired runs: (runs, 2)."""
    times = np.empty((runs, 2))
    for i in range(runs):
        for j in [0, 1] if i % 2 else [1, 0]:
            times[i, j] = seconds((ours, theirs)[j])
    return times


def row(name, ours, theirs, runs, tolerance, n, numerblox=None):
    """Print one line: time per era and model, ratios of paired runs."""
    difference = np.abs(np.asarray(ours()) - np.asarray(theirs())).max()
    if not difference <= tolerance:
        raise RuntimeError(f"{name}: results differ by {difference:.1e}.")
    times = pair(ours, theirs, runs)
    low, middle, high = np.quantile(times[:, 1] / times[:, 0], [0.25, 0.5, 0.75])
    mine = np.median(times[:, 0]) / n
    blox = "" if numerblox is None else f"{numerblox / mine:.0f}"
    print(
        f"| {name} | {1e6 * mine:.0f} | {middle:.1f} ({low:.1f}-{high:.1f}) | {blox} "
        f"| {difference:.0e} |",
        flush=True,
    )


def header(title):
    """Print the head of a table."""
    print(f"\n{title}\n")
    print("| call | ours, us per era and model | numerai-tools / ours (quartiles) "
          "| numerblox / ours | difference |")  # fmt: skip
    print("|---|---|---|---|---|", flush=True)


def tools_corr(y, p, meta):
    """CORR of one era by numerai-tools."""
    return scoring.numerai_corr(p, y)


def tools_mmc(y, p, meta):
    """MMC of one era by numerai-tools."""
    return scoring.correlation_contribution(p, meta, y)


def tools_fnc(features, y, p, meta):
    """FNC of one era by numerai-tools."""
    return scoring.feature_neutral_corr(p, features, y)


def tools_exposure(features, y, p, meta):
    """Largest exposure of one era and model by numerai-tools."""
    return scoring.max_feature_correlation(p["model_0"], features)[1]


def evaluator_time(call, n, runs=3):
    """Median time per era and model of numerblox's evaluator, None without it."""
    if importlib.util.find_spec("numerblox") is None:
        return None
    from numerblox.evaluation import NumeraiClassicEvaluator

    evaluator = NumeraiClassicEvaluator(
        era_col="era",
        metrics_list=["mean_std_sharpe"],
        show_detailed_progress_bar=False,
    )
    quiet = contextlib.redirect_stderr(io.StringIO())
    with quiet, contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        evaluator = NumeraiClassicEvaluator(
            era_col="era",
            metrics_list=["mean_std_sharpe"],
            show_detailed_progress_bar=False,
        )
        return np.median([seconds(lambda: call(evaluator)) for _ in range(runs)]) / n


def evaluator_frame(rows, n_eras, features=None):
    """The columns that numerblox wants, of the first eras."""
    last = len(rows.cut[0][0]) * n_eras
    ranks = rows.p.groupby(level="era").rank(pct=True)
    frame = ranks.assign(target=rows.y, meta_model=rows.meta).iloc[:last]
    frame["meta_model"] = frame["meta_model"].rank(pct=True)
    if features is not None:
        frame = pd.concat([frame, features.iloc[:last]], axis=1)
    return frame.reset_index("era")


def ordering_share(rows, runs):
    """Share of CORR's time that is the sort of each era's predictions."""
    blocks = [np.ascontiguousarray(p.to_numpy().T) for _, p, _ in rows.cut]
    scratch = Scratch()
    times = pair(
        lambda: [stable_order(block, scratch) for block in blocks],
        lambda: metrics.numerai_corr_score(rows.y, rows.p, aggregate=None),
        runs,
    )
    return np.median(times[:, 0] / times[:, 1])


def corr_table(args):
    """CORR and its kin, with and without ties."""
    header(f"{args.eras} eras x {args.rows} rows x {args.models} models")
    n, tolerance = args.eras * args.models, 1e-12
    shares = {}
    for kind in PREDICTIONS:
        rows = Rows(args.eras, args.rows, args.models, kind)
        y, p = rows.y, rows.p
        frame = evaluator_frame(rows, 2)
        numerblox = evaluator_time(
            lambda evaluator, frame=frame: evaluator.full_evaluation(
                frame, pred_cols=["model_0", "model_1"]
            ),
            4,
        )
        row(
            f"numerai_corr_score, {kind}",
            lambda y=y, p=p: metrics.numerai_corr_score(y, p, aggregate=None),
            lambda rows=rows: rows.loop(tools_corr),
            args.runs,
            tolerance,
            n,
            numerblox,
        )
        shares[kind] = ordering_share(rows, args.runs)
    rows = Rows(args.eras, args.rows, args.models)
    y, p = rows.y, rows.p
    row(
        "numerai_corr_score, top_bottom=200",
        lambda: metrics.numerai_corr_score(y, p, aggregate=None, top_bottom=200),
        lambda: rows.loop(lambda y, p, m: scoring.numerai_corr(p, y, top_bottom=200)),
        args.runs,
        tolerance,
        n,
    )
    for name, ours, theirs in [
        ("spearman_score", metrics.spearman_score, scoring.spearman_correlation),
        (
            "legacy_corr_score",
            metrics.legacy_corr_score,
            scoring.tie_broken_rank_correlation,
        ),
    ]:
        row(
            name,
            lambda ours=ours: ours(y, p, aggregate=None),
            lambda theirs=theirs: rows.loop(
                lambda y, p, m: p.apply(lambda column: theirs(y, column))
            ),
            args.runs,
            tolerance,
            n,
        )
    text = ", ".join(f"{kind} {share:.0%}" for kind, share in shares.items())
    print(f"\nShare of numerai_corr_score's time that is the sort: {text}.")


def mmc_table(args):
    """Contributions."""
    header(f"{args.eras} eras x {args.rows} rows x {args.models} models")
    n = args.eras * args.models
    for kind in PREDICTIONS:
        rows = Rows(args.eras, args.rows, args.models, kind)
        frame = evaluator_frame(rows, 2)
        numerblox = evaluator_time(
            lambda evaluator, frame=frame: evaluator.contributive_correlation(
                frame, "model_0", "target", "meta_model"
            ),
            2,
        )
        row(
            f"mmc_score, {kind}",
            lambda rows=rows: metrics.mmc_score(
                rows.y, rows.p, rows.meta, aggregate=None
            ),
            lambda rows=rows: rows.loop(tools_mmc),
            args.runs,
            1e-12,
            n,
            numerblox,
        )


def fnc_table(args):
    """Feature-neutral correlation and exposures, one era."""
    header(f"1 era x {args.rows} rows, int8 features")
    for n_features in args.features:
        rng = np.random.default_rng(1)
        for n_models in (1, args.models):
            rows = Rows(1, args.rows, n_models)
            y, p = rows.y, rows.p
            F = pd.DataFrame(
                rng.integers(0, 5, (args.rows, n_features), dtype=np.int8),
                index=y.index,
                columns=[f"feature_{j}" for j in range(n_features)],
            )
            plain = F.droplevel("era")
            frame = evaluator_frame(rows, 1, F)
            numerblox = None
            if n_models == 1:
                numerblox = evaluator_time(
                    lambda evaluator, frame=frame, F=F: (
                        evaluator.feature_neutral_mean_std_sharpe(
                            frame, "model_0", "target", list(F)
                        )
                    ),
                    1,
                )
            row(
                f"fnc_score, {n_features} features, {n_models} models",
                lambda y=y, p=p, F=F: metrics.fnc_score(y, p, F, groups=[1] * len(y)),
                lambda rows=rows, plain=plain: rows.loop(partial(tools_fnc, plain))[0],
                args.runs,
                1e-9,
                n_models,
                numerblox,
            )
        row(
            f"max_feature_exposure, {n_features} features, 1 model",
            lambda y=y, p=p, F=F: metrics.max_feature_exposure(y, p["model_0"], F),
            lambda rows=rows, plain=plain: rows.loop(partial(tools_exposure, plain))[0],
            args.runs,
            1e-9,
            1,
        )


def growth_table(args):
    """Exponents of time in eras, rows and models: 1 is linear."""
    sizes = {
        "eras": [(eras, args.rows, args.models) for eras in (10, 20, 40, 80)],
        "rows": [(20, rows, args.models) for rows in (2500, 5000, 10_000, 20_000)],
        "models": [(20, args.rows, models) for models in (5, 10, 20, 40)],
    }
    print("\n| growth of | CORR | MMC |\n|---|---|---|")
    for name, shapes in sizes.items():
        exponents = []
        all_rows = [Rows(*shape) for shape in shapes]
        factors = [np.prod(shape) / np.prod(shapes[0]) for shape in shapes]
        for score in (
            lambda rows: metrics.numerai_corr_score(rows.y, rows.p),
            lambda rows: metrics.mmc_score(rows.y, rows.p, rows.meta),
        ):
            times = np.array(
                [
                    [seconds(partial(score, rows)) for rows in all_rows]
                    for _ in range(args.runs)
                ]
            )
            exponents.append(exponent(factors, np.median(times, axis=0)))
        print(f"| {name} | {exponents[0]:.2f} | {exponents[1]:.2f} |", flush=True)


def main():
    """Run the comparisons and print the tables."""
    tables = {
        "corr": corr_table,
        "mmc": mmc_table,
        "fnc": fnc_table,
        "growth": growth_table,
    }
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--eras", type=int, default=20)
    parser.add_argument("--rows", type=int, default=5000, help="rows of each era")
    parser.add_argument("--models", type=int, default=10)
    parser.add_argument("--features", type=int, nargs="+", default=[780, 3555])
    parser.add_argument("--only", nargs="+", choices=tables, default=list(tables))
    args = parser.parse_args()
    for name in args.only:
        tables[name](args)


if __name__ == "__main__":
    main()
