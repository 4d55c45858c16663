"""``sknumerai status``: what became of a model's submissions."""

# SPDX-License-Identifier: BSD-3-Clause

import argparse

from sknumerai.cli._files import check_output
from sknumerai.cli._numbers import count
from sknumerai.cli._submit import add_account_arguments

HELP = "show submissions, diagnostics and scores of a model"
DESCRIPTION = (
    "Ask Numerai what it has of a model: submissions, uploaded files, diagnostics, and "
    "the latest score of each round."
)


def add_arguments(parser):
    """Add the arguments of the command.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Parser of the command.
    """
    parser.add_argument("model", help="name or id of the model on numer.ai")
    parser.add_argument(
        "--rounds", type=count, default=20, help="how many of the last; 0 for all"
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="file for the whole table, .csv or .parquet (default: not written)",
        default=argparse.SUPPRESS,
    )
    add_account_arguments(parser)


def run(args):
    """Run the command.

    Parameters
    ----------
    args : argparse.Namespace
        Its arguments.
    """
    from sknumerai.submission import submission_status

    out = check_output(args.out) if hasattr(args, "out") else None
    table = submission_status(
        args.model,
        last_n_rounds=args.rounds or None,
        path=out,
        keys=getattr(args, "keys", None),
        data_home=getattr(args, "data_home", None),
    )
    for kind, title in (
        ("submission", "submissions that count"),
        ("sent", "sent from here"),
        ("upload", "uploaded models"),
    ):
        rows = table[table["kind"] == kind]
        if len(rows):
            print(f"\n{title}\n{_text(rows[['round', 'date', 'text', 'name']])}")
    diagnostics = table[table["kind"] == "diagnostics"]
    if len(diagnostics):
        figures = diagnostics["value"].map("{:.4f}".format)
        shown = diagnostics["text"].where(diagnostics["text"].notna(), figures)
        print(f"\ndiagnostics of {diagnostics['date'].iloc[0]:%Y-%m-%d %H:%M}")
        print(_text(diagnostics.assign(text=shown)[["name", "text"]]))
    for kind, title in (
        ("score", "scores, latest day of each round"),
        ("intra_round", "scores within the round, latest day"),
    ):
        rows = table[(table["kind"] == kind) & table["value"].notna()]
        if len(rows):
            print(f"\n{title}\n{_latest(rows)}")
    if len(table) == 0:
        print(f"Numerai has nothing of {args.model} yet.")
    if out is not None:
        print(f"wrote {out}")


def _text(rows):
    rows = rows.dropna(axis=1, how="all")
    if "date" in rows:
        rows = rows.assign(date=rows["date"].dt.strftime("%Y-%m-%d %H:%M"))
    rows = rows.astype(object).where(rows.notna(), "")
    return rows.to_string(index=False, header=False)


def _latest(rows):
    """A row per round, a column per score, of the latest day that it has."""
    last = rows.sort_values(["date", "day"]).groupby(["round", "name"]).last()
    wide = last["value"].unstack().sort_index()
    if last["resolved"].notna().any():
        done = last["resolved"].astype("boolean").fillna(False)
        wide["final"] = done.astype(bool).groupby("round").all()
        wide["final"] = wide["final"].map({True: "yes", False: "no"})
    wide.insert(0, "day", last["day"].groupby("round").max())
    return wide.to_string(float_format="{:.4f}".format, na_rep="")
