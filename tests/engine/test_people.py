# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding people: the user's box, alpha, networks; one or several, small, cut, divided, close together."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import EngineError
from engine.photo import (
    Photo,
    choose_person,
    composite,
    coverage,
    crop_around,
    cut,
    cut_sides,
    find_people,
    from_pixels,
    load_photo,
    network_input,
    part_box,
    person_part,
    resize,
    whole_picture,
)
from engine.photo.parts import split_people
from engine.photo.views import mosaic, tiles
from engine.space import Crop
from engine.weights import DEFAULT_WEIGHTS, load_weights

SAMPLES_FOLDER = Path(__file__).resolve().parents[2] / "samples"
SEEN = 64  # pixels a side of the stand-in's masks


def scene(*boxes, height=300, width=400):
    """A picture whose people are bright boxes before a dark wall."""
    picture = np.full((height, width, 3), 30, dtype=np.uint8)
    for x0, y0, x1, y1 in boxes:
        picture[y0:y1, x0:x1] = 220
    return picture


class Painted:
    """Stands in for the networks: sees what is bright. Too small in a view (height below least of its side)
    is not recognised, like by networks trained on people who fill their crop.
    """

    def __init__(self, picture, least=0.0):
        self.picture, self.least, self.calls = picture, least, []

    def __call__(self, crop):
        self.calls.append(crop)
        seen = resize(cut(self.picture, crop, "black"), SEEN, antialias=True)[..., 0] > 128
        parts = split_people(seen)
        tall = [part for part in parts if part.any(axis=1).sum() >= self.least * SEEN]
        return np.logical_or.reduce([np.zeros_like(seen), *tall]).astype(np.float32)


def never(crop):
    raise AssertionError("the networks were asked although the picture or the user had told already")


def assert_box(found, wanted, atol):
    np.testing.assert_allclose(found.box, wanted, atol=atol)
    assert found.crop == crop_around(found.box)


def fails(code, *arguments):
    with pytest.raises(EngineError) as caught:
        choose_person(*arguments)
    assert caught.value.code == code
    assert "box" in caught.value.hint
    return caught.value


TALL = (220, 40, 300, 260)


def test_the_networks_are_asked_twice_and_the_second_look_is_finer():
    networks = Painted(scene(TALL))
    found = choose_person(from_pixels(scene(TALL)), None, 1, networks)
    first = find_people(from_pixels(scene(TALL)), Painted(scene(TALL)))[0]
    assert networks.calls == [Crop(0, -50, 400), first.crop]
    assert_box(found, TALL, atol=4.1)  # a pixel of the second look is 4 of the picture, of the first 6.25
    assert found.source_box == found.box
    assert found.area == pytest.approx(80 * 220, rel=0.1)
    assert found.cut == ()


def test_people_come_in_order_of_size_and_each_can_be_chosen():
    boxes = [(20, 150, 60, 250), (120, 20, 190, 280), (300, 80, 360, 270)]
    photo, networks = from_pixels(scene(*boxes)), Painted(scene(*boxes))
    order = [boxes[1], boxes[2], boxes[0]]
    people = find_people(photo, networks)
    assert [people[0].area, people[1].area, people[2].area] == sorted((p.area for p in people), reverse=True)
    for number, wanted in enumerate(order, start=1):
        assert_box(people[number - 1], wanted, atol=6.3)
        found = choose_person(photo, None, number, networks)
        assert_box(found, wanted, atol=6.3)
        assert found.everybody == tuple(person.source_box for person in people)
    assert "3 people" in fails("bad_settings", photo, None, 4, networks).text
    assert (
        "1 person was" in fails("bad_settings", from_pixels(scene(TALL)), None, 2, Painted(scene(TALL))).text
    )


