"""Parse the command line, run a command, and say in one sentence what went wrong."""

# SPDX-License-Identifier: BSD-3-Clause

import argparse
import os
import sys
import traceback
import warnings

from sknumerai.cli import (
    _demo,
    _download,
    _evaluate,
    _export,
    _plan,
    _predict,
    _preflight,
    _report,
    _status,
    _submit,
    _train,
    _update,
    _upload,
)

COMMANDS = {
    "demo": _demo,
    "download": _download,
    "plan": _plan,
    "train": _train,
    "predict": _predict,
    "evaluate": _evaluate,
    "report": _report,
    "update": _update,
    "export": _export,
    "preflight": _preflight,
    "submit": _submit,
    "upload": _upload,
    "status": _status,
}
# Errors whose message is written for the user. Others are named by their type.
SPOKEN = (ValueError, LookupError, OSError, ImportError, RuntimeError, TypeError)


def main(argv=None):
    """Run the command line.

    Parameters
    ----------
    argv : list of str or None, default=None
        Arguments, by default those of the process.

    Returns
    -------
    code : int
        0 if all went well, 1 if the command failed, 130 after Ctrl-C. Wrong arguments
        leave with code 2. `submit` has further ones, which its help explains.

    Examples
    --------
    >>> from sknumerai.cli import main
    >>> main(["evaluate", "no_such.pkl", "no_such.parquet", "--target", "target_x_20"])
    1
    """
    args = make_parser().parse_args(argv)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            code = args.run(args)
            sys.stdout.flush()
    except KeyboardInterrupt:
        _say(args.command, "interrupted.")
        return 130
    except BrokenPipeError:
        # the reader of our output has left, e.g. `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001
        if args.debug:
            traceback.print_exc()
        else:
            _say(args.command, _sentence(error))
        return 1
    return code or 0


def make_parser():
    """Build the parser of all commands.

    Returns
    -------
    parser : argparse.ArgumentParser
        Each command sets `run`.
    """
    version = sys.modules[__name__.partition(".")[0]].__version__
    parser = argparse.ArgumentParser(
        prog="sknumerai",
        description="Train, judge and export models for the Numerai tournament.",
        epilog="Begin with: sknumerai demo",
    )
    parser.add_argument("--version", action="version", version=f"sknumerai {version}")
    commands = parser.add_subparsers(
        title="commands", dest="command", metavar="COMMAND", required=True
    )
    for name, module in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=module.HELP,
            description=module.DESCRIPTION,
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
        module.add_arguments(command)
        command.add_argument(
            "--debug", action="store_true", help="show the traceback of an error"
        )
        command.set_defaults(run=module.run)
    return parser


def _sentence(error):
    text = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    text = " ".join(text.split())
    if isinstance(error, SPOKEN) and not isinstance(error, KeyError) and text:
        return text
    return f"{type(error).__name__}: {text or 'no message'} (--debug shows where)"


def _show_warning(message, category, filename, lineno, file=None, line=None):
    print(f"warning: {message}", file=sys.stderr)


def _say(command, text):
    print(f"sknumerai {command}: {text}", file=sys.stderr)
