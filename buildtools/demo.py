"""`python build.py demo`: from a bare machine to a person in Blender, with a picture to look at."""

import shutil
from pathlib import Path

from . import blenders, package, venv
from .shell import ROOT, BuildError, run, say, shown

SAMPLES = ROOT / "samples"
OUTPUT = ROOT / "demo"
RESULTS = ("person.blend", "person.glb", "preview.png")
SCRIPT = ROOT / "buildtools" / "blender_demo.py"


def sample() -> Path:
    """The picture the demo shows: samples/person_1, else the first by name. BuildError without any."""
    pictures = sorted(path for kind in ("*.jpg", "*.png") for path in SAMPLES.glob(kind))
    if not pictures:
        raise BuildError(
            f"There is no sample picture in {shown(SAMPLES)}.",
            "Restore that folder (git checkout samples) and run the command again.",
        )
    return next((path for path in pictures if path.stem == "person_1"), pictures[0])


def demo(named: str | None) -> None:
    """Fill the folder demo/ with the Blender `named`, else the one on PATH, else the embedded one."""
    photo = sample()
    blender = blenders.choose(named)
    engine_python = venv.ensure_main(bpy=blender.embedded, tests=False)
    archive = package.build(blender)
    user = OUTPUT / "blender-user"  # settings and extension live here, away from the user's own
    shutil.rmtree(user, ignore_errors=True)
    OUTPUT.mkdir(exist_ok=True)
    say(f"Starting Blender {blender.version} in the background with {shown(photo)}")
    run(
        blender.script_command(SCRIPT, archive, photo, OUTPUT),
        env=blenders.environment(user, engine_python),
        failure="The demo did not finish in Blender.",
        hint="The lines above say why.",
    )
    say("Done. Open these:")
    for name in RESULTS:
        print(f"    {shown(OUTPUT / name)}")
