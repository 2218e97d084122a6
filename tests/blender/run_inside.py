# SPDX-License-Identifier: GPL-3.0-or-later
"""Install the built zip into a fresh user folder of this Blender, then run pytest in it.

    PYTHON_WITH_BPY run_inside.py -- PYTEST_ARGUMENTS
    blender -b --factory-startup --python run_inside.py -- PYTEST_ARGUMENTS

PIFUHD_ZIP: the zip. BLENDER_USER_RESOURCES: the user folder; a real Blender reads it at its start, so there
it must be set; a bpy module gets a temporary one where it is not. PIFUHD_SITE: a folder to import pytest
from, for a Blender that has none. Exit code: pytest's.
"""

import os
import shutil
import sys
import tempfile
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
REAL = "bpy" in sys.modules  # a real Blender has it before any script runs


def main() -> int:
    arguments = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    if REAL and not os.environ.get("BLENDER_USER_RESOURCES"):
        print("run_inside.py: set BLENDER_USER_RESOURCES, or the user's own Blender would be changed.")
        return 2
    temporary = None
    if not os.environ.get("BLENDER_USER_RESOURCES"):
        temporary = os.environ["BLENDER_USER_RESOURCES"] = tempfile.mkdtemp(prefix="pifuhd-user-")
    if os.environ.get("PIFUHD_SITE"):
        sys.path.insert(0, os.environ["PIFUHD_SITE"])
    try:
        import bpy
        import pytest

        bpy.ops.extensions.package_install_files(
            filepath=os.environ["PIFUHD_ZIP"], repo="user_default", enable_on_install=True
        )
        inside = HERE / "inside"
        return int(
            pytest.main(
                ["-c", str(inside / "pytest.ini"), f"--confcutdir={inside}", *(arguments or [str(inside)])]
            )
        )
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


if __name__ == "__main__":
    try:
        code = main()
    except BaseException:
        traceback.print_exc()
        code = 3
    sys.stdout.flush()
    sys.stderr.flush()
    # bpy 4.2 as a module crashes in its own exit code while Python callbacks are alive.
    os._exit(code)
