# SPDX-License-Identifier: GPL-3.0-or-later
"""Write a reconstruction as OBJ, PLY, GLB or STL.

Axes are those that each format's users expect: OBJ and GLB are y-up with the person facing +z (glTF's rule),
PLY and STL keep Blender's z-up. Units are metres throughout.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .errors import EngineError
from .sentences import Sentence
from .space import blender_to_y_up
from .surface.meshes import CPU, normals_of, on_device, triangulate

Y_UP = (".obj", ".glb")
FLOAT, USHORT, UINT = 5126, 5123, 5125  # glTF component types
ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
CHUNK = 8192  # lines of an OBJ made together: they stay in the processor's cache
SHADES = np.array([f" {shade / 255.0:.4f}" for shade in range(256)], dtype="S7")  # of an OBJ's colours


class ColouredMesh(Protocol):
    """vertices (V, 3) float32; faces (F, 3) or (F, 4) int32; colors (V, 4) uint8 sRGB with alpha."""

    @property
    def vertices(self) -> NDArray[np.float32]: ...
    @property
    def faces(self) -> NDArray[np.int32]: ...
    @property
    def colors(self) -> NDArray[np.uint8]: ...


def write_mesh(mesh: ColouredMesh, path: str | os.PathLike[str], axes: str = "blender") -> None:
    """Write mesh to path, the format by its suffix. The file appears whole or not at all.

    axes: "blender", the vertices are in Blender's frame and metres and are turned to what the format's users
    expect; "camera", they are in the camera cube and are written as they are.
    Raises EngineError bad_settings for an unknown suffix, io when it cannot be written.
    """
    target = Path(path)
    encode = FORMATS.get(target.suffix.lower())
    if encode is None:
        text = Sentence("{file} does not end in a known mesh format.", file=repr(target.name))
        raise EngineError(
            "bad_settings", text, Sentence("End it in one of {formats}.", formats=", ".join(FORMATS))
        )
    if axes == "camera":
        placed = _Placed(mesh.vertices, mesh.faces, mesh.colors, "camera cube, y up, z to the viewer")
    elif target.suffix.lower() in Y_UP:
        vertices = blender_to_y_up(mesh.vertices)
        placed = _Placed(vertices, mesh.faces, mesh.colors, "metres, y up, facing +z")
    else:
        placed = _Placed(mesh.vertices, mesh.faces, mesh.colors, "metres, z up")
    write_whole(target, encode(placed))


def write_whole(target: Path, data: bytes) -> None:
    """Write a file that appears whole or not at all. Raises EngineError io when it cannot be written."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        text = Sentence("{file} cannot be written ({reason}).", file=repr(str(target)), reason=error.strerror)
        raise EngineError("io", text, "Choose a folder that exists and that you may write to.") from error


@dataclass(frozen=True)
class _Placed:
    """A mesh in the axes of its format; frame names them."""

    vertices: NDArray[np.floating[Any]]
    faces: NDArray[np.int32]
    colors: NDArray[np.uint8]
    frame: str


def _encode_obj(mesh: _Placed) -> bytes:
    """Wavefront OBJ, "v x y z r g b" with sRGB colours in 0..1, as Blender and MeshLab read it."""
    number = _digits(np.arange(1, len(mesh.vertices) + 1), 1)
    number = np.pad(number, ((0, 0), (1, 0)), constant_values=ord(" "))
    corner = number.view(f"S{number.shape[1]}")[:, 0]
    starts = range(0, max(len(mesh.vertices), len(mesh.faces)), CHUNK)
    return b"".join([
        f"# {mesh.frame}\n".encode("ascii"),
        *(_obj_vertices(mesh.vertices[i : i + CHUNK], mesh.colors[i : i + CHUNK]) for i in starts),
        b"s 1\n",
        *(_obj_faces(mesh.faces[i : i + CHUNK], corner) for i in starts),
    ])


def _obj_vertices(vertices: NDArray[np.floating[Any]], colors: NDArray[np.uint8]) -> bytes:
    """The lines of vertices (N, 3), to six decimals, and their colours (N, 3 or 4)."""
    # whole numbers of float32 times 10^6 are exact in float64, so these round as "%.6f" does
    number = _digits(np.rint(np.abs(vertices.astype(np.float64)) * 1e6).astype(np.int64), 7)
    place = [("sign", "S2"), ("whole", "u1", number.shape[-1] - 6), ("point", "S1"), ("decimals", "u1", 6)]
    line = [("v", "S1"), ("place", place, 3), ("shade", "S7", 3), ("end", "S1")]
    lines = np.empty(len(vertices), dtype=line)
    lines["v"], lines["place"]["point"], lines["end"] = b"v", b".", b"\n"
    lines["place"]["sign"] = np.where(np.signbit(vertices), b" -", b" ")
    lines["place"]["whole"], lines["place"]["decimals"] = number[..., :-6], number[..., -6:]
    lines["shade"] = SHADES[colors[:, :3]]
    return _without_gaps(lines)


def _obj_faces(faces: NDArray[np.int32], corner: NDArray[np.bytes_]) -> bytes:
    """The lines of faces (N, 3 or 4); corner: what each vertex is called, after a space, (V,)."""
    line = [("f", "S1"), ("corners", corner.dtype, faces.shape[1]), ("end", "S1")]
    lines = np.empty(len(faces), dtype=line)
    lines["f"], lines["corners"], lines["end"] = b"f", corner[faces], b"\n"
    return _without_gaps(lines)


