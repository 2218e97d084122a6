"""Runs INSIDE Blender, started by demo.py: photograph in; person.blend, person.glb and preview.png out.

    blender -b --python blender_demo.py -- EXTENSION.zip PHOTO FOLDER

Everything goes through what a user has: the extension is installed from its zip, and its console
function starts the engine and builds the object. A plain bpy module runs it too.
"""

import contextlib
import importlib
import math
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # Blender runs this file as a script
from buildtools import contact_sheet

EXTENSION = "bl_ext.user_default.pifuhd_blender"
YAWS = (0, 40, 90, 180)  # degrees the camera walks round the person: front, three-quarter, side, back
CELL_HEIGHT = 620  # pixels of one render; the person fills FILL of it
FILL = 0.92
CLAY = (0.78, 0.77, 0.75)


def say(text: str) -> None:
    print(f"==> {text}", flush=True)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep Blender's own lines about every render off the terminal. Errors go to stderr and stay visible."""
    sys.stdout.flush()
    kept = os.dup(1)
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def install(package: Path) -> Any:
    """Install and enable the extension from its zip; returns its `api` module."""
    bpy.ops.extensions.package_install_files(
        filepath=str(package), repo="user_default", enable_on_install=True, overwrite=True
    )
    return importlib.import_module(f"{EXTENSION}.api")


def empty_scene() -> None:
    """Take Blender's cube, camera and light out, and let 3D views show materials when the file is opened."""
    for thing in list(bpy.data.objects):
        bpy.data.objects.remove(thing)
    for screen in bpy.data.screens:
        for area in screen.areas:
            if area.type == "VIEW_3D":
                area.spaces.active.shading.type = "MATERIAL"


def save(person: Any, folder: Path) -> None:
    """Write person.blend and person.glb into `folder`, each under a passing name first."""
    blend, glb = folder / "person.new.blend", folder / "person.new.glb"
    for thing in bpy.data.objects:
        thing.select_set(thing == person)
    with quiet():
        bpy.ops.wm.save_as_mainfile(filepath=str(blend), copy=True, compress=True)
        bpy.ops.export_scene.gltf(filepath=str(glb), export_format="GLB", use_selection=True)
    os.replace(blend, folder / "person.blend")
    os.replace(glb, folder / "person.glb")


def pixels_of(path: Path) -> contact_sheet.Picture:
    """The picture file `path` as float32 (H, W, 4), sRGB in [0, 1], first row at the top."""
    image = bpy.data.images.load(str(path))
    width, height = image.size
    values = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(values)
    bpy.data.images.remove(image)
    return values.reshape(height, width, 4)[::-1]


def prepare_renders() -> None:
    """Workbench on a transparent film with plain sRGB: the same picture in every Blender version."""
    scene = bpy.context.scene
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.render.film_transparent = True
    scene.render.resolution_percentage = 100
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA"
    scene.view_settings.view_transform = "Standard"
    scene.display.render_aa = "16"
    scene.display.shading.show_specular_highlight = False
    scene.display.shading.single_color = CLAY


def render_rows(person: Any, passing: Path) -> list[list[contact_sheet.Picture]]:
    """Two rows of renders, coloured and as clay, all at one scale; the file `passing` comes and goes."""
    scene, shading = bpy.context.scene, bpy.context.scene.display.shading
    corners = np.array([person.matrix_world @ vertex.co for vertex in person.data.vertices], np.float32)
    low, high = corners.min(axis=0), corners.max(axis=0)
    centre, tall = (low + high) / 2, float(high[2] - low[2])
    metres = tall / FILL  # height of a cell
    reach = float(np.linalg.norm(corners[:, :2] - centre[:2], axis=1).max())  # widest half width of any view
    scene.render.resolution_y = CELL_HEIGHT
    scene.render.resolution_x = round(CELL_HEIGHT * min(max(2.1 * reach / metres, 0.5), 1.2))
    camera = bpy.data.objects.new("preview", bpy.data.cameras.new("preview"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    camera.data.type = "ORTHO"
    camera.data.sensor_fit = "VERTICAL"  # ortho_scale is then the height of the picture
    camera.data.ortho_scale = max(metres, 2.1 * reach / 1.2)
    rows: list[list[contact_sheet.Picture]] = []
    for colour_type, light in (
        ("VERTEX", "FLAT"),
        ("SINGLE", "STUDIO"),
    ):  # a photograph's colours are lit already
        shading.color_type = colour_type
        shading.light = light
        shading.show_cavity = light == "STUDIO"
        row: list[contact_sheet.Picture] = []
        for degrees in YAWS:
            say(f"Rendering view {len(rows) * len(YAWS) + len(row) + 1} of {2 * len(YAWS)}")
            yaw = math.radians(degrees)
            away = 10 * metres
            camera.location = (centre[0] + math.sin(yaw) * away, centre[1] - math.cos(yaw) * away, centre[2])
            camera.rotation_euler = (math.pi / 2, 0, yaw)
            camera.data.clip_end = 2 * away
            scene.render.filepath = str(passing)
            with quiet():
                bpy.ops.render.render(write_still=True)
            row.append(contact_sheet.over(pixels_of(passing)))
        rows.append(row)
    passing.unlink()
    return rows


def write_picture(picture: contact_sheet.Picture, path: Path) -> None:
    """Write `picture` as PNG, through a passing name."""
    height, width = picture.shape[:2]
    image = bpy.data.images.new("preview", width, height)
    opaque = np.dstack([picture, np.ones((height, width), np.float32)])[::-1]
    image.pixels.foreach_set(np.ascontiguousarray(opaque, np.float32).ravel())
    image.file_format = "PNG"
    image.filepath_raw = str(path.with_suffix(".new.png"))
    image.save()
    os.replace(image.filepath_raw, path)


def main(package: Path, photo: Path, folder: Path) -> None:
    say(f"Blender {bpy.app.version_string}: installing {package.name}")
    api = install(package)
    empty_scene()
    say(f"Reconstructing {photo.name}")
    person = api.reconstruct(photo)
    say(f"{person.name}: {len(person.data.vertices):,} vertices, {person.dimensions.z:.2f} m tall")
    save(person, folder)
    prepare_renders()
    rows = render_rows(person, folder / "render.new.png")
    write_picture(contact_sheet.compose(contact_sheet.over(pixels_of(photo)), rows), folder / "preview.png")


if __name__ == "__main__":
    zip_path, photo_path, out_folder = map(Path, sys.argv[sys.argv.index("--") + 1 :])
    code = 0
    try:
        main(zip_path, photo_path, out_folder)
        importlib.import_module("addon_utils").disable(EXTENSION)  # ends the engine
    except Exception as error:
        code = 1
        if type(error).__name__ == "EngineError":  # the extension's own, whose sentence is all a user needs
            print(f"error: {error}", file=sys.stderr)
        else:
            traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # bpy 4.2 as a module crashes in its own exit code while Python callbacks live
