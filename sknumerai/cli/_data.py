"""Arguments that say which rows to load."""

# SPDX-License-Identifier: BSD-3-Clause

import argparse
import re


def eras_argument(text):
    """Read ``--eras``: "1-574", "575-", "-574" or "1,5,9".

    Parameters
    ----------
    text : str
        What was given.

    Returns
    -------
    eras : slice or list of int
        As :func:`sknumerai.datasets.load_numerai` takes it.
    """
    if re.fullmatch(r"\d+(,\d+)*", text):
        return [int(part) for part in text.split(",")]
    match = re.fullmatch(r"(\d*)[-:](\d*)", text)
    if match is None or not (match[1] or match[2]):
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither an interval such as 1-574, 575- or =-574 nor a list "
            "such as 1,5,9"
        )
    return slice(
        int(match[1]) if match[1] else None, int(match[2]) + 1 if match[2] else None
    )


def number_or(*words):
    """Make an argument type: a number, or one of some words.

    Parameters
    ----------
    *words : str
        What is allowed beside numbers.

    Returns
    -------
    parse : callable
        From text to float or word.
    """

    def parse(text):
        if text in words:
            return text
        try:
            return float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"{text!r} is neither a number nor one of {', '.join(words)}"
            ) from None

    return parse


def add_data_arguments(parser, *, split, targets=True):
    """Add the arguments of loading.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Parser of a command.

    split : str
        Default of ``--split``.

    targets : bool, default=True
        Whether the command reads targets too.
    """
    rows = parser.add_argument_group("which rows and columns")
    rows.add_argument(
        "--split",
        nargs="+",
        default=[split],
        metavar="NAME",
        help="files of a folder, or values of data_type in one file; all for all rows",
    )
    rows.add_argument(
        "--eras",
        type=eras_argument,
        help="era numbers: 1-574, 575- or 1,5,9 (default: all)",
        default=argparse.SUPPRESS,
    )
    rows.add_argument(
        "--every",
        type=int,
        metavar="K",
        help="every K-th era only",
        default=argparse.SUPPRESS,
    )
    if targets:
        rows.add_argument(
            "--allow-alias",
            action="store_true",
            help="let --target be the bare target, which Numerai moves between targets",
        )
    rows.add_argument(
        "--float-features",
        choices=["keep", "codes"],
        default="keep",
        help="float features as they are, or 0, 0.25, ..., 1 as codes 0 to 4",
    )
    rows.add_argument(
        "--missing-features",
        type=number_or("raise", "keep"),
        default="raise",
        metavar="{raise,keep,NUMBER}",
        help="what a missing feature becomes",
    )
    rows.add_argument(
        "--data-home",
        help="folder of the data sets (default: SKNUMERAI_DATA or ~/sknumerai_data)",
        default=argparse.SUPPRESS,
    )


def row_options(args):
    """Give what :func:`add_data_arguments` asked for as the functions of datasets take it.

    Parameters
    ----------
    args : argparse.Namespace
        With these arguments.

    Returns
    -------
    options : dict
        Arguments of :func:`sknumerai.datasets.load_numerai` and `predict_numerai`.
    """
    return {
        "split": args.split[0] if len(args.split) == 1 else args.split,
        "eras": getattr(args, "eras", None),
        "every": getattr(args, "every", None),
        "float_features": args.float_features,
        "missing_features": args.missing_features,
        "data_home": getattr(args, "data_home", None),
    }


def feature_set_of(args):
    """Read ``--feature-set``: the name of a set, or names of columns.

    Parameters
    ----------
    args : argparse.Namespace
        With the list `feature_set`, or without.

    Returns
    -------
    feature_set : str, list of str or None
        As :func:`sknumerai.datasets.load_numerai` takes it.
    """
    names = getattr(args, "feature_set", None)
    if names is not None and len(names) == 1 and not names[0].startswith("feature"):
        return names[0]
    return names


def load(args, *, targets, feature_set=None, drop_unresolved=False):
    """Load what the arguments name.

    Parameters
    ----------
    args : argparse.Namespace
        With the arguments of :func:`add_data_arguments` and `data`.

    targets : list of str or None
        Targets, the main one first; None for none.

    feature_set : str, list of str or None, default=None
        See :func:`sknumerai.datasets.load_numerai`.

    drop_unresolved : bool, default=False
        Whether rows without main target are left out.

    Returns
    -------
    bunch : sklearn.utils.Bunch
        `target` is a frame.
    """
    from sknumerai.datasets import load_numerai

    return load_numerai(
        args.data,
        feature_set=feature_set,
        targets=None if targets is None else list(targets),
        drop_unresolved=drop_unresolved,
        allow_alias=args.allow_alias,
        **row_options(args),
    )


def describe(bunch):
    """Say in a line what was loaded.

    Parameters
    ----------
    bunch : sklearn.utils.Bunch
        From :func:`load`.

    Returns
    -------
    text : str
        Files, rows, eras and features.
    """
    files = " + ".join(path.name for path in bunch.files)
    eras = bunch.eras
    n_eras = eras.nunique()
    return (
        f"{files}: {len(bunch.data):,} rows, {n_eras} eras ({eras.iloc[0]} to "
        f"{eras.iloc[-1]}), {len(bunch.feature_names):,} features"
    )
