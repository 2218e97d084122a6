# SPDX-License-Identifier: GPL-3.0-or-later
"""Views of the pool: pictures and truth stay together, whatever is done to them, in both sources."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import max_pool2d

from tests.training.shapes import figure
from tests.training.viewing import NORMALS, held_together, plain, shot
from training.camera_noise import Faults
from training.camera_noise.faults import Develop, Softness
from training.occupancy import inside
from training.render import Camera, camera_vertices, random_light
from training.subjects import Subjects, render_subjects
from training.views import plan as planning
from training.views.bystanders import person_sprites, seen_whole
from training.views.paste import box_of, pasted, premultiplied
from training.views.plan import Cut, Held, Shadow, Small, Standing, draw_plan
from training.views.scene import LARGEST, Props, with_held, with_standing
from training.views.subject import edged, frames, within

CLEAN_CAMERA = Faults(Develop((1.3, 1.1, 0.8), 0.8, 0.5, 1.1, 0.9), Softness("sharp", 0.0), None, None)


def test_truth_and_picture_stay_together(subjects: Subjects, props: Props) -> None:
    changes: list[dict[str, object]] = [
        {},
        {"flip": True},
        {"small": Small(0.5, 0.2, 0.8)},
        {"small": Small(0.5, 0.2, 0.8), "flip": True},
        {"cut": Cut((0.0, 0.4, 0.0, 0.0), (0.5, 0.5, 0.5, 0.5)), "flip": True},
    ]
    for change in changes:
        held_together(shot(subjects, props, **change))


def test_labels_of_a_near_camera_are_those_of_its_warped_mesh(subjects: Subjects) -> None:
    camera = Camera(-0.3, 0.95, (0.1, -0.03), 0.05, distance=3.0)
    vertices = camera_vertices(figure(), camera)
    labels = inside(subjects.points[1], vertices, figure().faces, figure().part)
    assert torch.equal(labels, subjects.labels[1])
    assert 0.2 < labels.float().mean() < 0.8
    parallel = camera_vertices(figure(), replace(camera, distance=None))
    assert (inside(subjects.points[1], parallel, figure().faces, figure().part) != labels).sum() > 10


def test_a_mirrored_view_is_the_mirror_image(subjects: Subjects, props: Props) -> None:
    usual, other = shot(subjects, props), shot(subjects, props, flip=True)
    sideways = torch.tensor([-1.0, 1.0, 1.0])
    assert torch.equal(other.mask, usual.mask.flip(3))
    assert not torch.equal(other.mask, usual.mask)
    assert torch.equal(other.depth, usual.depth.flip(3))
    for name in ("front", "back"):
        mirrored = getattr(usual, name).flip(3) * sideways[:, None, None]
        assert torch.equal(getattr(other, name), mirrored)
    assert torch.equal(other.points, usual.points * sideways)
    torch.testing.assert_close(other.image, usual.image.flip(3), atol=0.02, rtol=0)


def test_the_backs_colour_is_varied_and_exposed_as_the_picture_is(subjects: Subjects, props: Props) -> None:
    """A back in the front's own colours comes out as the front does, wherever nothing is mixed in."""
    same = replace(subjects, back_colour=subjects.colour * subjects.solid)
    changes: list[dict[str, object]] = [{}, {"flip": True}, {"small": Small(0.5, 0.2, 0.8)}]
    for change in changes:
        batch = shot(same, props, faults=CLEAN_CAMERA, **change)
        inner = 1 - max_pool2d(1 - batch.mask, 5, stride=1, padding=2)
        off = ((batch.image + 1) / 2 - batch.back_colour).abs() * inner
        assert inner.sum() > 50
        assert off.max() < 0.02
        shown = batch.mask.expand(-1, 3, -1, -1) > 0
        assert (batch.back_colour - same.back_colour)[shown].abs().mean() > 0.02
        assert not batch.back_colour[~shown].any()
        assert batch.colour_known.tolist() == [1.0, 1.0]


def test_a_smaller_person_spans_less_of_the_picture(subjects: Subjects, props: Props) -> None:
    usual, small = shot(subjects, props), shot(subjects, props, small=Small(0.5, 1.0, 0.0))
    torch.testing.assert_close(small.span, usual.span * 2)
    assert (small.mask.sum((1, 2, 3)) / usual.mask.sum((1, 2, 3))).sub(0.25).abs().max() < 0.03
    assert not small.mask[:, :, 32:].any()
    assert not small.mask[:, :, :, :32].any()
    assert small.mask[:, :, :32, 32:].any()


