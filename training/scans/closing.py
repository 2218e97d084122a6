# SPDX-License-Identifier: GPL-3.0-or-later
"""Closed parts from a scan: small holes filled, crumbs dropped, outsides outside; or the reason why not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .surface import Array, Ints, UnusableScan

WIDEST_HOLE = 0.8
"""Metres round a hole that a fan may close: a shoe's sole is about 0.7, a waist is more."""
SPARE = 0.03
"""Share of the surface that may be left out where it cannot be closed: lashes and strands are open sheets."""
CRUMB = 1e-6
SMALLEST, LARGEST = 0.002, 0.6
"""Cubic metres: parts below the first are dropped, and what a person may hold in all."""


@dataclass(frozen=True)
class ClosedParts:
    """vertices (V, 3) metres; faces (F, 3) int64; part (F,) int64, 0 the largest; albedo (V, 3); notes."""

    vertices: Array
    faces: Ints
    part: Ints
    albedo: Array
    notes: tuple[str, ...]


def closed_parts(vertices: Array, faces: Ints, albedo: Array) -> ClosedParts:
    """The connected pieces of a welded mesh, each closed and wound outwards. Raises UnusableScan."""
    notes: list[str] = []
    edges = _open_edges(faces)
    loops = _loops(edges)
    piece = _pieces(len(vertices), faces)
    broken = set()
    fans, centres, colours = [faces], [vertices], [albedo]
    count = len(vertices)
    filled = 0
    for loop in loops:
        around = float(np.linalg.norm(vertices[loop] - vertices[np.roll(loop, -1)], axis=1).sum())
        if around > WIDEST_HOLE or len(loop) < 3:
            broken.add(int(piece[loop[0]]))
            continue
        fans.append(np.stack([np.roll(loop, -1), loop, np.full(len(loop), count)], 1))
        centres.append(vertices[loop].mean(0, keepdims=True))
        colours.append(albedo[loop].mean(0, keepdims=True))
        count += 1
        filled += 1
    vertices, faces, albedo = np.concatenate(centres), np.concatenate(fans), np.concatenate(colours)
    piece = _pieces(count, faces)[faces[:, 0]] if filled else piece[faces[:, 0]]
    if broken:
        # numbers of pieces hold: a fan joins the piece of its rim, and new numbers follow the old vertices
        bad = np.isin(piece, list(broken))
        a, b, c = vertices[faces].transpose(1, 0, 2)
        areas = np.linalg.norm(np.cross(b - a, c - a), axis=1)
        share = areas[bad].sum() / areas.sum()
        if share > SPARE:
            raise UnusableScan(
                f"not closed: {len(broken)} of {len(np.unique(piece))} pieces, {share:.0%} of the surface, "
                f"have a hole more than {WIDEST_HOLE} m round or faces wound against each other"
            )
        notes.append(f"left out {len(broken)} open pieces, {share:.1%} of the surface")
        faces, piece = faces[~bad], piece[~bad]
    if filled:
        notes.append(f"filled {filled} holes")
    return _sorted(vertices, faces, piece, albedo, notes)


def _sorted(vertices: Array, faces: Ints, piece: Ints, albedo: Array, notes: list[str]) -> ClosedParts:
    a, b, c = vertices[faces].transpose(1, 0, 2)
    volume = np.bincount(piece, (np.cross(a, b) * c).sum(1) / 6)
    if volume.sum() < 0:
        faces, volume = faces[:, ::-1], -volume
        notes.append("turned inside out")
    # negative ones are hollows inside a larger piece: a solid person has none
    kept = np.flatnonzero(volume > CRUMB)
    kept = kept[volume[kept].argsort()[::-1]]
    dropped = len(np.unique(piece)) - len(kept)
    if dropped:
        notes.append(f"dropped {dropped} crumbs and hollows")
    total = float(volume[kept].sum())
    if not SMALLEST <= total <= LARGEST:
        raise UnusableScan(f"it encloses {total * 1000:.3g} litres: no person")
    number = np.full(len(volume), -1, np.int64)
    number[kept] = np.arange(len(kept))
    part = number[piece]
    faces, part = faces[part >= 0], part[part >= 0]
    used, index = np.unique(faces, return_inverse=True)
    return ClosedParts(
        vertices[used], index.reshape(-1, 3).astype(np.int64), part, albedo[used], tuple(notes)
    )


def _pieces(count: int, faces: Ints) -> Ints:
    one, two = faces.reshape(-1), faces[:, [1, 2, 0]].reshape(-1)
    graph = coo_array((np.ones(len(one), np.int8), (one, two)), (count, count))
    labels: Ints = connected_components(graph, directed=False)[1].astype(np.int64)
    return labels


def _open_edges(faces: Ints) -> Ints:
    """Directed edges (E, 2) that no face runs back along, as often as they are missing. A surface without
    any has whole winding numbers, even where four faces meet in one edge."""
    start, end = faces.reshape(-1), faces[:, [1, 2, 0]].reshape(-1)
    width = int(faces.max()) + 1
    keys, index = np.unique(np.minimum(start, end) * width + np.maximum(start, end), return_inverse=True)
    net = np.bincount(index.reshape(-1), np.where(start < end, 1, -1)).astype(np.int64)
    low, high = np.repeat(keys // width, np.abs(net)), np.repeat(keys % width, np.abs(net))
    forward = np.repeat(net > 0, np.abs(net))
    return np.stack([np.where(forward, low, high), np.where(forward, high, low)], 1)


def _loops(edges: Ints) -> list[Ints]:
    """Open edges chained into closed loops; as many leave every vertex as arrive, so each chain returns."""
    onward: dict[int, list[int]] = {}
    for start, end in edges.tolist():
        onward.setdefault(start, []).append(end)
    loops = []
    for first in onward:
        while onward[first]:
            loop, here = [first], onward[first].pop()
            while here != first:
                loop.append(here)
                here = onward[here].pop()
            loops.append(np.array(loop, np.int64))
    return loops
