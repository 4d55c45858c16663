"""``sknumerai download``: the official files, and what changed in them."""

# SPDX-License-Identifier: BSD-3-Clause

HELP = "download the official files, or tell what changed"
DESCRIPTION = HELP


def add_arguments(parser):
    """Add the arguments of the command.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Parser of the command.
    """


def run(args):
    """Run the command.

    Parameters
    ----------
    args : argparse.Namespace
        Its arguments.
    """
