# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole path from a picture to a mesh, with a stand-in that knows the answer and with random networks."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional

from engine.errors import STAGES, Cancelled, EngineError
from engine.networks import NormalMaps
from engine.pipeline import Settings, choose_device, reconstruct
from engine.surface.meshes import signed_volume
from engine.weights import LoadedWeights, random_weights
from tests.tiny import TINY

SHIRT, TROUSERS, WALL = (200, 40, 40), (40, 40, 200), (30, 60, 30)


class Cutter(torch.nn.Module):
    """A network that sees whatever is not the wall and makes it 0.4 units deep."""

    def __init__(self, mask=True, value=None):
        super().__init__()
        self.layer = torch.nn.Conv2d(3, 1, 1)  # so that moving and laying it out has something to move
        self.with_mask, self.value, self.calls = mask, value, []

    def seen(self, image):
        wall = torch.tensor(WALL, device=image.device).reshape(1, 3, 1, 1) / 127.5 - 1
        return ((image - wall).abs().amax(1, keepdim=True) > 0.35).float()

    def predict_normals(self, image):
        assert image.dtype == torch.float32
        assert image.abs().max() <= 1
        self.calls.append(tuple(image.shape))
        if not self.with_mask:
            return None
        mask = self.seen(image)
        front = mask * torch.tensor([0.0, 0.0, 1.0]).reshape(1, 3, 1, 1)
        return NormalMaps(front, -front, mask)

    def encode(self, image, image_fine, maps):
        self.calls.append((tuple(image.shape), tuple(image_fine.shape)))
        return self.seen(image_fine)

    def occupancy(self, features, points):
        if self.value is not None:
            return torch.full((len(points),), self.value)
        place = (points[:, :2] * torch.tensor([1.0, -1.0])).reshape(1, 1, -1, 2)
        inside = functional.grid_sample(features, place, align_corners=False)[0, 0, 0]
        return inside * torch.sigmoid((0.2 - points[:, 2].abs()) / 0.02)


def stand_in(**options):
    return SimpleNamespace(preset=TINY, network=Cutter(**options), sha256="0" * 64, card={})


def person(height=300, width=260, x=70):
    """A figure 60 x 200 pixels before a wall: shirt, trousers, and one arm out to the viewer's right."""
    picture = np.full((height, width, 3), WALL, dtype=np.uint8)
    picture[50:150, x : x + 60] = SHIRT
    picture[150:250, x : x + 60] = TROUSERS
    picture[60:80, x + 60 : x + 110] = SHIRT
    return picture


def quiet(*_):
    pass


SMALL = Settings(resolution=64, height=2.0)


