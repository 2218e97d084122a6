# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole path from a picture to a mesh, with a stand-in that knows the answer and with random networks."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional

from engine import pipeline
from engine.errors import STAGES, Cancelled, EngineError
from engine.memory import LESS
from engine.networks import NormalMaps
from engine.photo import from_pixels
from engine.pipeline import in_camera_space, people, reconstruct
from engine.settings import Settings
from engine.sight import MOST_POINTS
from engine.weights.presets import NormalNets
from tests.engine.fields import volume_of
from tests.tiny import TINY

SHIRT, TROUSERS, WALL = (200, 40, 40), (40, 40, 200), (30, 60, 30)


class Cutter(torch.nn.Module):
    """A network that sees whatever is not the wall and makes it 0.4 units deep."""

    def __init__(self, maps=True, value=None, span=None, back=None):
        super().__init__()
        self.layer = torch.nn.Conv2d(3, 1, 1)  # so that moving and laying it out has something to move
        self.with_maps, self.value, self.span, self.calls = maps, value, span, []
        self.back = back

    def seen(self, image):
        wall = torch.tensor(WALL, device=image.device).reshape(1, 3, 1, 1) / 127.5 - 1
        return ((image - wall).abs().amax(1, keepdim=True) > 0.35).float()

    def predict_normals(self, image):
        assert image.dtype == torch.float32
        assert image.abs().max() <= 1
        self.calls.append(tuple(image.shape))
        if not self.with_maps:
            return None
        mask = self.seen(image)
        front = mask * torch.tensor([0.0, 0.0, 1.0]).reshape(1, 3, 1, 1)
        span = None if self.span is None else torch.tensor([self.span])
        if self.back is None:
            return NormalMaps(front, -front, mask, span)
        colour = torch.tensor(self.back, dtype=torch.float32).reshape(1, 3, 1, 1) / 255
        return NormalMaps(front, -front, mask, span, colour.expand_as(image))

    def coarse_features(self, image, maps):
        self.calls.append(("coarse", tuple(image.shape)))
        return [self.seen(image)]

    def fine_features(self, image_fine, maps):
        self.calls.append(("fine", tuple(image_fine.shape)))
        return [self.seen(image_fine)]

    def with_norms(self, features, points):
        assert points.shape[1] == 3
        return features

    def occupancy(self, features, points):
        if self.value is not None:
            return torch.full((len(points),), self.value)
        place = (points[:, :2] * torch.tensor([1.0, -1.0])).reshape(1, 1, -1, 2)
        seen = features.coarse if features.fine is None else features.fine
        inside = functional.grid_sample(seen, place, align_corners=False)[0, 0, 0]
        return inside * torch.sigmoid((0.2 - points[:, 2].abs()) / 0.02)


def stand_in(**options):
    return SimpleNamespace(preset=TINY, network=Cutter(**options), sha256="0" * 64, card={})


def run(picture, weights, settings, progress=lambda *_: None, guide=None, normals=None):
    return reconstruct(
        from_pixels(picture), weights, guide or weights, settings, progress, normals=normals)


def person(height=300, width=260, x=70):
    """A figure 60 x 200 pixels before a wall: shirt, trousers, and one arm out to the viewer's right."""
    picture = np.full((height, width, 3), WALL, dtype=np.uint8)
    picture[50:150, x : x + 60] = SHIRT
    picture[150:250, x : x + 60] = TROUSERS
    picture[60:80, x + 60 : x + 110] = SHIRT
    return picture


SMALL = Settings(resolution=64, height=2.0)


def test_a_person_stands_on_the_floor_in_its_colours():
    weights = stand_in()
    result = run(person(), weights, SMALL)
    low, high = result.vertices.min(axis=0), result.vertices.max(axis=0)
    assert result.vertices.dtype == np.float32
    assert low[2] == pytest.approx(0, abs=1e-6)
    assert high[2] == pytest.approx(2.0, abs=1e-5)
    assert high[0] - low[0] == pytest.approx(1.1, abs=0.06)  # 110 pixels of 200 are 2 m
    np.testing.assert_allclose(low[:2] + high[:2], 0, atol=1e-5)
    assert result.faces.dtype == np.int32
    assert volume_of(result.vertices, result.faces) == pytest.approx(
        2.0 * 0.6 * (high[1] - low[1]) + 0.5 * 0.2 * (high[1] - low[1]), rel=0.08)
    arm = result.vertices[result.vertices[:, 0] > 0.2]
    assert arm[:, 2].min() > 1.5  # the arm is on the viewer's right, up

    assert result.colors.dtype == np.uint8
    assert (result.colors[:, 3] == 255).all()
    colours = result.colors[:, :3].astype(int)
    above, below = result.vertices[:, 2] > 1.1, result.vertices[:, 2] < 0.9
    x, y, z = (result.vertices - low).T
    front = (y < 0.01) & (x > 0.15) & (x < 0.45) & (z > 0.15) & (z < 1.85)  # clear of the mask's rim
    np.testing.assert_allclose(colours[front & above], [SHIRT] * int((front & above).sum()), atol=2)
    np.testing.assert_allclose(colours[front & below], [TROUSERS] * int((front & below).sum()), atol=2)
    assert np.abs(colours[above] - SHIRT).max(axis=1).mean() < 20  # behind, the two mix near the belt
    assert np.abs(colours[below] - TROUSERS).max(axis=1).mean() < 20