def test_noise_is_nobody():
    boxes = [TALL, (20, 100, 44, 150)]  # 7 % of the area
    assert len(find_people(from_pixels(scene(*boxes)), Painted(scene(*boxes)))) == 1
    boxes[1] = (20, 100, 56, 160)  # 12 %
    assert len(find_people(from_pixels(scene(*boxes)), Painted(scene(*boxes)))) == 2


def test_the_second_look_never_jumps_to_a_larger_neighbour():
    boxes = [(40, 100, 90, 200), (110, 10, 250, 290)]  # the crop of the small one shows much of the large one
    photo, networks = from_pixels(scene(*boxes)), Painted(scene(*boxes))
    found = choose_person(photo, None, 2, networks)
    assert_box(found, boxes[0], atol=4)
    view = np.zeros((SEEN, SEEN), np.float32)
    view[24:40, 24:40] = view[:, 44:] = 1
    crop = Crop(0, 0, 640)
    assert part_box(person_part(view, crop, (240.0, 240.0, 400.0, 400.0))) == (24, 24, 40, 40)
    assert not person_part(view, crop, (0.0, 0.0, 100.0, 100.0)).any()


def test_a_second_look_may_grow_the_box_step_by_step():
    class Cautious(Painted):
        def __call__(self, crop):
            mask = super().__call__(crop)
            return (
                mask if len(self.calls) > 1 else mask * (np.arange(SEEN) < 34)[:, None]
            )  # the legs are missed

    box = (180, 20, 240, 280)
    networks = Cautious(scene(box))
    found = choose_person(from_pixels(scene(box)), None, 1, networks)
    assert len(networks.calls) == 4
    assert found.box[3] > 190  # 162 at first


def test_a_second_look_that_sees_nobody_changes_nothing():
    networks = Painted(scene(TALL))
    photo = from_pixels(scene(TALL))
    first = find_people(photo, networks)[0]
    calls = []

    def once(crop):
        calls.append(crop)
        return networks(crop) if len(calls) == 1 else np.zeros((SEEN, SEEN), np.float32)

    assert choose_person(photo, None, 1, once) == first


@pytest.mark.parametrize("gap, people", [(8, 1), (60, 2)])
def test_what_a_belt_divides_is_one_person(gap, people):
    boxes = [(180, 20, 240, 100), (185, 100 + gap, 235, 280)]
    found = find_people(from_pixels(scene(*boxes)), Painted(scene(*boxes)))
    assert len(found) == people
    if people == 1:
        assert_box(found[0], (180, 20, 240, 280), atol=6.3)


def test_a_wide_picture_is_seen_through_squares_of_its_height():
    boxes = [(100, 20, 180, 290), (500, 30, 570, 280), (1000, 20, 1090, 290)]
    picture = scene(*boxes, width=1200)
    networks = Painted(picture, least=0.5)  # in the padded square all three are only 0.22 tall
    people = find_people(from_pixels(picture), networks)
    assert [crop.side for crop in networks.calls] == [300] * 7
    order = [boxes[2], boxes[0], boxes[1]]
    assert len(people) == 3
    for found, wanted in zip(people, order):
        assert_box(found, wanted, atol=5)
    upright = np.ascontiguousarray(picture.transpose(1, 0, 2))
    assert len(find_people(from_pixels(upright), Painted(upright, least=0.1))) == 3


def test_someone_small_is_looked_for_in_parts_of_the_picture():
    box = (260, 200, 290, 280)
    networks = Painted(scene(box), least=0.25)  # 0.2 of the picture's square, 0.4 of half of it
    people = find_people(from_pixels(scene(box)), networks)
    assert [crop.side for crop in networks.calls] == [400] + [200] * 6
    assert len(people) == 1
    assert_box(people[0], box, atol=3.2)


def test_nobody_is_named():
    error = fails("no_person", from_pixels(scene()), None, 1, Painted(scene()))
    assert "No person" in error.text


