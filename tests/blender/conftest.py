# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests in inside/ run in a Blender, through run_inside.py; pytest outside must not collect them."""

collect_ignore = ["inside"]
