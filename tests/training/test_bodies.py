"""Synthetic bodies: who they are, how tall they are, where their hands are, and what is said about them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from training.humans import Person, make_person, physique
from training.humans.audit import Report, audit, examine
from training.humans.complexion import draw_complexion
from training.humans.hair import BEARDS
from training.humans.kit import kit
from training.humans.person import KINDS
from training.humans.physique import ADULT_STATURES, CHILD_STATURES, Physique, draw_physique, stature_of
from training.humans.poses.flesh import regions
from training.humans.solids import volume
from training.humans.topology import is_closed


@pytest.fixture(scope="module")
def crowd() -> list[Physique]:
    rng = np.random.default_rng(0)
    return [draw_physique(rng, kit().body) for _ in range(600)]


def test_statures_are_those_of_a_street(crowd: list[Physique]) -> None:
    men = np.array([p.stature for p in crowd if p.phenotype["gender"] < 0.2 and not p.child])
    women = np.array([p.stature for p in crowd if p.phenotype["gender"] > 0.8 and not p.child])
    assert 1.73 < men.mean() < 1.8
    assert 1.6 < women.mean() < 1.67
    adults = np.concatenate([men, women])
    assert ADULT_STATURES[0] <= adults.min() < 1.52
    assert 1.9 < adults.max() <= ADULT_STATURES[1]
    children = np.array([p.stature for p in crowd if p.child])
    assert 0.04 < len(children) / len(crowd) < 0.11
    assert children.min() >= CHILD_STATURES[0]
    assert children.max() <= CHILD_STATURES[1]


def test_a_body_measures_the_stature_that_was_drawn(crowd: list[Physique]) -> None:
    for drawn in crowd[:40]:
        rest, _ = kit().body.rest(drawn.phenotype)
        assert stature_of(kit().body, rest) == pytest.approx(drawn.stature, abs=0.002)
        assert 0 <= drawn.phenotype["height"] <= 1


def test_there_are_all_builds_and_people_between_man_and_woman(crowd: list[Physique]) -> None:
    between = np.mean([0.25 < p.phenotype["gender"] < 0.75 for p in crowd])
    assert 0.05 < between < 0.35
    assert 0.4 < np.mean([p.female for p in crowd]) < 0.6
    adults = [p for p in crowd if not p.child][:150]
    index = []
    for adult in adults:
        rest, _ = kit().body.rest(adult.phenotype)
        index.append(985 * volume(rest[kit().skin_ids], kit().skin_faces) / adult.stature**2)
    # kilograms a square metre: from thin to obese, most between
    thin, middle, fat = np.quantile(index, [0.04, 0.5, 0.96])
    assert 16 < thin < 19
    assert 21.5 < middle < 26
    assert 31 < fat < 40


def test_children_have_no_beards_and_skin_has_all_tones(crowd: list[Physique]) -> None:
    rng = np.random.default_rng(1)
    looks = [draw_complexion(rng, p, BEARDS) for p in crowd]
    assert not any(look.beard or look.stubble for look, p in zip(looks, crowd, strict=True) if p.child)
    assert any(look.beard for look in looks)
    lightness = np.array([look.skin.mean() for look in looks])
    assert np.histogram(lightness, bins=6, range=(0.15, 0.9))[0].min() > 15


def test_children_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(physique, "CHILDREN", 1.1)
    for seed in (61, 62):
        child = make_person(seed)
        assert child.description["child"]
        assert 1.0 <= child.stature <= 1.5
        assert examine(child).faults == ()


def test_hands_are_at_the_hands(person: Person) -> None:
    assert person.hands is not None
    skin = person.vertices[person.faces[person.part == 0].unique()]
    for palm in person.hands:
        # flesh lies all round a palm's middle, and no further from it than a hand is thick
        near = (skin - palm).norm(dim=1)
        assert near.min() < 0.03
        assert (near < 0.12).sum() > 500
    left, right = person.hands.numpy()
    assert np.linalg.norm(left - right) > 0.05


def test_the_audit_finds_nothing_wrong_with_a_whole_person(person: Person) -> None:
    found = examine(person, 1.5)
    assert found.faults == ()
    assert found.inside < 0.15
    assert not found.collides
    text = Report([found]).text()
    assert "0 people exploded" in text
    for word in ("stature", "cloth inside the skin", "limbs that collide", "longest edge", "1.50 s"):
        assert word in text


def test_the_audit_finds_an_exploded_mesh(person: Person) -> None:
    top = person.description["parts"].index("top")
    vertices = person.vertices.clone()
    vertices[person.faces[person.part == top][100, 0]] += 3.0
    found = examine(replace(person, vertices=vertices))
    assert any("edge of the top" in fault for fault in found.faults)
    assert f"seed {person.seed} is not usable" in Report([found]).text()
    assert Report([found]).exploded == [found]


def test_the_audit_finds_an_inverted_and_an_open_part(person: Person) -> None:
    hair = person.description["parts"].index("hair")
    mine = person.part == hair
    faces = person.faces.clone()
    faces[mine] = faces[mine][:, [0, 2, 1]]
    assert any("inside out" in fault for fault in examine(replace(person, faces=faces)).faults)
    kept = torch.ones(len(person.faces), dtype=torch.bool)
    kept[mine.nonzero()[5]] = False
    opened = replace(person, faces=person.faces[kept], part=person.part[kept])
    assert not is_closed(opened.faces[opened.part == hair].numpy())
    assert any("is open" in fault for fault in examine(opened).faults)


def test_the_audit_finds_cloth_in_the_skin_and_limbs_in_each_other(person: Person) -> None:
    parts = np.array(person.description["parts"])
    cloth = torch.from_numpy(np.isin(parts, ("top", "bottom", "shoes")))[person.part]
    vertices = person.vertices.clone()
    sunk = person.faces[cloth].unique()
    middle = vertices[sunk].mean(0)
    vertices[sunk] = middle + 0.7 * (vertices[sunk] - middle)
    assert examine(replace(person, vertices=vertices)).inside > examine(person).inside + 0.2
    # the left hand is moved into the belly
    shared, through = kit(), person.vertices.clone()
    at = {name: torch.from_numpy(np.isin(shared.skin_ids, ids)) for name, ids in regions(shared.body).items()}
    hand, trunk = (at[name].nonzero()[:, 0] for name in ("hand.L", "trunk"))
    through[hand] += through[trunk].mean(0) - through[hand].mean(0)
    assert examine(replace(person, vertices=through)).collides


def test_an_audit_of_nobody_says_what_to_give() -> None:
    with pytest.raises(ValueError, match="--check 2000"):
        audit([], 2)


def test_each_part_is_named(person: Person) -> None:
    assert len(person.description["parts"]) == int(person.part.max()) + 1
    assert person.description["parts"][:3] == ["skin", "eyes", "eyes"]
    assert set(person.description["parts"]) <= set(KINDS)
