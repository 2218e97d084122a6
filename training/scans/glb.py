# SPDX-License-Identifier: GPL-3.0-or-later
"""Binary glTF 2.0: triangles of all nodes with base colour, texture and vertex colours."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from .glb_file import GlbFile, Json, node_matrix
from .surface import GREY, Array, Ints, Surface, UnusableScan

Piece = tuple[Array, Ints, Array, Array, Ints]
"""vertices, faces, uv, colour and texture, as in Surface."""


def read_glb(path: Path) -> Surface:
    """The surface in `path` (metres and y up where its maker kept the standard). Raises UnusableScan where
    the file is broken or packed in a way that is not read here (Draco, meshopt, sparse accessors)."""
    try:
        file = GlbFile(path)
        packed = {"KHR_draco_mesh_compression", "EXT_meshopt_compression"} & {
            *file.document.get("extensionsRequired", [])
        }
        if packed:
            raise UnusableScan(f"{path.name}: packed with {packed.pop()}, export it without compression")
        return _Reader(file).surface()
    except (struct.error, KeyError, IndexError, TypeError, ValueError) as error:
        if isinstance(error, UnusableScan):
            raise
        raise UnusableScan(f"{path.name}: no readable GLB file ({error!r})") from error


class _Reader:
    def __init__(self, file: GlbFile) -> None:
        self.file, self.document = file, file.document
        self.notes: list[str] = []
        self.pieces: list[Piece] = []

    def surface(self) -> Surface:
        scenes = self.document.get("scenes")
        nodes = self.document.get("nodes", [])
        children = {child for node in nodes for child in node.get("children", [])}
        roots = [k for k in range(len(nodes)) if k not in children]
        if scenes:
            roots = scenes[self.document.get("scene", 0)].get("nodes", [])
        for root in roots:
            self._visit(root, np.eye(4))
        if not self.pieces:
            raise UnusableScan(f"{self.file.path.name}: no triangles in it")
        offsets = np.cumsum([0] + [len(piece[0]) for piece in self.pieces[:-1]])
        vertices, faces, uv, colour, texture = zip(*self.pieces)
        return Surface(
            np.concatenate(vertices),
            np.concatenate([f + offset for f, offset in zip(faces, offsets)]).astype(np.int64),
            np.concatenate(uv),
            np.concatenate(colour),
            np.concatenate(texture).astype(np.int64),
            tuple(self.file.textures),
            tuple(dict.fromkeys(self.notes)),
        )

    def _visit(self, index: int, parent: Array) -> None:
        node = self.document["nodes"][index]
        matrix = parent @ node_matrix(node)
        if "mesh" in node:
            for primitive in self.document["meshes"][node["mesh"]]["primitives"]:
                if primitive.get("mode", 4) == 4:
                    self._add(primitive, matrix)
        for child in node.get("children", []):
            self._visit(child, matrix)

    def _add(self, primitive: Json, matrix: Array) -> None:
        names = primitive["attributes"]
        local = self.file.accessor(names["POSITION"])
        vertices = local @ matrix[:3, :3].T + matrix[:3, 3]
        if "indices" in primitive:
            index = self.file.accessor(primitive["indices"]).astype(np.int64)
        else:
            index = np.arange(len(local))
        faces: Ints = index.reshape(-1, 3)
        if len(faces) and faces.max() >= len(vertices):
            raise ValueError("a face names a vertex that is not there")
        if np.linalg.det(matrix[:3, :3]) < 0:
            faces = faces[:, ::-1]
        materials = self.document.get("materials", [])
        base = materials[primitive["material"]] if "material" in primitive else {}
        base = base.get("pbrMetallicRoughness", {})
        linear: Array = np.tile(
            np.array(base.get("baseColorFactor", [1, 1, 1])[:3], np.float64), (len(local), 1)
        )
        uv: Array = np.zeros((len(local), 2))
        texture = -1
        if "baseColorTexture" in base:
            chosen = base["baseColorTexture"]
            name = f"TEXCOORD_{chosen.get('texCoord', 0)}"
            texture = self.file.texture(chosen["index"]) if name in names else -1
            uv = self.file.accessor(names[name]) if texture >= 0 else uv
        if "COLOR_0" in names:
            linear = linear * self.file.accessor(names["COLOR_0"])[:, :3]
        elif texture < 0 and ("baseColorFactor" not in base or "baseColorTexture" in base):
            linear[:] = ((GREY + 0.055) / 1.055) ** 2.4
            reason = "a texture is missing" if "baseColorTexture" in base else "no texture and no colours"
            self.notes.append(f"{reason}: grey")
        colour = np.where(
            linear <= 0.0031308, linear * 12.92, 1.055 * linear.clip(1e-8, 1) ** (1 / 2.4) - 0.055
        )
        self.pieces.append(
            (vertices, faces, uv[faces], colour[faces], np.full(len(faces), texture, np.int64))
        )
