"""The extension's files: what belongs to them, the staged tree, the zip, and the links for live work."""

import os
import shutil
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .blenders import Blender
from .shell import ROOT, BuildError, run, say, shown

# (folder in the checkout, pattern there, folder in the extension): all that is packed, nothing else
CONTENT = (
    (".", "blender_manifest.toml", "."),
    (".", "LICENSE", "."),
    ("pifuhd_blender", "**/*.py", "."),
    ("engine", "**/*.py", "engine"),
    ("engine", "requirements.txt", "engine"),
    ("engine", "weights/*.safetensors", "engine"),
)
STORED = (".safetensors",)  # numbers that do not compress; storing them makes packing quick
EARLIEST = (1980, 1, 1, 0, 0, 0)  # zip's own first date: the same bytes on every day


@dataclass(frozen=True)
class Manifest:
    """What the build needs to know of blender_manifest.toml."""

    id: str
    version: str


def manifest(root: Path = ROOT) -> Manifest:
    """The manifest of the checkout `root`."""
    fields = tomllib.loads((root / "blender_manifest.toml").read_text(encoding="utf-8"))
    return Manifest(str(fields["id"]), str(fields["version"]))


def content(root: Path = ROOT) -> dict[PurePosixPath, Path]:
    """Path inside the extension -> file in the checkout `root`, sorted by the former.

    Raises BuildError when a line of CONTENT matches nothing, so that no zip goes out without its weights.
    """
    files: dict[PurePosixPath, Path] = {}
    for folder, pattern, target in CONTENT:
        base = root / folder
        found = [path for path in base.glob(pattern) if path.is_file()]
        if not found:
            raise BuildError(
                f"Nothing matches {folder}/{pattern}, so the package would be incomplete.",
                "Restore the missing files (git status shows them) and run the command again.",
            )
        for path in found:
            files[PurePosixPath(target, path.relative_to(base).as_posix())] = path
    return dict(sorted(files.items()))


def stage(target: Path, root: Path = ROOT) -> Path:
    """Copy the extension's files into a new folder `target` (an older one is replaced) and return it."""
    shutil.rmtree(target, ignore_errors=True)
    for name, source in content(root).items():
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
    return target


def write_zip(path: Path, root: Path = ROOT) -> Path:
    """Pack the extension into `path`: the same files give the same bytes (fixed dates, order and modes)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    with zipfile.ZipFile(fresh, "w") as archive:
        for name, source in content(root).items():
            entry = zipfile.ZipInfo(str(name), EARLIEST)
            entry.create_system = 3  # Unix, on Windows too: the permissions below mean the same everywhere
            entry.external_attr = 0o100644 << 16
            entry.compress_type = zipfile.ZIP_STORED if source.suffix in STORED else zipfile.ZIP_DEFLATED
            archive.writestr(entry, source.read_bytes(), compresslevel=9)
    os.replace(fresh, path)
    return path


def build(blender: Blender) -> Path:
    """Make dist/<id>-<version>.zip, let Blender's own validator judge it, and return it."""
    facts = manifest()
    path = write_zip(ROOT / "dist" / f"{facts.id}-{facts.version}.zip")
    say(f"Packed {shown(path)} ({path.stat().st_size / 1e6:.1f} MB, {len(content())} files)")
    run(
        blender.validate_command(path),
        failure=f"Blender's own validator refuses {shown(path)}.",
        hint="Its message above names the line to mend.",
    )
    return path


def link(extensions: Path, root: Path = ROOT) -> Path:
    """Link the checkout into Blender's folder `extensions` as a live extension and return its folder.

    Each file and top folder becomes a symbolic link, laid out as in the zip, so an edit needs only a
    reload. Raises BuildError over an installation that is not made of links, or where links are not allowed.
    """
    target = extensions / manifest(root).id
    if target.exists():
        if not (target / "blender_manifest.toml").is_symlink():
            raise BuildError(
                f"{target} already holds an installed copy of the extension.",
                "Remove it in Blender (Preferences > Get Extensions) and run the command again.",
            )
        shutil.rmtree(target)  # only links live here; rmtree removes links, not what they point at
    target.mkdir(parents=True)
    sources: dict[str, Path] = {}
    for name, source in content(root).items():  # a file in a folder stands for its whole top folder
        sources[name.parts[0]] = (source, *source.parents)[len(name.parts) - 1]
    try:
        for top, source in sources.items():
            (target / top).symlink_to(source, target_is_directory=source.is_dir())
    except OSError as error:
        shutil.rmtree(target)
        raise BuildError(
            f"No link could be made in {target} ({error.strerror}).",
            "On Windows switch on Developer Mode, which allows links; elsewhere check the folder's owner.",
        ) from error
    return target
