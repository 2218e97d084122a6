# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures thousands of people at once: is every part whole, does cloth sink into skin, do limbs collide?"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from ..crew import crew
from .generate import make_person
from .kit import kit
from .person import KINDS, Person
from .poses.flesh import Solid, patch
from .solids import volume
from .topology import FloatArray, is_closed, vertex_normals

LONGEST = {"skin": 0.18, "eyes": 0.03, "hair": 0.3, "hat": 0.15, "glasses": 0.15, "bag": 0.3, "shoes": 0.15}
"""Metres that an edge of a part measures at most, 1.6 times the longest of 200 people or more; hair that
parts over a shoulder reaches 0.19. CLOTH is for tops and bottoms."""
CLOTH = 0.6
"""Metres: the cap of a wide hem is a fan, whose edges span half a coat or half a skirt (0.47 at most)."""
BULK = (1.2, 8.0)
"""Volume of all parts over the skin's. Garments are solids that overlap the body: a shirt and trousers come
to 2.5, a wide coat over trousers to 4.8, and a bag, a hat and one more layer add 2."""
STATURES = (0.95, 2.1)
"""Metres."""
SUNK = 0.002
"""Metres under the skin from which a vertex of cloth counts as inside it."""
COLLISION = 0.025
"""Metres of one limb in another from which they collide: flesh gives way by 1 to 2 cm."""
STRIDE = 4
"""One vertex of cloth in so many is looked at."""
GARMENTS = ("top", "bottom", "shoes")


@dataclass(frozen=True)
class Findings:
    """One person measured.

    edges: metres of the longest edge of each kind of part; faults: what makes the person unusable, a clause
    each; bulk: volume of all parts over the skin's; inside: share of cloth in the skin; collides: whether a
    limb sinks into the rest of the body by more than COLLISION.
    """

    seed: int
    seconds: float
    stature: float
    pose: str
    edges: dict[str, float]
    faults: tuple[str, ...]
    bulk: float
    inside: float
    collides: bool


@dataclass(frozen=True)
class Report:
    """What `audit` found, in the order of the seeds."""

    findings: list[Findings]

    @property
    def exploded(self) -> list[Findings]:
        """People with a fault: an open or inverted part, an edge or a volume out of bounds."""
        return [found for found in self.findings if found.faults]

    def text(self) -> str:
        """The statistics, and the seeds of what stands out."""
        found = self.findings
        stature, inside = np.array([f.stature for f in found]), np.array([f.inside for f in found])
        bulk, seconds = np.array([f.bulk for f in found]), np.array([f.seconds for f in found])
        collisions = Counter(f.pose for f in found if f.collides)
        lines = [
            f"{len(found)} people, {seconds.mean():.2f} s each on one core ({seconds.max():.2f} s at most)",
            f"stature {stature.min():.2f} to {stature.max():.2f} m, mean {stature.mean():.2f} m",
            f"volume of all parts over the skin's: {bulk.min():.2f} to {bulk.max():.2f}, "
            f"mean {bulk.mean():.2f}",
            f"cloth inside the skin: {inside.mean():.2%} of its vertices, {np.quantile(inside, 0.99):.2%} "
            f"at the 99th percentile, {inside.max():.2%} at most (seed {found[int(inside.argmax())].seed})",
            f"limbs that collide: {sum(collisions.values()) / len(found):.2%} of people"
            + "".join(f", {kind} {number}" for kind, number in collisions.most_common(5)),
            "longest edge in metres (at most, 99th percentile of people, seed of the longest):",
        ]
        for kind in KINDS:
            lengths = {f.seed: f.edges[kind] for f in found if kind in f.edges}
            if lengths:
                worst = max(lengths, key=lambda seed: lengths[seed])
                high = np.quantile(list(lengths.values()), 0.99)
                lines.append(f"  {kind:8} {lengths[worst]:.3f} {high:.3f} {worst}")
        lines += [f"seed {f.seed} is not usable: {'; '.join(f.faults)}" for f in self.exploded]
        lines.append(f"{len(self.exploded)} people exploded")
        return "\n".join(lines)


