# SPDX-License-Identifier: GPL-3.0-or-later
"""What a child of Blender inherits, and that its end ends what it started."""

import os
import subprocess
import sys
from pathlib import Path

from engine import spawn
from tests.link.processes import is_running, wait_until


def test_nothing_that_changes_python_its_modules_or_its_libraries_is_inherited(monkeypatch, tmp_path):
    program = Path("/proc/self/exe").resolve().parent
    link = tmp_path / "link"
    link.symlink_to(program)
    monkeypatch.setenv("PYTHONHOME", "/blender/python")
    monkeypatch.setenv("PythonPath", "/blender/scripts")
    monkeypatch.setenv("__PYVENV_LAUNCHER__", "/blender/python")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    monkeypatch.setenv("LD_LIBRARY_PATH", f"{program}/lib/mesa:{link}/lib::/usr/local/nvidia/lib64")
    inherited = spawn.environment()
    assert not [name for name in inherited if name.upper().startswith("PYTHON")]
    assert "__PYVENV_LAUNCHER__" not in inherited
    assert inherited["CUDA_VISIBLE_DEVICES"] == "1"
    assert inherited["LD_LIBRARY_PATH"] == "/usr/local/nvidia/lib64"
    monkeypatch.setenv("LD_LIBRARY_PATH", f"{program}/lib/mesa:")
    assert "LD_LIBRARY_PATH" not in spawn.environment()


def test_no_shell_reads_the_command():
    command = spawn.command("/path with spaces/$python", "serve", "--address", "/tmp/;x")
    assert command[0] == "/path with spaces/$python"
    assert command[-3:] == ["serve", "--address", "/tmp/;x"]
    assert "shell" not in spawn.options()


def test_a_killed_child_takes_what_it_started_along():
    parent = "import subprocess; c = subprocess.Popen(['sleep', '60']); print(c.pid, flush=True); c.wait()"
    options = spawn.options()
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True, **options)
    with process:
        grandchild = int(process.stdout.readline())
        assert os.getpgid(grandchild) == process.pid
        spawn.kill_tree(process)
    assert wait_until(lambda: not is_running(grandchild))
    spawn.kill_tree(process)  # of one that has ended: nothing
