# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures with known normals: a small made set of balls, whose normals are known everywhere."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from training.pictures import Pair, PictureFormat, Pictures, find_pairs, read_pair

FORM = PictureFormat("rgb_{}.png", "normal_{}.png", "alpha_{}.png")
SIZE = 96


def ball() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Colour that tells the normal (H, W, 3) in [0, 1], normals, mask; off the picture's middle."""
    y, x = np.mgrid[:SIZE, :SIZE]
    nx, ny = (x - 40) / 30, (44 - y) / 30
    inside = nx**2 + ny**2 < 1
    normals = np.stack([nx, ny, np.sqrt(np.maximum(1 - nx**2 - ny**2, 0))], -1) * inside[..., None]
    return normals * 0.5 + 0.5, normals, inside


def write(folder: Path, key: str, normals: np.ndarray, alpha: bool = True) -> Pair:
    colour, _, inside = ball()
    folder.mkdir(exist_ok=True)
    files = [folder / f"{kind}_{key}.png" for kind in ("rgb", "normal", "alpha")]
    cv2.imwrite(str(files[0]), (colour[..., ::-1] * 255).round().astype(np.uint8))
    cv2.imwrite(str(files[1]), ((normals[..., ::-1] * 0.5 + 0.5) * 65535).round().astype(np.uint16))
    if alpha:
        cv2.imwrite(str(files[2]), inside.astype(np.uint8) * 255)
    return Pair(files[0], files[1], files[2] if alpha else None)


@pytest.mark.parametrize("alpha", [True, False])
@pytest.mark.parametrize("y", ["up", "down"])
@pytest.mark.parametrize("z", [1, -1])
def test_every_encoding_gives_the_camera_s_normals(tmp_path: Path, alpha: bool, y: str, z: int) -> None:
    _, normals, inside = ball()
    pair = write(tmp_path, "7", normals * [1, 1 if y == "up" else -1, z], alpha)
    colour, mask, found = read_pair(pair, PictureFormat(y=y))
    assert np.abs(found - normals).max() < 1e-3
    assert (mask == inside).all()
    assert np.abs(colour - ball()[0]).max() < 0.5 / 255 + 1e-6


def test_floats_and_bytes_hold_the_same_normals(tmp_path: Path) -> None:
    _, normals, _ = ball()
    pair = write(tmp_path, "0", normals)
    np.save(tmp_path / "n.npy", normals.astype(np.float32))
    assert np.abs(read_pair(Pair(pair.image, tmp_path / "n.npy", None), FORM)[2] - normals).max() < 1e-6
    cv2.imwrite(str(tmp_path / "n.png"), ((normals[..., ::-1] * 0.5 + 0.5) * 255).round().astype(np.uint8))
    assert np.abs(read_pair(Pair(pair.image, tmp_path / "n.png", None), FORM)[2] - normals).max() < 0.02


def test_pairs_are_found_by_name_and_lone_pictures_listed(tmp_path: Path) -> None:
    _, normals, _ = ball()
    write(tmp_path, "1", normals)
    write(tmp_path, "2", normals, alpha=False)
    (tmp_path / "rgb_3.png").write_bytes(b"")
    pairs, skipped = find_pairs(tmp_path, FORM)
    assert [pair.image.name for pair in pairs] == ["rgb_1.png", "rgb_2.png"]
    assert [pair.alpha is None for pair in pairs] == [False, True]
    assert skipped == {"rgb_3.png": "no normal map normal_3.png"}
    with pytest.raises(ValueError, match="No picture"):
        find_pairs(tmp_path, PictureFormat("photo_{}.png"))


def test_crops_keep_picture_normals_and_mask_together(tmp_path: Path) -> None:
    write(tmp_path, "1", ball()[1])
    views = Pictures(tmp_path, FORM, 64, seed=3)
    batch = next(views.batches(12, 0))
    assert batch.image.shape == (12, 3, 64, 64)
    assert batch.front.shape == batch.back.shape == (12, 3, 64, 64)
    assert batch.mask.shape == (12, 1, 64, 64)
    assert batch.depth.shape == (12, 2, 64, 64)
    assert batch.points.shape == (12, 0, 3)
    assert batch.back_known.tolist() == [0.0] * 12
    assert batch.person.tolist() == [-1] * 12
    front = batch.front
    assert float(batch.back.abs().max()) == 0
    where = batch.mask[:, 0] > 0
    assert torch.allclose(front.norm(dim=1)[where], torch.ones(()), atol=1e-5)
    assert float(front.norm(dim=1)[~where].max()) == 0
    # on the ball, x grows to the right and y upward after flips too, and the mask is the ball
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    for k in range(12):
        inside = where[k]
        radius = float(inside.sum() / torch.pi) ** 0.5
        for channel, along in ((0, x), (1, -y)):
            expected = (along - along[inside].mean()) / radius
            assert float((front[k, channel] - expected)[inside].abs().mean()) < 0.05
    # the picture shows its own normals, however it was flipped: x of a flipped one is seen reversed
    shown = batch.image[:, 1]
    assert float((shown - front[:, 1])[where].abs().mean()) < 0.25


def test_a_crop_depends_on_its_index_alone(tmp_path: Path) -> None:
    for key in ("1", "2"):
        write(tmp_path, key, ball()[1])
    views = Pictures(tmp_path, FORM, 32, seed=3)
    whole = next(views.batches(4, 0, first=1))
    halves = [next(views.batches(2, 0, first=1, rank=rank, world=2)) for rank in (0, 1)]
    assert whole.index.tolist() == [4, 5, 6, 7]
    for name in ("image", "front", "mask", "person"):
        assert torch.equal(getattr(whole, name), torch.cat([getattr(half, name) for half in halves])), name
    assert not torch.equal(whole.image[0], whole.image[1])


def test_mixed_up_files_are_one_sentence(tmp_path: Path) -> None:
    pair = write(tmp_path, "1", ball()[1])
    small = tmp_path / "small.npy"
    np.save(small, ball()[1][:50])
    with pytest.raises(ValueError, match="differ in size"):
        read_pair(Pair(pair.image, small, None), FORM)
    np.save(small, np.full((SIZE, SIZE, 3), 7.0))
    with pytest.raises(ValueError, match="holds no normals"):
        read_pair(Pair(pair.image, small, None), FORM)
    np.save(small, ball()[1][..., 0])
    with pytest.raises(ValueError, match="is grey"):
        read_pair(Pair(pair.image, small, None), FORM)
    (tmp_path / "broken.exr").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"broken\.exr cannot be read"):
        read_pair(Pair(pair.image, tmp_path / "broken.exr", None), FORM)