def test_somebody_whom_the_edge_cuts_stays_at_the_edge(subjects: Subjects, props: Props) -> None:
    light = random_light(np.random.default_rng(0))
    camera = Camera(0.0, 1.4, (0.0, -0.6))
    portrait = render_subjects([figure()], [camera], [light], 64, 64, 400, [0.03], [1])
    assert portrait.mask[0, 0, -1].max() > 0.5
    small = shot(portrait, props, small=Small(0.5, 0.5, 0.0))
    assert small.mask[0, 0, -1].any()
    assert small.span > 1.9 * portrait.span


def test_a_frame_inside_the_crop_cuts_the_person_and_repeats_the_pictures_edge(props: Props) -> None:
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 8:60, 20:44] = 1
    picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    cut = framed = 0
    for seed in range(120):
        plan = draw_plan(np.random.default_rng(seed), props.stock, False)
        frame = frames(mask, [plan])
        kept, edge = within(frame, 64)[0, 0], edged(picture, frame)[0]
        share = (mask[0, 0] * kept).sum() / mask.sum()
        framed += plan.cut is not None
        cut += int(share < 0.98)
        assert share > 0.2
        if plan.cut is None:
            assert kept.all()
        rows, columns = kept.any(1).nonzero()[:, 0], kept.any(0).nonzero()[:, 0]
        middle = slice(int(rows[1]), int(rows[-1]))
        assert torch.equal(edge[:, middle, columns[1]], picture[0, :, middle, columns[1]])
        for row in range(int(rows[-1]) + 2, 64):
            assert torch.equal(edge[:, row], edge[:, int(rows[-1]) + 2])
    assert 40 <= framed <= 80
    assert 0.2 < cut / framed < 0.5, "about a third of the frames cut the person"


def test_nobody_has_no_truth_and_no_company(subjects: Subjects, props: Props) -> None:
    batch = shot(subjects, props, NORMALS, nobody=True)
    for name in ("front", "back", "mask", "depth", "labels", "back_colour"):
        assert not getattr(batch, name).any(), name
    assert not torch.equal(batch.image, shot(subjects, props, NORMALS).image)
    drawn = [draw_plan(np.random.default_rng(seed), props.stock, True) for seed in range(1500)]
    empty = [plan for plan in drawn if plan.nobody]
    assert len(empty) / len(drawn) == pytest.approx(planning.NOBODY, abs=0.02)
    assert 0.2 < np.mean([bool(plan.standing) for plan in empty]) < 0.8
    for plan in empty:
        assert plan.held is None
        assert all(one.kind == "standing" for one in plan.standing)
    assert not any(draw_plan(np.random.default_rng(seed), props.stock, False).nobody for seed in range(300))


def standing(kind: str = "people", far: float = 0.9, aside: float = 0.1, metres: float = 1.2) -> Standing:
    return Standing(kind, 0, far, metres, aside, True, 0.8, False, 1.0)  # type: ignore[arg-type]


def test_others_are_smaller_than_the_subject_and_behind_it(subjects: Subjects, props: Props) -> None:
    frame = torch.tensor([[0.0, 0.0, 1.0, 1.0]] * 2)
    black = torch.zeros(2, 3, 64, 64)
    area = subjects.mask.sum((1, 2, 3))
    shown = 0
    for seed in range(150):
        plan = draw_plan(np.random.default_rng(seed), props.stock, False)
        for one in plan.standing:
            lit = with_standing(black, subjects, frame, [replace(plan, standing=(one,))] * 2, props)
            changed = (lit.amax(1) > 0.5).sum((1, 2))
            shown += int((changed > 0).any())
            assert (changed <= 1.05 * LARGEST * area).all()
    assert shown > 20
    everywhere = replace(props, people=torch.full_like(props.people, 255))
    large = [plain(props, standing=(standing(metres=9.0),))] * 2
    assert not with_standing(black, subjects, frame, large, everywhere).any()
    assert with_standing(black, subjects, frame, [replace(large[0], nobody=True)] * 2, everywhere).any()
    usual, crowded = shot(subjects, props), shot(subjects, props, standing=(standing(),))
    for name in ("front", "back", "mask", "depth", "points", "labels"):
        assert torch.equal(getattr(usual, name), getattr(crowded, name)), name
    inner = (subjects.mask == 1).expand(-1, 3, -1, -1)
    assert torch.equal(usual.image[inner], crowded.image[inner])
    assert (usual.image - crowded.image).abs().max() > 0.1


