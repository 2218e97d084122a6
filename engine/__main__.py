# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m engine`."""

import os
import sys

OLDEST = (3, 11)  # requires-python of pyproject.toml

if __name__ == "__main__":
    if sys.version_info < OLDEST:
        found = ".".join(map(str, sys.version_info[:3]))
        sys.exit(f"The engine needs Python 3.11 or newer, and {sys.executable} is Python {found}.")
    from .cli import main  # not before: what it imports does not even compile for older ones
    from .spawn import SPINS

    os.environ.setdefault(*SPINS)  # PyTorch reads it as it is loaded, which is later
    sys.exit(main())
