# SPDX-License-Identifier: GPL-3.0-or-later
"""Squares of a picture: alpha, padding, resizing, and what released weights expect of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import EngineError
from engine.photo import (
    composite,
    coverage,
    crop_around,
    cut,
    has_cutout,
    network_input,
    resize,
    whole_picture,
)
from engine.space import Crop


def noise(height, width, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def test_alpha_is_composited_over_mid_grey():
    rgba = np.zeros((32, 32, 4), dtype=np.uint8)
    rgba[:16] = (200, 100, 0, 255)
    rgba[16:, :16] = (200, 100, 0, 51)
    flat = composite(rgba)
    assert flat[0, 0].tolist() == [200, 100, 0]
    assert flat[31, 31].tolist() == [128, 128, 128]
    assert flat[31, 0].tolist() == [142, 122, 102]
    rgba = noise(40, 50, 4)
    alpha = rgba[..., 3:] / 255
    mixed = rgba[..., :3] * alpha + 127.5 * (1 - alpha)
    np.testing.assert_allclose(composite(rgba).astype(float), mixed, atol=0.5001)
    np.testing.assert_array_equal(composite(rgba[..., :3]), rgba[..., :3])


def bilinear(square, side):
    """Bilinear, half-pixel centres, no antialiasing, in float64."""
    places = np.clip((np.arange(side) + 0.5) * len(square) / side - 0.5, 0, len(square) - 1)
    low = np.minimum(places.astype(int), len(square) - 2)
    share = (places - low)[:, None, None]
    rows = square[low] * (1 - share) + square[low + 1] * share
    share = share.transpose(1, 0, 2)
    return rows[:, low] * (1 - share) + rows[:, low + 1] * share


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("crop", [Crop(-310, -50, 1300), Crop(100, 120, 700), Crop(-200, 500, 400)])
def test_released_weights_get_the_picture_as_the_published_program_prepared_it(channels, crop):
    source = noise(900, 700, channels)
    colours = source[..., :3].astype(float)
    if channels == 4:  # composited first: what lies outside the picture is black, never grey
        alpha = source[..., 3:] / 255
        colours = colours * alpha + 127.5 * (1 - alpha)
    square = np.zeros((crop.side, crop.side, 3))
    for row in range(max(0, crop.y), min(900, crop.y + crop.side)):
        left, right = max(0, crop.x), min(700, crop.x + crop.side)
        square[row - crop.y, left - crop.x : right - crop.x] = colours[row, left:right]
    for side in (512, 1024):  # each from the crop itself: 1024 reduced to 512 would be another picture
        wanted = (bilinear(square, side) / 255 - 0.5) / 0.5
        found = network_input(composite(source), crop, side, "black")
        assert (found.shape, found.dtype) == ((1, 3, side, side), np.float32)
        assert found.flags.c_contiguous
        # One level of 255 each for rounding alpha and for rounding the interpolation.
        np.testing.assert_allclose(found[0].transpose(1, 2, 0), wanted, atol=2 * 2 / 255)
        if crop.y < 0:
            assert (found[0, :, 0] == -1).all()


def test_other_weights_get_averages_and_a_repeated_edge():
    picture = noise(64, 64)
    found = network_input(picture, Crop(0, -64, 128), 32, "edge")[0].transpose(1, 2, 0)
    np.testing.assert_allclose(found[:16], np.repeat(found[:1], 16, axis=0))
    inner = (picture.reshape(16, 4, 16, 4, 3).mean(axis=(1, 3)) / 255 - 0.5) / 0.5
    np.testing.assert_allclose(found[16:, :16], inner, atol=0.5 * 2 / 255 + 1e-6)


SIZES, CORNERS = st.integers(16, 60), st.integers(-50, 55)


@given(SIZES, SIZES, CORNERS, CORNERS, st.integers(1, 120))
def test_cutting_pads_with_black_or_the_edge(height, width, x, y, side):
    picture = np.random.default_rng(0).integers(1, 255, (height, width, 3), dtype=np.uint8)
    crop = Crop(x, y, side)
    rows, columns = np.arange(y, y + side), np.arange(x, x + side)
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
    if not inside.any():
        with pytest.raises(EngineError) as caught:
            cut(picture, crop, "black")
        assert caught.value.code == "bad_settings"
        return
    edge = picture[np.clip(rows, 0, height - 1)[:, None], np.clip(columns, 0, width - 1)]
    np.testing.assert_array_equal(cut(picture, crop, "edge"), edge)
    np.testing.assert_array_equal(cut(picture, crop, "black"), edge * inside[..., None])


def test_resizing_averages_only_when_told():
    stripes = np.tile(np.array([[0], [0], [255], [255]], dtype=np.uint8), (64, 256))
    assert resize(stripes, 64, antialias=True).min() == resize(stripes, 64, antialias=True).max() == 128
    checks = np.zeros((64, 64), dtype=np.uint8)
    checks[::4] = 255
    assert set(np.unique(resize(checks, 16, antialias=False))) == {0}  # rows 1 and 2 of 4: half-pixel centres


def test_coverage_is_alpha_inside_and_nothing_outside():
    rgba = np.full((32, 32, 4), 255, dtype=np.uint8)
    assert coverage(rgba, Crop(-32, 0, 64), 64)[:32].sum() == 32 * 32
    rgba[:16, :, 3] = 0
    assert has_cutout(rgba)
    inside = coverage(rgba, Crop(0, 0, 32), 32)
    assert inside[:16].max() == 0
    assert inside[16:].min() == 1


def test_coverage_of_a_picture_without_alpha_is_where_there_is_a_picture():
    picture = np.zeros((48, 64, 3), dtype=np.uint8)
    assert (coverage(picture, Crop(16, 0, 48), 20) == 1.0).all()
    reaching_out = coverage(picture, Crop(17, 0, 48), 48)
    assert (reaching_out[:, :47] == 1.0).all()
    assert (reaching_out[:, 47] == 0.0).all()


def test_nearly_opaque_alpha_is_no_cutout():
    rgba = np.full((32, 32, 4), 250, dtype=np.uint8)
    assert not has_cutout(rgba)
    rgba[..., 3] = 0
    assert not has_cutout(rgba)


@given(st.floats(0, 500), st.floats(0, 500), st.floats(20, 800), st.floats(20, 800))
def test_the_box_fills_its_crop(x, y, width, height):
    crop = crop_around((x, y, x + width, y + height))
    assert crop.side * 0.86 == pytest.approx(max(width, height), abs=0.5)
    assert crop.x + crop.side / 2 == pytest.approx(x + width / 2, abs=0.51)
    assert crop.y + crop.side / 2 == pytest.approx(y + height / 2, abs=0.51)


def test_the_whole_picture_is_a_centred_square():
    assert whole_picture(np.zeros((300, 400, 3), np.uint8)) == Crop(0, -50, 400)
    assert whole_picture(np.zeros((401, 300, 3), np.uint8)) == Crop(-51, 0, 401)
