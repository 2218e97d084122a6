# SPDX-License-Identifier: GPL-3.0-or-later
"""Views of the pool: pictures and truth stay together, whatever is done to them, in both sources."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.shapes import figure
from training.occupancy import inside
from training.pool import read_person, read_views
from training.render import Camera, camera_vertices, random_light
from training.subjects import Subjects, render_subjects
from training.views import Batch, LiveViews, Source, StoredViews, ViewSettings, batch_picture, open_views
from training.views import plan as planning
from training.views.ahead import made_ahead
from training.views.bystanders import person_sprites, seen_whole
from training.views.gallery import SHOWN, WINDOW, Gallery, subject_number
from training.views.paste import box_of, pasted, premultiplied
from training.views.photograph import photograph
from training.views.plan import Cut, Held, Plan, Shadow, Small, Standing, draw_plan
from training.views.scene import LARGEST, Props, with_held, with_standing
from training.views.stock import read_props
from training.views.subject import edged, frames, within

CPU = torch.device("cpu")
COARSE = ViewSettings(64, 64, 0, 300, False)
NORMALS = ViewSettings(64, 64, 0, 300, True)


@pytest.fixture(scope="module")
def props(pool: Path) -> Props:
    people = torch.full((3, 32, 32, 4), 255, dtype=torch.uint8)
    people[:, :, :8] = people[:, :, 24:] = 0
    return read_props(pool, people, CPU)


@pytest.fixture(scope="module")
def subjects() -> Subjects:
    """A figure unlike its mirror image, from two sides, once with perspective; 64 x 64."""
    shown = replace(figure(), hands=torch.tensor([[0.7, 0.97, 0.0], [-0.25, 0.9, 0.0]]))
    cameras = [Camera(0.2, 1.0, (0.0, 0.0)), Camera(-0.3, 0.95, (0.1, -0.03), 0.05, distance=3.0)]
    light = random_light(np.random.default_rng(0))
    return render_subjects([shown] * 2, cameras, [light] * 2, 64, 64, 1200, [0.03], [1, 2])


def plain(props: Props, **changes: object) -> Plan:
    """A plan that changes nothing but what is named, with a clean camera."""
    for seed in range(1000):
        drawn = draw_plan(np.random.default_rng(seed), props.stock, False)
        if drawn.faults.grain is None and drawn.faults.quality is None:
            break
    bare = {"small": None, "cut": None, "standing": (), "shadow": None, "held": None, "flip": False}
    return replace(drawn, **{**bare, **changes})  # type: ignore[arg-type]


def shot(subjects: Subjects, props: Props, settings: ViewSettings = COARSE, **changes: object) -> Batch:
    plans = [plain(props, **changes)] * len(subjects.span)
    return photograph(subjects, plans, props, settings, range(len(plans)))


def held_together(batch: Batch) -> None:
    """Points that are inside lie on the mask, between front and back; normals face where they should."""
    size = batch.mask.shape[-1]
    for view in range(len(batch.image)):
        points, labels = batch.points[view], batch.labels[view] > 0.5
        column = ((points[:, 0] + 1) / 2 * size).long().clamp(0, size - 1)
        row = ((1 - points[:, 1]) / 2 * size).long().clamp(0, size - 1)
        front, back = batch.depth[view, :, row, column]
        solid = batch.mask[view, 0, row, column] > 0.5
        assert labels.any()
        assert solid[labels].float().mean() > 0.93
        between = (points[:, 2] < front + 0.03) & (points[:, 2] > back - 0.03)
        assert between[labels & solid].float().mean() > 0.97
    outside = (batch.mask == 0).expand_as(batch.front)
    assert not batch.front[outside].any()
    assert not batch.back[outside].any()
    assert not batch.depth[outside[:, :2]].any()
    lengths = torch.cat([batch.front, batch.back]).norm(dim=1)[batch.mask.repeat(2, 1, 1, 1)[:, 0] > 0]
    torch.testing.assert_close(lengths, torch.ones_like(lengths), atol=1e-3, rtol=0)
    assert (batch.front[:, 2:][batch.mask > 0] > 0).float().mean() > 0.9


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
    for name in ("front", "back", "mask", "depth", "labels"):
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


def sources(pool: Path, settings: ViewSettings, seed: int = 4) -> list[Source]:
    return [StoredViews(pool, settings, seed), LiveViews(pool, settings, seed, CPU)]


def test_without_a_gpu_the_stored_views_are_read(pool: Path) -> None:
    assert isinstance(open_views(pool, COARSE, 0, CPU), StoredViews)


@pytest.mark.parametrize("settings", [COARSE, NORMALS, ViewSettings(128, 64, 1, 200, False)])
def test_both_sources_give_the_documented_batches(pool: Path, settings: ViewSettings) -> None:
    stored, live = (next(source.batches(2, 0)) for source in sources(pool, settings))
    for batch in (stored, live):
        assert batch.image.shape == (2, 3, settings.size, settings.size)
        assert batch.front.shape == batch.back.shape == (2, 3, settings.maps, settings.maps)
        assert batch.points.shape == (2, settings.points, 3)
        assert batch.image.abs().max() <= 1
        assert batch.points.abs().max() <= 1
        assert set(batch.labels.unique().tolist()) <= {0.0, 1.0}
        assert (batch.span > 0.3).all()
        assert batch.person.tolist() == [5, 5]
        assert batch.index.tolist() == [0, 1]
        if not settings.for_normals:
            held_together(batch)
    for field in fields(Batch):
        one, other = getattr(stored, field.name), getattr(live, field.name)
        assert (one.shape, one.dtype) == (other.shape, other.dtype), field.name


def test_a_view_depends_on_its_index_alone_and_processes_share_a_step(pool: Path) -> None:
    for exact, source in zip((True, False), sources(pool, COARSE), strict=True):
        whole = next(source.batches(2, 0, 3))
        halves = [next(source.batches(1, 0, 3, rank, 2)) for rank in (0, 1)]
        assert whole.index.tolist() == [6, 7]
        assert whole.person.tolist() == [5, 5]
        for field in fields(Batch):
            both = torch.cat([getattr(half, field.name) for half in halves])
            if exact or field.name in ("points", "labels", "index", "person", "mask"):
                assert torch.equal(getattr(whole, field.name), both), field.name
            else:
                # sums over a batch are taken in another order than over its halves
                assert (getattr(whole, field.name) - both).abs().mean() < 1e-3, field.name
        assert not torch.equal(whole.image[0], whole.image[1])


def test_rendered_people_are_shown_some_times_at_an_even_rate() -> None:
    views = range(SHOWN * WINDOW, 9 * SHOWN * WINDOW)
    numbers = [subject_number(np.random.default_rng([0, index]), index) for index in views]
    whole = [number for number in numbers if 3 * WINDOW <= number < 7 * WINDOW]
    assert len(whole) / (4 * WINDOW) == pytest.approx(SHOWN, rel=0.05)
    assert len(set(whole)) > 0.95 * 4 * WINDOW
    assert all(index // SHOWN <= number < index // SHOWN + WINDOW for index, number in zip(views, numbers))
    new = np.unique(numbers, return_index=True)[1]
    made = np.histogram(new[new > SHOWN * WINDOW], bins=8)[0]
    assert made.max() < 1.3 * made.min(), "rendering is spread over the time"


def test_a_gallery_renders_what_it_lacks_and_keeps_what_was_used_last(subjects: Subjects) -> None:
    asked: list[list[int]] = []

    def rendered(numbers: Sequence[int]) -> Subjects:
        asked.append(list(numbers))
        rows = torch.tensor([number % 2 for number in numbers])
        parts = {field.name: getattr(subjects, field.name)[rows] for field in fields(Subjects)}
        return Subjects(**{**parts, "person": torch.tensor(numbers)})

    gallery = Gallery(rendered, 3)
    assert gallery.subjects([7, 8, 7]).person.tolist() == [7, 8, 7]
    assert gallery.subjects([9]).person.tolist() == [9]
    assert gallery.subjects([8, 4]).person.tolist() == [8, 4], "7 was used before 9"
    assert 7 not in gallery
    assert gallery.subjects([9, 8, 4]).person.tolist() == [9, 8, 4]
    assert asked == [[7, 8], [9], [4]]
    with pytest.raises(ValueError, match="room for 3"):
        gallery.subjects([1, 2, 3, 4])
    back = gallery.subjects([4])
    for field in fields(Subjects):
        own, given = getattr(back, field.name), getattr(rendered([4]), field.name)
        assert own.dtype == given.dtype, field.name
        torch.testing.assert_close(own, given, atol=1e-3, rtol=1e-3, equal_nan=True)


def test_a_live_view_does_not_depend_on_those_before_it(pool: Path) -> None:
    source = LiveViews(pool, COARSE, 4, CPU)
    run = source.batches(2, 0)
    third = [next(run) for _ in range(3)][2]
    alone = next(source.batches(2, 0, 2))
    for name in ("points", "labels", "mask", "index"):
        assert torch.equal(getattr(third, name), getattr(alone, name)), name
    assert (third.image - alone.image).abs().mean() < 1e-3


def test_live_batches_made_ahead_are_the_same(pool: Path) -> None:
    source = LiveViews(pool, COARSE, 4, CPU)
    inline, ahead = (next(source.batches(1, workers)) for workers in (0, 1))
    assert torch.equal(inline.points, ahead.points)
    assert torch.equal(inline.image, ahead.image)


def test_a_pool_that_is_still_filling_is_listed_anew(pool: Path, tmp_path: Path) -> None:
    source = LiveViews(pool, COARSE, 4, CPU)
    source.folder = tmp_path
    with pytest.raises(ValueError, match="No people in"):
        next(source.batches(1, 1))


def test_what_is_made_ahead_comes_in_order_and_ends_with_the_error(subjects: Subjects, props: Props) -> None:
    batch = shot(subjects, props)
    made = []

    def endless() -> Iterator[Batch]:
        for number in itertools.count():
            made.append(number)
            if number == 5:
                raise ValueError("The fifth is damaged.")
            yield replace(batch, index=torch.tensor([number]))

    ahead = made_ahead(endless(), CPU)
    assert [int(next(ahead).index) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="fifth is damaged"):
        next(ahead)
    made.clear()
    waiting = made_ahead(endless(), CPU)
    next(waiting)
    waiting.close()  # type: ignore[attr-defined]
    assert len(made) <= 5, "no further ahead than its queue is long"


def test_the_span_counts_statures_and_grows_where_the_person_is_shown_smaller(pool: Path) -> None:
    assert 1.4 < read_person(pool / "0000005.npz").stature < 2.1
    views = read_views(pool / "views" / "0000005.npz")
    for span, mask in zip(views["span"], views["mask"], strict=True):
        rows = np.flatnonzero(mask.max(1) > 128)
        tall = (rows[-1] - rows[0] + 1) / len(mask)
        if rows[0] > 0 and rows[-1] < len(mask) - 1:  # seen whole
            assert span * tall == pytest.approx(1.0, abs=0.15)
    source = StoredViews(pool, NORMALS, seed=3)
    spans = {round(float(source[i]["span"]), 4) for i in range(30)}
    assert spans > {round(float(span), 4) for span in views["span"]}
    assert max(spans) > 1.1 * views["span"].max()


def test_maps_of_another_size_than_the_preset_needs_are_refused(pool: Path) -> None:
    with pytest.raises(ValueError, match="--size 512"):
        next(StoredViews(pool, ViewSettings(256, 256, 0, 10, False), 0).batches(1, 0))


def test_a_batch_is_shown_as_a_grid(pool: Path) -> None:
    batch = next(StoredViews(pool, COARSE, 4).batches(3, 0))
    picture = batch_picture(batch, columns=2)
    assert picture.shape == (128, 2 * 4 * 64, 3)
    assert picture.dtype == np.uint8
    mask = (batch.mask[2, 0] * 255).byte().numpy()
    assert np.array_equal(picture[64:, 192:256, 0], mask)
    assert not picture[64:, 256:].any()
    assert (picture[:64, 64:128][batch.mask[0, 0].numpy() == 0] == 128).all()
