# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints in the released format: each variant computes what it should, and nothing else is accepted."""

from __future__ import annotations

import argparse
import hashlib
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from engine.errors import EngineError
from engine.networks import PIFuHD
from engine.weights import PRESETS, Preset, checkpoint, load_weights
from engine.weights.checkpoint import import_checkpoint, read_checkpoint
from engine.weights.registry import PUBLISHED_LICENCE
from tests.networks import released
from tests.networks.released import Released, fine_options, options

VARIANTS: dict[str, tuple[argparse.Namespace, argparse.Namespace | None]] = {
    "as released": (options(), fine_options()),
    "more stacks": (options(num_stack=3), fine_options(num_stack=2)),
    "deeper": (options(hg_depth=3), fine_options(hg_depth=2)),
    "wider": (options(hg_dim=48, mlp_dim=[49, 96, 64, 40, 32, 1], mlp_res_layers=[2, 3, 4]),
              fine_options(hg_dim=20, mlp_dim=[60, 24, 1], mlp_res_layers=[])),
    "no_down": (options(hg_down="no_down"), fine_options()),
    "the fine level never pools": (options(), fine_options(hg_down="ave_pool")),
    "Omega of another layer": (options(merge_layer=1), fine_options()),
    "Omega of the default layer": (
        options(merge_layer=-1, mlp_dim=[33, 64, 16, 32, 48, 1]), fine_options(mlp_dim=[56, 32, 32, 1])),
    "norms of the batch": (options(norm="batch"), fine_options(norm="batch")),
    "group norms between layers": (options(mlp_norm="group"), fine_options(mlp_norm="group")),
    "batch norms between layers": (options(mlp_norm="batch"), fine_options(mlp_norm="batch")),
    "batch norms in one function": (options(mlp_norm="batch"), fine_options()),
    "no normals": (options(use_front_normal=False, use_back_normal=False), fine_options()),
    "a single level": (options(), None),
    "a single level without normals": (
        options(use_front_normal=False, use_back_normal=False, merge_layer=-1), None),
}  # fmt: skip


def inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    image, fine = (torch.rand(1, 3, side, side, generator=generator) * 2 - 1 for side in (32, 64))
    return image, fine, torch.rand(200, 3, generator=generator) * 2 - 1


@torch.inference_mode()
def computed(network: PIFuHD) -> dict[str, torch.Tensor]:
    image, image_fine, points = inputs()
    maps = network.predict_normals(image)
    features = network.encode(image, image_fine, maps)
    logits, omega = network.netG.query(features.coarse, points[None])
    found = {} if maps is None else {"front": maps.front, "back": maps.back}
    found["coarse"] = features.coarse
    if features.fine is not None:
        found["fine"] = features.fine
        logits = network.query_fine(features.fine, points[None], omega)
    return found | {"logits": logits[0]}


@pytest.mark.parametrize("variant", VARIANTS)
@torch.inference_mode()
def test_every_variant_computes_what_an_independent_network_does(variant: str, tmp_path: Path) -> None:
    network = Released(*VARIANTS[variant])
    expected = network.compute(*inputs())
    source = released.write(tmp_path / "a.pt", released.content(network))
    import_checkpoint(source, tmp_path / "a.safetensors", torch.float32)
    found = computed(load_weights(tmp_path / "a.safetensors").network)
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert value.abs().max() > 0.01
        torch.testing.assert_close(found[name], value, atol=2e-4, rtol=2e-4)


@pytest.fixture(scope="module")
def network() -> Released:
    with torch.inference_mode():
        network = Released(options(), fine_options())
        network.compute(*inputs())
    return network


@pytest.fixture
def content(network: Released) -> dict[str, Any]:
    """A checkpoint's content that a test may change; each tensor repeats one value: files stay small."""
    copies = {name: argparse.Namespace(**vars(given)) for name, given in
              (("opt", network.fine), ("opt_netG", network.coarse))}  # fmt: skip
    state = {name: value.flatten()[:1].clone().expand(value.shape) for name, value in network.state.items()}
    return {**copies, "model_state_dict": state}


