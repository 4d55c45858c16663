"""``sknumerai upload``: an exported model, for Numerai to run."""

# SPDX-License-Identifier: BSD-3-Clause

import argparse

from sknumerai.cli._submit import add_account_arguments

HELP = "upload an exported model, which Numerai then runs"
DESCRIPTION = (
    "Upload a file of `sknumerai train --export` or export_model. Numerai runs it in an "
    "image with one minor version of Python: by default that of the Python that runs "
    "this command, looked up in Numerai's list. The same file is not uploaded twice."
)


def add_arguments(parser):
    """Add the arguments of the command.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Parser of the command.
    """
    parser.add_argument("model", help="an exported model (.pkl)")
    parser.add_argument(
        "--to",
        required=True,
        metavar="NAME",
        help="name or id of the model on numer.ai",
        default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "--data-version",
        help="version of the data that it is called with, e.g. v5.3 (default: the "
        "server's)",
        default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "--docker-image",
        help="image to run it in, e.g. 3.12 (default: that of this Python)",
        default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "--replace", action="store_true", help="upload again what was uploaded before"
    )
    add_account_arguments(parser)


def run(args):
    """Run the command.

    Parameters
    ----------
    args : argparse.Namespace
        Its arguments.
    """
    from sknumerai.submission import upload_model

    sent = upload_model(
        args.model,
        args.to,
        data_version=getattr(args, "data_version", None),
        docker_image=getattr(args, "docker_image", None),
        replace=args.replace,
        keys=getattr(args, "keys", None),
        data_home=getattr(args, "data_home", None),
    )
    before = "was uploaded before" if sent.already_sent else "uploaded"
    print(
        f"{args.model}: {before} for {sent.model}, {sent.n_bytes / 1e6:,.1f} MB, "
        f"{sent.docker_image}, data {sent.data_version or 'as the server chooses'}, "
        f"id {sent.pickle_id}"
    )