def test_a_person_stands_on_the_floor_in_its_colours():
    weights = stand_in()
    result = reconstruct(person(), weights, SMALL, quiet)
    low, high = result.vertices.min(axis=0), result.vertices.max(axis=0)
    assert result.vertices.dtype == np.float32
    assert low[2] == pytest.approx(0, abs=1e-6)
    assert high[2] == pytest.approx(2.0, abs=1e-5)
    assert high[0] - low[0] == pytest.approx(1.1, abs=0.06)  # 110 pixels of 200 are 2 m
    np.testing.assert_allclose(low[:2] + high[:2], 0, atol=1e-5)
    assert result.faces.dtype == np.int32
    assert signed_volume(result.vertices, result.faces) == pytest.approx(
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
    result = reconstruct(person(), weights, SMALL, quiet)
    assert weights.network.calls == [(1, 3, 64, 64)] * 3 + [((1, 3, 64, 64), (1, 3, 128, 128))]
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
    reconstruct(person(), stand_in(), SMALL, lambda *call: calls.append(call))
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
        reconstruct(person(), stand_in(), SMALL, cancel)


def test_colour_can_be_left_out_and_smoothing_moves_vertices():
    plain = reconstruct(person(), stand_in(), SMALL, quiet)
    other = reconstruct(person(), stand_in(), dataclasses.replace(SMALL, colour=False, smooth=3), quiet)
    assert len(np.unique(other.colors[:, :3])) == 1
    np.testing.assert_array_equal(other.faces, plain.faces)
    assert 0 < np.abs(other.vertices - plain.vertices).max() < 0.2


def test_a_person_cut_at_the_border_is_warned_about():
    result = reconstruct(person()[:220, 60:], stand_in(), SMALL, quiet)
    assert len(result.info["warnings"]) == 1
    assert "(bottom)" in result.info["warnings"][0]


def test_a_lying_person_is_warned_about():
    result = reconstruct(np.ascontiguousarray(np.rot90(person())), stand_in(), SMALL, quiet)
    assert any("wider than tall" in warning for warning in result.info["warnings"])


def test_a_box_chooses_among_people():
    both = np.concatenate([person(), person()[:, ::-1]], axis=1)
    settings = dataclasses.replace(SMALL, box=(330.0, 40.0, 460.0, 260.0))
    result = reconstruct(both, stand_in(), settings, quiet)
    arm = result.vertices[result.vertices[:, 2] > 1.72]
    assert arm[:, 0].min() < -0.4  # the second one is mirrored: its arm is on the other side
    assert result.info["settings"]["box"] == (330.0, 40.0, 460.0, 260.0)


def test_without_normal_networks_the_whole_picture_or_a_cutout_is_taken():
    weights = stand_in(mask=False)
    result = reconstruct(person(), weights, SMALL, quiet)
    assert result.normals_front is None
    assert result.normals_back is None
    assert result.info["crop"] == {"x": -20, "y": 0, "side": 300}
    rgba = np.dstack([person(), np.where((person() == WALL).all(axis=2), 0, 255).astype(np.uint8)])
    assert reconstruct(rgba, weights, SMALL, quiet).info["crop"]["side"] == round(200 / 0.86)


@pytest.mark.parametrize("picture, options, code", [
    (np.full((100, 100, 3), WALL, dtype=np.uint8), {}, "no_person"),
    (np.zeros((100, 100), dtype=np.uint8), {}, "bad_image"),
    (person(), {"value": 0.1}, "broken_field"),
    (person(), {"value": float("nan")}, "broken_field"),
])
def test_failures_are_named(picture, options, code):
    with pytest.raises(EngineError) as caught:
        reconstruct(picture, stand_in(**options), SMALL, quiet)
    assert caught.value.code == code


def test_a_box_around_nobody_is_named():
    with pytest.raises(EngineError) as caught:
        reconstruct(person(), stand_in(), dataclasses.replace(SMALL, box=(180.0, 180.0, 250.0, 250.0)), quiet)
    assert caught.value.code == "no_person"


@pytest.mark.parametrize("error", [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
    MemoryError(),
])
def test_running_out_of_memory_is_named(error, monkeypatch):
    weights = stand_in()

    def fail(*_):
        raise error

    monkeypatch.setattr(weights.network, "encode", fail)
    with pytest.raises(EngineError) as caught:
        reconstruct(person(), weights, SMALL, quiet)
    assert caught.value.code == "out_of_memory"
    assert "resolution" in caught.value.hint


def test_other_defects_are_not_taken_for_lack_of_memory(monkeypatch):
    weights = stand_in()

    def fail(*_):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(weights.network, "encode", fail)
    with pytest.raises(RuntimeError, match="mat1"):
        reconstruct(person(), weights, SMALL, quiet)


def test_settings_come_from_plain_values():
    settings = Settings.from_dict({"resolution": 128, "box": [1, 2, 30, 40], "height": 2})
    assert settings == Settings(resolution=128, box=(1, 2, 30, 40), height=2)
    assert Settings.from_dict({}) == Settings()
    assert Settings.from_dict(json.loads(json.dumps(dataclasses.asdict(settings)))) == settings


@pytest.mark.parametrize("values", [
    {"resolution": 32}, {"resolution": 544}, {"resolution": 250}, {"resolution": 256.0},
    {"resolution": "256"}, {"resolution": True}, {"height": 0.05}, {"height": 11}, {"height": "2"},
    {"height": float("nan")}, {"smooth": -1}, {"smooth": 51}, {"smooth": 1.5}, {"colour": 1}, {"weights": 3},
    {"device": "tpu"}, {"device": ["cpu"]}, {"box": [1, 2, 3]}, {"box": [5, 2, 3, 4]}, {"box": "whole"},
    {"box": [1, 2, 3, float("inf")]}, {"quality": 3},
])
def test_settings_out_of_range_are_named(values):
    with pytest.raises(EngineError) as caught:
        Settings.from_dict(values)
    assert caught.value.code == "bad_settings"
    assert caught.value.hint


def test_a_device_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto").type == choose_device("cpu").type == "cpu"
    with pytest.raises(EngineError) as caught:
        choose_device("cuda")
    assert caught.value.code == "bad_settings"


def random_start(seed):
    """Random networks, their last layer steepened so that occupancy crosses 0.5."""
    weights = random_weights(TINY, seed)
    with torch.no_grad():
        list(weights.network.mlp.parameters())[-2].mul_(40)
    return weights


def test_random_networks_go_the_whole_way_and_give_the_same_bytes_twice():
    settings = dataclasses.replace(SMALL, box=(60.0, 40.0, 190.0, 260.0))
    outcomes = []
    for _ in range(2):
        weights = random_start(4)
        assert isinstance(weights, LoadedWeights)
        result = reconstruct(person(), weights, settings, quiet)
        outcomes.append((result.vertices.tobytes(), result.faces.tobytes(), result.colors.tobytes(),
                         result.normals_front.tobytes(), json.dumps(result.info)))
    assert outcomes[0] == outcomes[1]
    assert len(outcomes[0][1]) > 0
