"""What every build command shares: how it speaks, how it runs programs, how it fails."""

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class BuildError(Exception):
    """A build command cannot go on. `text` is one clear sentence, `hint` the next step; str() joins them."""

    def __init__(self, text: str, hint: str) -> None:
        super().__init__(f"{text} {hint}")
        self.text = text
        self.hint = hint


def say(text: str) -> None:
    """Print one line of what is being done, at once (pip and Blender write to the same terminal)."""
    print(f"==> {text}", flush=True)


def shown(path: Path) -> str:
    """`path` as a reader wants it: relative to the checkout where it lies inside."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def run(
    command: Sequence[str | Path], *, failure: str, hint: str, env: Mapping[str, str] | None = None
) -> None:
    """Run `command` (no shell) in the checkout, its output shown as it comes.

    `env` is added to the present environment. Raises BuildError(failure, hint) when the program is missing
    or ends with anything but 0; the hint then names the command.
    """
    words = [str(word) for word in command]
    try:
        code = subprocess.run(words, cwd=ROOT, env={**os.environ, **(env or {})}, check=False).returncode
    except OSError as error:
        raise BuildError(failure, f"{error}. {hint}") from error
    if code != 0:
        raise BuildError(failure, f"{hint} (exit code {code} of: {shlex.join(words)})")


def ask(command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> str | None:
    """What `command` prints on stdout, or None when it is missing or fails."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words, cwd=ROOT, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None
