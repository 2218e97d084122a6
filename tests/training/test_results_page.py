# SPDX-License-Identifier: GPL-3.0-or-later
"""The scripts that write docs/results.md and its gallery."""

import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

from engine.errors import EngineError
from engine.photo import Photo, from_pixels
from engine.pipeline import Reconstruction
from engine.space import stand_on_floor
from tests.training.shapes import box, figure
from training.evaluation.drawing import PAPER, clay, drawn, write_picture
from training.evaluation.meshes import Mesh
from training.evaluation.metrics import MeshMetrics, compare
from training.evaluation.outcomes import Outcome, Score
from training.evaluation.report import About, write_report

DOCS = Path(__file__).resolve().parents[2] / "docs"


def script(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # where dataclasses look for their module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def figures() -> MeshMetrics:
    true = Mesh(figure().vertices, figure().faces, figure().part)
    return replace(compare(true, true), chamfer=1.2345, back_p2s=2.0)


def test_the_page_holds_what_was_measured_and_nothing_else(
    tmp_path: Path, figures: MeshMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = script("results", monkeypatch)
    folder, page = tmp_path / "results", tmp_path / "results.md"
    with pytest.raises(ValueError, match=r"no evaluation\.json"):
        results.main(folder, page)
    assert not page.exists()
    about = About("Somebody", [0.0, 90.0], False, 256, {}, "python -m training evaluate compact --people 1")
    traits = {"pose": "sit", "yaw": "90", "condition": "dark"}
    outcomes = [Outcome("a", figures, 0.0, traits=traits), Outcome("b", failure="no_person", traits=traits)]
    write_report(folder / "evaluation.json", about, [Score("w", "ab", outcomes)])
    results.main(folder, page)
    text = page.read_text()
    for line in (
        about.command,
        "| Chamfer cm | at most 1.43 | 1.234, reached |",
        "refused: no_person 1 times",
    ):
        assert line in text
    assert "| sit | w | 1 | 1 | 1.234 |" in text
    assert "| 90 | w | 1 | 1 | 1.234 |" in text
    heads = [line for line in text.splitlines() if line.startswith("## ")]
    assert heads == ["## Targets and what was measured"]

    better = [Outcome("a", replace(figures, chamfer=1.0, back_p2s=2.5), 0.0)]
    write_report(folder / "ablation.json", about, [Score("w", "", outcomes), Score("v", "", better)])
    write_report(folder / "robustness.json", about, [Score("w", "ab", outcomes)])
    write_picture(folder / "conditions.jpg", np.zeros((8, 8, 3), np.uint8))
    for name in ("pair", "child", "sheet"):
        write_picture(folder / "gallery" / f"{name}.jpg", np.zeros((8, 8, 3), np.uint8))
    (folder / "photographs.md").write_text("Arms are lost.\n")
    results.main(folder, page)
    text = page.read_text()
    assert "From `w` to `v` Chamfer is 0.23 cm smaller and P2S of the back is 0.50 cm larger." in text
    assert "| dark | w | 1 | 1 | 1.234 |" in text
    assert "(results/conditions.jpg)" in text
    assert text.index("(results/gallery/child.jpg)") < text.index("(results/gallery/pair.jpg)")
    assert "sheet.jpg" not in text
    assert text.rstrip().endswith("## What goes wrong on real photographs\n\nArms are lost.")


def reconstruction() -> Reconstruction:
    """A box that is red where the viewer's left is."""
    vertices, faces = box((-0.5, -0.5, -0.5), (0.5, 0.5, 0.5))
    placement = stand_on_floor(vertices.astype(float), 1.0)
    colours = np.full((8, 4), 255, np.uint8)
    colours[vertices[:, 0] < 0, 1:3] = 0
    info = {"camera": {"metres_per_unit": 1.0, "offset": list(placement.offset)}}
    normals = np.full((64, 64, 3), 128, np.uint8)
    blender = placement.camera_to_blender(vertices.astype(float)).astype(np.float32)
    return Reconstruction(blender, faces.astype(np.int32), colours, normals, normals, info)


def test_every_picture_gets_a_page_and_a_refused_one_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = script("gallery", monkeypatch)
    grey = from_pixels(np.full((60, 40, 3), 90, np.uint8))

    def pictures() -> Iterator[tuple[str, str, Photo]]:
        for name in ("one", "lost", "two"):
            yield name, f"about {name}", grey

    def stand_in(photo: Photo, *_: object) -> Reconstruction:
        made.append(photo)
        if len(made) == 2:
            raise EngineError("no_person", "nobody", "look elsewhere")
        return reconstruction()

    made: list[Photo] = []
    monkeypatch.setattr(gallery, "pictures", pictures)
    monkeypatch.setattr(gallery, "reconstruct", stand_in)
    gallery.main("compact", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lost.jpg", "one.jpg", "sheet.jpg", "two.jpg"]
    page, lost = (
        cv2.imread(str(tmp_path / f"{name}.jpg"))[..., ::-1].astype(int) for name in ("one", "lost")
    )
    side = gallery.SIDE
    assert page.shape == lost.shape == (2 * side + 22, 7 * side, 3)
    middle = page[22 + side // 2]
    left, right = (middle[round(column * side)] for column in (4.5, 6.5))
    assert left[0] > left[1] + 60
    assert np.ptp(right) < 20
    assert (lost[100:, 2 * side + 10 :] > 240).mean() > 0.99


def test_people_of_the_gallery_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    gallery = script("gallery", monkeypatch)
    poses = ["stand", "sit", "walk", "sit"]

    def make(seed: int) -> object:
        return replace(figure(), seed=seed, description={"pose": poses[seed - 1_000_000], "child": False})

    monkeypatch.setattr(gallery, "make_person", make)
    wanted = [gallery.Wanted({"pose": pose}, 0) for pose in ("walk", "sit")]
    assert [person.seed for person in gallery.find(wanted)] == [1_000_002, 1_000_001]


def test_a_mesh_is_drawn_where_it_is_and_lit_from_above() -> None:
    vertices, faces = box((-0.5, 0.0, -0.1), (0.0, 0.5, 0.1))
    faces = faces.astype(np.int32)
    grey = clay(vertices, faces, 0)
    picture = drawn(vertices, faces, grey, 0, 40)
    assert (picture == PAPER).all(2).mean() == pytest.approx(1 - 1 / 16, abs=0.01)
    assert not (picture[11:19, 11:19] == PAPER).any()
    turned = drawn(vertices, faces, grey, 180, 40)
    assert not (turned[11:19, 21:29] == PAPER).any()


def test_a_picture_is_made_to_fit_or_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3)).astype(np.uint8)
    write_picture(tmp_path / "n.jpg", noise)
    whole = (tmp_path / "n.jpg").stat().st_size
    write_picture(tmp_path / "n.jpg", noise, whole // 2)
    assert (tmp_path / "n.jpg").stat().st_size <= whole // 2
    with pytest.raises(ValueError, match="would not fit into 100 bytes"):
        write_picture(tmp_path / "n.jpg", noise, 100)