def audit(seeds: Iterable[int], workers: int, progress: Callable[[int, int], None] | None = None) -> Report:
    """Make the people of `seeds` in `workers` processes and measure each; `progress` hears done and total.

    Raises ValueError where there is nobody to make.
    """
    wanted = list(seeds)
    if not wanted or workers < 1:
        raise ValueError("A check needs at least one person and one worker: give --check 2000 --workers 2.")
    findings = []
    with crew(workers) as pool:
        for found in pool.map(_made, wanted, chunksize=4):
            findings.append(found)
            if progress is not None:
                progress(len(findings), len(wanted))
    return Report(findings)


def _made(seed: int) -> Findings:
    begun = time.perf_counter()
    person = make_person(seed)
    return examine(person, time.perf_counter() - begun)


def examine(person: Person, seconds: float = 0.0) -> Findings:
    """Measure one person of the generator, who took `seconds` to make."""
    vertices, faces, part = (t.numpy() for t in (person.vertices, person.faces, person.part))
    kinds: list[str] = person.description["parts"]
    faults: list[str] = [] if np.isfinite(vertices).all() else ["vertices that are no numbers"]
    edges: dict[str, float] = {}
    volumes = []
    order = np.searchsorted(part, np.arange(len(kinds) + 1))
    for number, kind in enumerate(kinds):
        own = faces[order[number] : order[number + 1]]
        start, stop = int(own.min()), int(own.max()) + 1
        own, at = own - start, vertices[start:stop]
        corner = at[own]
        longest = float(np.linalg.norm(corner - corner[:, [1, 2, 0]], axis=2).max())
        edges[kind] = max(edges.get(kind, 0.0), longest)
        volumes.append(volume(at, own))
        if not is_closed(own):
            faults.append(f"part {number} ({kind}) is open")
        if volumes[-1] <= 0:
            faults.append(f"part {number} ({kind}) is inside out")
    faults += [
        f"an edge of the {kind} is {length:.2f} m long"
        for kind, length in edges.items()
        if length > LONGEST.get(kind, CLOTH)
    ]
    bulk = sum(volumes) / volumes[0]
    if not BULK[0] <= bulk <= BULK[1]:
        faults.append(f"all parts have {bulk:.2f} times the body's volume")
    if not STATURES[0] <= person.stature <= STATURES[1]:
        faults.append(f"the stature is {person.stature:.2f} m")
    skin = vertices[: len(kit().skin_ids)]
    normals = vertex_normals(skin, kit().skin_faces)
    worn = np.array([kind in GARMENTS for kind in kinds])
    cloth = np.unique(faces[worn[part]])[::STRIDE]
    return Findings(
        seed=person.seed,
        seconds=seconds,
        stature=person.stature,
        pose=str(person.description["pose"]),
        edges=edges,
        faults=tuple(faults),
        bulk=bulk,
        inside=_share_inside(skin, normals, vertices[cloth]),
        collides=_deepest(skin, normals) > COLLISION,
    )


def _share_inside(skin: FloatArray, normals: FloatArray, cloth: FloatArray) -> float:
    _, nearest = cKDTree(skin).query(cloth)
    height = np.einsum("vc,vc->v", cloth - skin[nearest], normals[nearest])
    return float((height < -SUNK).mean())


def _deepest(skin: FloatArray, normals: FloatArray) -> float:
    """Metres by which a hand, a forearm or a leg sinks into the rest of the body."""
    body = kit().body

    def solid(*names: str, thick: float = 0.1) -> Solid:
        chosen = patch(body, names)
        rows = np.searchsorted(kit().skin_ids, chosen.ids)
        return Solid(cKDTree(skin[rows]), skin[rows], normals[rows], chosen.rim, thick)

    legs = {side: solid(f"free thigh.{side}", f"shin.{side}", f"foot.{side}") for side in "LR"}
    arms = {side: solid(f"forearm.{side}", f"hand.{side}", thick=0.05) for side in "LR"}
    rest = solid("trunk", "head", "thigh.L", "thigh.R", "shin.L", "shin.R", thick=0.2)
    return max(
        legs["L"].sunk(legs["R"].surface),
        rest.sunk(arms["L"].surface),
        rest.sunk(arms["R"].surface),
        arms["L"].sunk(arms["R"].surface),
    )
