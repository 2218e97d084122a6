"""One dressed person from one seed."""

from __future__ import annotations

import numpy as np

from .body import Body, skin
from .garments import Garment, Wardrobe
from .hair import grow_hair
from .kit import Kit, kit
from .looks import (
    HAIR_TONES,
    SKIN_TONES,
    cloth_colour,
    eye_colours,
    garment_colours,
    hair_colours,
    pick,
    skin_colours,
)  # fmt: skip
from .outfit import Outfit, random_outfit
from .person import BOTTOM, EYES, HAIR, SHOES, SKIN, TOP, Part, Person, assemble
from .pose import random_pose
from .topology import FloatArray, triangles, vertex_normals

HIDDEN_DEPTH = 0.009
"""Metres that skin under cloth is drawn in, so that it does not poke through."""


def make_person(seed: int) -> Person:
    """The person of a seed; the same on every machine with the same numpy, scipy and data.

    Takes about 2 s on one core and returns about 100,000 faces. Every part is closed.
    """
    rng = np.random.default_rng(seed)
    shared = kit()
    body = shared.body
    female = bool(rng.random() < 0.5)
    phenotype = _phenotype(rng, female)
    rest, joints = body.rest(phenotype)
    pose = random_pose(rng, body, joints)
    transforms = body.bone_transforms(joints, pose.rotations)
    outfit = random_outfit(rng, female)

    wardrobe = Wardrobe(shared, rest, transforms, pose, rng)
    garments = _dress(wardrobe, outfit)
    tone, hair_tone = pick(rng, SKIN_TONES, 0.012), pick(rng, HAIR_TONES, 0.01)
    skin_part = _skin(shared, wardrobe, rest, transforms, skin_colours(rng, shared, tone, hair_tone, female))
    parts = [skin_part, *_eyes(rng, shared, body, rest, transforms)]
    for name, kind, garment in garments:
        colour = garment_colours(rng, garment, name, outfit)
        parts.append(Part(garment.vertices, garment.faces, colour, kind, 0.12 if kind == SHOES else 0.02))
    hair_part = _hair(rng, shared, rest, transforms, hair_tone, female)
    if hair_part is not None:
        parts.append(hair_part)
    description = {"female": female, "pose": pose.kind, "top": outfit.top, "bottom": outfit.bottom}
    upright = rest[shared.skin_ids, 2]
    hands = body.palms(joints, transforms)
    return assemble(parts, seed, float(upright.max() - upright.min()), description, hands)


def _phenotype(rng: np.random.Generator, female: bool) -> dict[str, float]:
    u = rng.uniform
    return {
        "gender": u(0.85, 1) if female else u(0, 0.15),
        "age": u(0.5, 1),
        "muscle": u(0.3, 0.75),
        "weight": float(np.clip(rng.normal(0.48, 0.16), 0.1, 0.95)),
        "height": u(0.28, 0.6),
        "proportions": u(0.4, 1),
        "cupsize": u(0.2, 0.7),
        "firmness": u(0.4, 0.8),
        **{race: u(0, 1) for race in ("african", "asian", "caucasian")},
    }


def _dress(wardrobe: Wardrobe, outfit: Outfit) -> list[tuple[str, int, Garment]]:
    worn = [("shoes", SHOES, wardrobe.shoes(outfit))]
    if outfit.bottom in ("trousers", "shorts"):
        worn.append(("bottom", BOTTOM, wardrobe.trousers(outfit)))
    worn.append(("top", TOP, wardrobe.upper(outfit)))
    if outfit.bottom == "skirt":
        worn.append(("bottom", BOTTOM, wardrobe.skirt(outfit)))
    return worn


def _skin(
    shared: Kit, wardrobe: Wardrobe, rest: FloatArray, transforms: FloatArray, colour: FloatArray
) -> Part:
    posed = skin(rest[shared.skin_ids], shared.body.weights[shared.skin_ids], transforms)
    hidden = wardrobe.covered[shared.skin_to_tights] & shared.skin_near_tights
    posed -= vertex_normals(posed, shared.skin_faces) * (hidden * HIDDEN_DEPTH)[:, None].astype(np.float32)
    return Part(posed, shared.skin_faces, colour, SKIN, 0.08)


def _eyes(
    rng: np.random.Generator, shared: Kit, body: Body, rest: FloatArray, transforms: FloatArray
) -> list[Part]:
    eyes, state = [], rng.integers(1 << 30)
    for name in ("l-eye", "r-eye"):
        ids, faces = np.unique(triangles(body.quads[name]), return_inverse=True)
        colour = eye_colours(np.random.default_rng(state), shared, shared.canonical[ids])
        eyes.append(
            Part(skin(rest[ids], body.weights[ids], transforms), faces.reshape(-1, 3), colour, EYES, 0.3)
        )
    return eyes


def _hair(
    rng: np.random.Generator,
    shared: Kit,
    rest: FloatArray,
    transforms: FloatArray,
    tone: FloatArray,
    female: bool,
) -> Part | None:
    """Long or short hair, a knitted cap on one head in fourteen, nothing on one man in ten."""
    if not female and rng.random() < 0.1:
        return None
    cap = rng.random() < 0.07
    long_hair = female and rng.random() < 0.6 and not cap
    length = rng.uniform(0.12, 0.42) if long_hair else rng.uniform(0.0, 0.1 if female else 0.05)
    hair = grow_hair(rng, shared, rest, transforms, length, rng.uniform(0.008, 0.026))
    colour = hair_colours(rng, hair, cloth_colour(rng) if cap else tone)
    return Part(hair.vertices, hair.faces, colour, HAIR, 0.02 if cap else 0.12)
