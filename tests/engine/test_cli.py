# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: results, exit codes, one sentence with a next step for every error, no half-written
file.
"""

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.cli import main
from engine.version import VERSION
from engine.weights import save_weights
from tests.engine.seeing_weights import cut_out, seeing_weights, two_cut_outs
from tests.link.processes import PATIENCE

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_weights(path, next(seeing_weights()).network, {"training": "none", "licence": "GPL"})
    return str(path)


@pytest.fixture
def photo(tmp_path: Path) -> str:
    path = tmp_path / "photo.png"
    Image.fromarray(cut_out()).save(path)
    return str(path)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def exit_code(*arguments: str) -> int:
    try:
        return main(arguments)
    except SystemExit as ended:
        return int(ended.code or 0)


@pytest.mark.parametrize("suffix", ["obj", "ply", "glb", "stl"])
def test_a_photo_becomes_a_file_of_each_format(photo, weights, out, capsys, suffix):
    path = out / f"mesh.{suffix}"
    # The box is the one that the cut-out itself gives, so that the tiny network sees what it is known to see.
    where = ["--box", "15,10,45,70", "--weights", weights, "--device", "cpu"]
    chosen = ["--resolution", "64", "--height", "1.6", *where]
    assert exit_code("reconstruct", photo, "-o", str(path), *chosen) == 0
    assert [entry.name for entry in out.iterdir()] == [path.name]
    assert path.stat().st_size > 500
    said = capsys.readouterr()
    assert f"{path}: " in said.out
    assert "vertices" in said.out
    stages = [line.split(":")[0] for line in said.err.splitlines() if not line.startswith("Note: ")]
    assert stages == ["weights", "photo", "normals", "features", "surface", "colour", "transfer"]


def test_json_records_how_the_mesh_was_made(photo, weights, out):
    where = ["--weights", weights, "--resolution", "64", "--colour", "none", "--json"]
    where += ["--device", "cpu", "--precision", "bfloat16"]
    assert exit_code("reconstruct", photo, "-o", str(out / "mesh.ply"), *where) == 0
    assert sorted(entry.name for entry in out.iterdir()) == ["mesh.json", "mesh.ply"]
    record = json.loads((out / "mesh.json").read_text())
    assert set(record["crop"]) == {"x", "y", "side"}
    assert record["crop"]["side"] == round(60 / 0.86)
    assert record["photo"] == photo
    assert record["space"] == "metres"
    assert record["settings"]["colour"] == "none"
    assert record["precision"] == "bfloat16"
    assert record["versions"]["engine"] == VERSION
    assert len(record["weights"]) == 64
    before = (out / "mesh.ply").read_bytes(), (out / "mesh.json").read_bytes()
    assert exit_code("reconstruct", photo, "-o", str(out / "mesh.ply"), *where) == 0
    assert ((out / "mesh.ply").read_bytes(), (out / "mesh.json").read_bytes()) == before


def test_camera_space_is_the_cube_of_the_crop(photo, weights, out):
    chosen = ["--weights", weights, "--resolution", "64", "--topology", "quads", "--json"]
    for space in ("camera", "metres"):
        path = out / f"{space}.obj"
        assert exit_code("reconstruct", photo, "-o", str(path), *chosen, "--space", space) == 0
    cube, metres = (obj_vertices(out / f"{space}.obj") for space in ("camera", "metres"))
    assert np.abs(cube).max() <= 1 + 2 / 64  # a surface at the border is closed one cell further out
    record = json.loads((out / "camera.json").read_text())
    assert record["space"] == "camera"
    scale, (x, y, z) = record["camera"]["metres_per_unit"], record["camera"]["offset"]
    # OBJ is y-up: Blender's (x, y, z) is written (x, z, -y)
    np.testing.assert_allclose(cube * scale + [x, z, -y], metres, atol=2e-5)
    assert (out / "camera.obj").read_text().count("\nf ") > 4
    assert len((out / "camera.obj").read_text().splitlines()[-1].split()) == 5, "a face has four corners"


def obj_vertices(path: Path) -> np.ndarray:
    lines = [line.split()[1:4] for line in path.read_text().splitlines() if line.startswith("v ")]
    return np.array(lines, float)


def test_everybody_gets_a_file_of_their_own(weights, out, tmp_path, capsys):
    Image.fromarray(two_cut_outs()).save(tmp_path / "both.png")
    chosen = ["--weights", weights, "--resolution", "64", "--colour", "none", "--json"]
    everybody = ["-o", str(out / "mesh.stl"), "--all", *chosen]
    assert exit_code("reconstruct", str(tmp_path / "both.png"), *everybody) == 0
    names = ["mesh-1.json", "mesh-1.stl", "mesh-2.json", "mesh-2.stl"]
    assert sorted(entry.name for entry in out.iterdir()) == names
    first, second = (json.loads((out / f"mesh-{n}.json").read_text())["crop"]["x"] for n in (1, 2))
    assert first > second
    capsys.readouterr()
    third = ["-o", str(out / "m.stl"), "--person", "3", *chosen]
    assert exit_code("reconstruct", str(tmp_path / "both.png"), *third) == 1
    assert "2 people were found" in capsys.readouterr().err


def test_it_runs_as_a_module_from_any_python_that_finds_it(photo, weights, out):
    command = [
        sys.executable,
        "-m",
        "engine",
        "reconstruct",
        photo,
        "-o",
        str(out / "a.PLY"),
        "--weights",
        weights,
    ]
    done = subprocess.run(
        [*command, "--resolution", "64"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (out / "a.PLY").is_file()


def test_an_existing_file_is_replaced_only_by_a_whole_one(photo, weights, out):
    path = out / "mesh.obj"
    path.write_text("what was here before")
    assert exit_code("reconstruct", photo, "-o", str(path), "--weights", __file__) == 1
    assert path.read_text() == "what was here before"
    assert exit_code("reconstruct", photo, "-o", str(path), "--weights", weights, "--resolution", "64") == 0
    assert path.read_text().count("\nf ") > 4


@pytest.mark.parametrize(
    "changes, code, sentence",
    [
        ({"photo": "nowhere.jpg"}, 1, "does not exist"),
        ({"photo": __file__}, 1, "not in a known picture format"),
        ({"photo": str(ROOT)}, 1, "cannot be read"),
        ({"-o": "/nonexistent/mesh.obj"}, 1, "The folder /nonexistent does not exist"),
        ({"-o": "mesh.fbx"}, 2, "does not end in one of .obj, .ply, .glb, .stl"),
        ({"-o": "mesh"}, 2, "does not end in one of"),
        ({"--resolution": "7"}, 1, "resolution 7"),
        ({"--resolution": "many"}, 2, "invalid int value: 'many'"),
        ({"--height": "-2"}, 1, "height -2.0"),
        ({"--height": "nan"}, 1, "height nan"),
        ({"--span": "0"}, 1, "span 0.0"),
        ({"--person": "0"}, 1, "person 0"),
        ({"--topology": "ngons"}, 1, "topology 'ngons'"),
        ({"--topology": "quads", "--faces": "500"}, 1, "does not go with quads"),
        ({"--smooth": "51"}, 1, "smoothing 51"),
        ({"--colour": "red"}, 1, "colour 'red'"),
        ({"--space": "inches"}, 2, "invalid choice: 'inches'"),
        ({"--box": "1,2,3"}, 2, "'1,2,3' is not four numbers"),
        ({"--box": "9,9,2,2"}, 1, "person box"),
        ({"--box": "900,900,999,999"}, 1, "box"),
        ({"--weights": "nowhere.safetensors"}, 1, "nowhere.safetensors"),
        ({"--weights": __file__}, 1, "cannot be used"),
        ({"--device": "abacus"}, 1, "device 'abacus' is unknown"),
        ({"--precision": "half"}, 1, "precision 'half' is unknown"),
    ],
)
def test_each_bad_input_ends_in_one_sentence_and_the_next_step(
    photo, weights, out, capsys, changes, code, sentence
):
    chosen = {
        "photo": photo,
        "-o": str(out / "mesh.obj"),
        "--weights": weights,
        "--resolution": "64",
        **changes,
    }
    if not Path(chosen["-o"]).is_absolute():
        chosen["-o"] = str(out / chosen["-o"])
    image = chosen.pop("photo")
    # = so that a value that begins with a minus is not taken for an option.
    options = [f"{name}{'=' if name.startswith('--') else ''}{value}" for name, value in chosen.items()]
    assert exit_code("reconstruct", image, *options) == code
    assert not list(out.iterdir())
    said = capsys.readouterr()
    assert said.out == ""
    line = said.err.splitlines()[-1]
    assert sentence in line
    assert line.count(". ") >= 1, "a next step follows the sentence"
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        ([], "required: COMMAND"),
        (["dance"], "invalid choice: 'dance'"),
        (["reconstruct"], "required: PHOTO, -o/--output"),
        (["reconstruct", "a.jpg", "-o", "b.obj", "--fast"], "--fast"),
        (["weights"], "required: COMMAND"),
        (["serve"], "required: --address"),
    ],
)
def test_a_usage_error_ends_with_2_and_one_line(capsys, arguments, sentence):
    assert exit_code(*arguments) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert said.err.count("\n") == 1
    assert "--help` to see what it takes." in said.err


def test_it_tells_its_version_and_its_help(capsys):
    assert exit_code("--version") == 0
    assert capsys.readouterr().out.strip() == VERSION
    assert exit_code("reconstruct", "--help") == 0
    said = capsys.readouterr().out
    for option in ("PHOTO", "--output", "--resolution", "--height", "--box", "--weights", "--device",
                   "--precision"):
        assert option in said


def test_a_folder_that_cannot_be_written_to_is_noticed_before_the_work(
    photo, weights, out, capsys, monkeypatch
):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # a test run by root may write anywhere
    assert exit_code("reconstruct", photo, "-o", str(out / "mesh.obj"), "--weights", weights) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "cannot be written to" in said


def test_a_folder_in_the_place_of_the_output_is_refused(photo, weights, out, capsys):
    (out / "mesh.obj").mkdir()
    assert exit_code("reconstruct", photo, "-o", str(out / "mesh.obj"), "--weights", weights) == 1
    assert "cannot be written to" in capsys.readouterr().err


def test_ctrl_c_ends_with_130_and_leaves_no_file(photo, weights, out):
    command = [
        sys.executable,
        "-m",
        "engine",
        "reconstruct",
        photo,
        "-o",
        str(out / "mesh.obj"),
        "--weights",
        weights,
    ]
    program = subprocess.Popen(
        [*command, "--resolution", "512"], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    try:
        for line in program.stderr:
            if line.startswith("features"):
                program.send_signal(signal.SIGINT)
                break
        rest = program.stderr.read()
        assert program.wait(PATIENCE) == 130
    finally:
        program.kill()
        program.wait()
        program.stderr.close()
    assert rest.endswith("Cancelled; nothing was written.\n")
    assert "Traceback" not in rest
    assert not list(out.iterdir())


def test_a_terminal_sees_one_bar_that_is_redrawn(photo, weights, out):
    controller, terminal = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "engine",
        "reconstruct",
        photo,
        "-o",
        str(out / "mesh.stl"),
        "--weights",
        weights,
    ]
    program = subprocess.Popen(
        [*command, "--resolution", "64"], cwd=ROOT, stderr=terminal, stdout=subprocess.DEVNULL
    )
    os.close(terminal)
    said = b""
    try:
        while chunk := read_terminal(controller):
            said += chunk
        assert program.wait(PATIENCE) == 0
    finally:
        program.kill()
        program.wait()
        os.close(controller)
    text = said.decode()
    assert text.count("\n") == 1 + text.count("Note: ")
    assert "\rsurface  [" in text
    assert "[##############################] 1 of 1 file" in text


def read_terminal(controller: int) -> bytes:
    try:
        return os.read(controller, 4096)
    except OSError:
        return b""  # how Linux says that the other end is closed


def test_weights_show_prints_the_preset_and_the_card(weights, capsys):
    assert exit_code("weights", "show", weights) == 0
    said = capsys.readouterr().out.splitlines()
    assert "preset: tiny" in said
    assert "training: none" in said
    assert "licence: GPL" in said
    assert any(line.startswith("sha256: ") and len(line) == 8 + 64 for line in said)


def test_weights_show_of_something_else_is_an_error(capsys):
    assert exit_code("weights", "show", __file__) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "cannot be used" in said.err
