# SPDX-License-Identifier: GPL-3.0-or-later
"""The loop over many pictures: one engine for all, and nothing left in memory of a picture that is done."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from . import api, exporting, jobs, results
from .batch_inputs import Item
from .batch_report import Failure, Report
from .engine.errors import Cancelled, EngineError
from .engine.sentences import Sentence

HOPELESS = {"engine_start", "bad_weights", "bad_settings"}
"""Errors that every other picture would meet too."""

_KINDS = ("objects", "meshes", "materials", "images", "collections")


@dataclass(frozen=True)
class Plan:
    """What is done with each picture.

    folder: where the files go. formats: of exporting.FORMATS. settings: those of api.reconstruct. resume:
    leave out what has all its files. scene: the .blend that the pictures are from, None for photographs.
    """

    folder: Path
    formats: Sequence[str]
    settings: dict[str, Any]
    resume: bool = False
    scene: Path | None = None

    @property
    def whole(self) -> Path | None:
        """The copy of the scene with everybody in it, where one is wanted."""
        wanted = self.scene is not None and "blend" in self.formats
        return self.folder / f"{self.scene.stem}.blend" if self.scene and wanted else None

    def outputs(self, item: Item) -> list[Path]:
        """The files of one picture."""
        formats = [name for name in self.formats if not (self.scene and name == "blend")]
        return [self.folder / f"{item.name}.{name}" for name in formats]


def clear_scene() -> None:
    """Make the start-up file's scene an empty one in metres, whatever the user made it."""
    bpy.data.batch_remove(list(bpy.data.objects))
    units = bpy.context.scene.unit_settings
    units.system, units.scale_length = 'METRIC', 1.0


def open_scene(path: Path) -> None:
    """Open a .blend without running its scripts. Raises EngineError "io"."""
    try:
        bpy.ops.wm.open_mainfile(filepath=str(path.absolute()), load_ui=False, use_scripts=False)
    except RuntimeError as error:  # with Blender's message
        why = exporting.reason(error)
        raise EngineError(
            "io",
            Sentence("{path} cannot be opened: {why}.", path=path, why=why),
            "Check the path of the .blend file.",
        ) from error
    if bpy.context.object is not None and bpy.context.object.mode != 'OBJECT':
        bpy.ops.object.mode_set(mode='OBJECT')  # exporters take the selection, which other modes do not have


def run(items: Sequence[Item], plan: Plan, report: Report) -> bool:
    """Reconstruct and write every picture; whether all came out. A bad picture does not end it."""
    began = time.monotonic()
    failed = False
    left = "", "", ""
    for number, item in enumerate(items, 1):
        report.start(item, number, len(items))
        outputs = plan.outputs(item)
        if left[0]:
            report.failed(Failure(item.label, item.file, *left))
        elif plan.resume and all(path.is_file() for path in outputs):
            report.skipped(item, outputs)
        else:
            try:
                start = time.monotonic()
                _one(item, plan, outputs, report)
                report.done(item, outputs, time.monotonic() - start)
            except EngineError as error:
                failed = True
                report.failed(Failure(item.label, item.file, error.code, error.text, error.hint))
                if error.code in HOPELESS:
                    left = "not_tried", "not tried.", ""
            except (Cancelled, KeyboardInterrupt):
                failed = True
                left = "cancelled", "cancelled.", ""
                report.failed(Failure(item.label, item.file, *left))
    written: list[Path] = []
    if plan.whole is not None and not left[0]:
        try:
            exporting.write(plan.whole, ())
            written.append(plan.whole)
        except EngineError as error:
            failed = True
            name = str(plan.scene)
            report.failed(Failure(name, name, error.code, error.text, error.hint))
    report.end(written, time.monotonic() - began)
    return not failed


def _one(item: Item, plan: Plan, outputs: Sequence[Path], report: Report) -> None:
    """Raises EngineError, Cancelled, KeyboardInterrupt; then nothing of the picture stays in memory."""
    before = _everything()
    kept = False
    try:
        api.reconstruct(
            item.picture,
            reference=item.reference,
            on_progress=lambda job: report.progress(item, job),
            **plan.settings,
        )
        notice = jobs.notice()
        if notice is not None:  # not everybody in the picture came
            raise EngineError(notice.code, notice.text, notice.hint)
        people = [one for one in _everything() - before if results.is_reconstruction(one)]
        people.sort(key=lambda one: one.name)
        if item.reference is None:
            _write(outputs, people)
        else:
            with exporting.at_origin(people, results.metre(bpy.context.scene)):
                _write(outputs, people)
        kept = plan.whole is not None
    finally:
        if not kept:
            bpy.data.batch_remove(_everything() - before)


def _write(outputs: Sequence[Path], people: list[bpy.types.Object]) -> None:
    for output in outputs:
        exporting.write(output, people)


def _everything() -> set[bpy.types.ID]:
    return {one for kind in _KINDS for one in getattr(bpy.data, kind)}