def test_the_networks_see_the_sizes_of_their_preset_and_the_result_tells_its_story():
    weights = stand_in()
    result = run(person(), weights, SMALL)
    assert weights.network.calls == [
        *[(1, 3, 64, 64)] * 3, ("coarse", (1, 3, 64, 64)), ("fine", (1, 3, 128, 128))]
    info = json.loads(json.dumps(result.info))
    assert info["crop"]["side"] == pytest.approx(200 / 0.86, abs=12)
    assert info["preset"] == "tiny"
    assert info["weights"] == "0" * 64
    assert info["settings"]["height"] == 2.0
    assert info["versions"]["torch"] == torch.__version__
    assert info["warnings"] == []
    assert result.normals_front.shape == result.normals_back.shape == (64, 64, 3)
    assert result.normals_front[30, 30].tolist() == [128, 128, 255]
    assert result.normals_back[30, 30].tolist() == [128, 128, 0]
    assert result.normals_front[0, 0].tolist() == [128, 128, 128]


def test_stages_come_in_order_and_never_go_back():
    calls = []
    run(person(), stand_in(), SMALL, lambda *call: calls.append(call))
    stages = [STAGES.index(stage) for stage, *_ in calls]
    assert stages == sorted(stages)
    assert [stage for stage in STAGES if stage in {call[0] for call in calls}] == list(STAGES[1:-1])
    for stage in STAGES[1:-1]:
        shares = [done / total for name, done, total, _ in calls if name == stage]
        assert shares == sorted(shares)
        assert (shares[0], shares[-1]) == (0, 1)


@pytest.mark.parametrize("stage", STAGES[1:-1])
def test_a_cancel_at_any_stage_ends_the_job(stage):
    def cancel(name, *_):
        if name == stage:
            raise Cancelled

    with pytest.raises(Cancelled):
        run(person(), stand_in(), SMALL, cancel)


def test_colours_can_be_normals_or_none():
    plain = run(person(), stand_in(), dataclasses.replace(SMALL, colour="none"))
    assert len(np.unique(plain.colors[:, :3])) == 1
    normals = run(person(), stand_in(), dataclasses.replace(SMALL, colour="normals"))
    facing = normals.vertices[:, 1] < normals.vertices[:, 1].min() + 1e-3
    np.testing.assert_allclose(np.median(normals.colors[facing], axis=0), [128, 128, 255, 255], atol=2)


def test_a_back_that_networks_tell_colours_what_faces_away():
    told = (20, 200, 20)

    def behind(weights, guide=None, **changes):
        result = run(person(), weights, dataclasses.replace(SMALL, **changes), guide=guide)
        low, high = result.vertices.min(axis=0), result.vertices.max(axis=0)
        x, y, z = (result.vertices - low).T
        inner = (y > high[1] - low[1] - 0.01) & (x > 0.15) & (x < 0.45) & (z > 0.15) & (z < 1.85)
        assert inner.sum() > 50
        return result.info["back_inferred"], result.colors[inner, :3].astype(int)

    inferred, colours = behind(stand_in(back=told))
    assert inferred is True
    assert np.abs(colours - told).max() <= 1
    inferred, colours = behind(stand_in(maps=False), guide=stand_in(back=told))
    assert inferred is True, "the guide tells it for weights that do not"
    assert np.abs(colours - told).max() <= 1
    inferred, colours = behind(stand_in())
    assert inferred is False
    assert np.abs(colours - told).min(axis=0).max() > 100
    inferred, colours = behind(stand_in(back=told), colour="none")
    assert inferred is False
    assert np.ptp(colours) == 0


