"""The Blenders a command can use: one on this machine, the embedded bpy, or Debian's in a root of its own."""

import os
import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import venv
from .shell import ROOT, BuildError, ask, run, say, shown

OLDEST = (4, 2)  # blender_version_min of the manifest
SETTLED_SUITE = "trixie"  # carries Blender 4.3
MOVING_SUITE = "sid"  # carries the newest, 5.2 in 2026; on some days it cannot be installed
INSTALLER = ROOT / "buildtools" / "debian_blender.sh"


class NotInstalled(BuildError):
    """Debian's Blender could not be installed here."""


@dataclass(frozen=True)
class Blender:
    """A Blender that runs scripts: `program` is a real Blender, or a Python holding bpy when `embedded`."""

    program: Path
    embedded: bool
    version: str

    def script_command(self, script: Path, *arguments: str | Path) -> list[str | Path]:
        """Command that runs `script` without a window and ends with 1 when it raises."""
        if self.embedded:
            return [self.program, "-u", script, "--", *arguments]
        return [self.program, "-b", "--python-exit-code", "1", "--python", script, "--", *arguments]

    def validate_command(self, package: Path) -> list[str | Path]:
        """Command of Blender's own `extension validate` on the zip `package`."""
        if not self.embedded:
            return [self.program, "--command", "extension", "validate", package]
        find = "import importlib.util as u; print(u.find_spec('bpy').submodule_search_locations[0])"
        home = ask([self.program, "-c", find])
        pattern = "*/scripts/addons_core/bl_pkg/cli/blender_ext.py"
        tools = sorted(Path(home.strip()).glob(pattern)) if home else []
        if not tools:
            raise BuildError(
                "The embedded Blender has no extension validator.",
                f"Delete {shown(venv.MAIN)} and run the command again.",
            )
        return [self.program, tools[0], "validate", package]


def version_of(program: str | Path) -> tuple[int, int] | None:
    """(major, minor) of the Blender `program`, or None when it is none."""
    found = re.search(r"^Blender (\d+)\.(\d+)", ask([program, "--version"]) or "", re.MULTILINE)
    return (int(found[1]), int(found[2])) if found else None


def find_real(named: str | None) -> Blender | None:
    """The real Blender `named` by the user, else the one on PATH, else None.

    Raises BuildError when the named one does not run or is too old; one on PATH that is too old is
    passed over with a line that says so.
    """
    program = shutil.which(named or "blender")
    oldest = ".".join(map(str, OLDEST))
    if program is None:
        if named:
            raise BuildError(
                f"There is no program {named}.",
                "Give the path of Blender's executable, or leave --blender out.",
            )
        return None
    version = version_of(program)
    if version is not None and version >= OLDEST:
        return Blender(Path(program).absolute(), False, ".".join(map(str, version)))
    what = "does not answer as a Blender" if version is None else f"is Blender {version[0]}.{version[1]}"
    if named:
        raise BuildError(
            f"{program} {what}, and the extension needs Blender {oldest} or newer.",
            "Name another one, or leave --blender out.",
        )
    say(f"Passing over {program}: it {what}, and the extension needs {oldest} or newer")
    return None


def choose(named: str | None) -> Blender:
    """The Blender for demo and package: a real one (named, or on PATH), else bpy, installed into .venv."""
    real = find_real(named)
    if real is not None:
        say(f"Using Blender {real.version} ({real.program})")
        return real
    say(f"Using the embedded Blender, bpy {venv.BPY} (no other was named, and none was found on PATH)")
    return Blender(venv.ensure_main(bpy=True, tests=False), True, venv.BPY)


def debian_mirror(apt: Path = Path("/etc/apt")) -> str:
    """The Debian mirror this machine's own apt uses. Raises NotInstalled where apt names none."""
    files = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]
    for path in files:
        if path.suffix not in (".list", ".sources") or not path.is_file():
            continue
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            found = re.match(r"(?:deb\s+(?:\[[^]]*\]\s+)?|URIs:\s*)(\w+://\S+/debian/?)(?:\s|$)", line)
            if found:
                return found[1]
    raise NotInstalled(
        "A real Blender can be installed on Debian only, and apt names no Debian mirror here.",
        "Put a Blender on PATH (or in PIFUHD_BLENDER) and run the command again.",
    )


def install_debian(suite: str = SETTLED_SUITE) -> Blender:
    """Real Blender from a Debian suite in the user's cache folder, for all checkouts; one that is there is
    reused.

    Raises NotInstalled when this is no Debian, the user is not root, or the installation fails, and
    BuildError when what was installed does not run.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = cache / "pifuhd-blender" / suite
    program = home / "blender"
    if version_of(program) is None:
        mirror = debian_mirror()
        if os.geteuid() != 0:
            raise NotInstalled(
                "Installing a real Blender for the tests needs root.",
                "Run as root, or put a Blender on PATH (or in PIFUHD_BLENDER).",
            )
        if not any(Path(folder, "debootstrap").exists() for folder in ("/usr/sbin", "/usr/local/sbin")):
            say("Installing debootstrap")
            install = "apt-get install -y -q debootstrap"  # a fresh container has no package lists yet
            _install(
                ["sh", "-c", f"{install} || {{ apt-get update -q; {install}; }}"],
                failure="apt-get could not install debootstrap.",
                hint="Check the network and apt's sources.",
                env={"DEBIAN_FRONTEND": "noninteractive"},
            )
        say(f"Installing Blender from Debian {suite} into {home} (two minutes, 1.3 GB)")
        _install(
            ["bash", INSTALLER, suite, home, mirror],
            failure=f"Blender from Debian {suite} could not be installed.",
            hint="The lines above say why; a second run takes it up again.",
        )
    version = version_of(program)
    if version is None:
        raise BuildError(
            f"The Blender installed in {home} does not run.",
            "Delete that folder and run the command again; it needs the right to mount (root).",
        )
    return Blender(program, False, ".".join(map(str, version)))


def _install(command: Sequence[str | Path], **how: Any) -> None:
    try:
        run(command, **how)
    except BuildError as error:
        raise NotInstalled(error.text, error.hint) from error


def engine_launcher(python: Path, folder: Path) -> Path:
    """A program that starts `python` outside the root of Debian's Blender, when it is called from inside.

    Debian's root has another Python and other libraries than the machine the engine was installed on;
    its `/.host` is the way back. Called outside (or from a Blender that has no root of its own) it just
    starts `python`. Written into `folder`; POSIX only.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "engine-python"
    fresh = path.with_suffix(".new")
    fresh.write_text(
        "#!/bin/sh\n"
        f'set -- {shlex.quote(str(python))} "$@"\n'
        'if [ -d /.host/usr ]; then exec /usr/sbin/chroot /.host /usr/bin/env --chdir="$PWD" -- "$@"; fi\n'
        'exec "$@"\n',
        encoding="utf-8",
    )
    fresh.chmod(0o755)
    os.replace(fresh, path)
    return path


def environment(folder: Path, engine_python: Path) -> Mapping[str, str]:
    """Environment of a Blender whose user files live in `folder` and whose engine runs in `engine_python`."""
    folder.mkdir(parents=True, exist_ok=True)
    return {"BLENDER_USER_RESOURCES": str(folder), "PIFUHD_ENGINE_PYTHON": str(engine_python)}
