# SPDX-License-Identifier: GPL-3.0-or-later
"""The batch command as a user types it, in a real Blender, with the zip installed by Blender itself."""

import json
import os
import signal
import struct
import zlib

import pytest

from . import blenders


@pytest.fixture(scope="module", params=blenders.real_blenders(), ids=blenders.suite)
def installed(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("real")
    package = blenders.zip_with_fake_engine(folder / "pifuhd_blender.zip", "ok")
    return blenders.Installed(folder, package, request.param)


@pytest.fixture
def photo(tmp_path):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    path = tmp_path / "ada.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0\1\2\3")) + chunk(b"IEND", b"")
    )
    return str(path)


def command(*arguments):
    return ("-b", "--command", "pifuhd", *arguments)


def test_a_batch_writes_every_format_and_goes_on_after_a_bad_picture(installed, photo, tmp_path):
    installed.set_mode("ok")
    out = tmp_path / "out"
    gone = str(tmp_path / "gone.png")
    done = installed.run(
        *command(gone, photo, "-o", str(out), "--format", "glb,obj,blend,fbx", "--resolution", "64")
    )
    printed = done.stdout + done.stderr
    assert done.returncode == 1, printed
    files = sorted(path.name for path in out.iterdir())
    assert files == ["ada.blend", "ada.fbx", "ada.glb", "ada.obj"], printed
    assert (out / "ada.glb").read_bytes()[:4] == b"glTF"
    assert "PIFuHD: failed: gone.png: There is no file" in printed
    assert "PIFuHD: 1 of 2 done." in printed
    assert "Traceback" not in printed
    assert installed.engines() == []


def test_all_done_is_exit_code_0(installed, photo, tmp_path):
    installed.set_mode("ok")
    done = installed.run(*command(photo, "-o", str(tmp_path / "out")))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PIFuHD: [1/1] ada.png: wrote" in done.stdout


def test_with_jsonl_standard_output_holds_nothing_else(installed, photo, tmp_path):
    installed.set_mode("ok")
    done = installed.run(*command(photo, "-o", str(tmp_path / "out"), "--format", "glb,fbx,blend", "--jsonl"))
    assert done.returncode == 0, done.stdout + done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["event"] for one in told if one["event"] != "progress"] == ["start", "done", "end"]


def test_a_wrong_command_line_is_exit_code_2_and_help_is_0(installed, photo):
    done = installed.run(*command(photo))
    assert done.returncode == 2, done.stdout + done.stderr
    assert "usage: blender -b --command pifuhd" in done.stderr
    done = installed.run(*command("-h"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "--resolution" in done.stdout


CHECK = """
import bpy, json
[person] = bpy.data.objects
assert abs(person.dimensions.z - 1.6) < 1e-3, person.dimensions
assert len(person.data.vertices) > 1000, len(person.data.vertices)
values = [0.0] * (4 * len(person.data.vertices))
person.data.color_attributes["Color"].data.foreach_get("color_srgb", values)
assert max(values[0::4]) - min(values[0::4]) > 0.2, "one colour all over"
assert json.loads(person["pifuhd_settings"]) == {"height": 1.6, "resolution": 64}
assert json.loads(person["pifuhd_info"])["preset"]
print("the person is fine")
"""


def test_the_real_engine_makes_a_person_of_a_sample(tmp_path):
    sample = blenders.ROOT / "samples" / "person_1.jpg"
    installed = blenders.Installed(tmp_path, blenders.built_zip())
    out = tmp_path / "out"
    done = installed.run(
        *command(str(sample), "-o", str(out), "--format", "blend", "--resolution", "64", "--height", "1.6")
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [blend] = out.iterdir()
    done = installed.run("-b", str(blend), "--python-exit-code", "1", "--python-expr", CHECK)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the person is fine" in done.stdout


@pytest.fixture
def working(installed, photo, tmp_path):
    """A Blender in the middle of a slow job, and the folder it would write to."""
    installed.set_mode("slow")
    with installed.start(*command(photo, "-o", str(tmp_path / "out"))) as process:
        for line in process.stdout:
            if "Estimating normals" in line:
                break
        assert process.poll() is None
        assert len(installed.engines()) == 1
        yield process, tmp_path / "out"
    blenders.wait_for(lambda: installed.engines() == [], 60)


def test_killing_blender_takes_the_engine_along(installed, working):
    process, out = working
    process.kill()
    process.wait()
    blenders.wait_for(lambda: installed.engines() == [], 60)
    assert list(out.iterdir()) == []


def test_killing_the_engine_is_one_sentence(installed, working):
    process, out = working
    os.kill(installed.engines()[0], signal.SIGKILL)
    printed = process.stdout.read()
    assert process.wait(60) == 1, printed
    assert "failed: ada.png: The engine stopped in the middle of its work" in printed
    assert "Traceback" not in printed
    assert list(out.iterdir()) == []


def test_ctrl_c_cancels(installed, working):
    process, out = working
    process.send_signal(signal.SIGINT)
    printed = process.stdout.read()
    assert process.wait(60) == 1, printed
    assert "failed: ada.png: cancelled." in printed
    assert "Traceback" not in printed
    assert list(out.iterdir()) == []
