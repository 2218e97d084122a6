# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender does with a mesh once the engine has made it; the engine's own settings are not here."""

from __future__ import annotations

from dataclasses import dataclass

ONE, SEPARATE, JOINED = "ONE", "SEPARATE", "JOINED"


@dataclass(frozen=True)
class Finish:
    """Names and not references, because undo may free what a reference would point to while a job runs.

    point: where the object goes, Blender units. floor: the feet stand there, else the crop's middle is there.
    reference: name of the image empty the mesh is laid over, "" for none; point and floor then do not count.
    shade_smooth. texture: a UV map and material that show the image. keep_normals: the normal maps become
    images. image: name of the picture's datablock, "" for none. turned: orientation of the picture's file.
    people: ONE person, or everybody as SEPARATE objects or JOINED in one. replace: name of the object whose
    mesh is replaced, "" to make a new one.
    """

    point: tuple[float, float, float] = (0.0, 0.0, 0.0)
    floor: bool = True
    reference: str = ""
    shade_smooth: bool = True
    texture: bool = False
    keep_normals: bool = False
    image: str = ""
    turned: int = 1
    people: str = ONE
    replace: str = ""


PLAIN = Finish()
"""At the world's origin, nothing kept: what a script gets that asks for nothing else."""
