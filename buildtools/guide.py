"""`python build.py guide`: the user guide's pictures, from a real Blender in a window in memory."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from . import blenders, demo, package, venv
from .screen import screen, write_png
from .shell import ROOT, BuildError, run, say, shown

OUTPUT = ROOT / "docs" / "guide"
SCRIPT = ROOT / "buildtools" / "blender_guide.py"
SECONDS = 600.0  # the script takes one minute on two idle cores


def guide(named: str | None) -> None:
    """Fill docs/guide with screenshots of the real Blender `named`, of the one on PATH, or of Debian's.

    Raises BuildError where there is no such Blender, or it does not get through the script.
    """
    blender = blenders.find_real(named) or blenders.install_debian()
    python = venv.ensure_main(bpy=False, tests=False)
    archive = package.build(blenders.choose(None))
    with tempfile.TemporaryDirectory(prefix="pifuhd-guide-") as made:
        folder = Path(made)
        launcher = blenders.engine_launcher(python, folder)
        environment = {**os.environ, **blenders.environment(folder / "user", launcher)}
        install = ("--command", "extension", "install-file", "-r", "user_default", "-e", archive)
        run(
            [blender.program, *install],
            env=environment,
            failure="The extension could not be installed.",
            hint="The lines above say why.",
        )
        shutil.copyfile(demo.sample(), folder / "photograph.jpg")
        say(f"Taking pictures of Blender {blender.version}")
        _play(blender, folder, environment)
        OUTPUT.mkdir(parents=True, exist_ok=True)
        for path in sorted(folder.glob("*.xwd")):
            target = OUTPUT / f"{path.stem}.png"
            write_png(path, target, _corners(path.with_suffix(".crop")))
            print(f"    {shown(target)}")


def _play(blender: blenders.Blender, folder: Path, environment: Mapping[str, str]) -> None:
    """Run the script in a windowed Blender to its end."""
    with screen(folder, str(blender.program)) as display:
        command = [str(blender.program), "--python", str(SCRIPT), "--", str(folder)]
        process = subprocess.Popen(
            command, env={**environment, **display, "TMPDIR": str(folder)}, stdin=subprocess.DEVNULL
        )
        end = time.monotonic() + SECONDS
        while process.poll() is None and time.monotonic() < end:
            time.sleep(0.2)
        process.kill()
        process.wait()
    if not (folder / "done").is_file():
        raise BuildError("Blender did not get through the guide's script.", "The lines above say why.")


def _corners(path: Path) -> tuple[int, int, int, int] | None:
    """The part of a screenshot that the script named: x0, y0, x1, y1 from the top; None for all of it."""
    if not path.is_file():
        return None
    x0, y0, x1, y1 = map(int, path.read_text(encoding="utf-8").split())
    return x0, y0, x1, y1
