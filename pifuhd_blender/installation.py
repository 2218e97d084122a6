# SPDX-License-Identifier: GPL-3.0-or-later
"""What Set Up Engine does: an environment made by venv, filled by pip, checked, removed. Free of bpy."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from . import devices, environment
from .engine.errors import EngineError
from .engine.sentences import Sentence
from .tasks import Task

AGAIN: Final = Sentence("Press Set Up Engine to try again; what was downloaded is kept.")
PIP: Final = "pip>=25.2,<27"
"""The first pip that takes up a dropped download where it stopped; Blender's Python brings an older one."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What to install and how. python: the interpreter to make the environment with; wheels: a folder to
    install from, None for the network; downloads: where what arrives is kept until the end.
    """

    folder: Path
    requirements: Path
    downloads: Path
    device: devices.Device
    python: str
    wheels: Path | None = None


class Setup(Task):
    """Makes the environment, or brings an existing one up to date. What it downloaded survives a failure."""

    after_cancel = "What was downloaded is kept: Set Up Engine goes on from there."

    def __init__(self, plan: Plan, log: Path) -> None:
        super().__init__("Setting up the engine", log)
        self._plan = plan
        self._before = environment.read_stamp(plan.folder)
        self._reason = ""  # pip's own word on why it fails
        self._retries = False
        self.begin()

    def work(self) -> None:
        plan = self._plan
        self._check_room()
        self._check_python()
        if self._before is not None:  # from now on it is neither the old one nor the new one
            environment.write_stamp(plan.folder, dataclasses.replace(self._before, requirements=""))
        else:
            self.say("Making a Python environment")
            code, last = self.run([plan.python, "-I", "-m", "venv", "--clear", str(plan.folder)])
            if code != 0:
                hint = "Install python3-venv, or name another Python." if "ensurepip" in last else AGAIN
                raise EngineError(
                    "engine_start", Sentence("The environment could not be made: {last}", last=last), hint
                )
        (plan.downloads / "arriving").mkdir(parents=True, exist_ok=True)
        if plan.wheels is None:
            self._pip("install", PIP)  # if it fails, the older pip does too
        self._install()
        self.label = "Finishing"
        probe = probe_with(self, str(environment.python_of(plan.folder)), plan.requirements)
        if missing := environment.lacking(probe["packages"], environment.pins(plan.requirements)):
            raise EngineError(
                "engine_start",
                Sentence("After setup {packages} is not there.", packages=", ".join(missing)),
                AGAIN,
            )
        shutil.rmtree(plan.downloads, ignore_errors=True)
        stamp = environment.Stamp(
            environment.digest(plan.requirements), plan.device.key, environment.size_mb(plan.folder)
        )
        environment.write_stamp(plan.folder, stamp)
        self.say("The engine is ready.")

    def clean_up(self) -> None:
        shutil.rmtree(self._plan.downloads / "arriving", ignore_errors=True)
        if self._before is None:
            shutil.rmtree(self._plan.folder, ignore_errors=True)

    def _check_room(self) -> None:
        parent = self._plan.folder.parent
        free = shutil.disk_usage(parent).free / 1e6
        if free < self._plan.device.room_mb:
            raise EngineError(
                "io",
                Sentence(
                    "{parent} has {free} free; setup needs {room}.",
                    parent=parent,
                    free=devices.in_words(free),
                    room=devices.in_words(self._plan.device.room_mb),
                ),
                "Make room, then press Set Up Engine again.",
            )

    def _check_python(self) -> None:
        oldest, newest = environment.PYTHONS
        version = tuple(probe_with(self, self._plan.python, None)["python"])
        if not oldest <= version <= newest:
            raise EngineError(
                "engine_start",
                Sentence(
                    "{python} is Python {version}, and PyTorch needs {oldest} to {newest}.",
                    python=self._plan.python,
                    version=".".join(map(str, version)),
                    oldest=".".join(map(str, oldest)),
                    newest=".".join(map(str, newest)),
                ),
                "Name another Python, or clear the field to use Blender's own.",
            )

    def _install(self) -> None:
        plan = self._plan
        arguments = ["-r", str(plan.requirements)]
        if plan.wheels is not None:
            arguments += ["--no-index", "--find-links", str(plan.wheels)]
        else:
            self.total_mb = float(plan.device.download_mb or 0)
            arguments += pytorch_arguments(devices.wheel_label(plan.device), plan.requirements)
        self._reason, self._retries = "", False
        self.say("Collecting the packages")
        arriving = plan.downloads / "arriving"  # files here, because only newer pips tell how far they are

        def arrived() -> int:
            return sum(path.stat().st_size for path in arriving.rglob("*.whl"))

        with self.counting(arrived):
            code, last = self._pip("install", "--only-binary=:all:", *arguments)
        if code != 0:
            reason = (self._reason or last).rstrip(".")
            hint = Sentence("Check the connection. {again}", again=AGAIN) if self._retries else AGAIN
            raise EngineError(
                "engine_start", Sentence("Setting up the engine failed: {reason}.", reason=reason), hint
            )

    def _pip(self, *arguments: str) -> tuple[int, str]:
        plan = self._plan
        arriving = str(plan.downloads / "arriving")
        python = str(environment.python_of(plan.folder))
        command = [python, "-I", "-m", "pip", "--no-input", "--disable-pip-version-check"]
        command += ["--cache-dir", str(plan.downloads / "kept"), *arguments, "--progress-bar", "off"]
        names = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), arriving)
        return self.run(command, self._read, names)

    def _read(self, line: str) -> None:
        """Take from a line of pip what it does, or why it fails."""
        first, _, rest = line.partition(" ")
        if first == "Downloading" and ".metadata" not in rest:
            self.label = Sentence("Downloading {package}", package=package_of(rest))
        elif first == "Processing" and ".metadata" not in rest:
            self.label = Sentence("Processing {package}", package=package_of(rest))
        elif line.startswith("Installing collected packages"):
            self.label, self.total_mb = "Installing; this can take minutes", 0.0
        elif first == "ERROR:":
            self._reason = rest
        elif line.startswith("WARNING: Retrying"):
            self._retries = True


class Check(Task):
    """Asks an interpreter that the user chose for the engine's packages.

    error: what is missing. remark: after success, which versions are not those tested; "" for none.
    """

    def __init__(self, python: str, requirements: Path, log: Path) -> None:
        super().__init__("Checking the Python environment", log)
        self.python = python
        self.remark = ""
        self._requirements = requirements
        self.begin()

    def work(self) -> None:
        wanted = environment.pins(self._requirements)
        probed = probe_with(self, self.python, self._requirements)["packages"]
        if missing := environment.lacking(probed, wanted):
            raise EngineError(
                "engine_start",
                Sentence("{python} lacks {packages}.", python=self.python, packages=", ".join(missing)),
                Sentence(
                    "Install there what {requirements} lists, or choose another environment.",
                    requirements=self._requirements,
                ),
            )
        if other := environment.differing(probed, wanted):
            self.remark = Sentence("Versions that were not tested: {packages}.", packages=", ".join(other))


class Removal(Task):
    """Deletes folders. They vanish under their names at once, so that a setup may follow."""

    def __init__(self, folders: list[Path], log: Path) -> None:
        super().__init__("Removing the engine", log)
        self._doomed = []
        for folder in filter(Path.exists, folders):
            grave = Path(tempfile.mkdtemp(prefix="removed-", dir=folder.parent))
            folder.rename(grave / folder.name)
            self._doomed.append(grave)
        self.begin()

    def work(self) -> None:
        for grave in self._doomed:
            shutil.rmtree(grave)


def package_of(told: str) -> str:
    """The package of which pip says that it downloads or processes it: its file, "(from ...)", "(338 MB)"."""
    return re.split(r"[/\\]", told.partition(" (")[0])[-1].partition("-")[0]


def pytorch_arguments(label: str, requirements: Path) -> list[str]:
    """pip's arguments for the wheels of PyTorch with that label; none for "", PyPI's own.

    The label is asked for by name: with PyTorch's index out of reach, pip would else take PyPI's wheels, for
    another device.
    """
    version = environment.pins(requirements).get("torch")
    if not label or version is None:
        return []
    return [f"torch=={version}+{label}", "--extra-index-url", devices.PYTORCH_INDEX + label]


def probe_with(task: Task, python: str, requirements: Path | None) -> dict[str, Any]:
    """What the interpreter answers to PROBE. Raises EngineError where it is none."""
    names = environment.pins(requirements) if requirements is not None else {}
    try:
        code, answer = task.run([python, "-I", "-c", environment.PROBE, *names])
        if code == 0:
            probed: dict[str, Any] = json.loads(answer)
            return probed
    except (OSError, ValueError) as error:
        answer = str(error)
    raise EngineError(
        "engine_start",
        Sentence("{python} does not run as a Python: {answer}.", python=python, answer=answer),
        "Choose a Python interpreter.",
    )


def blender_python() -> str:
    """Blender's own interpreter."""
    return sys.executable
