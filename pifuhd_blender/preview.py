# SPDX-License-Identifier: GPL-3.0-or-later
"""The coarse mesh of a running job, drawn over the 3D views.

Drawn and not an object, so that no undo step, no file saved meanwhile and no cancelled job can keep a trace
of it; the final mesh is one undo step.
"""

from __future__ import annotations

from typing import Any

import bpy
import gpu
import mathutils
import numpy as np
from gpu_extras.batch import batch_for_shader

from .engine.client import Preview

LIGHT = np.array([-0.35, -0.75, 0.55], np.float32)  # toward the light: from the viewer's upper left
AMBIENT = 0.45  # of the light that reaches what is turned away, so that no side is black

_handler: object | None = None
_mesh: tuple[Any, Any, Any] | None = None  # positions, colours, triangles: until the first drawing
_batch: tuple[gpu.types.GPUShader, gpu.types.GPUBatch] | None = None
_matrix = mathutils.Matrix.Identity(4)


def show(preview: Preview, matrix: mathutils.Matrix, metre: float) -> None:
    """Draw it in every 3D view until `hide`. matrix: of the object to come; metre: Blender units of one."""
    global _handler, _mesh, _batch, _matrix
    _mesh = (preview.vertices * np.float32(metre), shaded(preview), preview.faces)
    _batch, _matrix = None, matrix.copy()
    if _handler is None:
        _handler = bpy.types.SpaceView3D.draw_handler_add(_draw, (), 'WINDOW', 'POST_VIEW')
    _redraw()


def hide() -> None:
    global _handler, _mesh, _batch
    _mesh = _batch = None
    if _handler is not None:
        bpy.types.SpaceView3D.draw_handler_remove(_handler, 'WINDOW')
        _handler = None
        _redraw()


def shown() -> bool:
    return _handler is not None


def shaded(preview: Preview) -> np.ndarray:
    """(V, 4) float32: the vertices' colours in the light of LIGHT."""
    corners = preview.vertices[preview.faces].astype(np.float64)
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros((len(preview.vertices), 3))
    for corner in range(3):
        np.add.at(normals, preview.faces[:, corner], across)
    lengths = np.linalg.norm(normals, axis=1)
    facing = normals @ LIGHT / np.maximum(lengths * np.linalg.norm(LIGHT), 1e-12)
    light = AMBIENT + (1.0 - AMBIENT) * np.clip(facing, 0.0, 1.0)
    colours = preview.colors.astype(np.float32) / np.float32(255.0)
    colours[:, :3] *= light[:, None]
    return colours


def _draw() -> None:
    global _mesh, _batch
    if _batch is None and _mesh is not None:
        positions, colours, triangles = _mesh
        shader = gpu.shader.from_builtin('SMOOTH_COLOR')
        content = {"pos": positions, "color": colours}
        _batch, _mesh = (shader, batch_for_shader(shader, 'TRIS', content, indices=triangles)), None
    if _batch is None:
        return
    shader, batch = _batch
    gpu.state.depth_test_set('LESS_EQUAL')
    gpu.state.depth_mask_set(True)
    with gpu.matrix.push_pop():
        gpu.matrix.multiply_matrix(_matrix)
        batch.draw(shader)
    gpu.state.depth_mask_set(False)
    gpu.state.depth_test_set('NONE')


def _redraw() -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == 'VIEW_3D':
                area.tag_redraw()
