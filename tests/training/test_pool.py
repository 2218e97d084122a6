# SPDX-License-Identifier: GPL-3.0-or-later
"""The pool on disk: what it keeps, and what it says of files it cannot use."""

from __future__ import annotations

import errno
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.tiny import SMALL_POOL
from training.cli.main import main
from training.humans import Person, make_person
from training.pool import (
    TEST_SEEDS,
    PoolFormat,
    build,
    build_person,
    build_pool,
    list_pool,
    list_views,
    one_view,
    read_person,
    read_usable,
    read_views,
)


def test_a_pool_is_made_once_and_keeps_what_is_there(pool: Path) -> None:
    path = pool / "0000005.npz"
    before = path.stat().st_mtime_ns
    assert build_person(pool, 5, SMALL_POOL) == path
    assert path.stat().st_mtime_ns == before
    assert not list(pool.rglob("*.tmp"))


def test_a_person_comes_back_as_it_was_made(pool: Path) -> None:
    made, kept = make_person(5), read_person(pool / "0000005.npz")
    for name in ("vertices", "faces", "part", "hands"):
        assert torch.equal(getattr(made, name), getattr(kept, name)), name
    torch.testing.assert_close(made.albedo, kept.albedo, atol=0.5 / 255 + 1e-6, rtol=0)
    torch.testing.assert_close(made.gloss, kept.gloss, atol=0.5 / 255 + 1e-6, rtol=0)
    assert (made.seed, made.stature, made.description) == (kept.seed, kept.stature, kept.description)
    assert (pool / "0000005.npz").stat().st_size < 3e6


def test_rendered_views_have_the_documented_arrays(pool: Path) -> None:
    views = read_views(pool / "views" / "0000005.npz")
    assert views["colour"].shape == (2, 128, 128, 3)
    assert views["front"].shape == (2, 64, 64, 3)
    assert views["points"].shape == (2, 2, 600, 3)
    assert np.abs(views["points"]).max() <= 1
    assert 0.2 < views["labels"].mean() < 0.8
    assert views["mask"].max() == 255
    assert views["hands"].shape == (2, 2, 3)
    assert views["back_colour"].shape == (2, 64, 64, 3)
    assert views["back_colour"].dtype == np.uint8
    assert not views["back_colour"][~views["solid"]].any()


def test_views_are_made_later_where_a_pool_had_none(pool: Path, tmp_path: Path) -> None:
    shutil.copy(pool / "0000005.npz", tmp_path)
    with pytest.raises(ValueError, match="--views 4"):
        list_views(tmp_path)
    build_person(tmp_path, 5, PoolFormat(64, 1, 50))
    assert [path.name for path in list_views(tmp_path)] == ["0000005.npz"]


def test_views_of_an_older_pool_get_the_backs_colour_and_stay_as_they_are(
    pool: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "views").mkdir()
    shutil.copy(pool / "0000005.npz", tmp_path)
    path = tmp_path / "views" / "0000005.npz"
    made = read_views(pool / "views" / "0000005.npz")
    older = {name: values for name, values in made.items() if name != "back_colour"}
    np.savez(path, **older)
    assert one_view(read_views(path), 1, 0, 5).colour_known.tolist() == [0.0]
    assert not one_view(read_views(path), 1, 0, 5).back_colour.any()
    for wanted in (1, 0):
        assert build_pool(tmp_path, [5], SMALL_POOL, 1) == 1
        assert f"people to make: {wanted} " in capsys.readouterr().out
    given = read_views(path)
    assert list(given) == [*older, "back_colour"]
    for name, values in older.items():
        np.testing.assert_array_equal(given[name], values, name)
    assert np.abs(given["back_colour"].astype(int) - made["back_colour"]).max() <= 2
    assert one_view(given, 1, 0, 5).colour_known.tolist() == [1.0]

    np.savez(path, **{**older, "metre": older["metre"] * 1.1})
    with pytest.raises(ValueError, match=r"drawn otherwise by now\)\. Delete it"):
        build_person(tmp_path, 5, SMALL_POOL)


