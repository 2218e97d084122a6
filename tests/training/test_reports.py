# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures on disk and as tables, while an evaluation goes on and after it."""

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from engine.networks import PIFuHD
from engine.weights import save_weights
from tests.tiny import TINY
from tests.training.measuring import about, known_figures, people
from training.cli.main import main
from training.evaluate import Measuring
from training.evaluation import measured
from training.evaluation.cases import People
from training.evaluation.metrics import MeshMetrics
from training.evaluation.outcomes import Outcome, Score
from training.evaluation.report import read_report, write_report
from training.evaluation.tables import spread_table, table, target_table, trait_table


@pytest.fixture(scope="module")
def figures() -> MeshMetrics:
    return known_figures()


def test_an_evaluation_that_was_interrupted_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figures: MeshMetrics, capsys: pytest.CaptureFixture[str]
) -> None:
    save_weights(tmp_path / "w.safetensors", PIFuHD(TINY), {})
    path, asked = tmp_path / "f.json", []
    many = replace(people(), names={k: f"number {k}" for k in range(4)})
    stop = [2]

    def stand_in(measuring: Measuring, people: People, workers: int) -> Iterable[list[list[Outcome]]]:
        for seed, name in people.names.items():
            asked.append(seed)
            if seed in stop:
                raise KeyboardInterrupt
            if seed == 1:
                people.unusable[name] = "a scan that is open"
                continue
            yield [[Outcome(f"case {seed}", figures, 0.1, traits={"person": name})]]

    monkeypatch.setattr(measured, "evaluate", stand_in)
    measuring = Measuring((str(tmp_path / "w.safetensors"),), 64, "cpu")

    def run(**changes: object) -> list[Score]:
        some = replace(many, unusable={})
        known = about(unusable=some.unusable, **changes)
        return measured.measure(measuring, some, known, path, resume=True, workers=1)

    with pytest.raises(KeyboardInterrupt):
        run()
    assert [outcome.case for outcome in read_report(path)[1][0].outcomes] == ["case 0"]
    stop.clear()
    asked.clear()
    [score] = run()
    assert "holds 1 reconstructions of each row: going on" in capsys.readouterr().out
    # number 1 was passed over before the file was written last, so it is tried again
    assert asked == [1, 2, 3]
    assert [outcome.case for outcome in score.outcomes] == ["case 0", "case 2", "case 3"]
    kept, [again] = read_report(path)
    assert again == score
    assert kept.unusable == {"number 1": "a scan that is open"}
    asked.clear()
    assert run() == [score]
    assert asked == []
    with pytest.raises(ValueError, match="leave --resume out"):
        run(resolution=128)


def test_tables_tell_the_spread_the_targets_and_the_poses(figures: MeshMetrics) -> None:
    outcomes = [
        Outcome(
            str(k), replace(figures, chamfer=float(k), components=1 + (k == 0)), 0.0, traits={"pose": pose}
        )
        for k, pose in enumerate(["stand"] * 9 + ["sit", "sit"])
    ]
    score = Score("w", "", [*outcomes, Outcome("x", failure="no_person", traits={"pose": "sit"})])
    assert "| Chamfer cm | 5; 5 [1, 9] |" in spread_table([score])
    targets = target_table([score])
    assert "| Chamfer cm | at most 1.43 | 5, missed |" in targets
    assert "| One component % | at least 99 | 90.91, missed |" in targets
    assert "| Normal | at most 0.107 |" in targets
    stands, sits = trait_table([score], "pose").splitlines()[2:]
    assert stands.startswith("| stand | w | 9 | 0 | 4 |")
    assert sits.startswith("| sit | w | 2 | 1 | 9.5 |")


def test_figures_come_back_from_the_file_as_they_went(tmp_path: Path, figures: MeshMetrics) -> None:
    lost = replace(figures, degrees=math.nan)
    scores = [
        Score(
            "w", "ab", [Outcome("a", figures, 0.1, traits={"yaw": "0"}), Outcome("b", failure="no_person")]
        ),
        Score("v", "cd", [Outcome("a", lost, 0.2), Outcome("b", figures, 0.1)]),
    ]
    path = tmp_path / "new" / "figures.json"
    write_report(path, about(), scores)
    known, again = read_report(path)
    assert known == about()
    assert table(again) == table(scores)
    assert again[0] == scores[0]
    assert math.isnan(again[1].outcomes[0].figures.degrees)
    assert [file.name for file in path.parent.iterdir()] == ["figures.json"]
    document = json.loads(path.read_text())
    assert list(document) == ["about", "scores"]
    assert list(document["scores"][0]["outcomes"][0]["figures"]) == sorted(asdict(figures))
    assert document["scores"][0]["outcomes"][0]["traits"] == {"yaw": "0"}
    assert document["scores"][1]["outcomes"][0]["figures"]["degrees"] is None


def test_rows_of_earlier_evaluations_join_the_table(
    tmp_path: Path, figures: MeshMetrics, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(tmp_path / f"{name}.json") for name in ("one", "two")]
    for file in files:
        write_report(Path(file), about(), [Score(Path(file).stem, "", [Outcome("a", figures, 0.1)])])
    assert main(["evaluate", *files, "--json", str(tmp_path / "all.json")]) == 0
    told = capsys.readouterr().out
    assert "Somebody, seen from 0, 120 degrees, without camera noise;" in told
    assert "Left out: b: not closed" in told
    assert told.index("| one | 1 | 0 |") < told.index("| two | 1 | 0 |")
    assert [score.weights for score in read_report(tmp_path / "all.json")[1]] == ["one", "two"]

    write_report(Path(files[1]), about(resolution=128), [])
    assert main(["evaluate", *files]) == 1
    assert "other people, pictures or resolutions" in capsys.readouterr().err
    Path(files[1]).write_text("[]")
    assert main(["evaluate", *files]) == 1
    assert "holds no figures of an evaluation" in capsys.readouterr().err
