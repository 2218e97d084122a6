"""`python build.py bench`: the benchmarks, in the engine's environment."""

from collections.abc import Sequence

from . import venv
from .shell import run


def bench(arguments: Sequence[str]) -> None:
    """Make the environment where it is missing, and run `python -m benchmarks` in it with the arguments.

    Raises BuildError where it fails.
    """
    python = venv.ensure_main(bpy=False, tests=False)
    run(
        [python, "-m", "benchmarks", *arguments],
        failure="The benchmarks did not finish.",
        hint="The lines above say why.",
    )
