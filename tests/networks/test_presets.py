"""Presets say what they are, and refuse what they cannot be."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.weights import PRESETS, Preset
from engine.weights.presets import NormalNets
from tests.tiny import TINY

ALL = [*PRESETS.values(), TINY]


def changed(*path: str, to: Any) -> dict[str, Any]:
    """TINY as a dictionary with one value changed."""
    values: dict[str, Any] = json.loads(json.dumps(TINY.to_dict()))
    inner = values
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = to
    return values


@pytest.mark.parametrize("preset", ALL, ids=lambda preset: preset.name)
def test_every_preset_survives_json(preset: Preset) -> None:
    assert Preset.from_dict(json.loads(json.dumps(preset.to_dict()))) == preset


def test_files_from_before_the_backs_colour_have_none() -> None:
    values = json.loads(json.dumps(TINY.to_dict()))
    del values["normals"]["back_colour"]
    preset = Preset.from_dict(values)
    assert preset.normals is not None
    assert TINY.normals is not None
    assert preset.normals == replace(TINY.normals, back_colour=False)


def test_the_presets_are_the_documented_ones() -> None:
    assert list(PRESETS) == [
        "pifuhd", "compact", "pifu", "pifuhd-no-normals", "compact-pifu", "compact-no-normals"
    ]  # fmt: skip
    assert {name: (p.coarse_size, p.fine_size) for name, p in PRESETS.items()} == {
        "pifuhd": (512, 1024),
        "compact": (256, 512),
        "pifu": (512, 0),
        "pifuhd-no-normals": (512, 1024),
        "compact-pifu": (256, 0),
        "compact-no-normals": (256, 512),
    }


@pytest.mark.parametrize("name", ["pifuhd", "compact"])
def test_the_ablations_differ_from_their_preset_in_nothing_but_what_they_leave_out(name: str) -> None:
    whole, bare = PRESETS[name], PRESETS[f"{name}-no-normals"]
    single = PRESETS["pifu" if name == "pifuhd" else "compact-pifu"]
    assert bare.normals is None
    levels = [(bare.coarse, whole.coarse), (bare.fine, whole.fine), (single.coarse, whole.coarse)]
    for level, original in levels:
        assert level is not None
        assert original is not None
        assert (level.encoder.in_channels, original.encoder.in_channels) == (3, 9)
        assert replace(level, encoder=replace(level.encoder, in_channels=9)) == original
    assert replace(bare, name=single.name, fine=None, fine_size=0) == single


@pytest.mark.parametrize(
    "path, value",
    [
        (("colour",), 1),
        (("normals", "depth"), 1),
        (("coarse", "width"), 1),
        (("coarse", "encoder", "heads"), 1),
        (("coarse", "encoder"), {"in_channels": 9}),
        (("coarse",), 3),
        (("coarse", "encoder", "in_channels"), 3),
        (("coarse", "mlp"), [16, 32, 16, 16, 8, 1]),
        (("coarse", "mlp"), [17, 32, 16, 16, 8, 2]),
        (("coarse", "residual"), [5]),
        (("coarse", "residual"), [0]),
        (("omega_layer",), 0),
        (("omega_layer",), 9),
        (("fine",), None),
        (("fine_size",), 0),
        (("normals",), None),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else str(value),
)
def test_unknown_missing_and_contradicting_values_are_refused(path: tuple[str, ...], value: object) -> None:
    with pytest.raises(ValueError):
        Preset.from_dict(changed(*path, to=value))


def test_a_missing_value_is_refused() -> None:
    values = TINY.to_dict()
    del values["depth_scale"]
    with pytest.raises(ValueError, match="not a preset"):
        Preset.from_dict(values)


def test_construction_checks_as_well_as_reading() -> None:
    with pytest.raises(ValueError, match="encoder with 9 input channels"):
        replace(TINY, normals=None)
    assert replace(TINY, normals=NormalNets(False, (8, 16), 2)).normals == NormalNets(False, (8, 16), 2)


def test_presets_can_be_read_without_torch() -> None:
    code = "import sys, engine.weights; assert 'torch' not in sys.modules; print(len(engine.weights.PRESETS))"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "6"), done.stderr
