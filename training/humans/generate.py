"""One dressed person from one seed."""

from __future__ import annotations

import numpy as np

from .accessories import Dressed, accessories
from .body import Body, skin
from .cloth import garment_colours
from .complexion import Complexion, draw_complexion, eye_colours, skin_colours
from .garments import Garment, Wardrobe
from .hair import BEARDS
from .kit import Kit, kit
from .locks import Flesh
from .outfit import Outfit, random_outfit
from .person import BOTTOM, EYES, SHOES, SKIN, TOP, Part, Person, assemble
from .physique import draw_physique, stature_of
from .pose import random_pose
from .topology import FloatArray, triangles, vertex_normals

HIDDEN_DEPTH = 0.009
"""Metres that skin under cloth is drawn in, so that it does not poke through."""


def make_person(seed: int) -> Person:
    """The person of a seed; the same on every machine with the same numpy, scipy and data.

    Takes 1.7 s on a busy core (`python -m training people --check 2000`) and returns 100,000 to 220,000
    faces, most where layers are worn. Every part is closed.
    """
    rng = np.random.default_rng(seed)
    shared = kit()
    body = shared.body
    physique = draw_physique(rng, body)
    rest, joints = body.rest(physique.phenotype)
    pose = random_pose(rng, body, joints)
    transforms = body.bone_transforms(joints, pose.rotations)
    outfit = random_outfit(rng, physique.female)

    wardrobe = Wardrobe(shared, rest, transforms, pose, rng)
    garments = wardrobe.dress(outfit)
    looks = draw_complexion(rng, physique, BEARDS)
    posed = skin(rest[shared.skin_ids], body.weights[shared.skin_ids], transforms)
    normals = vertex_normals(posed, shared.skin_faces)
    hidden = (wardrobe.layers.covered[shared.skin_to_tights] & shared.skin_near_tights).astype(np.float32)[
        :, None
    ]
    hands = body.palms(joints, transforms)
    dressed = Dressed(
        physique, looks, pose.kind, rest, transforms, hands, Flesh(posed, normals, hidden[:, 0] > 0)
    )
    hooded = outfit.top.hood == "up"
    worn, choices = accessories(rng, dressed, garments, hooded)
    colour = skin_colours(rng, shared, looks, bald=choices["hair"] == "bald")
    parts = [Part(posed - normals * hidden * HIDDEN_DEPTH, shared.skin_faces, colour, SKIN, 0.08)]
    parts += [*_eyes(shared, body, looks, rest, transforms), *_dress(rng, garments, outfit), *worn]
    description = {
        "female": physique.female,
        "child": physique.child,
        "pose": pose.kind,
        "top": outfit.top.kind,
        "bottom": outfit.bottom.kind,
        "outer": "" if outfit.outer is None else outfit.outer.kind,
        **choices,
    }
    return assemble(parts, seed, stature_of(body, rest), description, hands)


def _dress(rng: np.random.Generator, garments: list[Garment], outfit: Outfit) -> list[Part]:
    kinds = {"shoes": SHOES, "bottom": BOTTOM, "top": TOP, "outer": TOP}
    return [
        Part(g.vertices, g.faces, colour, kinds[g.worn], 0.12 if g.worn == "shoes" else 0.02)
        for g, colour in zip(garments, garment_colours(rng, garments, outfit), strict=True)
    ]


def _eyes(shared: Kit, body: Body, looks: Complexion, rest: FloatArray, transforms: FloatArray) -> list[Part]:
    eyes = []
    for name in ("l-eye", "r-eye"):
        ids, faces = np.unique(triangles(body.quads[name]), return_inverse=True)
        colour = eye_colours(shared, looks, shared.canonical[ids])
        eyes.append(
            Part(skin(rest[ids], body.weights[ids], transforms), faces.reshape(-1, 3), colour, EYES, 0.3)
        )
    return eyes
