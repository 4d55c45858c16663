"""``sknumerai update``: go on from saved weights on eras that have resolved since."""

# SPDX-License-Identifier: BSD-3-Clause

import argparse
from pathlib import Path

from sknumerai.cli._data import add_data_arguments, describe, load
from sknumerai.cli._files import check_output, save_model
from sknumerai.cli._sources import open_model

HELP = "go on from a saved model's weights on newly resolved eras"
DESCRIPTION = (
    "Score a saved model on the eras that it has not seen, go on from its weights on "
    "them, and save it. For networks and LightGBM models of `sknumerai train`, and for "
    "a saved WarmStartWalkForward. A .pkl runs code when it is loaded: open only files "
    "that you made yourself."
)


def add_arguments(parser):
    """Add the arguments of the command.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Parser of the command.
    """
    parser.add_argument("model", help="a fitted model (.pkl)")
    parser.add_argument(
        "data",
        help="a data set such as v5.3, a folder with validation.parquet, or one "
        "parquet or csv file",
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
        metavar="TARGET",
        help="those that the model was trained with, in their order",
        default=argparse.SUPPRESS,
    )
    add_data_arguments(parser, split="validation")
    out = parser.add_argument_group("what is written")
    out.add_argument(
        "--out",
        metavar="FILE",
        help="file of the updated model (default: the old one is replaced)",
        default=argparse.SUPPRESS,
    )
    out.add_argument(
        "--export",
        metavar="FILE",
        help="file for Numerai's upload (default: not written)",
        default=argparse.SUPPRESS,
    )
    out.add_argument(
        "--no-verify",
        action="store_true",
        help="do not try the exported file in a fresh process",
    )


def run(args):
    """Run the command.

    Parameters
    ----------
    args : argparse.Namespace
        Its arguments.
    """
    path = Path(args.model)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    out = check_output(getattr(args, "out", path))
    export = getattr(args, "export", None)
    export = None if export is None else check_output(export)
    model = open_model(path)
    names = getattr(model, "feature_names_in_", None)
    if names is None:
        raise ValueError(
            f"{path} does not say which features it reads (it has no "
            "feature_names_in_). Fit it on a DataFrame."
        )
    aux = [name for name in getattr(args, "aux_targets", []) if name != args.target]
    if aux and hasattr(model, "update"):
        raise ValueError(
            f"{path} holds a walk-forward experiment, which goes on with the targets of "
            "one column: leave --aux-targets out."
        )
    bunch = load(
        args,
        targets=[args.target, *aux],
        feature_set=[str(name) for name in names],
        drop_unresolved=True,
    )
    print(describe(bunch))
    X, y = bunch.data, bunch.target[args.target]
    if hasattr(model, "update"):
        model = _update(model, X, y)
    else:
        aux = bunch.target[aux] if aux else None
        model = _go_on(model, X, y, aux, path, hasattr(args, "eras"))
    save_model(model, out)
    print(f"wrote {out}")
    if export is not None:
        from sknumerai.submission import export_model

        sample = X.iloc[-min(64, len(X)) :].reset_index("era")
        fitted = getattr(model, "estimator_", model)
        export_model(fitted, export, sample=sample, verify=not args.no_verify)
        print(f"wrote {export}: for Numerai's model upload")


def _update(model, X, y):
    """Update a walk-forward experiment, which knows what it has seen."""
    model.update(X, y)
    row = model.fold_table_.iloc[-1].dropna()
    for part in ("test", "train", "valid"):
        if f"{part}_first" in row:
            done = "fitted to" if part == "train" else "scored on"
            said = f"{done} eras {row[f'{part}_first']} to {row[f'{part}_last']}"
            scores = [
                f"{name.removeprefix(f'{part}_')} {row[name]:.4f}"
                for name in row.index.difference(_COUNTS)
                if name.startswith(f"{part}_")
            ]
            print(f"{said} ({part}): {', '.join(scores)}" if scores else said)
    return model


_COUNTS = [
    f"{part}_{what}"
    for part in ("train", "valid", "test")
    for what in ("first", "last", "eras", "rows")
]


def _go_on(model, X, y, aux, path, eras_were_named):
    """Go on with a model that knows its eras, or is told which are new."""
    import numpy as np

    from sknumerai.cli._table import format_table, score_models, summarize
    from sknumerai.exceptions import UnknownHorizonError
    from sknumerai.model_selection import embargo_for, go_on
    from sknumerai.utils import check_eras, fitted_eras

    eras, seen = check_eras(None, X), fitted_eras(model)
    if seen is None and not eras_were_named:
        raise ValueError(
            f"{path} does not say which eras it has seen. Name those to go on with, "
            "e.g. --eras 1200-."
        )
    if seen is not None:
        new = eras.numbers[eras.codes] > seen.max()
        if not new.any():
            raise ValueError(
                f"{path} has seen eras up to {seen.max()}, and the data end with "
                f"{eras.labels[-1]}: there is nothing new."
            )
        X, y = X[new], y[new]
        try:
            embargo = embargo_for(y)
        except UnknownHorizonError:
            # where the name says nothing, as the networks' own validation cut
            embargo = embargo_for("target_20")
        far = check_eras(None, X)
        far = far.numbers[far.codes] > seen.max() + embargo
        if far.any():
            pred = y[far].to_frame(path.stem)
            pred[path.stem] = model.predict(X[far])
            scores = score_models(y[far], pred)
            title = f"\nCORR before the update, eras {scores.index[0]} to"
            print(format_table(summarize(scores), f"{title} {scores.index[-1]}"))
    given = {} if aux is None else {"aux_targets": aux}
    model = go_on(model, X, y, **given)
    eras = check_eras(None, X)
    if fitted_eras(model) is None:
        # of models that know no eras, as `sknumerai train` does
        before = eras.numbers if seen is None else seen
        model.eras_seen_ = np.union1d(before, eras.numbers)
    labels = eras.labels
    print(f"\nwent on with eras {labels[0]} to {labels[-1]}")
    return model
