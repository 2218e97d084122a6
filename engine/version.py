"""The project's version, written once, in blender_manifest.toml."""

import importlib.metadata
import tomllib
from pathlib import Path

DISTRIBUTION = "pifuhd-blender"


def read_version(root: Path) -> str:
    """Version in the manifest of `root`, the folder that holds engine/ (a checkout or an extension).

    A wheel in site-packages has no manifest beside it: there the distribution's metadata, which was filled
    from the manifest when the wheel was built, answers. Raises importlib.metadata.PackageNotFoundError
    when neither exists, which only a copy of engine/ torn out of its project can meet.
    """
    manifest = root / "blender_manifest.toml"
    if manifest.is_file():
        return str(tomllib.loads(manifest.read_text(encoding="utf-8"))["version"])
    return importlib.metadata.version(DISTRIBUTION)


VERSION: str = read_version(Path(__file__).resolve().parent.parent)
