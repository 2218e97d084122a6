# SPDX-License-Identifier: GPL-3.0-or-later
"""Training where little is installed, as on a rented GPU machine."""

import subprocess
import sys

HIDING = """
import importlib.abc, sys

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] in {absent!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
from training.cli.main import main
for command in ("people", "photograph", "pool", "fit", "evaluate"):
    try:
        main([command, "--help"])
    except SystemExit as end:
        assert end.code == 0, command
"""


def test_every_command_loads_without_what_only_meshes_and_blender_need() -> None:
    absent = ["trimesh", "fast_simplification", "bpy", "tensorboard", "torchvision", "matplotlib", "rtree"]
    done = subprocess.run(
        [sys.executable, "-c", HIDING.format(absent=absent)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "usage: python -m training evaluate" in done.stdout