def test_each_step_of_the_mesh_can_be_chosen_and_is_recorded():
    plain = run(person(), stand_in(), SMALL)
    steps = plain.info["mesh"]
    assert (steps["topology"], steps["extracted"]) == ("triangles", len(plain.faces))
    assert steps["dropped"] == {"floaters": 0, "hollows": 0, "faces": 0}
    smoothed = run(person(), stand_in(), dataclasses.replace(SMALL, smooth=3))
    np.testing.assert_array_equal(smoothed.faces, plain.faces)
    assert 0 < np.abs(smoothed.vertices - plain.vertices).max() < 0.2
    assert smoothed.info["mesh"]["smoothed"] == 3
    fewer = run(person(), stand_in(), dataclasses.replace(SMALL, faces=400))
    assert 300 < len(fewer.faces) <= 400
    assert fewer.info["mesh"]["reduced"] == len(fewer.faces)
    assert np.abs(fewer.colors[:, :3].astype(int) - SHIRT).max(axis=1).min() <= 4  # colours were carried over
    quads = run(person(), stand_in(), dataclasses.replace(SMALL, topology="quads", clean=False))
    assert quads.faces.shape[1] == 4
    assert "dropped" not in quads.info["mesh"]
    assert volume_of(quads.vertices, quads.faces) == pytest.approx(
        volume_of(plain.vertices, plain.faces), rel=0.03)


def test_the_surface_follows_the_normals_of_networks_that_have_a_silhouette():
    column = np.mgrid[:64, :64][1]
    waves = np.stack([0.4 * np.sin(column / 2.5), np.zeros((64, 64)), np.ones((64, 64))], axis=-1)
    waves = waves / np.linalg.norm(waves, axis=-1, keepdims=True)
    painted = np.uint8(np.round((waves + 1) * 127.5)), np.uint8(np.round((1 - waves) * 127.5))
    flat = run(person(), stand_in(), SMALL)
    folded = run(person(), stand_in(), SMALL, normals=painted)
    np.testing.assert_array_equal(folded.faces, flat.faces)
    np.testing.assert_array_equal(folded.vertices[:, [0, 2]], flat.vertices[:, [0, 2]])
    assert flat.info["mesh"]["relief"] < 0.01 < folded.info["mesh"]["relief"]
    published = stand_in()
    published.preset = dataclasses.replace(TINY, normals=NormalNets(False, (8, 8, 16), 1))
    plain = run(person(), published, SMALL, guide=stand_in(), normals=painted)
    assert "relief" not in plain.info["mesh"]


def test_in_camera_space_the_mesh_lies_where_the_crop_shows_it():
    result = run(person(), stand_in(), SMALL)
    mesh, crop = in_camera_space(result), result.info["crop"]
    pixels = (mesh.vertices[:, :2] * [1, -1] + 1) / 2 * crop["side"] + [crop["x"], crop["y"]]
    np.testing.assert_allclose(pixels.min(axis=0), [70, 50], atol=3)
    np.testing.assert_allclose(pixels.max(axis=0), [180, 250], atol=3)
    assert np.abs(mesh.vertices[:, 2]).max() == pytest.approx(0.2, abs=0.02)


def test_the_height_is_the_stature_of_somebody_who_does_not_stand():
    sitting = run(person(), stand_in(span=2.2), dataclasses.replace(SMALL, height=1.8))
    extent = float(np.ptp(sitting.vertices[:, 2]))
    assert extent == pytest.approx(200 / sitting.info["crop"]["side"] * 2.2 * 1.8, rel=0.02)
    assert sitting.info["scale"]["source"] == "estimate"
    assert "span" in sitting.info["warnings"][0]
    standing = run(person(), stand_in(span=1.2), dataclasses.replace(SMALL, height=1.8))
    assert float(np.ptp(standing.vertices[:, 2])) == pytest.approx(1.8)
    assert standing.info["scale"]["source"] == "extent"
    given = run(person(), stand_in(span=2.2), dataclasses.replace(SMALL, span=3.0))
    assert float(np.ptp(given.vertices[:, 2])) == pytest.approx(
        200 / given.info["crop"]["side"] * 3.0, rel=0.02)
    assert given.info["scale"]["source"] == "span"


def test_another_files_networks_can_find_the_person_and_the_scale():
    guide = stand_in(span=2.2)
    weights = stand_in(maps=False)
    result = run(person(), weights, SMALL, guide=guide)
    assert result.normals_front is None
    assert result.normals_back is None
    assert result.info["crop"]["side"] == pytest.approx(200 / 0.86, abs=12)
    assert result.info["scale"]["source"] == "estimate"
    assert len(guide.network.calls) == 3  # the whole picture, the person, and their crop
    assert [len(call) for call in weights.network.calls] == [4, 2, 2]


def test_a_person_cut_at_the_border_is_warned_about():
    result = run(person()[:220, 60:], stand_in(), SMALL)
    assert len(result.info["warnings"]) == 1
    assert "(bottom)" in result.info["warnings"][0]


def test_a_box_chooses_among_people():
    both = np.concatenate([person(), person()[:, ::-1]], axis=1)
    settings = dataclasses.replace(SMALL, box=(330.0, 40.0, 460.0, 260.0))
    result = run(both, stand_in(), settings)
    arm = result.vertices[result.vertices[:, 2] > 1.72]
    assert arm[:, 0].min() < -0.4  # the second one is mirrored: its arm is on the other side
    assert result.info["settings"]["box"] == (330.0, 40.0, 460.0, 260.0)


