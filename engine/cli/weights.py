# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m engine weights list | show | download | verify | import`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..errors import Cancelled, EngineError
from ..parts import load_part
from ..weights.registry import REGISTRY, Entry, again, find_weights, read_record, recorded_sha256
from .progress import shown_progress

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[Any]

EXIT_CANCELLED: Final = 130
NO_HASH: Final = "computed here; whoever published the file tells none to compare it with"


def add_commands(commands: Commands) -> None:
    """Add `weights` and its sub-commands to the command line."""
    weights = commands.add_parser("weights", help="list, download, check and convert weights")
    group = weights.add_subparsers(required=True, metavar="COMMAND")

    group.add_parser("list", help="print the weights that have names").set_defaults(run=_list)

    show = group.add_parser("show", help="print the preset, the licence and the card of weights")
    show.add_argument("weights", metavar="NAME_OR_FILE")
    show.set_defaults(run=_show)

    download = group.add_parser("download", help="download weights by name; continues what was interrupted")
    download.add_argument("name", choices=list(REGISTRY), metavar="NAME", help=" or ".join(REGISTRY))
    download.add_argument("--accept-licence", action="store_true", help="accept its licence unasked")
    download.set_defaults(run=_download)

    verify = group.add_parser("verify", help="check the hash, the tensors and the values of weights")
    verify.add_argument("weights", metavar="NAME_OR_FILE", help="weights, or a checkpoint (.pt)")
    verify.set_defaults(run=_verify)

    importer = group.add_parser("import", help="convert a checkpoint in PIFuHD's released format")
    importer.add_argument("checkpoint", type=Path, metavar="CHECKPOINT.pt")
    importer.add_argument("output", type=Path, metavar="OUT.safetensors")
    importer.add_argument("--float32", action="store_true", help="twice the size; else float16")
    importer.set_defaults(run=_import)


def _list(chosen: argparse.Namespace) -> int:
    rows = [("NAME", "STATE", "SIZE", "LICENCE", "ADDRESS")]
    for entry in REGISTRY.values():
        here = entry.path.is_file()
        size = f"{entry.path.stat().st_size / 1e6:.0f} MB" if here else entry.about
        rows.append((entry.name, entry.state, size, entry.licence, entry.address or str(entry.path)))
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
    return 0


def _show(chosen: argparse.Namespace) -> int:
    entry = REGISTRY.get(chosen.weights)
    if entry is not None:
        _print_entry(entry)
        if entry.state == "not downloaded":
            return 0
    path = find_weights(chosen.weights)
    summary = load_part(".weights.files").summarise_weights(path)
    facts = {
        "file": str(path),
        "preset": summary.preset.name,
        "sha256": summary.sha256,
        "tensors": f"{summary.values} values, {' and '.join(sorted(summary.dtypes))}",
    }
    _print_facts(facts | {name: text for name, text in summary.card.items() if name not in facts})
    return 0


def _download(chosen: argparse.Namespace) -> int:
    entry = REGISTRY[chosen.name]
    if entry.state != "not downloaded":
        print(f"{entry.name} is there already ({entry.state}): {entry.path}")
        return 0
    _print_entry(entry)
    if not chosen.accept_licence and not _accepted(entry):
        print("Nothing was downloaded.", file=sys.stderr)
        return 1
    download = load_part(".weights.download")
    try:
        with shown_progress() as progress:

            def received(done: int, total: int | None) -> None:
                shown = entry.about_mb if total is None else round(total / 1e6)
                progress("download", round(done / 1e6), max(shown, round(done / 1e6)), "MB")

            download.install(entry, received)
    except (Cancelled, KeyboardInterrupt):
        print(f"Stopped. {download.AGAIN}", file=sys.stderr)
        return EXIT_CANCELLED
    print(f"Installed as {entry.path}; use it with --weights {entry.name}.")
    _print_facts({"source sha256": f"{read_record(entry)['source sha256']} ({_told(entry)})"})
    return 0


def _verify(chosen: argparse.Namespace) -> int:
    path = find_weights(chosen.weights)
    entry = REGISTRY.get(chosen.weights)
    if path.suffix == ".safetensors":
        checked = load_part(".weights").load_weights(path)
    else:
        checked = load_part(".weights.checkpoint").read_checkpoint(path)
    compared = "computed here; there is none to compare it with"
    if entry is not None:
        recorded = recorded_sha256(entry)
        if recorded != checked.sha256:
            raise EngineError(
                "bad_weights",
                f"{path} has the SHA-256 {checked.sha256}, but had {recorded} when it was installed.",
                again(entry),
            )
        compared = "as when it was installed"
    facts = {
        "file": str(path),
        "sha256": f"{checked.sha256} ({compared})",
        "structure": f"names, shapes and values are those of the preset {checked.preset.name}",
    }
    if entry is not None and entry.address is not None:
        facts["source sha256"] = f"{read_record(entry)['source sha256']} ({_told(entry)})"
    _print_facts(facts)
    return 0


def _import(chosen: argparse.Namespace) -> int:
    dtype = getattr(load_part("torch"), "float32" if chosen.float32 else "float16")
    checkpoint = load_part(".weights.checkpoint").import_checkpoint(chosen.checkpoint, chosen.output, dtype)
    print(f"{chosen.output}: {chosen.output.stat().st_size / 1e6:.0f} MB")
    licence = load_part(".weights.registry").PUBLISHED_LICENCE
    _print_facts(
        {"preset": checkpoint.preset.name, "source sha256": checkpoint.sha256, "licence": licence}
    )
    return 0


def _accepted(entry: Entry) -> bool:
    """Ask for the licence on a terminal; EngineError where nobody can answer."""
    if not sys.stdin.isatty():
        raise EngineError(
            "bad_settings",
            f"The licence of {entry.name} has not been accepted.",
            "Read it above, and add --accept-licence if you accept it.",
        )
    return input("Do you accept this licence? [y/N] ").strip().lower() in ("y", "yes")


def _told(entry: Entry) -> str:
    return NO_HASH if entry.sha256 is None else "as published"


def _print_entry(entry: Entry) -> None:
    facts = {"name": f"{entry.name}, {entry.what}", "state": entry.state, "licence": entry.licence}
    if entry.address is not None:
        size = entry.about if entry.size is None else f"{entry.size} bytes"
        facts |= {"address": entry.address, "download": size, "published sha256": entry.sha256 or "not known"}
    _print_facts(facts)


def _print_facts(facts: dict[str, str]) -> None:
    for name, text in facts.items():
        # A card is whatever its file says: nothing in it may move the terminal's cursor.
        print("".join(letter for letter in f"{name}: {text}" if letter.isprintable()))
