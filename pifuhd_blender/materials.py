# SPDX-License-Identifier: GPL-3.0-or-later
"""The material that shows the photo's colours."""

import bpy

COLOUR_ATTRIBUTE = "Color"
ROUGHNESS = 0.6  # cloth and skin; lower values look wet


def vertex_colour_material(name: str) -> bpy.types.Material:
    """A new material: Color Attribute node -> base colour of a Principled BSDF."""
    material = bpy.data.materials.new(name)
    if material.node_tree is None:  # Blender 5 always has one, and warns about the switch
        material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    nodes.clear()
    colour = nodes.new("ShaderNodeVertexColor")
    colour.layer_name = COLOUR_ATTRIBUTE
    surface = nodes.new("ShaderNodeBsdfPrincipled")
    surface.inputs["Roughness"].default_value = ROUGHNESS
    output = nodes.new("ShaderNodeOutputMaterial")
    links.new(colour.outputs["Color"], surface.inputs["Base Color"])
    links.new(surface.outputs["BSDF"], output.inputs["Surface"])
    colour.location, surface.location, output.location = (-480, 200), (-260, 300), (40, 300)
    return material
