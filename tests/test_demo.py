"""The demo inside Blender, on the sample picture with the shipped weights: the whole main job."""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from buildtools import contact_sheet, demo, venv
from buildtools.blenders import Blender, environment
from buildtools.shell import ROOT

pytestmark = pytest.mark.skipif(
    "PIFUHD_ZIP" not in os.environ, reason="needs what python build.py test prepares"
)


def glb_header(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    assert data[:4] == b"glTF"
    (length,) = struct.unpack("<I", data[12:16])
    header: dict[str, Any] = json.loads(data[20 : 20 + length])
    return header


def run_demo(photo: Path, folder: Path, engine_python: str) -> subprocess.CompletedProcess[str]:
    """The demo's script in the embedded Blender, writing into the new folder `folder`."""
    folder.mkdir()
    command = Blender(Path(sys.executable), True, venv.BPY).script_command(
        demo.SCRIPT, os.environ["PIFUHD_ZIP"], photo, folder
    )
    isolated = environment(folder.parent / "user", Path(engine_python))
    return subprocess.run(
        [str(word) for word in command],
        cwd=ROOT,
        env={**os.environ, **isolated},
        capture_output=True,
        text=True,
    )


def test_the_sample_picture_becomes_three_files(tmp_path: Path) -> None:
    done = run_demo(demo.sample(), tmp_path / "demo", os.environ["PIFUHD_ENGINE_PYTHON"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(path.name for path in (tmp_path / "demo").iterdir()) == sorted(demo.RESULTS)

    header = glb_header(tmp_path / "demo" / "person.glb")
    (mesh,) = header["meshes"]
    attributes = mesh["primitives"][0]["attributes"]
    assert "COLOR_0" in attributes, "the photograph's colours must reach the file"
    box = header["accessors"][attributes["POSITION"]]
    assert box["min"][1] == pytest.approx(0.0, abs=0.01), "glTF is y up: the feet stand on the floor"
    assert box["max"][1] == pytest.approx(1.75, abs=0.01)

    picture = cv2.imread(str(tmp_path / "demo" / "preview.png"))
    assert picture is not None
    panel = np.round(np.array(contact_sheet.PANEL[::-1]) * 255)
    lower = picture[picture.shape[0] // 2 :, -picture.shape[1] // 8 :]  # the back view in clay
    clay = (np.abs(lower - panel).max(axis=2) > 8).mean()
    assert 0.05 < clay < 0.9, "a person covers part of the last panel, and the panel is seen around"


def test_a_demo_without_an_engine_ends_with_one_sentence(tmp_path: Path) -> None:
    done = run_demo(demo.sample(), tmp_path / "demo", str(tmp_path / "no-python"))
    assert done.returncode == 1
    assert "error: " in done.stderr
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "demo").iterdir()) == [], "nothing half-written stays"
