# SPDX-License-Identifier: GPL-3.0-or-later
"""The nearest marked vertex along ties: a graphics card's way finds what a processor's does."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from engine.errors import Cancelled
from engine.surface.isosurface import isosurface
from engine.surface.nearest import LOOKED_AT, SHORTEST, _all_at_once, _one_by_one, nearest_marked
from tests.engine.fields import all_columns, ball, localised


def both(start, end, length, marked):
    """What both ways find, as arrays: (nearest, length of the way) each."""
    ties = torch.tensor(start), torch.tensor(end), torch.tensor(length, dtype=torch.float64)
    flags = torch.tensor(marked)
    found = _one_by_one(*ties, flags), _all_at_once(*ties, flags, lambda: None)
    return [tuple(part.numpy() for part in way) for way in found]


def chain(count, marked):
    """Vertices in a row, a tie of length 1 between each and the next; which are marked."""
    flags = np.zeros(count, dtype=np.bool_)
    flags[list(marked)] = True
    return np.arange(count - 1), np.arange(1, count), np.ones(count - 1), flags


def surface():
    """The sides of a ball's faces, once each, as long as they are; few vertices of the front are marked."""
    vertices, faces = isosurface(localised(ball, all_columns(48)))
    start, end = faces.ravel().astype(np.int64), np.roll(faces, -1, axis=1).ravel().astype(np.int64)
    once = start < end
    start, end = start[once], end[once]
    marked = (np.random.default_rng(4).random(len(vertices)) < 0.01) & (vertices[:, 2] > 0.3)
    return start, end, np.linalg.norm(vertices[end].astype(np.float64) - vertices[start], axis=1), marked


def test_both_ways_find_the_same_on_a_surface():
    start, end, length, marked = surface()
    whole = csr_array((length, (start, end)), shape=(marked.size, marked.size))
    every = dijkstra(whole, directed=False, indices=np.flatnonzero(marked))
    for nearest, far in both(start, end, length, marked):
        np.testing.assert_allclose(far, every.min(axis=0), rtol=0, atol=1e-12)
        assert marked[nearest].all()
        # where two are as near, either may be found
        own = every[np.searchsorted(np.flatnonzero(marked), nearest), np.arange(marked.size)]
        np.testing.assert_allclose(own, far, rtol=0, atol=1e-12)
    (first, _), (second, _) = both(start, end, length, marked)
    assert (first != second).mean() < 0.01
    np.testing.assert_array_equal(first[marked], np.flatnonzero(marked))


@pytest.mark.parametrize("count", [2, LOOKED_AT, LOOKED_AT + 1, LOOKED_AT + 2, 10 * LOOKED_AT + 5])
def test_ways_may_be_longer_than_what_lies_between_two_looks(count):
    for nearest, far in both(*chain(count, [0])):
        np.testing.assert_array_equal(nearest, np.zeros(count))
        np.testing.assert_array_equal(far, np.arange(count))


def test_each_half_of_a_chain_belongs_to_its_own_end():
    for nearest, far in both(*chain(100, [0, 99])):
        np.testing.assert_array_equal(nearest, np.repeat([0, 99], 50))
        np.testing.assert_array_equal(far, np.minimum(np.arange(100), np.arange(100)[::-1]))


def test_a_part_without_a_marked_vertex_is_infinitely_far_and_keeps_to_itself():
    start, end, length, marked = chain(60, [3])
    apart = start != 39
    for nearest, far in both(start[apart], end[apart], length[apart], marked):
        np.testing.assert_array_equal(nearest, np.where(np.arange(60) < 40, 3, np.arange(60)))
        np.testing.assert_array_equal(np.isinf(far), np.arange(60) >= 40)


def test_nothing_marked_and_no_ties():
    for nearest, far in both(*chain(20, [])):
        np.testing.assert_array_equal(nearest, np.arange(20))
        assert np.isinf(far).all()
    none = np.empty(0, dtype=np.int64)
    for nearest, far in both(none, none, np.empty(0), np.array([True, False])):
        np.testing.assert_array_equal(nearest, [0, 1])
        np.testing.assert_array_equal(far, [0.0, np.inf])


def test_vertices_in_one_place_do_not_lead_to_each_other():
    start, end, _, marked = (torch.from_numpy(part) for part in chain(50, [49]))
    nothing = torch.zeros(49, dtype=torch.float64)
    calls = [nearest_marked(start, end, nothing, marked)]
    calls.append(_all_at_once(start, end, nothing.clamp(min=SHORTEST), marked, lambda: None))
    for nearest, far in calls:
        assert (nearest == 49).all()
        assert float(far.max()) < 1e-6


def test_of_ways_as_long_the_same_is_taken_each_time():
    """A square whose opposite corners are marked: the others are as near to both."""
    ties = [0, 1, 2, 0], [1, 2, 3, 3], [1.0] * 4, [True, False, True, False]
    found = [both(*ties)[1][0].tolist() for _ in range(3)]
    assert found == [[0, 0, 2, 0]] * 3  # the neighbour of the smallest number


def test_a_cancel_between_steps_passes_through():
    def cancel():
        raise Cancelled

    start, end, length, marked = (torch.from_numpy(part) for part in chain(50, [0]))
    with pytest.raises(Cancelled):
        _all_at_once(start, end, length, marked, cancel)
