# SPDX-License-Identifier: GPL-3.0-or-later
"""Either solver gives what a direct one gives; the two-level one's steps hardly grow in number with the mesh.
"""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array, diags_array, triu
from scipy.sparse.linalg import spsolve

from engine.errors import Cancelled
from engine.surface import laplacian
from engine.surface.isosurface import isosurface
from engine.surface.laplacian import solve_laplacian
from engine.surface.meshes import edge_graph
from tests.engine.fields import all_columns, ball, localised, soft, sphere

KNOWN = np.array([(0.0, 128.0, 255.0), (255.0, 128.0, 30.0)])  # what is left and right of the unknown


def weights_of(vertices, faces, along):
    """(V, V): as colours have them: each edge as level as it is by a power, and next to none across a hem."""
    graph = edge_graph(faces, len(vertices)).tocoo()
    start, end = graph.coords
    way = (vertices[end] - vertices[start]).astype(np.float64)
    level = 0.002 + (1 - way[:, along] ** 2 / (way**2).sum(axis=1)) ** 6
    hem = (vertices[start, 1] > 0.2) != (vertices[end, 1] > 0.2)
    return csr_array((level * np.where(hem, 0.001, 1.0), (start, end)), shape=graph.shape)


def body(points):
    """A trunk with a head, two arms and two legs."""
    x, y, z = points.T
    side = np.stack([np.abs(x), y, z], axis=1)
    trunk = sphere(points / (0.24, 0.4, 0.16), radius=1.0) * 0.16
    head = sphere(points, (0.0, 0.55, 0.0), 0.13)
    arm = sphere((side - (0.35, 0.15, 0.1)) / (0.2, 0.08, 0.07), radius=1.0) * 0.07
    leg = sphere((side - (0.13, -0.55, 0.0)) / (0.09, 0.4, 0.09), radius=1.0) * 0.09
    return soft(np.minimum.reduce([trunk, head, arm, leg]))


def system(resolution, along=1, solid=ball):
    """Of the unknown back of a solid: start, end, weight, total, outside, guess, for `solve_laplacian`."""
    vertices, faces = isosurface(localised(solid, all_columns(resolution)))
    middle = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    free = np.flatnonzero(vertices[:, 2] < middle[2])
    colours = KNOWN[(vertices[:, 0] > middle[0]).astype(int)]
    rows = weights_of(vertices - middle, faces, along)[free]
    known = np.ones(len(vertices), dtype=np.bool_)
    known[free] = False
    inner = triu(rows[:, free]).tocoo()
    start, end = (torch.from_numpy(one.astype(np.int64)) for one in inner.coords)
    total = np.asarray(rows.sum(axis=1)).ravel()
    outside = rows @ np.where(known[:, None], colours, 0.0)
    rest = (inner.data, total, outside, np.full((free.size, 3), 90.0))
    return start, end, *(torch.from_numpy(one) for one in rest)


def direct(start, end, weight, total, outside, _):
    """What SciPy's direct solver finds."""
    one_way = csr_array((weight, (start, end)), shape=(len(total), len(total)))
    matrix = diags_array(total.numpy()) - one_way - one_way.T
    return torch.from_numpy(spsolve(matrix.tocsc(), outside.numpy()))


@pytest.fixture(params=["_by_groups", "_along_diagonal"])
def solve(request, monkeypatch):
    """`solve_laplacian` by a processor's way and by that of a graphics card."""
    monkeypatch.setattr(laplacian, "_by_groups", getattr(laplacian, request.param))
    return solve_laplacian


@pytest.mark.parametrize("along", [1, 2])
def test_it_is_the_direct_solution(along, solve):
    given = system(64, along)
    exact = direct(*given)
    assert (exact - given[-1]).abs().max() > 100
    assert (solve(*given, 0.1) - exact).abs().max() < 0.7  # of 255
    assert (solve(*given, 1e-4) - exact).abs().max() < 1e-3