def test_the_feet_of_others_stand_on_the_subjects_floor(subjects: Subjects, props: Props) -> None:
    """Farther people are smaller, and their feet stand higher, below the horizon."""
    frame = torch.tensor([[0.0, 0.0, 1.0, 1.0]] * 2)
    feet, heights = [], []
    for far in (0.95, 0.7, 0.45):
        one = replace(plain(props, standing=(standing(far=far),)), nobody=True)
        lit = with_standing(torch.zeros(2, 3, 64, 64), subjects, frame, [one] * 2, props)
        box = box_of(lit.amax(1, keepdim=True))
        feet.append(float(box[0, 3]))
        heights.append(float(box[0, 3] - box[0, 1]))
    floor = (1 - float(subjects.floor[0])) / 2
    assert floor > feet[0] > feet[1] > feet[2] > 0.3
    assert heights[1] / heights[0] == pytest.approx(0.7 / 0.95, abs=0.06)
    assert heights[2] / heights[0] == pytest.approx(0.45 / 0.95, abs=0.06)


def test_held_things_lie_over_the_hand_and_change_no_truth(subjects: Subjects, props: Props) -> None:
    held = Held(number=0, hand=0, metres=0.3, turn=0.0, lift=0.3, flip=False)
    solid = replace(props, held=torch.full_like(props.held, 255))
    black = torch.zeros(2, 3, 64, 64)
    lit = with_held(black, subjects, [plain(props, held=held)] * 2, solid).amax(1)
    for view in range(2):
        rows, columns = (lit[view] > 0.5).nonzero().unbind(1)
        x, y = float(columns.float().mean() + 0.5) / 32 - 1, 1 - float(rows.float().mean() + 0.5) / 32
        palm = subjects.hands[view, 0]
        assert (x, y) == pytest.approx((float(palm[0]), float(palm[1])), abs=0.03)
    behind = with_held(black, subjects, [plain(props, held=replace(held, lift=-0.5))] * 2, solid).amax(1)
    assert behind[subjects.solid[:, 0] > 0].mean() < 0.1
    unknown = replace(subjects, hands=torch.full_like(subjects.hands, torch.nan))
    assert not with_held(black, unknown, [plain(props, held=held)] * 2, solid).any()
    usual, busy = shot(subjects, props), shot(subjects, props, held=held)
    for name in ("front", "back", "mask", "depth", "points", "labels"):
        assert torch.equal(getattr(usual, name), getattr(busy, name)), name


def test_a_shadow_darkens_what_is_behind_and_nothing_else(subjects: Subjects, props: Props) -> None:
    shadow = Shadow(0.6, 0.02, "floor", 0.5, 0.01, 0.3, 0.5, (0.0, 0.0))
    for kind in ("floor", "wall", "none"):
        usual = shot(subjects, props)
        dark = shot(subjects, props, shadow=replace(shadow, kind=kind))
        inner = (subjects.mask == 1).expand(-1, 3, -1, -1)
        assert torch.equal(usual.image[inner], dark.image[inner])
        assert (dark.image <= usual.image + 0.01).all()
        assert (dark.image < usual.image - 0.02).any() or usual.image[~inner].max() < -0.9


def test_sprites_of_people_stand_on_the_lower_edge(subjects: Subjects) -> None:
    assert seen_whole(subjects).tolist() == [True, True]
    sprites = person_sprites(subjects, 48)
    assert sprites.shape == (2, 48, 48, 4)
    left, top, right, bottom = box_of(premultiplied(sprites)[:, 3:])[0].tolist()
    assert bottom > 0.97
    assert (left + right) / 2 == pytest.approx(0.5, abs=0.03)
    # 1.63 m of 2.2
    assert bottom - top == pytest.approx(1.63 / 2.2, abs=0.04)


def test_pasting_puts_a_sprite_where_it_is_told() -> None:
    sprite = torch.zeros(1, 4, 8, 8)
    sprite[:, :, :4, :4] = 1
    no, yes, level = torch.tensor([False]), torch.tensor([True]), torch.zeros(1)
    centre, side = torch.tensor([[0.5, 0.25]]), torch.tensor([0.5])
    quarter = {
        "as it is": pasted(sprite, centre, side, no, level, 32)[0, 3],
        "flipped": pasted(sprite, centre, side, yes, level, 32)[0, 3],
        "turned": pasted(sprite, centre, side, no, torch.tensor([np.pi / 2]), 32)[0, 3],
    }
    for name, (rows, columns) in {
        "as it is": (slice(1, 7), slice(9, 15)),
        "flipped": (slice(1, 7), slice(17, 23)),
        "turned": (slice(9, 15), slice(9, 15)),
    }.items():
        assert quarter[name][rows, columns].min() > 0.99, name
        assert quarter[name].sum() == pytest.approx(64, rel=0.15)
