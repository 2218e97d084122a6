"""The loop: it resumes at the exact step, starts from weights, stops when asked, and loses nothing."""

from __future__ import annotations

import csv
import os
import resource
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.networks import PIFuHD
from engine.weights import load_weights, save_weights
from tests.tiny import TINY
from tests.training.learning import ALONE, QUARTER, run_of, source_of
from tests.training.test_pictures import ball, write
from training import fit as loop
from training.cli import fit as cli_fit
from training.cli.main import main
from training.evaluate import quick_figures
from training.export import export
from training.fit import fit
from training.fitting import logs
from training.fitting import plan as plans
from training.fitting.interrupts import Stopped
from training.fitting.plan import Plan, learning_rate, stages_of


def state_of(run: Path, stage: str) -> dict:
    return torch.load(run / f"{stage}.pt", weights_only=True)


def saved_at(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Log and save every so many steps."""
    monkeypatch.setattr(loop, "LOG_STEPS", steps)
    monkeypatch.setattr(loop, "SAVE_SECONDS", -1)


def killed_after(monkeypatch: pytest.MonkeyPatch, stage: str, step: int) -> None:
    """Stand in for a crash right after a step, so that what is in memory is lost."""
    real = loop.Recent.note

    def note(self: loop.Recent, at: int, *rest: object) -> None:
        real(self, at, *rest)
        if at == step and (stage in rest[1] or stage == "any"):
            raise RuntimeError("killed")

    monkeypatch.setattr(loop.Recent, "note", note)


def test_a_resumed_run_ends_with_the_very_parameters_of_an_uninterrupted_one(
    pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved_at(monkeypatch, 2)
    whole = fit(run_of(pool, tmp_path / "whole", 5, end_to_end=0.1)).state_dict()
    with monkeypatch.context() as patch:
        killed_after(patch, "any", 3)
        with pytest.raises(RuntimeError, match="killed"):
            fit(run_of(pool, tmp_path / "run", 5, end_to_end=0.1))
    assert state_of(tmp_path / "run", "normals")["progress"]["step"] == 2
    with monkeypatch.context() as patch:
        killed_after(patch, "occupancy", 5)
        torch.manual_seed(99)  # nothing may depend on the global generator
        with pytest.raises(RuntimeError, match="killed"):
            fit(run_of(pool, tmp_path / "run", 5, end_to_end=0.1))
    assert state_of(tmp_path / "run", "normals")["progress"]["step"] == 5
    assert state_of(tmp_path / "run", "coarse")["progress"]["step"] == 4
    resumed = fit(run_of(pool, tmp_path / "run", 5, end_to_end=0.1)).state_dict()
    assert all(torch.equal(value, resumed[key]) for key, value in whole.items())
    for stage in ("normals", "coarse", "fine", "end-to-end"):
        one, other = (state_of(tmp_path / run, stage) for run in ("whole", "run"))
        assert one["progress"]["step"] == other["progress"]["step"] == 5
        assert one["progress"]["log"] == other["progress"]["log"]
        for group in ("parameters", "averages"):
            assert all(torch.equal(a, b) for a, b in zip(one[group], other[group], strict=True))
        for key, moments in one["optimiser"]["state"].items():
            for name, value in moments.items():
                assert torch.equal(value, other["optimiser"]["state"][key][name]), name
        with (tmp_path / "run" / f"{stage}.csv").open() as file:
            assert [row["step"] for row in csv.DictReader(file)] == ["2", "4", "5"]


def test_a_run_leaves_tables_pictures_and_weights_with_a_card(
    pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(loop, "LOG_STEPS", 2)
    run = run_of(pool, tmp_path / "run", 4)
    network = fit(run)
    said = capsys.readouterr().out
    assert "views/s" in said
    assert "multi-scale gradients" in said
    assert "GPU busy" not in said
    with (tmp_path / "run" / "coarse.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [row["step"] for row in table] == ["2", "4"]
    assert all(float(row["views/s"]) > 0 and float(row["occupancy"]) > 0 for row in table)
    for stage in ("normals", "coarse", "fine"):
        assert (tmp_path / "run" / "pictures" / f"{stage}_0000004.png").stat().st_size > 1000
    figures = quick_figures(network, pool, views=2)
    assert 0 <= figures["fine_iou"] <= 1
    assert figures["people"] == 1
    export(network, run, tmp_path / "w.safetensors", figures)
    loaded = load_weights(tmp_path / "w.safetensors")
    assert loaded.preset == TINY
    assert loaded.card["licence"] == "CC0-1.0"
    assert "1 synthetic dressed people" in loaded.card["data"]
    assert "seeds 5 to 5" in loaded.card["data"]
    assert '"steps": 4' in loaded.card["training"]
    assert "multi-scale gradients" in loaded.card["training"]
    assert '"occupancy"' in loaded.card["training"]
    assert "threads of" in loaded.card["hardware"]
    (pool / "0000005.json").write_text("{}")
    try:
        export(network, run, tmp_path / "s.safetensors", figures)
    finally:
        (pool / "0000005.json").unlink()
    assert "1 scans" in load_weights(tmp_path / "s.safetensors").card["data"]
    assert "CC0" not in load_weights(tmp_path / "s.safetensors").card["licence"]


def test_tensorboard_gets_the_losses_and_pictures(pool: Path, tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    fit(replace(run_of(pool, tmp_path, 2), preset=replace(TINY, fine=None, fine_size=0)))
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard" / "coarse"))
    events.Reload()
    assert events.Scalars("occupancy")[0].step == 2
    assert events.Images("results")[0].width > 100


def test_minutes_are_shared_by_the_stages_and_more_of_them_go_on(pool: Path, tmp_path: Path) -> None:
    plan = Plan(minutes=2 / 60, batch=QUARTER, workers=0)
    run = replace(run_of(pool, tmp_path, 1), plan=plan, preset=replace(TINY, fine=None, fine_size=0))
    fit(run)
    shares = stages_of(run.preset, plan, ALONE.device)
    first = {stage: state_of(tmp_path, stage)["progress"] for stage in shares}
    for stage, settings in shares.items():
        assert first[stage]["seconds"] >= 2 * settings.share
    # a busy machine takes longer than it was given: more than that
    spent = max(first[stage]["seconds"] / settings.share for stage, settings in shares.items())
    fit(replace(run, plan=replace(plan, minutes=(spent + 1) / 60)))
    assert state_of(tmp_path, "coarse")["progress"]["step"] > first["coarse"]["step"]


@pytest.mark.parametrize("end_to_end", [0.0, 0.2])
def test_shares_sum_to_one_whatever_stages_a_preset_has(end_to_end: float) -> None:
    plan = Plan(minutes=1, end_to_end=end_to_end)
    no_normals = replace(
        TINY,
        normals=None,
        coarse=replace(TINY.coarse, encoder=replace(TINY.coarse.encoder, in_channels=3)),
        fine=replace(TINY.fine, encoder=replace(TINY.fine.encoder, in_channels=3)),
    )
    coarse_alone = replace(no_normals, fine=None, fine_size=0)
    for preset, names in (
        (TINY, ["normals", "coarse", "fine"]),
        (no_normals, ["coarse", "fine"]),
        (coarse_alone, ["coarse"]),
    ):
        stages = stages_of(preset, plan, torch.device("cpu"))
        whole = names + (["end-to-end"] if end_to_end and preset.fine else [])
        assert list(stages) == whole
        assert sum(settings.share for settings in stages.values()) == pytest.approx(1)


def test_presets_without_normals_or_without_a_fine_level_are_trained_too(pool: Path, tmp_path: Path) -> None:
    encoder = replace(TINY.coarse.encoder, in_channels=3)
    coarse = replace(TINY.coarse, encoder=encoder)
    fine = replace(TINY.fine, encoder=replace(TINY.fine.encoder, in_channels=3))
    no_normals = replace(TINY, normals=None, coarse=coarse, fine=fine)
    for name, preset in (("a", no_normals), ("b", replace(no_normals, fine=None, fine_size=0))):
        fit(replace(run_of(pool, tmp_path / name, 2), preset=preset))
        stages = sorted(path.stem for path in (tmp_path / name).glob("*.pt"))
        assert stages == (["coarse", "fine"] if name == "a" else ["coarse"])


def test_the_learning_rate_warms_up_and_falls_to_a_hundredth() -> None:
    rates = [learning_rate(1.0, step, step / 1000) for step in range(1001)]
    assert rates[0] == pytest.approx(0.01, rel=0.01)
    assert max(rates) == rates[99] > 0.95
    assert rates[-1] == pytest.approx(0.01)
    assert rates[99:] == sorted(rates[99:], reverse=True)


def test_training_begins_with_a_files_parameters_and_refuses_other_sizes(
    pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert TINY.normals is not None
    older = replace(TINY, normals=replace(TINY.normals, span=False, back_colour=False))
    torch.manual_seed(5)
    network = PIFuHD(older)
    save_weights(tmp_path / "older.safetensors", network, {})
    monkeypatch.setattr(plans, "SETTINGS", {})
    begun = fit(run_of(pool, tmp_path / "run", 1, start=tmp_path / "older.safetensors"))
    state = begun.state_dict()
    for key, value in network.state_dict().items():
        assert torch.equal(state[key][: len(value)], value.half().float()), key
    head = state["netG.netN.head.weight"]
    assert head.shape[0] == 10
    assert not head[7:].any(), "the new channels begin with the picture's own colours"
    save_weights(tmp_path / "later.safetensors", begun, {})
    again = fit(run_of(pool, tmp_path / "next", 1, start=tmp_path / "later.safetensors"))
    assert torch.equal(again.netG.netN.head.weight, head.half().float())
    other = replace(TINY, normals=replace(TINY.normals, channels=(8, 16, 16)))
    save_weights(tmp_path / "other.safetensors", PIFuHD(other), {})
    with pytest.raises(ValueError, match="another architecture"):
        fit(run_of(pool, tmp_path / "run", 1, start=tmp_path / "other.safetensors"))


def test_a_checkpoint_of_another_preset_or_seed_and_a_broken_one_are_refused(
    pool: Path, tmp_path: Path
) -> None:
    run = run_of(pool, tmp_path / "run", 1)
    fit(run)
    with pytest.raises(ValueError, match="Choose another run folder"):
        fit(replace(run, preset=replace(TINY, name="other")))
    with pytest.raises(ValueError, match="begun with seed 0"):
        fit(replace(run, plan=replace(run.plan, seed=1)))
    path = tmp_path / "run" / "coarse.pt"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"coarse\.pt is broken .*remove it"):
        fit(run)


def test_a_loss_that_is_no_number_stops_the_loop_and_names_step_and_people(
    pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved_at(monkeypatch, 2)
    real = loop.on_device

    def broken(batch: loop.Batch, device: torch.device) -> loop.Batch:
        batch = real(batch, device)
        bad = batch.index.min() >= 5 * len(batch.index)
        return replace(batch, front=batch.front * (float("nan") if bad else 1.0))

    monkeypatch.setattr(loop, "on_device", broken)
    with pytest.raises(FloatingPointError, match=r"not finite at step 6, .* seeds 5; .* step 4 stays"):
        fit(run_of(pool, tmp_path, 20))
    state = state_of(tmp_path, "normals")
    assert state["progress"]["step"] == 4
    assert all(value.isfinite().all() for value in state["parameters"])


def test_a_batch_that_does_not_fit_is_one_sentence(
    pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def too_much(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr(loop, "_step", too_much)
    monkeypatch.setattr(loop, "board_writer", lambda: None)
    monkeypatch.setattr(logs, "board_writer", lambda: None)
    with pytest.raises(ValueError, match=r"2 views of stage normals do not fit .* with --batch 0\.125"):
        fit(run_of(pool, tmp_path, 1))
    assert "TensorBoard gets no log: `pip install tensorboard`" in capsys.readouterr().out
    assert not (tmp_path / "tensorboard").exists()


def test_a_full_disk_keeps_the_checkpoint_before_it(
    pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_of(pool, tmp_path, 1)
    fit(run)
    before = (tmp_path / "fine.pt").read_bytes()
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    real = loop.save

    def save_on_a_full_disk(*arguments: object) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, usual[1]))
        try:
            real(*arguments)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, usual)

    monkeypatch.setattr(loop, "save", save_on_a_full_disk)
    (tmp_path / "coarse.pt").unlink()
    with pytest.raises(OSError, match=r"Step 1 cannot be saved .*File too large.* none before it"):
        fit(run)
    monkeypatch.setattr(loop, "save", real)
    fit(run)
    monkeypatch.setattr(loop, "save", save_on_a_full_disk)
    with pytest.raises(OSError, match=r"the checkpoint before it stays"):
        fit(replace(run, plan=replace(run.plan, steps=2)))
    assert (tmp_path / "fine.pt").read_bytes() == before
    assert state_of(tmp_path, "normals")["progress"]["step"] == 1
    assert not list(tmp_path.glob("*.tmp"))


def test_ctrl_c_finishes_the_step_and_saves_it(
    pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = loop.Recent.note

    def note(self: loop.Recent, at: int, *rest: object) -> None:
        real(self, at, *rest)
        if at == 3:
            os.kill(os.getpid(), signal.SIGINT)

    # whoever starts the tests in the background has the interrupt ignored
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    with monkeypatch.context() as patch:
        patch.setattr(loop.Recent, "note", note)
        with pytest.raises(Stopped, match="Stopped at step 3 of stage normals; the same command goes on"):
            fit(run_of(pool, tmp_path, 30))
    assert state_of(tmp_path, "normals")["progress"]["step"] == 3
    assert signal.signal(signal.SIGINT, usual) is signal.default_int_handler
    assert threading.active_count() < 20


def test_pictures_take_their_share_of_the_normal_stages_batches(pool: Path, tmp_path: Path) -> None:
    write(tmp_path, "1", ball()[1])
    plan = Plan(steps=1, batch=QUARTER, workers=0, pictures=tmp_path)
    source = source_of(pool, "normals", plan)
    batches = [next(source) for _ in range(6)]
    assert [float(batch.back_known[0]) for batch in batches] == [0, 1, 1, 1, 0, 1]
    later = source_of(pool, "normals", plan, step=3)
    for batch in batches[3:]:
        again = next(later)
        assert torch.equal(again.index, batch.index)
        assert torch.equal(again.image, batch.image)
    assert float(next(source_of(pool, "coarse", plan)).back_known[0]) == 1


def test_a_plan_that_cannot_be_done_is_refused() -> None:
    for wrong in ({}, {"minutes": 1, "steps": 1}, {"minutes": 0}, {"steps": -3}, {"steps": 1, "batch": 0}):
        with pytest.raises(ValueError, match=r"Give the minutes|batch sizes"):
            Plan(**wrong)


def test_one_command_makes_people_trains_and_writes_weights_in_parts(
    pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli_fit, "PRESETS", {"compact": TINY})
    monkeypatch.setattr(cli_fit, "MEASURED_VIEWS", 2)
    folder = tmp_path / "people"
    copies = (
        "import os, shutil, sys; one, two = sys.argv[1:]\n"
        "for n in ('/test', '/train'): os.rename(shutil.copytree(one, two + n + '.new'), two + n)"
    )

    def command(to: Path, *amounts: int) -> list[str]:
        assert (to, *amounts) == (folder, 1, 2, 4, TINY.fine_size)
        return [sys.executable, "-c", copies, str(pool), str(to)]

    monkeypatch.setattr(cli_fit, "pool_command", command)
    out = tmp_path / "out" / "w.safetensors"
    asked = ["fit", str(folder), "--run", str(tmp_path / "run"), "--out", str(out), "--device", "cpu"]
    asked += ["--minutes", "0.05", "--batch", "0.25", "--workers", "0", "--people", "1", "--parts"]
    assert main(asked) == 0, capsys.readouterr().err
    card = load_weights(out).card
    assert "mask_iou" in card["metrics"]
    assert 0 < float(card["minutes"]) < 1
    whole = out.read_bytes()
    out.unlink()
    assert main(["join", str(out)]) == 0
    assert out.read_bytes() == whole


def test_a_missing_pool_is_one_sentence_with_the_next_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [str(tmp_path / name) for name in ("pool", "run", "w.safetensors")]
    code = main(
        ["fit", folders[0], "--run", folders[1], "--out", folders[2], "--steps", "1", "--device", "cpu"]
    )
    said = capsys.readouterr().err.strip()
    assert code == 1
    assert said.startswith("training: No people in")
    assert "\n" not in said


def test_a_command_that_fails_says_so_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["evaluate", str(tmp_path / "no.safetensors")])
    said = capsys.readouterr().err.strip()
    assert code == 1
    assert said.startswith("training: There is no weights file")
    assert "\n" not in said
