# SPDX-License-Identifier: GPL-3.0-or-later
"""For scripts and the Python console.

from bl_ext.user_default.pifuhd_blender import api
person = api.reconstruct(bpy.data.images["photo.jpg"], height=1.68)
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

from . import images, jobs, orientation, rebuilding
from .engine.errors import EngineError
from .engine.sentences import Sentence
from .finish import EVERY_WAY, ONE, Finish
from .job import Job


def reconstruct(
    image: bpy.types.Image | str | os.PathLike[str],
    *,
    on_progress: Callable[[Job], None] | None = None,
    point: tuple[float, float, float] = (0.0, 0.0, 0.0),
    floor: bool = True,
    reference: bpy.types.Object | None = None,
    shade_smooth: bool = True,
    texture: bool = False,
    keep_normals: bool = False,
    people: str = ONE,
    **settings: Any,
) -> bpy.types.Object:
    """Reconstruct the person in a photo and return the new object. Blocks; a line of progress for each tenth.

    image: a Blender image, or the path of a PNG, JPEG, WebP, TIFF or BMP file. on_progress: called about ten
    times a second with the job, whose label, fraction and remaining tell how far it is; without it lines are
    printed. point: where the feet go (floor) or the middle of the crop,
    Blender units. reference: an image empty to lay the mesh over instead. texture: also project the photo
    through a UV map. keep_normals: keep the normal maps as images. people: "ONE", or everybody as "SEPARATE"
    objects, of which the first is returned, or "JOINED" in one. settings: those of the engine, for example
    height (the stature in metres, 0.1 to 10), resolution (64 to 1024 in steps of 32), box (x0, y0, x1, y1 of
    the person in pixels), person (2 is the second largest), topology ("triangles" or "quads"), faces (at most
    so many triangles).
    Raises EngineError, whose text and hint tell the user what happened and what to do; Cancelled.
    """
    if people not in EVERY_WAY:
        raise EngineError(
            "bad_settings",
            Sentence("{people} is no choice of people.", people=repr(people)),
            Sentence("Use {ways}.", ways=" or ".join(EVERY_WAY)),
        )
    if isinstance(image, (str, os.PathLike)):
        name, picture = Path(image).stem, images.read_file(image)
        if texture:
            image = bpy.data.images.load(str(Path(image).absolute()), check_existing=True)
    else:
        picture = images.encode(image)
        name = images.object_name(image.name)
    finish = Finish(
        point=point,
        floor=floor,
        reference="" if reference is None else reference.name,
        shade_smooth=shade_smooth,
        texture=texture,
        keep_normals=keep_normals,
        image=image.name if isinstance(image, bpy.types.Image) else "",
        turned=orientation.of_picture(picture),
        people=people,
    )
    return jobs.run(name, picture, settings, on_progress or Lines(print_line), finish)


def rebuild(
    person: bpy.types.Object, *, on_progress: Callable[[Job], None] | None = None
) -> bpy.types.Object:
    """Make a reconstruction's mesh anew from the normal maps it keeps, as they are now; return its object.

    The settings are those it was made with. on_progress and what is raised: as for reconstruct.
    """
    problem = rebuilding.problem(person)
    if problem:
        raise problem
    name, picture, settings, finish, normals = rebuilding.order(person)
    return jobs.run(name, picture, settings, on_progress or Lines(print_line), finish, normals)


def print_line(line: str) -> None:
    print(f"PIFuHD: {line}", flush=True)


class Lines:
    """Turns the many small steps of a job into a line for each stage and each tenth."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._last: tuple[str, int] = ("", -1)

    def __call__(self, job: Job) -> None:
        step = (job.label, int(job.fraction * 10))
        if step != self._last:
            self._last = step
            self._write(f"{job.label}, {job.fraction * 100:.0f} %")
