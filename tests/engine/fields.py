# SPDX-License-Identifier: GPL-3.0-or-later
"""Solids whose occupancy is known everywhere, grids filled from them, and meshes compared."""

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from skimage.measure import marching_cubes

from engine.space import grid_to_camera
from engine.surface.field import CORNERS, Field
from engine.surface.localise import localise
from engine.surface.meshes import CPU, on_device, signed_volume


def soft(distance, width=0.02):
    """Occupancy from a signed distance (negative inside), as smooth as a network's."""
    return (1.0 / (1.0 + np.exp(np.clip(distance / width, -30, 30)))).astype(np.float32)


def sphere(points, centre=(0.0, 0.0, 0.0), radius=0.6):
    return np.linalg.norm(points - np.array(centre), axis=1) - radius


def ball(points):
    return soft(sphere(points))


def all_columns(resolution):
    return np.ones((resolution, resolution), dtype=np.bool_)


def disc_columns(resolution):
    x = np.arange(resolution) * 2 / resolution - 1
    return np.hypot(x[:, None] - 0.05, x[None, :]) < 0.53


def dense_values(function, columns):
    """(r, r, r) float32: function at every node of the columns, 0 in the others."""
    resolution = columns.shape[0]
    values = np.zeros((resolution,) * 3, dtype=np.float32)
    z = np.arange(resolution)
    for x, row in enumerate(columns):
        y = np.flatnonzero(row)
        if y.size:
            index = np.stack(np.broadcast_arrays(x, y[:, None], z[None, :]), axis=-1)
            points = grid_to_camera(index.reshape(-1, 3), resolution).astype(np.float32)
            values[x, y] = function(points).reshape(index.shape[:2])
    return values


def looked_up(values):
    """The query that reads a dense grid, so that both sides of a comparison see the same numbers."""
    resolution = values.shape[0]

    def query(points):
        nodes = np.round((points.astype(np.float64) + 1) * (resolution / 2)).astype(int)
        return values[tuple(nodes.T)]

    return query


def localised(query, columns, **options):
    """`localise` for a query of arrays and columns (r, r) as an array."""
    def asked(points):
        return torch.from_numpy(query(points.numpy()))

    return localise(asked, torch.from_numpy(columns), **options)


def field_from(values, origin, resolution):
    """The field of a box of nodes that begins at a grid index; outside it is nothing."""
    padded = np.pad(values, 1)
    cells = np.indices(np.array(padded.shape) - 1).reshape(3, -1).T
    corners = padded[tuple((cells[:, None] + CORNERS).transpose(2, 0, 1))]
    inside = (corners > 0.5).sum(axis=1)
    crossed = (inside > 0) & (inside < 8)
    found = cells[crossed] - 1 + origin
    return Field(torch.from_numpy(found), torch.from_numpy(corners[crossed]), resolution, 0)


def tensors(vertices, faces):
    """A mesh as what takes it on a device wants it."""
    return on_device(vertices, faces, CPU)


def volume_of(vertices, faces):
    return signed_volume(*tensors(vertices, faces))


def dense_mesh(values):
    """scikit-image's mesh of a whole grid with nothing around, in camera space, facing outward.

    Vertices are put in the order of the grid edges and cells they lie on or in, as the engine's are.
    """
    resolution = values.shape[0]
    padded = np.pad(values, 1)
    vertices, faces, _, _ = marching_cubes(padded, 0.5, gradient_direction="ascent")
    # A vertex near a node of nearly 0.5 is rounded onto it, and its edge no longer to be seen. So edges are
    # read from another mesh, of values farther from 0.5, which is the same but for where its vertices are. It
    # is not where an ambiguous cell's corners were moved; half of 1e-4 still outdoes the rounding at 512.
    for far in (1e-4, 5e-5):
        apart = np.where(padded > 0.5, np.maximum(padded, 0.5 + far), np.minimum(padded, 0.5 - far))
        places, same, _, _ = marching_cubes(apart, 0.5, gradient_direction="ascent")
        if np.array_equal(faces, same):
            break
    np.testing.assert_array_equal(faces, same)
    lowest = np.floor(places)
    along = places > lowest
    kind = np.where(along.sum(axis=1) == 1, along.argmax(axis=1), 3)
    order = np.lexsort([kind, *lowest.T[::-1]])
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.arange(len(order))
    return grid_to_camera(vertices[order].astype(np.float64) - 1.0, resolution), number[faces]


def assert_same(mesh, dense):
    """The same vertices within 1e-6, in the same order, and the same faces."""
    assert len(mesh[0]) == len(dense[0])
    np.testing.assert_allclose(mesh[0], dense[0], rtol=0, atol=1e-6)
    np.testing.assert_array_equal(canonical(mesh[1]), canonical(dense[1]))


def canonical(faces):
    """Each face from its smallest vertex on, in its own turn; the faces in order."""
    start = faces.argmin(axis=1)[:, None]
    turned = np.take_along_axis(faces, (start + np.arange(3)) % 3, axis=1)
    return turned[np.lexsort(turned.T[::-1])]


def parts(vertices, faces):
    """The mesh's connected parts as (vertices, faces with their own numbers), largest first."""
    ones = np.ones(len(faces) * 2, dtype=np.bool_)
    ends = faces[:, [0, 1]].T.ravel(), faces[:, [1, 2]].T.ravel()
    count, label = connected_components(coo_array((ones, ends), (len(vertices),) * 2), directed=False)
    number = np.empty(len(vertices), dtype=np.int64)
    found = []
    for part in np.argsort(-np.bincount(label), kind="stable"):
        members = np.flatnonzero(label == part)
        number[members] = np.arange(len(members))
        found.append((vertices[members], number[faces[label[faces[:, 0]] == part]]))
    assert len(found) == count
    return found