def test_folders_that_are_no_pool_are_refused_with_a_next_step(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="python -m training pool"):
        list_pool(tmp_path)
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "0000001.npz").write_bytes(b"not a person")
    with pytest.raises(ValueError, match="train"):
        list_pool(tmp_path)
    with pytest.raises(ValueError, match="Delete it"):
        read_person(tmp_path / "train" / "0000001.npz")
    (tmp_path / "train" / "1000001.npz").write_bytes(b"")
    with pytest.raises(ValueError, match=r"mixes 1 people to train on with 1 kept for testing"):
        list_pool(tmp_path / "train")
    (tmp_path / "train" / "figures.npz").write_bytes(b"")
    with pytest.raises(ValueError, match=r"figures\.npz, which is no person"):
        list_pool(tmp_path / "train")


def test_an_older_pool_is_told_from_a_damaged_one(tmp_path: Path) -> None:
    np.savez(tmp_path / "0000002.npz", colour=np.zeros(3), mask=np.zeros(3))
    with pytest.raises(ValueError, match=r"older pool.*Name an empty folder"):
        read_person(tmp_path / "0000002.npz")
    with pytest.raises(ValueError, match="older pool"):
        list_views(tmp_path)


def test_views_of_another_kind_are_told(tmp_path: Path) -> None:
    np.savez(tmp_path / "0000002.npz", colour=np.zeros(3), mask=np.zeros(3))
    with pytest.raises(ValueError, match=r"it lacks back\)\. Delete it"):
        read_views(tmp_path / "0000002.npz")


def test_a_damaged_file_is_named_once_and_left_out(
    pool: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(pool / "0000005.npz", tmp_path)
    whole = (pool / "0000005.npz").read_bytes()
    (tmp_path / "0000004.npz").write_bytes(whole[: len(whole) // 2])
    files = list_pool(tmp_path)
    for _ in range(2):
        assert read_usable(read_person, files, 0).seed == 5
    assert capsys.readouterr().out.count("left out: ") == 1
    with pytest.raises(ValueError, match="0000004"):
        read_usable(read_person, files[:1], 0)


def test_a_full_disk_leaves_nothing_half_written(
    pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(pool / "0000005.npz", tmp_path / "0000004.npz")

    def full(file: object, **arrays: object) -> None:
        file.write(b"the beginning")  # type: ignore[attr-defined]
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(ValueError, match=r"disk of .* is full\. Free some space"):
        build_person(tmp_path, 5, SMALL_POOL, make=lambda seed: read_person(pool / f"{seed:07d}.npz"))
    assert [path.name for path in tmp_path.iterdir()] == ["0000004.npz"]


def test_an_error_ends_a_pool_and_what_is_made_stays(
    pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(pool / "0000005.npz", tmp_path / "0000004.npz")
    asked = []

    def refused(seed: int) -> Person:
        asked.append(seed)
        time.sleep(0.01)  # so that the first error is met while others wait
        raise ValueError(f"The disk is full at {seed}.")

    monkeypatch.setattr(build, "crew", ThreadPoolExecutor)
    with pytest.raises(ValueError, match=r"^The disk is full at 6\.$"):
        build_pool(tmp_path, [4, *range(6, 60)], PoolFormat(views=0), 1, make=refused)
    assert len(asked) < 50, "those that were waiting are not made"
    assert [path.name for path in list_pool(tmp_path)] == ["0000004.npz"]


def test_sizes_that_no_preset_has_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pool", str(tmp_path / "pool"), "--size", "500"]) == 1
    assert "multiple of 64" in capsys.readouterr().err
    assert not (tmp_path / "pool").exists()


def test_people_to_train_on_may_begin_at_any_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.cli.pool.build_stock", lambda *_: None)
    pool = ["pool", str(tmp_path), "--people", "1", "--test-people", "0", "--views", "0", "--workers", "1"]
    assert main([*pool, "--seed-from", "7"]) == 0
    assert [path.name for path in list_pool(tmp_path / "train")] == ["0000007.npz"]


@pytest.mark.parametrize("first", ["-1", str(TEST_SEEDS - 1)])
def test_no_seed_that_is_kept_for_testing_is_trained_on(
    first: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pool", str(tmp_path / "pool"), "--people", "2", "--seed-from", first]) == 1
    assert f"from 0 to {TEST_SEEDS - 1}" in capsys.readouterr().err
    assert not (tmp_path / "pool").exists()
