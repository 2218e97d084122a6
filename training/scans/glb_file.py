# SPDX-License-Identifier: GPL-3.0-or-later
"""What a binary glTF file stores: its JSON, typed arrays, pictures and the placement of nodes."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np

from .surface import Array, Picture, decode_texture, read_texture

TYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
WIDTH = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
Json = dict[str, Any]


class GlbFile:
    """The file at `path`. Everything raises struct.error, KeyError, IndexError, TypeError or ValueError where
    it is broken. textures: pictures asked for so far."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.document, self.binary = _chunks(path.read_bytes())
        self.textures: list[Picture] = []
        self.known: dict[int, int] = {}

    def accessor(self, index: int) -> Array:
        """(N,) or (N, 2..4) float64."""
        accessor = self.document["accessors"][index]
        if "sparse" in accessor:
            raise ValueError("sparse accessors are not read")
        kind, width = np.dtype(TYPES[accessor["componentType"]]), WIDTH[accessor["type"]]
        view = self.document["bufferViews"][accessor["bufferView"]]
        start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
        stride = view.get("byteStride", kind.itemsize * width)
        shape, strides = (accessor["count"], width), (stride, kind.itemsize)
        values = np.ndarray(shape, kind, self.binary, start, strides).astype(np.float64)
        if accessor.get("normalized"):
            values = np.maximum(values / np.iinfo(kind).max, -1)
        return values[:, 0] if width == 1 else values

    def texture(self, index: int) -> int:
        """Its number in `textures`, or -1 where the picture is missing or unreadable."""
        source = self.document["textures"][index].get("source")
        if source is None:  # packed in a way of an extension alone, as KHR_texture_basisu
            return -1
        if source not in self.known:
            picture = self._picture(self.document["images"][source])
            self.known[source] = -1 if picture is None else len(self.textures)
            if picture is not None:
                self.textures.append(picture)
        return self.known[source]

    def _picture(self, image: Json) -> Picture | None:
        if "bufferView" in image:
            view = self.document["bufferViews"][image["bufferView"]]
            start = view.get("byteOffset", 0)
            return decode_texture(self.binary[start : start + view["byteLength"]])
        if image["uri"].startswith("data:"):
            return decode_texture(base64.b64decode(image["uri"].partition(",")[2]))
        return read_texture(self.path.parent / unquote(image["uri"]))


def _chunks(data: bytes) -> tuple[Json, bytes]:
    magic, version, _ = struct.unpack_from("<4sII", data)
    if magic != b"glTF" or version != 2:
        raise ValueError("not binary glTF 2.0")
    chunks, at = {}, 12
    while at < len(data):
        size, kind = struct.unpack_from("<I4s", data, at)
        chunks[kind] = data[at + 8 : at + 8 + size]
        at += 8 + size
    return json.loads(chunks[b"JSON"]), chunks.get(b"BIN\0", b"")


def node_matrix(node: Json) -> Array:
    """(4, 4) from the node to its parent."""
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T
    x, y, z, w = node.get("rotation", [0, 0, 0, 1])
    turn = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    matrix = np.eye(4)
    matrix[:3, :3] = turn * np.array(node.get("scale", [1, 1, 1]))
    matrix[:3, 3] = node.get("translation", [0, 0, 0])
    return matrix
