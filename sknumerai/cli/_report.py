"""``sknumerai report``: one HTML page about models or predictions."""

# SPDX-License-Identifier: BSD-3-Clause

import argparse
import sys
import warnings
from pathlib import Path

import pandas as pd

from sknumerai.cli._data import add_data_arguments, describe
from sknumerai.cli._files import check_output
from sknumerai.cli._numbers import count
from sknumerai.cli._sources import load_rows, open_all, predict_all
from sknumerai.exceptions import HorizonWarning, LeakageWarning

HELP = "one HTML page about models or files of predictions"
DESCRIPTION = (
    "Score saved models (.pkl of train, or an exported predict.pkl) and files of "
    "predictions (.csv or .parquet with id and one column per model), and write one "
    "HTML page with tables, intervals, comparisons, figures and warnings. It needs no "
    "network. A .pkl runs code when it is loaded: open only files that you made "
    "yourself."
)
OUT = "report.html"
SHOWN = ["mean", "std", "sharpe", "max_drawdown", "positive_share", "autocorrelation"]


def add_arguments(parser):
    """Add the arguments of the command.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Parser of the command.
    """
    parser.add_argument(
        "model", nargs="+", help="models (.pkl) and predictions (.csv, .parquet)"
    )
    parser.add_argument(
        "data",
        help="a data set such as v5.3, a folder with validation.parquet, or one "
        "parquet or csv file",
    )
    parser.add_argument(
        "--target",
        required=True,
        help="target to score against",
        default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "--horizon",
        type=count,
        metavar="DAYS",
        help="days that the target looks ahead, where its name does not tell; 0 if "
        "targets of eras do not overlap",
        default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "--baseline",
        metavar="NAME",
        help="model or benchmark that the others are compared with (default: the first "
        "benchmark, or the first model)",
        default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "--benchmark",
        metavar="FILE",
        default="auto",
        help="benchmark models for BMC; auto takes those beside the data, none takes "
        "none",
    )
    parser.add_argument(
        "--meta-model",
        metavar="FILE",
        default="auto",
        help="meta model for MMC and payouts; auto takes the one beside the data, none "
        "takes none",
    )
    parser.add_argument(
        "--features",
        metavar="SET",
        help="feature set for FNC and exposures, such as small or all; model for those "
        "that the models read (default: no FNC and no exposures)",
        default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "--policy",
        metavar="RULE",
        help="name of the rule of payouts, or number of a round (default: the latest)",
        default=argparse.SUPPRESS,
    )
    parser.add_argument("--title", default="Diagnostics", help="headline of the page")
    add_data_arguments(parser, split="validation")
    parser.add_argument("--out", default=OUT, metavar="FILE", help="page to write")
    parser.add_argument(
        "--open", action="store_true", help="show the page in the browser"
    )


def run(args):
    """Run the command.

    Parameters
    ----------
    args : argparse.Namespace
        Its arguments.
    """
    from sknumerai.cli._table import format_table
    from sknumerai.inspection import diagnostics_report
    from sknumerai.metrics._policy_argument import check_policy
    from sknumerai.utils import import_optional

    out = check_output(args.out)
    # what can fail at once fails before minutes of loading and predicting
    for name in ("matplotlib", "jinja2"):
        import_optional(name, extra="plot", caller="sknumerai report")
    policy = check_policy(_policy(getattr(args, "policy", None)), "sknumerai report")
    sources = open_all(args.model)
    wanted = getattr(args, "features", None)
    bunch = load_rows(args, sources, [args.target], _names_of(wanted, args))
    if bunch.target is None:
        raise ValueError(
            f"--split {' '.join(args.split)} has no targets to score against. Take "
            "validation, or other rows that have them."
        )
    print(describe(bunch))
    predictions = predict_all(sources, bunch)
    y = bunch.target[args.target]
    X = bunch.data
    with warnings.catch_warnings():
        # they are on the page, and printed below
        warnings.simplefilter("ignore", LeakageWarning)
        warnings.simplefilter("ignore", HorizonWarning)
        report = diagnostics_report(
            y,
            predictions,
            benchmark=_benchmark(args, X.index),
            meta_model=_meta_model(args, X.index),
            features=_features(wanted, args, sources, X),
            estimators=_estimators(sources, predictions),
            baseline=getattr(args, "baseline", None),
            policy=policy,
            horizon=getattr(args, "horizon", None),
            title=args.title,
            verbose=int(sys.stderr.isatty()),
        )
    path = report.save(out)
    summary = report.tables["summary"].loc["corr", [*SHOWN, "n_eras"]]
    print(format_table(summary, f"\nCORR by era with {args.target}"))
    found = report.warnings
    for message in found.loc[found["level"] == "warning", "message"]:
        print(f"warning: {message}", file=sys.stderr)
    print(f"\nwrote {path} ({path.stat().st_size / 1e3:,.0f} kB)")
    if args.open:
        import webbrowser

        if not webbrowser.open(path.resolve().as_uri()):
            print(f"no browser was found: open {path} yourself", file=sys.stderr)


def _names_of(wanted, args):
    """Features to load beside those of the models; None for all."""
    if wanted in (None, "model"):
        return ()
    if wanted == "all":
        return None
    from sknumerai.datasets import load_feature_sets

    sets = load_feature_sets(args.data, data_home=getattr(args, "data_home", None))
    if wanted not in sets:
        raise ValueError(
            f"There is no feature set {wanted!r}. There are {sorted(sets)}, all and "
            "model."
        )
    return sets[wanted]


def _features(wanted, args, sources, X):
    if wanted is None:
        return None
    if wanted == "all":
        return X
    if wanted == "model":
        names = []
        for source in sources.values():
            read = getattr(source, "feature_names_in_", getattr(source, "features", ()))
            names += [str(name) for name in read]
        names = list(dict.fromkeys(names))
        if not names:
            raise ValueError(
                "--features model: no model says which features it reads. Name a "
                "feature set, or all."
            )
    else:
        names = list(_names_of(wanted, args))
    return X if names == list(X.columns) else X[names]


def _benchmark(args, index):
    from sknumerai.datasets import load_benchmark_models

    if args.benchmark == "none":
        return None
    options = {"index": index, "data_home": getattr(args, "data_home", None)}
    if args.benchmark != "auto":
        return load_benchmark_models(args.benchmark, verbose=0, **options)
    if Path(args.data).is_file():
        return None
    return _if_there(load_benchmark_models, args.data, args.split, **options)


def _meta_model(args, index):
    from sknumerai.datasets import load_meta_model

    if args.meta_model == "none":
        return None
    options = {"index": index, "data_home": getattr(args, "data_home", None)}
    if args.meta_model != "auto":
        return load_meta_model(args.meta_model, verbose=0, **options)
    if Path(args.data).is_file():
        return None
    return _if_there(load_meta_model, args.data, **options)


def _if_there(load, *args, **kwargs):
    """What lies beside the data, None where it does not or is of other rows."""
    try:
        return load(*args, verbose=0, **kwargs)
    except FileNotFoundError:
        return None
    except ValueError as error:
        print(f"warning: left out: {error}", file=sys.stderr)
        return None


def _estimators(sources, predictions):
    """Models by the names of their columns."""
    return {
        label: source
        for label, source in sources.items()
        if label in predictions.columns and not isinstance(source, pd.DataFrame)
    }


def _policy(given):
    return int(given) if given is not None and given.isdecimal() else given
