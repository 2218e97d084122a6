"""The pieces of build.py that need neither network nor Blender, and the door itself."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from buildtools import bench, blenders, checks, contact_sheet, demo, shell, venv
from buildtools.shell import ROOT, BuildError


def door(*arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **({} if path is None else {"PATH": path})}
    return subprocess.run(
        [sys.executable, str(ROOT / "build.py"), *arguments], capture_output=True, text=True, env=environment
    )


def program(path: Path, text: str) -> Path:
    """An executable shell script."""
    path.write_text("#!/bin/sh\n" + text, encoding="utf-8")
    path.chmod(0o755)
    return path


def test_help_names_every_command() -> None:
    done = door("--help")
    assert done.returncode == 0
    for command in ("demo", "test", "bench", "package", "guide", "develop"):
        assert f"  {command} " in done.stdout


def test_wrong_usage_ends_with_2() -> None:
    assert door().returncode == 2
    assert door("package", "--colour").returncode == 2


def test_bench_hands_its_arguments_on_and_tells_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def environment(*, bpy: bool, tests: bool) -> Path:
        asked.extend([bpy, tests])
        return Path(sys.executable)

    monkeypatch.setattr(venv, "ensure_main", environment)
    with pytest.raises(BuildError, match=r"did not finish.*--colour"):
        bench.bench(["--colour"])
    assert asked == [False, False]


def test_an_error_is_one_sentence_and_the_next_step(tmp_path: Path) -> None:
    done = door("package", "--blender", str(tmp_path / "nowhere"))
    assert done.returncode == 1
    assert done.stderr.startswith("error: There is no program")
    assert "--blender" in done.stderr
    assert "Traceback" not in done.stderr


def test_develop_without_a_blender_says_so(tmp_path: Path) -> None:
    done = door("develop", path=str(tmp_path))
    assert done.returncode == 1
    assert "--blender PATH" in done.stderr


def test_requirement_files_are_read_without_comments(tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text("# why\n\ntorch==2.13.0  # pinned\nnumpy\n", encoding="utf-8")
    assert venv.read_requirements(path) == ["torch==2.13.0", "numpy"]


def test_every_requirement_is_pinned() -> None:
    lines = [
        line
        for path in (venv.ENGINE_REQUIREMENTS, venv.TEST_REQUIREMENTS)
        for line in venv.read_requirements(path)
    ]
    assert "torch==2.13.0" in lines
    assert [line for line in lines if "==" not in line] == []


def test_bpy_without_its_python_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(venv, "BPY_PYTHON", (3, 1))
    with pytest.raises(BuildError, match=r"needs Python 3\.1 exactly.*--blender"):
        venv.base_python(for_bpy=True)
    assert venv.base_python(for_bpy=False) == sys.executable


def test_an_environment_is_made_once_and_then_reused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "env"
    python = venv.ensure(folder, [])
    assert venv.version_of(python) == sys.version_info[:2]
    assert "Making" in capfd.readouterr().out
    venv.ensure(folder, [])
    assert capfd.readouterr().out == ""


def test_a_failed_installation_is_not_taken_for_done(tmp_path: Path) -> None:
    folder = tmp_path / "env"
    missing = str(tmp_path / "no-such-package.whl")
    for _ in range(2):  # the second run must try again
        with pytest.raises(BuildError, match="pip could not install"):
            venv.ensure(folder, [missing])
    assert missing not in (folder / "installed.json").read_text(encoding="utf-8")


def test_a_half_made_environment_is_finished(tmp_path: Path) -> None:
    folder = tmp_path / "env"
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True
    )  # as if interrupted
    python = venv.ensure(folder, [])
    assert shell.ask([python, "-m", "pip", "--version"])


def test_an_environment_of_the_wrong_python_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(venv, "BPY_PYTHON", (3, 1))
    folder = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    with pytest.raises(BuildError, match=r"holds Python 3\.\d+, which does not fit\. Delete"):
        venv.ensure(folder, ["bpy==1.0"])


def test_a_failing_program_is_named(tmp_path: Path) -> None:
    broken = program(tmp_path / "broken", "exit 3\n")
    with pytest.raises(BuildError, match=r"It failed\. Do this\. \(exit code 3 of: .*broken\)"):
        shell.run([broken], failure="It failed.", hint="Do this.")
    with pytest.raises(BuildError, match="It failed"):
        shell.run([tmp_path / "absent"], failure="It failed.", hint="Do this.")
    assert shell.ask([broken]) is None


@pytest.mark.parametrize(
    "answer, version",
    [("Blender 4.3.2\n\tbuild date", (4, 3)), ("loud line\nBlender 5.0.1 LTS", (5, 0)), ("bash 5", None)],
)
def test_a_blender_is_known_by_its_answer(
    tmp_path: Path, answer: str, version: tuple[int, int] | None
) -> None:
    path = program(tmp_path / "blender", f"printf '%s\\n' '{answer}'\n")
    assert blenders.version_of(path) == version


def test_a_named_blender_that_is_too_old_is_refused(tmp_path: Path) -> None:
    old = program(tmp_path / "blender", "echo Blender 3.6.0\n")
    with pytest.raises(BuildError, match=r"Blender 3\.6, and the extension needs Blender 4\.2"):
        blenders.find_real(str(old))
    new = program(tmp_path / "blender-new", "echo Blender 4.2.0\n")
    assert blenders.find_real(str(new)) == blenders.Blender(new, False, "4.2")


def test_an_old_blender_on_path_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program(tmp_path / "blender", "echo Blender 3.6.0\n")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert blenders.find_real(None) is None
    assert "Passing over" in capsys.readouterr().out


@pytest.mark.parametrize(
    "name, text",
    [
        (
            "sources.list",
            "# deb http://old/debian x\ndeb [arch=amd64] http://mirror.example/debian trixie main\n",
        ),
        (
            "sources.list.d/debian.sources",
            "Types: deb\n# URIs: http://old/debian\nURIs: http://mirror.example/debian\n",
        ),
    ],
)
def test_the_mirror_is_the_one_apt_uses(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / "other.list").write_text("deb https://apt.example/tools stable main\n")
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert blenders.debian_mirror(tmp_path) == "http://mirror.example/debian"


def test_a_machine_without_a_debian_mirror_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="on Debian only"):
        blenders.debian_mirror(tmp_path)


def test_only_a_newest_blender_that_cannot_be_installed_is_gone_without(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(_suite: str) -> blenders.Blender:
        raise error

    monkeypatch.setattr(blenders, "install_debian", fails)
    error: BuildError = blenders.NotInstalled("Blender from Debian sid could not be installed.", "Wait.")
    assert checks.newest_blender() is None
    printed = "==> Going on without the newest Blender: Blender from Debian sid could not be installed.\n"
    assert capsys.readouterr().out == printed
    error = BuildError("The Blender installed in sid does not run.", "Delete that folder.")
    with pytest.raises(BuildError, match="does not run"):
        checks.newest_blender()


@pytest.mark.skipif(os.name == "nt", reason="the launcher is for Debian's Blender")
def test_the_engine_launcher_starts_the_python_it_was_made_for(tmp_path: Path) -> None:
    python = program(tmp_path / "it's python", 'echo "started: $*"\n')
    launcher = blenders.engine_launcher(python, tmp_path / "cache")
    done = subprocess.run([launcher, "-m", "engine"], capture_output=True, text=True, check=True)
    assert done.stdout == "started: -m engine\n"


def test_the_demo_prefers_the_first_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "SAMPLES", tmp_path)
    with pytest.raises(BuildError, match="no sample picture"):
        demo.sample()
    for name in ("astronaut.png", "person_1.jpg"):
        (tmp_path / name).touch()
    assert demo.sample().name == "person_1.jpg"


def test_resizing_keeps_flat_colours_and_averages_detail() -> None:
    flat = np.full((30, 20, 3), 0.25, np.float32)
    np.testing.assert_allclose(contact_sheet.resize(flat, 7, 41), 0.25, atol=1e-6)
    stripes = np.zeros((64, 64, 3), np.float32)
    stripes[:, ::2] = 1.0  # finer than the target: only their mean may remain
    np.testing.assert_allclose(contact_sheet.resize(stripes, 8, 8), 0.5, atol=0.05)


def test_alpha_lets_the_panel_through() -> None:
    pixels = np.zeros((1, 2, 4), np.float32)
    pixels[0, 1] = (1.0, 0.0, 0.0, 0.5)
    shown = contact_sheet.over(pixels, (0.8, 0.8, 0.8))
    np.testing.assert_allclose(shown, [[[0.8, 0.8, 0.8], [0.9, 0.4, 0.4]]], atol=1e-6)


@pytest.mark.parametrize("size", [(300, 200), (200, 300)])
def test_a_sheet_shows_the_whole_photograph_beside_the_renders(size: tuple[int, int]) -> None:
    red, gap = np.array([1.0, 0.0, 0.0], np.float32), contact_sheet.GAP
    photo = np.broadcast_to(red, (*size, 3)).copy()
    cells = [[np.full((40, 20, 3), (i + j) / 10, np.float32) for j in range(4)] for i in range(2)]
    sheet = contact_sheet.compose(photo, cells)
    tall = 2 * 40 + gap
    assert sheet.shape[0] == tall + 2 * gap
    reds = np.argwhere((sheet == red).all(axis=2))
    height, width = reds.max(axis=0) - reds.min(axis=0) + 1
    assert max(height, width) == tall
    assert width / height == pytest.approx(size[1] / size[0], abs=0.03)
    last = sheet[-gap - 40 : -gap, -gap - 20 : -gap]  # second row, fourth column
    np.testing.assert_allclose(last, 0.4)
    np.testing.assert_allclose(sheet[:gap], contact_sheet.PAGE[0])


def test_a_sheet_refuses_renders_of_different_size() -> None:
    photo, small, large = (np.zeros((n, n, 3), np.float32) for n in (10, 20, 30))
    with pytest.raises(ValueError, match="equally large"):
        contact_sheet.compose(photo, [[small, large]])
