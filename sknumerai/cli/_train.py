"""``sknumerai train``: cross-validate, fit on everything, save and export."""

# SPDX-License-Identifier: BSD-3-Clause

import argparse
import sys

from sknumerai.cli._data import add_data_arguments, describe, feature_set_of, load
from sknumerai.cli._files import check_output, save_model
from sknumerai.cli._models import MODELS, MODELS_HELP, make_model, parse_settings
from sknumerai.cli._numbers import count

HELP = "cross-validate and fit a model on any Numerai-shaped file"
DESCRIPTION = (
    "Cross-validate models walk-forward with an embargo, print their era-wise scores, "
    "fit the first model on all rows, save it, and export it for Numerai's upload."
)


def add_arguments(parser):
    """Add the arguments of the command.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Parser of the command.
    """
    parser.add_argument(
        "data",
        help="a data set such as v5.3, a folder with train.parquet, or one parquet or "
        "csv file with id, era, feature and target columns",
    )
    parser.add_argument(
        "--target",
        required=True,
        help="target to learn and score",
        default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "--aux-targets",
        nargs="+",
        default=[],
        metavar="TARGET",
        help="further targets that networks learn beside it",
    )
    parser.add_argument(
        "--feature-set",
        nargs="+",
        metavar="NAME",
        help="a set of features.json, or names of columns (default: all features)",
        default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "--model",
        nargs="+",
        choices=list(MODELS),
        default=["ridge"],
        help=f"models to compare, the first one is kept: {MODELS_HELP}",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PARAM=VALUE",
        help="a parameter of the first model, or model.param=value; may be repeated",
    )
    add_data_arguments(parser, split="train")
    folds = parser.add_argument_group("cross-validation")
    folds.add_argument(
        "--cv", type=count, default=5, metavar="N", help="number of folds, 0 for none"
    )
    folds.add_argument(
        "--test-size",
        type=int,
        metavar="ERAS",
        help="eras of a test set (default: all eras / (N + 1))",
        default=argparse.SUPPRESS,
    )
    folds.add_argument(
        "--embargo",
        type=count,
        metavar="ERAS",
        help="eras left out between training and test (default: by the targets' names, "
        "8 for _20 and 16 for _60)",
        default=argparse.SUPPRESS,
    )
    out = parser.add_argument_group("what is written")
    out.add_argument("--out", default="model.pkl", help="file of the fitted model")
    out.add_argument(
        "--export",
        metavar="FILE",
        help="file for Numerai's upload (default: predict.pkl beside --out)",
        default=argparse.SUPPRESS,
    )
    out.add_argument(
        "--scores",
        metavar="FILE",
        help="csv for the score of each era (default: not written)",
        default=argparse.SUPPRESS,
    )
    out.add_argument(
        "--no-verify",
        action="store_true",
        help="do not try the exported file in a fresh process",
    )
    parser.add_argument("--seed", type=count, default=0, help="random state of models")


def run(args):
    """Run the command.

    Parameters
    ----------
    args : argparse.Namespace
        Its arguments.
    """
    out = check_output(args.out)
    export = check_output(getattr(args, "export", out.with_name("predict.pkl")))
    scores_file = getattr(args, "scores", None)
    if scores_file is not None:
        scores_file = check_output(scores_file)
    if out.resolve() == export.resolve():
        raise ValueError(f"--out and --export are the same file, {out}.")
    names = list(dict.fromkeys(args.model))
    targets = list(dict.fromkeys([args.target, *args.aux_targets]))
    params = parse_settings(args.set, names)
    progress = sys.stderr.isatty()
    models = {
        name: make_model(name, params[name], seed=args.seed, progress=progress)
        for name in names
    }
    embargo = _embargo(args, targets)

    bunch = load(
        args, targets=targets, feature_set=feature_set_of(args), drop_unresolved=True
    )
    X, y = bunch.data, bunch.target[args.target]
    aux = bunch.target[targets[1:]] if len(targets) > 1 else None
    print(describe(bunch))
    print(
        f"target {args.target}"
        + (f", beside it {targets[1:]}" if aux is not None else "")
    )
    _say_who_takes_aux(models, aux)

    if args.cv:
        scores = _cross_validate(args, models, X, y, aux, embargo, progress)
        if scores_file is not None:
            _write_scores(scores, scores_file)
    _fit_and_write(args, names[0], models[names[0]], X, y, aux, out, export)


def _cross_validate(args, models, X, y, aux, embargo, progress):
    from sknumerai.cli._fit import cross_val_predictions
    from sknumerai.cli._table import format_table, score_models, summarize
    from sknumerai.model_selection import GroupTimeSeriesSplit

    cv = GroupTimeSeriesSplit(
        args.cv, test_size=getattr(args, "test_size", None), embargo=embargo
    )
    predictions, rows = cross_val_predictions(
        models, X, y, cv, aux=aux, progress=progress
    )
    scores = score_models(y.iloc[rows], predictions)
    title = (
        f"\nCORR by era of {args.cv} walk-forward test sets, embargo {embargo} eras "
        f"(era {scores.index[0]} to {scores.index[-1]})"
    )
    print(format_table(summarize(scores), title), flush=True)
    return scores


def _fit_and_write(args, name, model, X, y, aux, out, export):
    from sknumerai.cli._fit import fit_model
    from sknumerai.submission import export_model

    fit_model(model, X, y, aux)
    save_model(model, out)
    print(f"\nwrote {out}: {name} fitted on all {len(X):,} rows")
    sample = X.iloc[-min(64, len(X)) :].reset_index("era")
    export_model(model, export, sample=sample, verify=not args.no_verify)
    python = ".".join(map(str, sys.version_info[:2]))
    print(
        f"wrote {export}: for Numerai's model upload, image Python {python} "
        f"({export.stat().st_size / 1e6:.1f} MB)"
    )


def _write_scores(scores, path):
    from sknumerai.cli._files import whole_file

    with whole_file(path) as part:
        scores.to_csv(part)
    print(f"wrote {path}: the score of each era")


def _embargo(args, targets):
    from sknumerai.exceptions import UnknownHorizonError
    from sknumerai.model_selection import embargo_for

    given = getattr(args, "embargo", None)
    if given is not None or not args.cv:
        return given
    try:
        return embargo_for(targets)
    except UnknownHorizonError as error:
        raise UnknownHorizonError(
            f"The horizon of {', '.join(targets)} is not in the name. Pass the eras to "
            "leave out between training and test: --embargo 8 for targets of 20 days, "
            "--embargo 16 for 60 days, --embargo 0 to allow neighbours."
        ) from error


def _say_who_takes_aux(models, aux):
    from sknumerai.cli._fit import takes_aux_targets

    if aux is None:
        return
    without = [name for name, m in models.items() if not takes_aux_targets(m)]
    if without:
        print(
            f"warning: {', '.join(without)} learn(s) the main target only.",
            file=sys.stderr,
        )
