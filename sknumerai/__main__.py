"""``python -m sknumerai`` is the command line."""

# SPDX-License-Identifier: BSD-3-Clause

import sys

from sknumerai.cli import main

if __name__ == "__main__":
    sys.exit(main())
