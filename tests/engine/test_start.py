# SPDX-License-Identifier: GPL-3.0-or-later
"""The real engine's start and its end with its parent; the fake one of tests/link does what it cannot."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.process import EngineProcess
from tests.engine.trained import SAMPLES
from tests.link.processes import is_running, wait_until

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 9.0  # three times what is promised
GONE_SECONDS = 15.0

LOADED = """
import sys
import engine.cli.main, engine.server, engine.worker
print(sorted({"torch", "scipy", "cv2", "skimage"} & set(sys.modules)))
"""
WAITING = """
import os, runpy, sys
sys.argv[1:] = ["--version"]
try:
    runpy.run_module("engine", run_name="__main__")
finally:
    print(os.environ["GOMP_SPINCOUNT"], "torch" in sys.modules)
"""
PARENT = """
import sys
from pathlib import Path
from engine.process import EngineProcess
engine = EngineProcess(sys.executable, Path.cwd(), log=Path(sys.argv[1]))
client = engine.ensure()
print(engine._child.process.pid, flush=True)
photo, settings = Path(sys.argv[2]).read_bytes(), {"resolution": 512, "device": "cpu"}
client.reconstruct(photo, settings, lambda stage, *_: print(stage, flush=True), lambda: False)
"""


@pytest.mark.parametrize("own, kept", [({}, "30000"), ({"GOMP_SPINCOUNT": "7"}, "7")])
def test_threads_that_wait_leave_the_cores_to_others_unless_the_user_says_otherwise(own, kept):
    environment = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"} | own
    said = subprocess.check_output(
        [sys.executable, "-c", WAITING], cwd=ROOT, text=True, env=environment)
    assert said.splitlines()[-1] == f"{kept} False"


def test_it_is_ready_before_pytorch_is_loaded(tmp_path):
    loaded = subprocess.check_output([sys.executable, "-c", LOADED], cwd=ROOT, text=True)
    assert loaded == "[]\n"
    engine = EngineProcess(sys.executable, ROOT, log=tmp_path / "log")
    began = time.monotonic()
    engine.ensure()
    assert time.monotonic() - began < READY_SECONDS
    engine.stop()


@pytest.mark.parametrize("stage", ["weights", "normals", "surface"])
def test_it_ends_with_a_parent_that_is_killed(tmp_path, stage):
    # In the first stage PyTorch is being loaded, which keeps Python's own lock for long.
    command = [sys.executable, "-c", PARENT, str(tmp_path / "log"), str(SAMPLES / "person_1.jpg")]
    parent = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    with parent:
        pid = int(parent.stdout.readline())
        assert wait_until(lambda: parent.stdout.readline() == f"{stage}\n")
        assert is_running(pid)
        parent.kill()
    assert wait_until(lambda: not is_running(pid), GONE_SECONDS)