def test_both_ways_lead_to_the_same_on_a_body_of_uneven_weights(monkeypatch):
    given = system(96, solid=body)
    weight = given[2]
    assert weight.max() > 490 * weight.min()
    exact, found = direct(*given), solve_laplacian(*given, 0.05)
    steps = []
    monkeypatch.setattr(laplacian, "_by_groups", laplacian._along_diagonal)
    other = solve_laplacian(*given, 0.05, lambda: steps.append(1))
    assert (exact - given[-1]).abs().max() > 100
    assert (found - exact).abs().max() < 18 * 0.05
    assert (other - exact).abs().max() < 8 * 0.05
    assert len(steps) < 40, "a card is waited for every 20 steps only"


def test_ties_between_the_same_two_add_up_whichever_way_they_are_given(solve):
    start, end, weight, total, outside, guess = system(48)
    third = torch.rand(len(weight), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    parts = torch.cat([weight * third, weight * (1 - third)])
    once = solve(start, end, weight, total, outside, guess, 1e-6)
    twice = solve(torch.cat([start, end]), torch.cat([end, start]), parts, total, outside, guess, 1e-6)
    torch.testing.assert_close(twice, once, rtol=0, atol=1e-4)


def test_what_is_given_stays_as_it_is(solve):
    given = system(48)
    copies = [one.clone() for one in given]
    solve(*given, 0.1)
    assert all(torch.equal(one, copy) for one, copy in zip(given, copies, strict=True))


def test_a_mesh_of_sixteen_times_the_vertices_takes_hardly_more_steps():
    few, many = [], []
    solve_laplacian(*system(64), 0.1, lambda: few.append(1))
    solve_laplacian(*system(256), 0.1, lambda: many.append(1))
    assert len(many) < 1.3 * len(few) < 20  # measured: 12, 13


def test_a_part_without_known_vertices_keeps_its_guess(solve):
    ring = torch.arange(12)
    guess, nothing = torch.full((12, 3), 77.0, dtype=torch.float64), torch.zeros(12, 3, dtype=torch.float64)
    found = solve(ring, ring.roll(1), torch.ones_like(guess[:, 0]), torch.full_like(guess[:, 0], 2.0),
                  nothing, guess, 1e-3)  # fmt: skip
    torch.testing.assert_close(found, guess, rtol=0, atol=1e-3)


def test_nor_does_such_a_part_beside_others_move(solve):
    start, end, weight, total, outside, before = system(48)
    ring = torch.arange(12) + len(total)
    found = solve(
        torch.cat([start, ring]), torch.cat([end, ring.roll(1)]), torch.cat([weight, weight.new_ones(12)]),
        torch.cat([total, total.new_full((12,), 2.0)]), torch.cat([outside, outside.new_zeros(12, 3)]),
        torch.cat([before, before.new_full((12, 3), 77.0)]), 0.01)  # fmt: skip
    torch.testing.assert_close(found[-12:], torch.full_like(found[-12:], 77.0), rtol=0, atol=1e-3)
    exact = direct(start, end, weight, total, outside, before)
    torch.testing.assert_close(found[:-12], exact, rtol=0, atol=0.16)


def test_a_solved_column_stays_while_another_is_sought(solve):
    start, end, weight, total, outside, _ = system(48)
    held = total + 0.01 * total.mean()
    one = torch.zeros_like(outside)
    one[:, 0] = outside[:, 0]
    found = solve(start, end, weight, held, one, torch.zeros_like(one), 1e-3)
    assert found[:, 0].max() > 100
    assert not found[:, 1:].any()


def test_vertices_with_known_neighbours_only_are_their_means(solve):
    none = torch.empty(0, dtype=torch.int64)
    total = torch.tensor([2.0, 4.0], dtype=torch.float64)
    outside = torch.tensor([[20.0, 40.0], [4.0, 8.0]], dtype=torch.float64)
    found = solve(none, none, none.double(), total, outside, torch.zeros_like(outside), 1e-9)
    torch.testing.assert_close(found, outside / total[:, None])


def test_a_cancel_between_steps_passes_through(solve):
    def cancel():
        raise Cancelled

    with pytest.raises(Cancelled):
        solve(*system(48), 0.1, cancel)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="of a graphics card")
def test_a_graphics_card_gives_the_same_bytes_each_time():
    given = [one.cuda() for one in system(64)]
    found = solve_laplacian(*given, 0.05)
    assert found.is_cuda
    assert torch.equal(found, solve_laplacian(*given, 0.05))
    assert (found.cpu() - direct(*(one.cpu() for one in given))).abs().max() < 8 * 0.05
