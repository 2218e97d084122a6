# SPDX-License-Identifier: GPL-3.0-or-later
"""The gallery of docs/results.md: `python docs/gallery.py WEIGHTS FOLDER` from the checkout's root.

Writes FOLDER/NAME.jpg for each of ten pictures that may be passed on, at most 150 kB each, and
FOLDER/sheet.jpg with all of them. WEIGHTS: a file, or a name of `python -m engine weights list`. The same
weights give the same pictures on the same machine.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2
import numpy as np

from engine.errors import EngineError
from engine.photo import Photo, from_pixels, load_photo
from engine.pipeline import Reconstruction, in_camera_space, reconstruct
from engine.settings import Settings
from engine.weights import DEFAULT_WEIGHTS, LoadedWeights, find_weights, load_weights
from training.backgrounds import photographic_background
from training.evaluation.cases import composed, photographs, whole_camera
from training.evaluation.drawing import Picture, captioned, clay, drawn, fitted, shaded, write_picture
from training.humans import Person, make_person
from training.pool import TEST_SEEDS
from training.render import Camera, random_light, render

ROOT = Path(__file__).resolve().parents[1]
SIDE = 200  # pixels of a panel
MOST = 150_000  # bytes of a picture
TURNS = (0, 90, 180, 270)  # degrees
HEADS = ("front", "from the left", "back", "from the right")


@dataclass(frozen=True, eq=False)
class Wanted:
    """A person of the generator to look for: what their description holds, and from where they are seen."""

    like: dict[str, object]
    yaw: float


SAMPLES = ("astronaut", "person_2", "person_4")
MADE = {
    "skirt": Wanted({"pose": "stand", "bottom": "skirt"}, 20),
    "side": Wanted({"pose": "walk", "outer": "coat"}, 90),
    "behind": Wanted({"bag": "backpack", "child": False}, 180),
    "child": Wanted({"child": True}, 30),
    "seated": Wanted({"pose": "sit"}, -30),
    "foreshortened": Wanted({"pose": "sit on floor"}, 0),
}
"""Looked for among the people who are never trained on, from the first on: a changed generator then still
shows somebody like that."""
PAIR = (Wanted({"pose": "stand", "outer": "jacket"}, 0), Wanted({"pose": "walk", "outer": ""}, 0))
"""Who stand beside each other in the tenth picture."""


def find(wanted: Sequence[Wanted]) -> list[Person]:
    """The first of the test people who is as each wants."""
    found: dict[Wanted, Person] = {}
    for person in map(make_person, itertools.count(TEST_SEEDS)):
        for one in wanted:
            told = person.description
            if one not in found and all(told.get(key) == value for key, value in one.like.items()):
                found[one] = person
        if len(found) == len(wanted):
            return [found[one] for one in wanted]


def pictures() -> Iterator[tuple[str, str, Photo]]:
    """Ten names, titles and photos."""
    for name in SAMPLES:
        yield name, f"samples/{name}.jpg", load_photo(ROOT / "samples" / f"{name}.jpg")
    *people, left, right = find([*MADE.values(), *PAIR])
    for (name, wanted), person in zip(MADE.items(), people, strict=True):
        [case] = photographs(person, name, [wanted.yaw], True)
        yield name, f"{told(person)}, from {wanted.yaw:g} degrees", from_pixels(case.picture)
    yield "pair", f"{told(left)}; {told(right)}", beside_each_other(left, right)


def told(person: Person) -> str:
    """A person in words."""
    about = person.description
    worn = dict.fromkeys(
        about[key] for key in ("top", "bottom", "outer", "bag") if about[key] not in ("", "none")
    )
    return f"seed {person.seed}: {'child, ' * about['child']}{about['pose']}, {', '.join(worn)}"


def beside_each_other(left: Person, right: Person) -> Photo:
    """Both over one background, the left one a little nearer to the camera."""
    rng = np.random.default_rng([left.seed, right.seed])
    light, picture = random_light(rng), photographic_background(rng, 1024, 1024)
    for person, scale, x, turn in ((right, 0.8, 0.45, -0.3), (left, 0.9, -0.4, 0.2)):
        camera = Camera(turn, scale * whole_camera(person, 0).scale, (x, 0.0))
        picture = composed(render(person, camera, 1024, light), picture)
    return from_pixels((picture * 255).round().astype(np.uint8))


def main(weights_name: str, folder: Path) -> None:
    """Reconstruct each picture and write its page."""
    weights = load_weights(find_weights(weights_name))
    guide = weights if weights.preset.has_mask else load_weights(DEFAULT_WEIGHTS)
    pages = []
    for name, title, photo in pictures():
        pages.append(captioned(page(photo, weights, guide), title))
        write_picture(folder / f"{name}.jpg", pages[-1], MOST)
        print(f"wrote {folder / name}.jpg", flush=True)
    write_picture(folder / "sheet.jpg", sheet(pages))


def page(photo: Photo, weights: LoadedWeights, guide: LoadedWeights) -> Picture:
    """The picture; the normals of front and back above each other; the mesh from four sides, coloured above
    and as clay below. A picture that the engine refuses has its code in place of all but itself."""
    shown = fitted(np.ascontiguousarray(photo.pixels[..., :3]), 2 * SIDE, 2 * SIDE)
    try:
        result = reconstruct(photo, weights, guide, Settings(), lambda *_: None)
    except EngineError as error:
        rest = np.full((2 * SIDE, 5 * SIDE, 3), 255, np.uint8)
        return np.hstack([shown, captioned(rest, f"refused: {error.code}")[: 2 * SIDE]])
    return np.hstack([shown, *normals(result), *views(result)])


def normals(result: Reconstruction) -> list[Picture]:
    """One column, or none where the preset has no normal networks."""
    if result.normals_front is None or result.normals_back is None:
        return []
    pair = (result.normals_front, result.normals_back)
    return [np.vstack([cv2.resize(one, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for one in pair])]


def views(result: Reconstruction) -> list[Picture]:
    """A column for each of TURNS."""
    mesh = in_camera_space(result)
    columns = []
    for turn, head in zip(TURNS, HEADS, strict=True):
        grey = clay(mesh.vertices, mesh.faces, turn)
        both = [
            drawn(mesh.vertices, mesh.faces, colours, turn, SIDE)
            for colours in (shaded(mesh.colors, grey), grey)
        ]
        cv2.putText(both[0], head, (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.35, (90, 90, 90), 1, cv2.LINE_AA)
        columns.append(np.vstack(both))
    return columns


def sheet(pages: list[Picture]) -> Picture:
    """All pages at half their size, in two columns."""
    widest = max(one.shape[1] for one in pages)
    padded = [np.pad(one, ((0, 0), (0, widest - one.shape[1]), (0, 0)), constant_values=255) for one in pages]
    small = [cv2.resize(one, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for one in padded]
    small += [np.full_like(small[0], 255)] * (len(small) % 2)
    return np.vstack([np.hstack(small[first : first + 2]) for first in range(0, len(small), 2)])


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