@given(st.integers(16, 5000), st.integers(16, 5000), st.integers(16, 6000))
def test_squares_cover_the_picture_and_overlap_by_half(width, height, side):
    side = max(side, max(width, height) // 20)
    found = tiles((width, height), side)
    assert {crop.side for crop in found} == {side}
    for extent, starts in ((width, sorted({c.x for c in found})), (height, sorted({c.y for c in found}))):
        assert starts[0] <= 0
        assert starts[-1] + side >= extent
        assert all(b - a <= side / 2 + 1 for a, b in zip(starts, starts[1:]))
        assert len(starts) == 1 or (starts[0] == 0 and starts[-1] + side == extent)
    assert len(found) == len(set(found))


def test_a_mosaic_puts_every_view_in_its_place():
    picture = scene((20, 30, 90, 260), (150, 100, 300, 140), height=300, width=600)
    canvas = whole_picture(picture)
    whole = mosaic(canvas, tiles((600, 300), 300), Painted(picture))
    assert whole.shape == (128, 128)
    wanted = resize(cut(picture, canvas, "black"), 128, antialias=True)[..., 0] > 128
    assert (np.abs(whole - wanted) > 0.01).mean() < 0.01
    one = mosaic(canvas, [canvas], Painted(picture))
    np.testing.assert_allclose(one, Painted(picture)(canvas), atol=1e-6)


def test_the_users_box_comes_first():
    cut_out = np.dstack([scene(), np.zeros((300, 400), np.uint8)])
    cut_out[100:186, 50:90, 3] = 255
    for picture in (scene(), cut_out):
        photo = from_pixels(picture)
        found = choose_person(photo, (10.0, 20.0, 60.0, 106.0), 1, never)
        assert found.everybody == ()
        assert found.crop == Crop(-15, 13, 100)
        assert found.source_box == found.box == (10, 20, 60, 106)
        clipped = choose_person(photo, (-100.0, -100.0, 86.0, 50.0), 1, never)
        assert (clipped.box, clipped.crop) == ((0, 0, 86, 50), Crop(-7, -25, 100))


@pytest.mark.parametrize(
    "box",
    [
        (500.0, 10.0, 600.0, 100.0),
        (10.0, 10.0, 12.0, 200.0),
        (-50.0, 10.0, 7.9, 200.0),
        (10.0, 299.0, 200.0, 900.0),
    ],
)
def test_a_box_with_nothing_in_it_is_named(box):
    fails("bad_settings", from_pixels(scene()), box, 1, never)


def test_boxes_are_in_source_pixels_of_a_reduced_picture():
    photo = from_pixels(scene((880, 160, 1200, 1040), height=1200, width=1600), 400)
    assert photo.scale == 4
    found = choose_person(photo, None, 1, Painted(photo.pixels))
    np.testing.assert_allclose(found.box, TALL, atol=4.1)
    np.testing.assert_allclose(found.source_box, (880, 160, 1200, 1040), atol=16.4)
    assert found.area == pytest.approx(320 * 880, rel=0.1)
    drawn = choose_person(photo, (880.0, 160.0, 1200.0, 1040.0), 1, never)
    assert (drawn.box, drawn.source_box) == (TALL, (880, 160, 1200, 1040))
    assert photo.crop_to_source(drawn.crop).side == pytest.approx(880 / 0.86, abs=4)
    fails("bad_settings", photo, (1000.0, 100.0, 1007.0, 900.0), 1, never)
    assert choose_person(photo, (1000.0, 100.0, 1009.0, 900.0), 1, never).crop.side == round(200 / 0.86)


def test_cutouts_tell_where_people_are():
    rgba = np.dstack([scene(), np.zeros((300, 400), dtype=np.uint8)])
    rgba[100:186, 50:90, 3] = 255
    rgba[0:200, 250:300, 3] = 255
    rgba[290:293, 10:13, 3] = 255
    photo = from_pixels(rgba)
    people = find_people(photo, never)
    assert [person.box for person in people] == [(250, 0, 300, 200), (50, 100, 90, 186)]
    assert [person.area for person in people] == [50 * 200, 40 * 86]
    assert [person.cut for person in people] == [("top",), ()]
    assert choose_person(photo, None, 2, never) == people[1]
    assert people[1].crop == crop_around((50, 100, 90, 186))
    fails("bad_settings", photo, None, 3, never)


def test_where_no_network_tells_the_whole_picture_is_one_person():
    found = choose_person(from_pixels(scene()), None, 1, lambda crop: None)
    assert (found.box, found.crop) == ((0, 0, 400, 300), Crop(0, -50, 400))


@pytest.mark.parametrize(
    "box, sides",
    [
        ((0, 100, 60, 280), ("left",)),
        ((150, 0, 200, 290), ("top",)),
        ((340, 60, 400, 250), ("right",)),
        ((150, 60, 220, 300), ("bottom",)),
        ((0, 0, 90, 300), ("left", "top", "bottom")),
        ((100, 30, 160, 250), ()),
    ],
)
def test_a_person_cut_by_the_frame_ends_at_the_frame(box, sides):
    picture = scene(box)
    photo = from_pixels(picture)
    networks = Painted(np.pad(picture, ((200, 200), (200, 200), (0, 0)), mode="edge"))

    def beyond_the_frame(crop):  # repeated edges look like more of the person, but coverage() forbids them
        return networks(Crop(crop.x + 200, crop.y + 200, crop.side)) * coverage(picture, crop, SEEN)

    found = choose_person(photo, None, 1, beyond_the_frame)
    assert found.cut == sides
    assert found.box[0] >= 0
    assert found.box[1] >= 0
    assert found.box[2] <= 400
    assert found.box[3] <= 300
    part = person_part(beyond_the_frame(found.crop), found.crop, found.box)
    assert cut_sides(part, found.crop, picture) == sides
    if sides:  # the crop itself reaches over the frame
        inside = (
            found.crop.x >= 0,
            found.crop.y >= 0,
            found.crop.x + found.crop.side <= 400,
            found.crop.y + found.crop.side <= 300,
        )
        named = dict(zip(("left", "top", "right", "bottom"), inside))
        assert not any(named[side] for side in sides)


@pytest.fixture(scope="module")
def networks():
    return load_weights(DEFAULT_WEIGHTS)


def looking(weights, photo: Photo):
    """predict_mask with real weights."""
    picture, preset = composite(photo.pixels), weights.preset

    def predict(crop):
        shown = torch.from_numpy(network_input(picture, crop, preset.coarse_size, preset.padding))
        with torch.inference_mode():
            mask = weights.network.predict_normals(shown).mask[0, 0].numpy()
        return mask * coverage(photo.pixels, crop, preset.coarse_size)

    return predict


# Of the silhouettes that the samples were rendered with.
SAMPLES = {"person_1": (227, 77, 541, 947), "person_2": (204, 77, 564, 947), "person_3": (213, 77, 555, 947)}


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_the_real_weights_find_the_people_of_the_samples(networks, name):
    photo = load_photo(SAMPLES_FOLDER / f"{name}.jpg")
    assert len(find_people(photo, looking(networks, photo))) == 1
    found = choose_person(photo, None, 1, looking(networks, photo))
    np.testing.assert_allclose(found.box, SAMPLES[name], atol=25)


def test_the_real_weights_find_three_people_in_a_wide_picture(networks):
    row = np.hstack([load_photo(SAMPLES_FOLDER / f"{name}.jpg").pixels for name in sorted(SAMPLES)])
    photo = from_pixels(row)
    found = sorted(find_people(photo, looking(networks, photo)), key=lambda person: person.box[0])
    assert len(found) == 3
    for index, (person, name) in enumerate(zip(found, sorted(SAMPLES))):
        wanted = np.array(SAMPLES[name]) + np.array([768, 0, 768, 0]) * index
        np.testing.assert_allclose(person.box, wanted, atol=60)
