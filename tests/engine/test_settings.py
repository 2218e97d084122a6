# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of a reconstruction, from plain values and out of range."""

import dataclasses
import json

import pytest

from engine.errors import EngineError
from engine.settings import Settings


def test_settings_come_from_plain_values():
    settings = Settings.from_dict({"resolution": 128, "box": [1, 2, 30, 40], "height": 2})
    assert settings == Settings(resolution=128, box=(1, 2, 30, 40), height=2)
    assert Settings.from_dict({}) == Settings()
    assert Settings.from_dict(json.loads(json.dumps(dataclasses.asdict(settings)))) == settings


@pytest.mark.parametrize("values", [
    {"resolution": 32}, {"resolution": 1056}, {"resolution": 250}, {"resolution": 256.0},
    {"resolution": "256"}, {"resolution": True}, {"height": 0.05}, {"height": 11}, {"height": "2"},
    {"height": float("nan")}, {"smooth": -1}, {"smooth": 51}, {"smooth": 1.5}, {"colour": "red"},
    {"colour": True}, {"weights": 3}, {"device": "tpu"}, {"device": ["cpu"]}, {"box": [1, 2, 3]},
    {"box": [5, 2, 3, 4]}, {"box": "whole"}, {"box": [1, 2, 3, float("inf")]}, {"quality": 3}, {"span": 0},
    {"span": "2"}, {"person": 0}, {"person": 1.0}, {"topology": "ngons"}, {"faces": 99}, {"faces": -1},
    {"faces": 500.0}, {"clean": 1}, {"topology": "quads", "faces": 500},
    {"precision": "half"}, {"precision": None},
    {"weights": ""}, {"weights": "a" * 5000}, {"weights": "a\0b"}, {"weights": "a\ud800"},
    {"weights": "https://example.org/a.safetensors"}, {"weights": "file:///a.safetensors"},
    {"weights": r"\\server\share\a.safetensors"}, {"weights": "//server/share/a.safetensors"},
    {"weights": r"\\.\pipe\a"}, {"weights": r"\/server/share/a.safetensors"},
])
def test_settings_out_of_range_are_named(values):
    with pytest.raises(EngineError) as caught:
        Settings.from_dict(values)
    assert caught.value.code == "bad_settings"
    assert caught.value.hint
