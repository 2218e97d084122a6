"""Hair, hats, bags and glasses: closed, on the head, on the body, in hard poses."""

from functools import cache

import numpy as np
import pytest
from scipy.spatial import cKDTree

from training.humans import accessories
from training.humans.accessories import HAT_SHARE
from training.humans.bags import BAGS, Carrier, make_bag
from training.humans.body import skin
from training.humans.hair import BEARDS, MEN, WOMEN, Lock, Style, draw_style, grow_beard, grow_hair
from training.humans.hats import HATS, make_glasses, make_hat
from training.humans.head import hair_level, scalp, skull_of
from training.humans.kit import kit
from training.humans.locks import Flesh, Locks
from training.humans.pose import pose_of_kind
from training.humans.solids import Solid, circles, loft, outward, profiled, rounded_box, volume
from training.humans.topology import FloatArray, is_closed, vertex_normals

HARD = ("stand", "bend", "sit on floor", "jump")
STYLES = sorted({*WOMEN, *MEN} - {"bald"})


class Posed:
    """A bare body in a pose."""

    def __init__(self, kind: str, size: float) -> None:
        shared = kit()
        self.rest, joints = shared.body.rest({"gender": 0.6, "age": 0.6, "height": size})
        rotations = pose_of_kind(np.random.default_rng(5), kind, shared.body, joints).rotations
        self.transforms = shared.body.bone_transforms(joints, rotations)
        points = skin(self.rest[shared.skin_ids], shared.body.weights[shared.skin_ids], self.transforms)
        self.flesh = Flesh(points, vertex_normals(points, shared.skin_faces), np.zeros(len(points), bool))
        self.skull = skull_of(self.rest)
        self.locks = Locks(self.skull, self.rest, self.transforms, self.flesh)
        self.palms = shared.body.palms(joints, self.transforms)
        self.head = points[shared.body.weights[shared.skin_ids, shared.body.bone["head"]] > 0.9]


@cache
def posed(kind: str, size: float = 0.5) -> Posed:
    return Posed(kind, size)


def style(name: str, length: float = 0.3) -> Style:
    return Style(name, 0.03, 0.01, length, 0.006, True, 0.3, 0.0)


def whole(solid: Solid) -> None:
    assert is_closed(solid.faces)
    assert volume(solid.vertices, solid.faces) > 0
    assert np.isfinite(solid.vertices).all()
    assert solid.faces.max() < len(solid.vertices)


def distance(points: FloatArray, surface: FloatArray) -> FloatArray:
    found: FloatArray = cKDTree(surface).query(points)[0]
    return found


@pytest.mark.parametrize("kind", HARD)
@pytest.mark.parametrize("name", STYLES)
def test_hair_is_whole_and_on_the_head(name: str, kind: str) -> None:
    person = posed(kind)
    rng = np.random.default_rng(3)
    locks = grow_hair(rng, style(name), person.skull, person.rest, person.transforms, person.flesh, False)
    assert locks
    for lock in locks:
        whole(lock.solid)
        assert len(lock.strand) == len(lock.solid.vertices)
        # nothing of hair is further away than it is long, nor torn off
        assert distance(lock.solid.vertices, person.head).max() < 0.55
        assert distance(lock.solid.vertices, person.head).min() < 0.012
        corner = lock.solid.vertices[lock.solid.faces]
        assert np.linalg.norm(corner - corner[:, [1, 2, 0]], axis=2).max() < 0.2


