# SPDX-License-Identifier: GPL-3.0-or-later
"""TIFF files of any samples, byte by byte, because Pillow writes neither deep nor premultiplied ones."""

import struct

import numpy as np

GREY, RGB, CMYK = 1, 2, 5
ASSOCIATED, UNASSOCIATED = 1, 2  # alpha premultiplied, alpha straight


def tiff(samples: np.ndarray, photometric: int, extra=None, big_endian=False, orientation=None) -> bytes:
    """An uncompressed file of (H, W) or (H, W, C) samples, whole or float. extra: kind of the last one."""
    order = ">" if big_endian else "<"
    height, width = samples.shape[:2]
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    data = samples.astype(samples.dtype.newbyteorder(order)).tobytes()
    tags = {
        256: ("I", [width]), 257: ("I", [height]), 258: ("H", [samples.dtype.itemsize * 8] * channels),
        259: ("H", [1]), 262: ("H", [photometric]), 273: ("I", [0]), 277: ("H", [channels]),
        278: ("I", [height]), 279: ("I", [len(data)]), 284: ("H", [1]),
        339: ("H", [3 if samples.dtype.kind == "f" else 1] * channels),
    }  # fmt: skip
    if orientation is not None:
        tags[274] = ("H", [orientation])
    if extra is not None:
        tags[338] = ("H", [extra])
    packed = {
        tag: struct.pack(f"{order}{len(values)}{kind}", *values) for tag, (kind, values) in tags.items()
    }
    outside = 8 + 2 + 12 * len(tags) + 4  # where values longer than four bytes go
    start = outside + sum(len(value) for value in packed.values() if len(value) > 4)
    packed[273] = struct.pack(f"{order}I", start)
    directory, values = struct.pack(f"{order}H", len(tags)), b""
    for tag in sorted(tags):
        kind, listed = tags[tag]
        directory += struct.pack(f"{order}HHI", tag, {"H": 3, "I": 4}[kind], len(listed))
        if len(packed[tag]) > 4:
            directory += struct.pack(f"{order}I", outside + len(values))
            values += packed[tag]
        else:
            directory += packed[tag].ljust(4, b"\0")
    head = (b"MM\0*" if big_endian else b"II*\0") + struct.pack(f"{order}I", 8)
    return head + directory + struct.pack(f"{order}I", 0) + values + data
