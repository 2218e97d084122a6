# SPDX-License-Identifier: GPL-3.0-or-later
"""The four ways to ask for a reconstruction give the same mesh: with the real engine and its own weights."""

import os
import subprocess
from pathlib import Path

import bpy
import numpy as np
import pytest
from conftest import choose

PHOTO = Path(__file__).resolve().parents[3] / "samples" / "person_1.jpg"
RESOLUTION = 128  # the lowest that the panel offers


def vertices(person):
    values = np.empty(3 * len(person.data.vertices), np.float32)
    person.data.vertices.foreach_get("co", values)
    return values.reshape(-1, 3)


def of_ply(path):
    """The vertices of a binary little-endian PLY that begin with x, y, z as floats."""
    head, _, body = path.read_bytes().partition(b"end_header\n")
    lines = head.decode("ascii").splitlines()
    assert "format binary_little_endian 1.0" in lines
    [count] = [int(line.split()[2]) for line in lines if line.startswith("element vertex")]
    start = next(i for i, line in enumerate(lines) if line.startswith("element vertex")) + 1
    end = next(i for i, line in enumerate(lines) if line.startswith("element face"))
    kinds = {"float": "<f4", "uchar": "u1"}
    fields = [(line.split()[2], kinds[line.split()[1]]) for line in lines[start:end]]
    table = np.frombuffer(body, np.dtype(fields), count)
    return np.stack([table[axis] for axis in "xyz"], axis=1)


@pytest.fixture(scope="module")
def from_the_engine(ext, tmp_path_factory):
    target = tmp_path_factory.mktemp("engine") / "person.ply"
    done = subprocess.run(
        [os.environ["PIFUHD_ENGINE_PYTHON"], "-m", "engine", "reconstruct", str(PHOTO), "-o", str(target),
         "--resolution", str(RESOLUTION), "--device", "cpu"],
        cwd=ext.jobs.engine_folder(), capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return of_ply(target)


@pytest.fixture
def ready(ext):
    """The extension with the real engine."""
    ext.engine_setup.refresh()
    assert ext.engine_setup.status().python == os.environ["PIFUHD_ENGINE_PYTHON"]


def test_api_operator_command_and_engine_agree(ext, ready, from_the_engine, tmp_path):
    person = ext.api.reconstruct(PHOTO, resolution=RESOLUTION, device="cpu")
    by_api = vertices(person)
    assert len(by_api) > 5000

    choose(PHOTO)
    settings = bpy.context.scene.pifuhd
    settings.resolution, settings.device, settings.place = RESOLUTION, 'cpu', 'ORIGIN'
    assert bpy.ops.pifuhd.reconstruct('EXEC_DEFAULT') == {'FINISHED'}
    by_operator = vertices(bpy.context.object)

    options = ["--resolution", str(RESOLUTION), "--device", "cpu", "--format", "blend"]
    assert ext.commands.main([str(PHOTO), "-o", str(tmp_path), *options]) == 0
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "person_1.blend"))
    by_command = vertices(bpy.data.objects["person_1"])

    np.testing.assert_array_equal(by_operator, by_api)
    np.testing.assert_array_equal(by_command, by_api)
    # The PLY keeps float32 too.
    np.testing.assert_array_equal(from_the_engine, by_api)
