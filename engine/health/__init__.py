# SPDX-License-Identifier: GPL-3.0-or-later
"""What `python -m engine doctor` looks at. Standard library only, for it looks for what is missing."""

from .checks import CHECKS, examine_here

__all__ = ["CHECKS", "examine_here"]