def test_the_nth_largest_person_can_be_chosen():
    both = np.concatenate([person(), np.full((300, 100, 3), WALL, np.uint8), person()[:, ::-1]], axis=1)
    both[50:250, 20:70] = SHIRT  # makes the left one larger
    first, second = (run(both, stand_in(), dataclasses.replace(SMALL, person=n)) for n in (1, 2))
    assert first.info["crop"]["x"] < 50 < 300 < second.info["crop"]["x"]
    found = people(from_pixels(both), stand_in())
    assert [one.source_box[0] < 200 for one in found] == [True, False]
    with pytest.raises(EngineError, match="2 people were found"):
        run(both, stand_in(), dataclasses.replace(SMALL, person=3))


def test_a_huge_picture_is_told_of_in_its_own_pixels():
    huge = person().repeat(20, axis=0).repeat(20, axis=1)
    result = run(huge, stand_in(), SMALL)
    plain = run(person(), stand_in(), SMALL).info["crop"]
    crop = result.info["crop"]
    assert [crop[key] for key in ("x", "y", "side")] == pytest.approx(
        [20 * plain[key] for key in ("x", "y", "side")], abs=40)


def test_a_cutout_is_the_person():
    rgba = np.dstack([person(), np.where((person() == WALL).all(axis=2), 0, 255).astype(np.uint8)])
    assert run(rgba, stand_in(), SMALL).info["crop"]["side"] == round(200 / 0.86)


@pytest.mark.parametrize("picture, options, code", [
    (np.full((100, 100, 3), WALL, dtype=np.uint8), {}, "no_person"),
    (np.zeros((100, 100), dtype=np.uint8), {}, "bad_image"),
    (person(), {"value": 0.1}, "broken_field"),
    (person(), {"value": float("nan")}, "broken_field"),
])
def test_failures_are_named(picture, options, code):
    with pytest.raises(EngineError) as caught:
        run(picture, stand_in(**options), SMALL)
    assert caught.value.code == code


def test_a_box_around_nobody_is_named():
    with pytest.raises(EngineError) as caught:
        run(person(), stand_in(), dataclasses.replace(SMALL, box=(180.0, 180.0, 250.0, 250.0)))
    assert caught.value.code == "no_person"


SHORTAGES = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
    MemoryError(),
]


@pytest.mark.parametrize("error", SHORTAGES)
@pytest.mark.parametrize("part", ["predict_normals", "coarse_features", "fine_features", "occupancy"])
def test_running_out_of_memory_is_tried_once_more_and_then_named(part, error, monkeypatch):
    weights = stand_in()
    usual, calls = getattr(weights.network, part), []

    def fail(*arguments):
        calls.append(len(arguments[-1]) if part == "occupancy" else 0)
        if len(calls) in failing:
            raise error
        return usual(*arguments)

    monkeypatch.setattr(weights.network, part, fail)
    failing = {1}
    expected = run(person(), stand_in(), SMALL)
    result = run(person(), weights, SMALL)
    np.testing.assert_array_equal(result.vertices, expected.vertices)
    if part == "occupancy":
        assert max(calls[1:]) <= MOST_POINTS // LESS < calls[0]
    calls.clear()
    failing = {1, 2}
    with pytest.raises(EngineError) as caught:
        run(person(), weights, SMALL)
    assert caught.value.code == "out_of_memory"
    assert "weights need about" in caught.value.text
    assert "resolution" in caught.value.hint


@pytest.mark.parametrize("step", ["isosurface", "keep_person", "colour_vertices"])
def test_so_is_running_out_of_it_for_the_surface(step, monkeypatch):
    weights, usual, calls = stand_in(), getattr(pipeline, step), []
    expected = run(person(), weights, SMALL)

    def fail(*arguments):
        calls.append(step)
        if len(calls) in failing:
            raise SHORTAGES[0]
        return usual(*arguments)

    monkeypatch.setattr(pipeline, step, fail)
    failing = {1}
    result = run(person(), weights, SMALL)
    assert result.vertices.tobytes() == expected.vertices.tobytes()
    assert result.colors.tobytes() == expected.colors.tobytes()
    calls.clear()
    failing = {1, 2}
    with pytest.raises(EngineError) as caught:
        run(person(), weights, SMALL)
    assert caught.value.code == "out_of_memory"


def test_other_defects_are_not_taken_for_lack_of_memory(monkeypatch):
    weights = stand_in()

    def fail(*_):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(weights.network, "fine_features", fail)
    with pytest.raises(RuntimeError, match="mat1"):
        run(person(), weights, SMALL)
