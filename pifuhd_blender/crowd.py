# SPDX-License-Identifier: GPL-3.0-or-later
"""Everybody in a picture: placed beside each other as the picture shows them, as objects or joined in one."""

from __future__ import annotations

import dataclasses
from typing import Any

import bpy

from . import results
from .engine.client import Result
from .finish import JOINED, Finish


def place_all(
    name: str,
    made: list[Result],
    settings: dict[str, Any],
    scene: bpy.types.Scene,
    view_layer: bpy.types.ViewLayer,
    finish: Finish,
) -> bpy.types.Object:
    """Place one or several reconstructions of a picture; returns the first one's object, or the joined one.

    made: in the order of their persons, from settings' own on. Raises EngineError "broken_field".
    """
    first = settings.get("person", 1)
    metre = results.metre(scene)
    people = []
    for number, result in enumerate(made, first):
        aside = metres_aside(made[0].info, result.info) * metre if number > first else 0.0
        x, y, z = finish.point
        here = dataclasses.replace(finish, point=(x + aside, y, z))
        whose = {**settings, "person": number} if len(made) > 1 else settings
        called = name if number == first else f"{name} {number}"
        people.append(results.place(called, result, whose, scene, view_layer, here))
    if len(people) > 1 and finish.people == JOINED:
        _join(people, view_layer)
        people = people[:1]
    if len(made) > 1:
        results.select(people, view_layer)
    return people[0]


def metres_aside(one: dict[str, Any], other: dict[str, Any]) -> float:
    """How far to the right of one person another stands, by the middles of their boxes and one's scale."""
    middle, beside = ((info["box"][0] + info["box"][2]) / 2 for info in (one, other))
    return float((beside - middle) * 2.0 * one["camera"]["metres_per_unit"] / one["crop"]["side"])


def _join(people: list[bpy.types.Object], view_layer: bpy.types.ViewLayer) -> None:
    """Make one object of several, which share the first one's material."""
    first, *others = people
    spare = {person.data for person in others}
    for person in others:
        for slot, material in enumerate(first.data.materials):
            spare.add(person.data.materials[slot])
            person.data.materials[slot] = material
    first[results.JOINED_KEY] = True
    view_layer.update()
    with bpy.context.temp_override(
        active_object=first, object=first, selected_objects=people, selected_editable_objects=people
    ):
        bpy.ops.object.join()
    bpy.data.batch_remove(spare)
