# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of a mesh are the same, in the same order, whichever way they are found."""

import numpy as np
import pytest
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from engine.surface.isosurface import isosurface
from engine.surface.parts import connected_parts, joined
from tests.engine.fields import field_from


def assert_parts(faces, vertices):
    """Both ways agree with scipy on the graph of all sides."""
    start, end = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    sides = coo_array((np.ones(faces.size), (start, end)), (vertices, vertices))
    count, part = connected_components(sides, directed=False)
    for way in (connected_parts, joined):
        found, label = way(torch.from_numpy(faces).long(), vertices)
        assert found == count
        assert label.dtype == torch.int64
        np.testing.assert_array_equal(label.numpy(), part)


@pytest.mark.parametrize("corners", [3, 4])
@pytest.mark.parametrize("faces", [0, 20, 100, 150, 300, 2000])
def test_random_faces(faces, corners):
    for seed in range(10):
        assert_parts(np.random.default_rng(seed).integers(0, 500, (faces, corners)), 500)


@pytest.mark.parametrize("order", ["forth", "back", "mixed"])
def test_a_long_chain_and_a_star(order):
    number = np.arange(4001)
    if order == "back":
        number = number[::-1]
    elif order == "mixed":
        number = np.random.default_rng(0).permutation(4001)
    chain = np.stack([number[:-2:2], number[1:-1:2], number[2::2]], axis=1)
    star = np.stack([np.full(2000, number[0]), number[1::2], number[2::2]], axis=1)
    assert_parts(chain, 4001)
    assert_parts(star, 4002)
    assert_parts(chain[np.arange(len(chain)) % 50 > 0], 4001)


def test_a_surface_of_many_parts():
    values = np.random.default_rng(3).random((24, 24, 24), dtype=np.float32) ** 3
    vertices, faces = isosurface(field_from(values, 0, 24))
    assert_parts(faces, len(vertices))
    assert connected_parts(torch.from_numpy(faces).long(), len(vertices))[0] > 100