def _digits(numbers: NDArray[np.int64], least: int) -> NDArray[np.uint8]:
    """Numbers (...), 0 or more, in ASCII, (..., W), of at least so many digits; before them zero bytes."""
    width = max(least, len(str(numbers.max(initial=0))))
    text = np.empty((*numbers.shape, width), dtype=np.uint8)
    for shown in range(width):
        tens = numbers // 10
        digit = numbers - 10 * tens + ord("0")
        text[..., width - 1 - shown] = digit if shown < least else np.where(numbers > 0, digit, 0)
        numbers = tens
    return text


def _without_gaps(lines: NDArray[Any]) -> bytes:
    """The bytes of lines of one width, without the zero bytes that pad them."""
    return lines.tobytes().translate(None, b"\0")


def _encode_ply(mesh: _Placed) -> bytes:
    """Binary little-endian PLY with 8-bit sRGB vertex colours."""
    header = "\n".join([
        "ply", "format binary_little_endian 1.0", f"comment {mesh.frame}",
        f"element vertex {len(mesh.vertices)}",
        *(f"property float {name}" for name in "xyz"),
        *(f"property uchar {name}" for name in ("red", "green", "blue", "alpha")),
        f"element face {len(mesh.faces)}", "property list uchar int vertex_indices", "end_header", "",
    ])
    vertices = np.empty(len(mesh.vertices), dtype=[("position", "<f4", 3), ("colour", "u1", 4)])
    vertices["position"], vertices["colour"] = mesh.vertices, mesh.colors
    faces = np.empty(len(mesh.faces), dtype=[("count", "u1"), ("corner", "<i4", mesh.faces.shape[1])])
    faces["count"], faces["corner"] = mesh.faces.shape[1], mesh.faces
    return header.encode("ascii") + vertices.tobytes() + faces.tobytes()


def _triangles(mesh: _Placed) -> NDArray[np.int64]:
    """(T, 3): the faces, quads cut in two."""
    return np.asarray(triangulate(*on_device(mesh.vertices, mesh.faces, CPU)).numpy())


def _encode_stl(mesh: _Placed) -> bytes:
    """Binary STL; the format has no colours."""
    corners = mesh.vertices[_triangles(mesh)].astype(np.float64)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    rows = np.zeros(len(corners), dtype=[("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("unused", "<u2")])
    rows["normal"] = np.divide(normals, length, out=np.zeros_like(normals), where=length > 0)
    rows["corners"] = corners
    return mesh.frame.encode("ascii").ljust(80) + struct.pack("<I", len(rows)) + rows.tobytes()


def _encode_glb(mesh: _Placed) -> bytes:
    """Binary glTF 2.0 with normals, linear 16-bit COLOR_0 and a rough, non-metallic material."""
    vertices = mesh.vertices.astype("<f4")
    triangles = _triangles(mesh)
    arrays: list[tuple[NDArray[Any], int, str, int]] = [  # data, component type, element type, target
        (vertices, FLOAT, "VEC3", ARRAY_BUFFER),
        (_glb_normals(mesh), FLOAT, "VEC3", ARRAY_BUFFER),
        (_linear16(mesh.colors), USHORT, "VEC4", ARRAY_BUFFER),
        (triangles.astype("<u4").ravel(), UINT, "SCALAR", ELEMENT_ARRAY_BUFFER),
    ]
    views: list[dict[str, Any]] = []
    accessors: list[dict[str, Any]] = []
    offset = 0
    for number, (array, component, element, target) in enumerate(arrays):
        views.append({"buffer": 0, "byteOffset": offset, "byteLength": array.nbytes, "target": target})
        accessors.append(
            {"bufferView": number, "componentType": component, "count": len(array), "type": element})
        offset += array.nbytes  # every element is a multiple of 4 bytes long, so all stay aligned
    accessors[0]["min"] = vertices.min(axis=0).tolist()
    accessors[0]["max"] = vertices.max(axis=0).tolist()
    accessors[2]["normalized"] = True
    primitive = {"attributes": {"POSITION": 0, "NORMAL": 1, "COLOR_0": 2}, "indices": 3, "material": 0}
    surface = {"metallicFactor": 0.0, "roughnessFactor": 0.9}
    document = {
        "asset": {"version": "2.0", "generator": "PIFuHD for Blender"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "Person"}],
        "meshes": [{"name": "Person", "primitives": [primitive]}],
        "materials": [{"name": "Photo", "pbrMetallicRoughness": surface}],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": offset}],
    }
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    binary = b"".join(array.tobytes() for array, *_ in arrays)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text
    chunks += struct.pack("<I4s", len(binary), b"BIN\0") + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def _glb_normals(mesh: _Placed) -> NDArray[Any]:
    normals = normals_of(mesh.vertices, mesh.faces)
    normals[~normals.any(axis=1)] = (0.0, 1.0, 0.0)  # glTF wants unit vectors, also where there is no area
    return normals.astype("<f4")


def _linear16(colors: NDArray[np.uint8]) -> NDArray[Any]:
    """sRGB bytes to linear 16 bit; 8 bit would show steps in the shadows. Alpha is linear already."""
    value = np.arange(256) / 255.0
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    result = np.round(linear * 65535.0).astype("<u2")[colors]
    result[:, 3] = colors[:, 3].astype("<u2") * 257
    return result


FORMATS: dict[str, Callable[[_Placed], bytes]] = {
    ".obj": _encode_obj, ".ply": _encode_ply, ".glb": _encode_glb, ".stl": _encode_stl,
}