@pytest.mark.parametrize(
    "of_2020, dtype", [(True, torch.float16), (False, torch.float32)], ids=["one pickle", "a zip"]
)
def test_both_formats_of_pytorch_become_both_precisions(
    tmp_path: Path, network: Released, of_2020: bool, dtype: torch.dtype
) -> None:
    content = released.content(network)
    source = released.write(tmp_path / "pifuhd.pt", content, of_2020)
    target = tmp_path / "out.safetensors"
    result = import_checkpoint(source, target, dtype)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    assert result.sha256 == digest
    loaded = load_weights(target)
    assert loaded.card["licence"] == PUBLISHED_LICENCE
    assert "non-commercial" in loaded.card["licence"]
    assert loaded.card["source sha256"] == digest
    assert "pifuhd.pt" in loaded.card["made"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.safetensors", "pifuhd.pt"]
    assert {value.dtype for value in load_file(target).values()} == {dtype}
    state = loaded.network.state_dict()
    assert set(state) == set(content["model_state_dict"])
    for name, value in content["model_state_dict"].items():
        assert torch.equal(state[name], value.to(dtype).float()), name


def test_of_two_names_of_a_parameter_the_later_wins(tmp_path: Path, content: dict[str, Any]) -> None:
    name = "image_filter.conv2.bn4.weight"
    state = content["model_state_dict"]
    state[name] = torch.full_like(state[name], 7.0)
    found = read_checkpoint(released.write(tmp_path / "a.pt", content)).tensors
    assert torch.equal(found[name], state[name.replace("bn4", "downsample.0")])
    del state[name.replace("bn4", "downsample.0")]
    found = read_checkpoint(released.write(tmp_path / "b.pt", content)).tensors
    assert found[name].unique().tolist() == [7.0]


@pytest.mark.parametrize("name", ["pifuhd", "pifu", "pifuhd-no-normals"])
def test_options_of_the_published_sizes_give_the_published_presets(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By shapes alone: 387 million values need not exist for that."""
    preset = PRESETS[name]
    state = {key: value.shape for key, value in checkpoint.build_empty(preset).state_dict().items()}
    normals = preset.normals is not None
    published = options(
        num_stack=4, hg_depth=2, hg_dim=256, mlp_dim=[257, 1024, 512, 256, 128, 1], mlp_res_layers=[2, 3, 4],
        loadSize=512, z_size=200.0, use_front_normal=normals, use_back_normal=normals,
    )  # fmt: skip
    fine = fine_options(hg_depth=4, hg_dim=16, mlp_dim=[272, 512, 256, 128, 1], mlp_res_layers=[1, 2])
    built = checkpoint._preset(vars(published), vars(fine) if preset.fine else None, state)
    assert built == preset


def refused(path: Path) -> str:
    with pytest.raises(EngineError) as caught:
        import_checkpoint(path, path.with_name("out.safetensors"))
    assert caught.value.code == "bad_weights"
    assert caught.value.hint
    assert not path.with_name("out.safetensors").exists()
    return caught.value.text


@pytest.mark.parametrize(
    "level, option, value",
    [
        ("opt_netG", "hg_down", "conv64"),
        ("opt_netG", "hg_down", None),
        ("opt_netG", "norm", "instance"),
        ("opt", "mlp_norm", "weight"),
        ("opt_netG", "num_stack", 0),
        ("opt_netG", "num_stack", 10**9),
        ("opt", "hg_depth", 40),
        ("opt", "hg_dim", "8"),
        ("opt", "hg_dim", True),
        ("opt_netG", "mlp_dim", 7),
        ("opt_netG", "mlp_dim", [33, 64, 32, 32, 2]),
        ("opt_netG", "mlp_dim", [33.0, 64, 32, 32, 1]),
        ("opt_netG", "mlp_res_layers", [9]),
        ("opt_netG", "mlp_norm", "group"),
        ("opt_netG", "merge_layer", 3),
        ("opt_netG", "merge_layer", 0.5),
        ("opt_netG", "z_size", 0.0),
        ("opt_netG", "z_size", float("nan")),
        ("opt_netG", "loadSize", 33),
        ("opt_netG", "loadSize", 1 << 40),
        ("opt_netG", "use_back_normal", False),
    ],
)
def test_options_that_are_unknown_or_do_not_fit_are_refused(
    tmp_path: Path, content: dict[str, Any], level: str, option: str, value: object
) -> None:
    setattr(content[level], option, value)
    assert "cannot be imported" in refused(released.write(tmp_path / "a.pt", content))


def test_the_sentence_names_the_option(tmp_path: Path, content: dict[str, Any]) -> None:
    content["opt_netG"].hg_down = "conv64"
    assert "hg_down is 'conv64'" in refused(released.write(tmp_path / "a.pt", content))
    del content["opt_netG"].hg_down, content["opt"].num_stack
    assert "hg_down is None" in refused(released.write(tmp_path / "a.pt", content))
    content["opt_netG"].hg_down = "ave_pool"
    assert "num_stack is None" in refused(released.write(tmp_path / "a.pt", content))


Change = Callable[[dict[str, Any]], object]
KEY = "netG.mlp.filters.0.weight"


def one(value: float) -> Change:
    """Sets one value of one tensor."""

    def change(content: dict[str, Any]) -> object:
        tensor = content["model_state_dict"][KEY].clone()
        tensor.view(-1)[5] = value
        content["model_state_dict"][KEY] = tensor
        return content

    return change


CHANGES: dict[str, tuple[Change, str]] = {
    "a plain state dict": (lambda c: c["model_state_dict"], "lacks 'opt' and 'model_state_dict'"),
    "a list": (lambda c: [1, 2], "no dictionary"),
    "options as a dictionary": (lambda c: c | {"opt": vars(c["opt"])}, "lacks 'opt'"),
    "no coarse options": (lambda c: c | {"opt_netG": 3}, "'opt_netG' holds no options"),
    "no tensors": (lambda c: c | {"model_state_dict": {}}, "holds none"),
    "something else among the tensors": (lambda c: c["model_state_dict"].update(a=3) or c, "'a' is no plain"),
    "a missing tensor": (lambda c: c["model_state_dict"].pop(KEY) is None or c, f"{KEY} and 0 more are mis"),
    "a surplus tensor": (
        lambda c: c["model_state_dict"].update(extra=torch.zeros(1)) or c, "extra and 0 more are unknown"),
    "another shape": (
        lambda c: c["model_state_dict"].update({KEY: torch.zeros(64, 32, 1)}) or c,
        f"{KEY} is [64, 32, 1] instead of [64, 33, 1]"),
    "whole numbers": (
        lambda c: c["model_state_dict"].update({KEY: torch.zeros(64, 33, 1, dtype=torch.int)}) or c,
        "type torch.int32"),
    "a sparse tensor": (
        lambda c: c["model_state_dict"].update({KEY: torch.zeros(64, 33, 1).to_sparse()}) or c, "no plain"),
    "not a number": (one(float("nan")), f"{KEY} has values that are not finite"),
    "infinity": (one(float("-inf")), f"{KEY} has values that are not finite"),
    "beyond float16": (one(1e6), f"{KEY} has values that float16 cannot hold"),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_other_content_is_refused_in_one_sentence(
    tmp_path: Path, content: dict[str, Any], change: str
) -> None:
    changed, sentence = CHANGES[change]
    assert sentence in refused(released.write(tmp_path / "a.pt", changed(content)))


class Malicious:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("was-executed",)


@pytest.mark.parametrize("of_2020", [True, False])
def test_a_pickle_with_other_classes_is_refused_and_not_executed(
    tmp_path: Path, content: dict[str, Any], of_2020: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content["opt"].name = Malicious()
    assert "mkdir, which could run code" in refused(released.write(tmp_path / "a.pt", content, of_2020))
    content["opt"].name = Path("x")
    assert "pathlib" in refused(released.write(tmp_path / "b.pt", content, of_2020))
    assert not (tmp_path / "was-executed").exists()


@pytest.mark.parametrize("of_2020", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_a_truncated_file_is_refused(
    tmp_path: Path, content: dict[str, Any], of_2020: bool, share: float
) -> None:
    path = released.write(tmp_path / "a.pt", content, of_2020)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    assert "damaged, cut short, or no checkpoint" in refused(path)


@pytest.mark.parametrize(
    "junk", [b"<html>not found</html>", pickle.dumps({"opt": 1}, protocol=2), b"PK\x03\x04" + b"\0" * 99]
)
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, junk: bytes) -> None:
    path = tmp_path / "a.pt"
    path.write_bytes(junk)
    refused(path)


def test_a_missing_file_folder_and_a_wrong_name_are_named(tmp_path: Path, content: dict[str, Any]) -> None:
    assert "There is no checkpoint" in refused(tmp_path / "nothing.pt")
    path = released.write(tmp_path / "a.pt", content)
    for target, sentence in (("out.pt", "does not end in"), ("none/out.safetensors", "does not exist")):
        with pytest.raises(EngineError, match=sentence) as caught:
            import_checkpoint(path, tmp_path / target)
        assert caught.value.code == "io"


def test_loading_a_checkpoint_as_weights_says_what_to_do(tmp_path: Path, content: dict[str, Any]) -> None:
    path = released.write(tmp_path / "a.pt", content)
    with pytest.raises(EngineError, match="engine weights import") as caught:
        load_weights(path)
    assert caught.value.code == "bad_weights"
    assert isinstance(read_checkpoint(path).preset, Preset)
