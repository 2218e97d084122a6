"""Playing a user in a windowed Blender: what the scripts share that run inside it, driven by its timers."""

import os
import shutil
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy


def window() -> bpy.types.Window:
    return bpy.context.window_manager.windows[0]


def area(kind: str) -> bpy.types.Area:
    return next(area for area in window().screen.areas if area.type == kind)


def region(of: bpy.types.Area, kind: str) -> bpy.types.Region:
    return next(region for region in of.regions if region.type == kind)


def shot(folder: Path, name: str) -> None:
    """Copy the screen, which FRAMEBUFFER names (buildtools.screen), to folder/<name>.xwd."""
    shutil.copyfile(os.environ["FRAMEBUFFER"], folder / f"{name}.xwd")


def until(condition: Callable[[], bool], seconds: float = 90.0) -> Iterator[float]:
    """Steps of a script until the condition holds. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("it did not happen in time")
        yield 0.05


def show_tab(of: bpy.types.Area) -> Iterator[float]:
    """Open the sidebar of an area at the tab PIFuHD."""
    of.spaces.active.show_region_ui = True
    yield 1.0
    region(of, 'UI').active_panel_category = "PIFuHD"
    of.tag_redraw()
    yield 1.5


def play(script: Iterator[float], at_end: Callable[[str], None]) -> None:
    """Run a script, which yields the seconds to its next step, then quit Blender.

    at_end: told how it ended, "" or the traceback, before Blender quits.
    """
    bpy.context.preferences.view.show_splash = False

    def step() -> float | None:
        try:
            return next(script)
        except StopIteration:
            at_end("")
        except BaseException:
            at_end(traceback.format_exc())
        bpy.context.preferences.use_preferences_save = False
        bpy.ops.wm.quit_blender()
        return None

    bpy.app.timers.register(step, first_interval=1.0, persistent=True)
