# SPDX-License-Identifier: GPL-3.0-or-later
"""The materials that show the photo's colours: by vertices alone, or with the photo on the side it shows."""

import bpy

COLOUR_ATTRIBUTE = "Color"
UV_MAP = "Photograph"
PHOTOGRAPH_NODE = "PIFuHD Photograph"
SEEN_ATTRIBUTE = "photograph"  # 0 to 1: how far the photograph shows a vertex
ROUGHNESS = 0.6  # cloth and skin; lower values look wet


def vertex_colour_material(name: str) -> bpy.types.Material:
    """A new material: Color Attribute node -> base colour of a Principled BSDF."""
    material, colour = _material(name, "ShaderNodeVertexColor")
    colour.layer_name = COLOUR_ATTRIBUTE
    return material


def photograph_material(name: str, image: bpy.types.Image) -> bpy.types.Material:
    """A new material: Image Texture node, through the UV map -> base colour of a Principled BSDF."""
    material, photograph = _material(name, "ShaderNodeTexImage")
    photograph.image = image
    photograph.extension = 'EXTEND'
    return material


def _material(name: str, kind: str) -> tuple[bpy.types.Material, bpy.types.Node]:
    """A new material with a node of this kind, whose colour is the base colour; and that node."""
    material = bpy.data.materials.new(name)
    if material.node_tree is None:  # Blender 5 always has one, and warns about the switch
        material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    nodes.clear()
    colour = nodes.new(kind)
    surface = nodes.new("ShaderNodeBsdfPrincipled")
    surface.inputs["Roughness"].default_value = ROUGHNESS
    output = nodes.new("ShaderNodeOutputMaterial")
    links.new(colour.outputs["Color"], surface.inputs["Base Color"])
    links.new(surface.outputs["BSDF"], output.inputs["Surface"])
    colour.location, surface.location, output.location = (-480, 200), (-260, 300), (40, 300)
    return material, colour


def add_photograph(material: bpy.types.Material, image: bpy.types.Image) -> None:
    """Mix the image in, through UV_MAP and where SEEN_ATTRIBUTE says so, wherever the colours went.

    A material without the colours' node is the user's own and stays as it is; one that was given an image
    before gets this one. A mesh without the attribute shows its colours alone.
    """
    nodes, links = material.node_tree.nodes, material.node_tree.links
    known = nodes.get(PHOTOGRAPH_NODE)
    if known is not None:
        known.image = image
        return
    colour = next((node for node in nodes if _shows_colours(node)), None)
    if colour is None:
        return
    onward = [link.to_socket for link in colour.outputs["Color"].links]
    place = nodes.new("ShaderNodeUVMap")
    place.uv_map = UV_MAP
    photograph = nodes.new("ShaderNodeTexImage")
    photograph.name = PHOTOGRAPH_NODE
    photograph.image = image
    photograph.extension = 'EXTEND'
    seen = nodes.new("ShaderNodeAttribute")
    seen.attribute_name = SEEN_ATTRIBUTE
    mix = nodes.new("ShaderNodeMix")
    mix.data_type = 'RGBA'
    links.new(place.outputs["UV"], photograph.inputs["Vector"])
    # By place, because this node has a socket of each name for each data type.
    links.new(seen.outputs["Fac"], mix.inputs[0])
    links.new(colour.outputs["Color"], mix.inputs[6])
    links.new(photograph.outputs["Color"], mix.inputs[7])
    for socket in onward:
        links.new(mix.outputs[2], socket)
    x, y = colour.location
    mix.location, place.location, photograph.location = (x, y), (x - 520, y - 420), (x - 320, y - 280)
    seen.location, colour.location = (x - 260, y + 200), (x - 260, y - 40)


def _shows_colours(node: bpy.types.Node) -> bool:
    return node.bl_idname == "ShaderNodeVertexColor" and node.layer_name == COLOUR_ATTRIBUTE
