# SPDX-License-Identifier: GPL-3.0-or-later
"""What doctor finds where each thing is really wrong, as far as this machine can be made so."""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
import venv
from collections import namedtuple
from pathlib import Path

import pytest

from engine import spawn
from engine.cli import main
from engine.findings import STATES, examine, from_json
from engine.health import CHECKS, examine_here, machine, packages, probe, reach, stored
from engine.health.packages import MODULES, Probe
from engine.weights import registry

ROOT = Path(__file__).resolve().parents[2]
FREE = namedtuple("FREE", "total used free")
NO_DRIVER = "Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU."
OLD_DRIVER = "The NVIDIA driver on your system is too old (found version 11040). Please update it."


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """The Python of an environment without packages, and its folder for them."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False)
    return str(folder / "bin" / "python"), next(folder.glob("lib/python*/site-packages"))


@pytest.fixture
def module(bare):
    """Puts a module into that environment for one test."""
    made = []

    def make(name, *lines):
        path = bare[1] / name
        path.mkdir()
        (path / "__init__.py").write_text("\n".join(lines) + "\n")
        made.append(path)

    yield make
    for path in made:
        shutil.rmtree(path)


@pytest.fixture
def run_folder(tmp_path, monkeypatch):
    """Where sockets would be made."""
    folder = tmp_path / "run"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """The folder of downloaded weights, with sound ones in it."""
    monkeypatch.setenv("PIFUHD_WEIGHTS", str(tmp_path))
    (tmp_path / "pifuhd.safetensors").write_bytes(b"abc")
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # of "abc", FIPS 180-2
    record = {"source sha256": "0" * 64, "sha256": digest}
    (tmp_path / "pifuhd.json").write_text(json.dumps(record))
    return tmp_path


def by_name(findings):
    findings = list(findings)
    assert [finding.name for finding in findings] == list(CHECKS)
    for finding in findings:
        assert finding.state in STATES
        assert finding.text.endswith(".")
        assert (finding.hint == "") == (finding.state == "ok")
    return {finding.name: finding for finding in findings}


def test_a_whole_installation_has_no_problem(capsys):
    assert main(["doctor", "--json"]) == 0
    found = by_name(from_json(capsys.readouterr().out))
    assert found["python"].text == f"Python {sys.version.split()[0]} in {sys.prefix}."
    assert "torch 2" in found["torch"].text
    assert all(found[name].state == "ok" for name in ("torch", "packages", "weights", "run folder", "engine"))


def test_a_bare_python_is_told_what_it_lacks_and_what_it_has(bare):
    found = by_name(examine(bare[0], ROOT))
    assert found["torch"].text == "torch is missing."
    assert "numpy is missing" in found["packages"].text
    assert "pillow is missing" in found["packages"].text
    assert "requirements.txt" in found["torch"].hint
    assert "numpy" in found["engine"].text
    problems = {name for name, finding in found.items() if finding.state == "problem"}
    assert problems == {"torch", "packages", "device", "engine"}


def test_the_command_line_shows_each_problem_with_its_way_out(bare):
    command = spawn.command(bare[0], "doctor")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    at = lines.index("problem  torch      torch is missing.")
    assert lines[at + 1].strip().startswith("Set up the engine again")
    assert lines[-1] == "4 problems to solve."
    assert max(map(len, lines)) <= 120


def test_the_other_commands_say_in_one_sentence_what_a_bare_python_lacks(bare):
    command = spawn.command(bare[0], "reconstruct", "photo.jpg", "-o", "mesh.glb")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("NumPy is missing from the engine's Python")
    assert done.stderr.count("\n") == 1


def test_a_python_that_is_too_old_is_told_so(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 14))
    with pytest.raises(SystemExit, match=r"needs Python 3.11 or newer, and .* is Python 3.10.14"):
        runpy.run_module("engine", run_name="__main__")


@pytest.mark.parametrize(
    "lines, reason",
    [
        (["raise OSError('libtorch_cpu.so: cannot open shared object file')"], "OSError: libtorch_cpu.so"),
        (["import os, signal", "os.kill(os.getpid(), signal.SIGSEGV)"], "it ended the process.*SIGSEGV"),
        (["import time", "time.sleep(600)"], "it did not load within 2 seconds"),
    ],
    ids=["library missing", "crash", "hang"],
)
def test_a_damaged_pytorch_is_told_from_a_missing_one(bare, module, lines, reason):
    module("torch", *lines)
    found = packages.probe(bare[0], seconds=2.0)
    judged = packages.torch(found)
    assert judged.state == "problem"
    assert re.match(f"torch does not load: {reason}", judged.text)
    assert packages.others(found).state == "problem"
    assert packages.device(found).state == "problem"


def test_other_versions_than_those_tested_are_a_warning(monkeypatch):
    monkeypatch.setattr(packages.importlib.metadata, "version", lambda package: "1.0+cpu")
    whole = Probe(dict.fromkeys(MODULES.values(), ""))
    for finding in (packages.torch(whole), packages.others(whole)):
        assert finding.state == "warning"
    assert packages.torch(whole).text.startswith("Not the versions that were tested: torch 1.0 instead of 2.")


def test_every_required_package_is_looked_at():
    lines = packages.REQUIREMENTS.read_text().splitlines()
    assert [line.split("==")[0] for line in lines if not line.startswith("#")] == list(MODULES)


# A PyTorch for CUDA, as far as it is asked, that says of the driver what the real one says.
CUDA_BUILD = (
    "from types import SimpleNamespace as _N",
    "version = _N(cuda='12.8', hip=None)",
    "def _init(): raise RuntimeError({error!r})",
    "cuda = _N(init=_init)",
    "backends = _N(mps=_N(is_built=lambda: False))",
)


@pytest.mark.parametrize(
    "error, gpu, state, said",
    [
        (OLD_DRIVER, True, "warning", "the NVIDIA driver is too old"),
        (NO_DRIVER, True, "warning", "the driver of the NVIDIA GPU is missing"),
        (NO_DRIVER, False, "ok", "there is no GPU"),
        ("No CUDA GPUs are available", True, "warning", "cannot be used: No CUDA GPUs are available"),
    ],
)
def test_a_pytorch_for_cuda_whose_driver_does_not_fit(bare, module, monkeypatch, error, gpu, state, said):
    module("torch", *(line.format(error=error) for line in CUDA_BUILD))
    found = packages.probe(bare[0])
    assert found.errors["torch"] == ""
    monkeypatch.setattr(packages, "has_nvidia", lambda: gpu)
    judged = packages.device(found)
    assert judged.state == state
    assert said in judged.text


@pytest.mark.parametrize(
    "facts, gpu, state, said",
    [
        ({"device": "cuda", "name": "GeForce", "error": ""}, True, "ok", "cuda: GeForce"),
        ({"device": "cuda", "error": "no kernel image is available"}, True, "problem", "no kernel image"),
        ({"device": "mps", "built_for": "mps", "error": ""}, False, "ok", "mps: the GPU of this Mac"),
        ({"built_for": "cpu", "error": ""}, True, "warning", "built without CUDA"),
        ({"built_for": "cpu", "error": ""}, False, "ok", "cpu: there is no GPU"),
    ],
)
def test_the_device_that_computes_is_told(monkeypatch, facts, gpu, state, said):
    monkeypatch.setattr(packages, "has_nvidia", lambda: gpu)
    whole = {"built_for": "cuda", "device": "cpu", "name": "", "free": 0, "total": 0, **facts}
    judged = packages.device(Probe(device=whole))
    assert judged.state == state
    assert said in judged.text


def test_an_nvidia_gpu_is_known_from_the_bus_also_without_a_driver(tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "PCI_DEVICES", tmp_path)
    monkeypatch.setenv("PATH", "")
    for name, vendor, kind in (("audio", "0x10de", "0x040300"), ("graphics", "0x8086", "0x030000")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "vendor").write_text(f"{vendor}\n")
        (tmp_path / name / "class").write_text(f"{kind}\n")
    assert not packages.has_nvidia()
    (tmp_path / "graphics" / "vendor").write_text("0x10de\n")
    assert packages.has_nvidia()


def test_the_probe_tells_this_machines_device(capsys):
    probe.main(["json", "nonexistent_module", "torch"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("error") for line in lines[:3:2]] == ["", ""]
    assert "ModuleNotFoundError" in lines[1]["error"]
    assert lines[3]["device"]["error"] == ""


@pytest.mark.parametrize(
    "total, free, state", [(0.5, 0.4, "problem"), (8, 2, "warning"), (4, 3, "warning"), (16, 8, "ok")]
)
def test_too_little_main_memory_is_told(weights, monkeypatch, total, free, state):
    monkeypatch.setattr(machine, "main_memory", lambda: (int(total * machine.GIB), int(free * machine.GIB)))
    assert machine.memory(Probe()).state == state


def test_too_little_memory_of_the_gpu_is_told(weights, monkeypatch):
    monkeypatch.setattr(machine, "main_memory", lambda: (16 * machine.GIB, 8 * machine.GIB))
    gpu = Probe(device={"free": machine.GIB, "total": 8 * machine.GIB})
    assert machine.memory(gpu).state == "warning"
    assert "1.0 of 8.0 GiB of the GPU's" in machine.memory(gpu).text
    (weights / "pifuhd.safetensors").unlink()  # compact needs less
    assert machine.memory(gpu).state == "ok"


def test_the_memory_of_a_container_is_what_counts(tmp_path, monkeypatch):
    total, free = machine.main_memory()
    assert 0 < free <= total
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(machine, "GROUP_LIMITS", (tmp_path / "missing", limit))
    limit.write_text("max\n")
    assert machine.main_memory()[0] >= total
    limit.write_text("1048576\n")
    assert machine.main_memory() == (1048576, 1048576)


def test_a_full_disk_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PIFUHD_WEIGHTS", str(tmp_path / "not" / "made" / "yet"))
    room = {"here": 10**12}
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda path: FREE(0, 0, room["here"]))
    assert machine.disk().state == "ok"
    room["here"] = 10**9
    assert machine.disk().state == "warning"
    assert "downloading pifuhd needs 2.3 GB" in machine.disk().text
    room["here"] = 1000
    assert machine.disk().state == "problem"


def test_sound_weights_are_told_from_damaged_ones(weights):
    assert stored.weights().state == "ok"
    path = weights / "pifuhd.safetensors"
    path.write_bytes(b"abd")
    judged = stored.weights()
    assert judged.state == "problem"
    assert f"pifuhd is damaged: {path}" in judged.text
    assert "weights download pifuhd" in judged.hint
    path.write_bytes(b"abc")
    (weights / "pifuhd.json").write_text("{")
    assert stored.weights().state == "warning"


def test_damaged_embedded_weights_are_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PIFUHD_WEIGHTS", str(tmp_path))
    copy = tmp_path / "compact.safetensors"
    content = bytearray(registry.REGISTRY["compact"].path.read_bytes())
    content[len(content) // 2] ^= 1
    copy.write_bytes(content)
    monkeypatch.setattr(registry, "__file__", str(tmp_path / "registry.py"))
    judged = stored.weights()
    assert (judged.state, judged.hint) == ("problem", "Install the add-on again.")
    assert "compact is damaged" in judged.text
    copy.unlink()
    assert "compact cannot be read: No such file" in stored.weights().text


def test_a_run_folder_without_permission_is_told(run_folder):
    run_folder.chmod(0o500)
    others = os.geteuid()
    if others == 0:  # to whom nothing is forbidden
        run_folder.parent.chmod(0o755)
        os.seteuid(65534)
    try:
        judged = reach.run_folder()
    finally:
        os.seteuid(others)
    assert judged.state == "problem"
    assert "Permission denied" in judged.text
    assert "TMPDIR" in judged.hint


def test_a_run_folder_that_is_open_to_others_or_gone_is_told(run_folder, monkeypatch):
    assert reach.run_folder().state == "ok"
    assert not list(run_folder.iterdir())
    with monkeypatch.context() as patched:  # a file system that knows no modes, as on a USB stick
        patched.setattr(reach.os, "stat", lambda path: os.stat_result((0o777,) + 9 * (0,)))
        assert "Others could open" in reach.run_folder().text
    run_folder.rmdir()
    assert reach.run_folder().state == "problem"


def test_an_engine_that_does_not_start_is_told_with_its_last_line(bare):
    judged = reach.round_trip(bare[0])
    assert judged.state == "problem"
    assert "NumPy is missing" in judged.text


def test_a_check_that_fails_itself_hides_no_other(monkeypatch):
    monkeypatch.setattr(packages, "probe", lambda: Probe(dict.fromkeys(MODULES.values(), "")))
    monkeypatch.setattr(machine, "disk", lambda: 1 / 0)
    found = by_name(examine_here())
    assert found["disk"].state == "problem"
    assert "ZeroDivisionError" in found["disk"].text
    assert found["engine"].state == "ok"