def test_long_hair_hangs_down_and_stays_out_of_the_shoulders() -> None:
    for kind in HARD:
        person = posed(kind)
        rng = np.random.default_rng(4)
        long = grow_hair(
            rng, style("long"), person.skull, person.rest, person.transforms, person.flesh, False
        )[1].solid
        outer = long.vertices[: len(long.vertices) // 2]
        _, nearest = person.flesh.tree.query(outer)
        height = ((outer - person.flesh.points[nearest]) * person.flesh.normals[nearest]).sum(1)
        assert (height < -0.005).mean() < 0.06, kind
        # tips hang below the crown, whichever way the head is turned
        assert outer[-96:, 2].mean() < outer[:96, 2].mean() - 0.05, kind


def test_a_fringe_covers_the_forehead_and_no_hair_grows_on_ears_or_face() -> None:
    at = scalp().position
    grows = hair_level(at) > 0
    x, y, z = at.T
    assert grows[(z > 0.99)].all()
    ear = (np.abs(x) > 0.08) & (np.abs(z - 0.895) < 0.03)
    assert ear.any()
    assert not grows[ear].any()
    assert not grows[(y < -0.13) & (z < 0.95)].any()
    receded = hair_level(at, 0.03) > 0
    assert receded.sum() < grows.sum()


@pytest.mark.parametrize("kind", list(BEARDS))
def test_beards_are_whole_and_below_the_nose(kind: str) -> None:
    person = posed("stand")
    lock = grow_beard(np.random.default_rng(0), kind, 0.01, person.rest, person.transforms)
    whole(lock.solid)
    assert isinstance(lock, Lock)
    eyes = person.locks.posed(person.rest[np.unique(kit().body.quads["l-eye"])]).mean(0)
    assert lock.solid.vertices[:, 2].max() < eyes[2] + 0.02


@pytest.mark.parametrize("size", [0.2, 0.7])
@pytest.mark.parametrize("kind", list(HATS))
def test_hats_sit_on_the_head(kind: str, size: float) -> None:
    person = posed("bend", size)
    for seed in range(4):
        parts = make_hat(np.random.default_rng(seed), kind, person.locks)
        for worn in parts:
            whole(worn.solid)
            assert len(worn.along) == len(worn.around) == len(worn.solid.vertices)
        crown = parts[0].solid.vertices
        turn = person.transforms[kit().body.bone["head"]]
        upright = (crown - turn[:, 3]) @ turn[:, :3]
        head = (person.head - turn[:, 3]) @ turn[:, :3]
        # the hat covers the crown, leaves the eyes free and goes all round the head
        eye = person.rest[np.unique(kit().body.quads["l-eye"]), 2].mean()
        assert 0 < upright[:, 2].max() - head[:, 2].max() < 0.1
        front = upright[np.abs(upright[:, 0]) < 0.02]
        front = front[front[:, 1] < head[:, 1].mean()]
        assert front[:, 2].min() > eye + 0.005
        assert upright[:, 0].min() < head[:, 0].min() + 0.02
        assert upright[:, 0].max() > head[:, 0].max() - 0.02
        # the skull above the rim is in it
        top = head[head[:, 2] > eye + 0.085]
        assert len(top) > 20
        rays = (top - person.skull.centre) / np.linalg.norm(top - person.skull.centre, axis=1)[:, None]
        cover = (upright - person.skull.centre) / np.linalg.norm(
            upright - person.skull.centre, axis=1, keepdims=True
        )
        near = rays @ cover.T > 0.995
        reach = np.where(near, np.linalg.norm(upright - person.skull.centre, axis=1)[None], 0).max(1)
        assert (reach > np.linalg.norm(top - person.skull.centre, axis=1) - 0.002).mean() > 0.97


@pytest.mark.parametrize("kind", HARD)
@pytest.mark.parametrize("bag", list(BAGS))
def test_bags_are_whole_and_attached(bag: str, kind: str) -> None:
    person = posed(kind)
    carrier = Carrier(person.rest, person.transforms, person.flesh, person.palms, 1.0)
    for seed in range(2):
        parts = make_bag(np.random.default_rng(seed), bag, carrier)
        for solid in parts:
            whole(solid)
        everything = np.concatenate([solid.vertices for solid in parts])
        if bag == "tote":
            low = person.palms[np.argmin(person.palms[:, 2])]
            assert distance(low[None], everything)[0] < 0.03
            assert everything[:, 2].min() > person.flesh.points[:, 2].min() - 1e-3
        else:
            # straps lie on the skin all along, but for where they meet a bag that stands off the body
            assert distance(parts[-1].vertices, person.flesh.points).max() < 0.17
            assert np.median(distance(parts[-1].vertices, person.flesh.points)) < 0.03
        # each part touches the bag or the next one
        assert distance(parts[-1].vertices, parts[0].vertices).min() < 0.05


def test_glasses_are_before_the_eyes() -> None:
    person = posed("stand")
    eyes = np.stack([person.rest[np.unique(kit().body.quads[e])].mean(0) for e in ("l-eye", "r-eye")])
    parts = make_glasses(np.random.default_rng(0), person.locks, eyes, dark=True)
    for solid, _ in parts:
        whole(solid)
    lenses = [solid for solid, lens in parts if lens]
    assert len(lenses) == 2
    for lens, eye in zip(lenses, person.locks.posed(eyes), strict=True):
        assert np.linalg.norm(lens.vertices.mean(0) - eye) < 0.045


def test_styles_and_hats_are_as_frequent_as_in_a_street() -> None:
    rng = np.random.default_rng(0)
    women = [draw_style(rng, True, False, 0.6).name for _ in range(400)]
    men = [draw_style(rng, False, False, 0.6).name for _ in range(400)]
    assert np.mean([name in ("long", "wavy", "bob", "ponytail", "bun") for name in women]) > 0.6
    assert np.mean([name in ("short", "cropped", "bald") for name in men]) > 0.6
    assert set(women) | set(men) == {*WOMEN, *MEN}
    assert "bald" not in [draw_style(rng, False, True, 0.2).name for _ in range(200)]
    assert 0.05 < HAT_SHARE < 0.15
    assert 0.1 < accessories.BAG_SHARE < 0.2


def test_lofts_close_and_face_outward_whichever_way_their_rings_run() -> None:
    path = np.stack([np.zeros(9), np.linspace(0, 1, 9), np.zeros(9)], 1)
    across = np.tile([1.0, 0, 0], (9, 1))
    for line in (path, path[::-1]):
        tube = loft(profiled(line, across, circles(np.full(9, 0.1), 48)))
        whole(tube)
        assert volume(tube.vertices, tube.faces) == pytest.approx(np.pi * 0.01, rel=0.01)
    ball = rounded_box((1, 1, 1), 2.0, 60, 90)
    assert volume(ball.vertices, ball.faces) == pytest.approx(4 / 3 * np.pi, rel=0.01)
    turned = outward(ball.vertices, ball.faces[:, ::-1])
    assert volume(turned.vertices, turned.faces) > 0
