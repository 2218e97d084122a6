# SPDX-License-Identifier: GPL-3.0-or-later
"""Weights files: what is written is read back, and nothing else is accepted."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.errors import EngineError
from engine.weights import PRESETS, files, load_weights, random_weights, save_weights
from engine.weights.files import FORMAT
from tests.tiny import TINY

CARD = {"training": "none", "licence": "CC0-1.0"}


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.safetensors"
    save_weights(path, random_weights(TINY, 5).network, CARD)
    return path


def rewritten(path: Path, tensors: dict[str, torch.Tensor] | None = None, **metadata: str) -> None:
    """Write the file of `path` again with other tensors, or other metadata."""
    with files.safe_open(path, framework="pt") as file:
        known = file.metadata()
    known |= {"crc32": "{}"}  # as the first versions wrote it
    save_file(load_file(path) if tensors is None else tensors, path, known | metadata)


def refused(path: Path) -> str:
    with pytest.raises(EngineError) as caught:
        load_weights(path)
    assert caught.value.code == "bad_weights"
    assert str(path) in caught.value.text
    assert "Choose another weights file" in caught.value.hint
    return caught.value.text


def test_a_network_comes_back_as_it_was_in_half_precision(written: Path) -> None:
    original = random_weights(TINY, 5).network.state_dict()
    loaded = load_weights(written)
    assert (loaded.preset, loaded.card) == (TINY, CARD)
    assert loaded.sha256 == hashlib.sha256(written.read_bytes()).hexdigest()
    assert not loaded.network.training
    state = loaded.network.state_dict()
    assert list(state) == list(original)
    for key, value in state.items():
        assert value.dtype == torch.float32
        assert torch.equal(value, original[key].half().float()), key


def test_a_parameter_with_two_names_is_stored_once(written: Path) -> None:
    keys = set(load_file(written))
    state = random_weights(TINY, 5).network.state_dict()
    twice = {key for key in state if ".downsample.0." in key}
    assert twice
    assert keys == set(state) - twice


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "There is no weights file" in refused(tmp_path / "nothing.safetensors")


@pytest.mark.parametrize("content", [b"", b"not weights at all", b"\xff" * 64])
def test_a_broken_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.safetensors"
    path.write_bytes(content)
    refused(path)


def test_a_file_that_was_cut_short_is_refused(written: Path) -> None:
    written.write_bytes(written.read_bytes()[:-100])
    refused(written)


def test_somebody_elses_file_is_refused(written: Path) -> None:
    save_file(load_file(written), written)
    assert "not written by PIFuHD for Blender" in refused(written)
    save_file(load_file(written), written, {"format": FORMAT})
    refused(written)


@pytest.mark.parametrize("preset", ["{", "[]", "3", "{}"])
def test_a_file_with_an_unreadable_preset_is_refused(written: Path, preset: str) -> None:
    rewritten(written, preset=preset)
    refused(written)


def test_tensors_of_another_network_are_refused(written: Path) -> None:
    tensors = load_file(written)
    name = next(iter(tensors))
    value = tensors.pop(name)
    rewritten(written, tensors)
    assert "not those of preset tiny" in refused(written)
    rewritten(written, tensors | {name: value, "surplus.weight": value.clone()})
    assert "not those of preset tiny" in refused(written)
    rewritten(written, tensors | {name: torch.cat([value, value])})
    refused(written)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused(written: Path, value: float) -> None:
    tensors = load_file(written)
    name = sorted(tensors)[3]
    tensors[name].view(-1)[0] = value
    rewritten(written, tensors)
    assert f"{name} has values that are not finite" in refused(written)


def test_a_flipped_bit_is_noticed_wherever_it_is(written: Path) -> None:
    sound = written.read_bytes()
    begin = 8 + int.from_bytes(sound[:8], "little")
    random = Random(3)
    for place in [begin, len(sound) - 1, *(random.randrange(begin, len(sound)) for _ in range(8))]:
        damaged = bytearray(sound)
        damaged[place] ^= 1 << random.randrange(8)
        written.write_bytes(damaged)
        assert "is not what was written" in refused(written)
    written.write_bytes(sound)
    load_weights(written)


def test_a_file_without_sums_is_still_read(written: Path) -> None:
    before = load_weights(written).network.state_dict()
    rewritten(written)
    after = load_weights(written).network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_write_that_fails_leaves_nothing_and_keeps_the_old_file(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = written.read_bytes()

    def full_disk(_: object, path: Path, __: object) -> None:
        path.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(files, "save_file", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save_weights(written, random_weights(TINY, 6).network, CARD)
    assert written.read_bytes() == before
    assert list(written.parent.iterdir()) == [written]


def test_float32_comes_back_exactly(written: Path) -> None:
    network = random_weights(TINY, 5).network
    save_weights(written, network, CARD, torch.float32)
    state = load_weights(written).network.state_dict()
    assert all(torch.equal(state[key], value) for key, value in network.state_dict().items())


def test_values_beyond_half_precision_are_not_written(written: Path) -> None:
    before = written.read_bytes()
    network = random_weights(TINY, 6).network
    with torch.no_grad():
        network.mlp.filters[0].weight[0, 0] = 1e5
    with pytest.raises(EngineError, match=r"mlp.filters.0.weight has values that float16 cannot hold"):
        save_weights(written, network, CARD)
    assert written.read_bytes() == before
    save_weights(written, network, CARD, torch.float32)
    assert load_weights(written).network.mlp.filters[0].weight.max() == 1e5


def test_loading_draws_no_parameters(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = torch.nn.init.kaiming_uniform_
    drawn = []

    def watched(tensor: torch.Tensor, *rest: float, **more: float) -> torch.Tensor:
        drawn.append(tensor.device.type)
        return original(tensor, *rest, **more)

    monkeypatch.setattr(torch.nn.init, "kaiming_uniform_", watched)
    load_weights(written)
    assert set(drawn) == {"meta"}


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="the peak is read from /proc")
def test_loading_needs_little_more_memory_than_the_network(tmp_path: Path) -> None:
    """pifuhd-no-normals, 89 MB in float32: a second copy, or the mapped file, would show."""
    path = tmp_path / "a.safetensors"
    preset = PRESETS["pifuhd-no-normals"]
    empty = files.build_empty(preset).state_dict()
    tensors = {name: torch.ones(empty[name].shape) for name in empty if "downsample.0" not in name}
    files.save_tensors(path, preset, tensors, CARD, torch.float16)
    script = (
        "import re; from engine.weights import files\n"
        # Not resource.getrusage: its peak is that of the process this one was started from, if larger.
        "def peak(): return int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])\n"
        f"before = peak(); weights = files.load_weights({str(path)!r})\n"
        "print((peak() - before) * 1024)"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    share = int(done.stdout) / sum(4 * value.numel() for value in tensors.values())
    assert 0.9 < share < 1.35  # 1.12 measured; 1.62 with the mapped file


@pytest.mark.parametrize("preset", ["pifu", "pifuhd-no-normals"])
@torch.inference_mode()
def test_presets_without_normals_save_load_and_run(tmp_path: Path, preset: str) -> None:
    path = tmp_path / "a.safetensors"
    save_weights(path, random_weights(preset, 1).network, CARD)
    loaded = load_weights(path)
    assert loaded.preset == PRESETS[preset]
    image, fine = torch.rand(1, 3, 64, 64), torch.rand(1, 3, 128, 128)  # an eighth: the layers are the same
    assert loaded.network.predict_normals(image) is None
    features = loaded.network.encode(image, fine, None)
    assert (features.fine is None) == (preset == "pifu")
    occupancy = loaded.network.occupancy(features, torch.rand(40, 3) * 2 - 1)
    assert occupancy.shape == (40,)
    assert occupancy.std() > 0


def test_a_file_says_what_it_holds(written: Path) -> None:
    summary = files.summarise_weights(written)
    network = random_weights(TINY, 5).network
    assert (summary.preset, summary.card, summary.dtypes) == (TINY, CARD, {"F16"})
    assert summary.sha256 == hashlib.sha256(written.read_bytes()).hexdigest()
    assert summary.values == sum(parameter.numel() for parameter in network.parameters())
    tensors = load_file(written)
    rewritten(written, {name: value for name, value in tensors.items() if "filters.0" not in name})
    with pytest.raises(EngineError, match="not those of preset tiny"):
        files.summarise_weights(written)


def test_tensors_of_a_type_that_is_never_written_are_refused(written: Path) -> None:
    rewritten(written, {name: value.to(torch.float64) for name, value in load_file(written).items()})
    assert "is of the type F64" in refused(written)


def test_a_full_memory_is_told_from_a_bad_file(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 7 bytes")

    monkeypatch.setattr(files, "_read_tensors", full)
    with pytest.raises(EngineError, match="do not fit into memory") as caught:
        load_weights(written)
    assert caught.value.code == "out_of_memory"


def test_random_weights_follow_their_seed_and_leave_the_generator_alone() -> None:
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    first, again, other = (random_weights(TINY, seed).network.state_dict() for seed in (7, 7, 8))
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not all(torch.equal(first[key], other[key]) for key in first)
