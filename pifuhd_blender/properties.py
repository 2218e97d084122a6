# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user sets for a reconstruction. Kept in the scene, so it is saved with the file."""

import bpy

from . import box_geometry, finish, images, presets, weights

RESOLUTION_STEP = 32
"""The engine's grids are multiples of this, so that its levels halve evenly."""

_PRESETS = (
    ('DRAFT', "Draft", "Resolution 128: a first look at pose and proportions"),
    ('STANDARD', "Standard", "Resolution 256: enough for most uses"),
    ('FINE', "Fine", "Resolution 512 and the photograph as a texture: about three times as long as Standard"),
    ('CUSTOM', "Custom", "Settings of your own"),
)
_WEIGHTS = (
    (weights.EMBEDDED, "Embedded", "Small weights that come with the extension, free for every use"),
    (
        weights.DOWNLOADED,
        "PIFuHD, Downloaded",
        "The checkpoint released with the paper. Needs a download of 1.5 GB, 3 GB of memory and, on a "
        "processor, about a quarter of a minute. For non-commercial use only",
    ),
    (weights.FILE, "File", "A weights file of your own, for example one that was trained with this project"),
)
_DEVICES = (
    ('auto', "Automatic", "The graphics card where the engine can use one, else the processor"),
    ('cpu', "Processor", "Slow with large weights, and always there"),
    ('cuda', "Graphics Card (CUDA, ROCm)", "NVIDIA, or AMD with a ROCm build of PyTorch"),
    ('mps', "Apple Graphics (MPS)", "Macs with Apple silicon"),
)
_PEOPLE = (
    (finish.ONE, "One Person", "One of them, see Person"),
    (finish.SEPARATE, "Everybody, Separate", "An object for each, side by side. Takes the time of each"),
    (finish.JOINED, "Everybody, Joined", "One object for all, side by side. Takes the time of each"),
)
_PLACES = (
    ('CURSOR', "3D Cursor", "Where the 3D cursor is when the reconstruction starts"),
    ('ORIGIN', "World Origin", "The middle of the world"),
    (
        'IMAGE',
        "Over Image Empty",
        "On the person in a reference picture, at the picture's size. The height then sets the mesh alone, "
        "and the object is scaled",
    ),
)
_TOPOLOGIES = (
    ('triangles', "Triangles", "Follows the surface most closely"),
    ('quads', "Quads", "Even faces with four corners, better for sculpting and subdividing. Same time"),
)
_COLOURS = (
    ('photograph', "Photograph", "Each vertex takes the photograph's colour; the unseen side is continued"),
    ('normals', "Normals", "Each vertex takes the direction its surface faces, as in a normal map"),
    ('none', "None", "No colours and no material. Saves a little time"),
)


def _offers(_settings: "PIFUHD_PG_settings", image: bpy.types.Image) -> bool:
    # Blender keeps no pixels of "Render Result" and "Viewer Node" that a script could read.
    return image.source != 'VIEWER'


def _is_reference(_settings: "PIFUHD_PG_settings", item: bpy.types.Object) -> bool:
    return images.is_reference(item)


def _image_changed(settings: "PIFUHD_PG_settings", _context: bpy.types.Context) -> None:
    settings.own_box = False
    settings.box = (0, 0, 0, 0)
    settings.person = 1


def _round_resolution(settings: "PIFUHD_PG_settings", _context: bpy.types.Context) -> None:
    rounded = round(settings.resolution / RESOLUTION_STEP) * RESOLUTION_STEP
    if rounded != settings.resolution:
        settings.resolution = rounded


def _fit_box(settings: "PIFUHD_PG_settings", _context: bpy.types.Context) -> None:
    if settings.own_box and settings.image is not None and min(settings.image.size) > 0:
        fitted = tuple(map(round, box_geometry.fitted(tuple(settings.box), tuple(settings.image.size))))
        if fitted != tuple(settings.box):
            settings.box = fitted


def _own_box_changed(settings: "PIFUHD_PG_settings", _context: bpy.types.Context) -> None:
    """A first box to drag: most of the picture."""
    if settings.own_box and settings.image is not None and not any(settings.box):
        width, height = settings.image.size
        settings.box = (width // 8, height // 16, width - width // 8, height - height // 16)


class PIFUHD_PG_settings(bpy.types.PropertyGroup):
    image: bpy.props.PointerProperty(  # type: ignore[valid-type]
        type=bpy.types.Image,
        name="Image",
        poll=_offers,
        update=_image_changed,
        description="Photograph of a person, best of all head to toe",
    )
    preset: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Preset",
        items=_PRESETS,
        get=lambda self: [item[0] for item in _PRESETS].index(presets.matching(self)),
        set=lambda self, value: presets.apply(_PRESETS[value][0], self),
        description="How much time goes into detail",
        options=set(),
    )
    resolution: bpy.props.IntProperty(  # type: ignore[valid-type]
        name="Resolution",
        default=256,
        min=128,
        max=1024,
        step=RESOLUTION_STEP,
        update=_round_resolution,
        description="Detail of the surface: grid nodes a side, in steps of 32. Twice as many give four times "
        "the vertices and take up to four times as long",
        options=set(),
    )
    weights: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Weights",
        items=_WEIGHTS,
        description="What the networks have learnt",
        options=set(),
    )
    weights_file: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Weights File",
        subtype='FILE_PATH',
        description="A .safetensors file of this project, or the released checkpoint",
        options=set(),
    )
    device: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Device",
        items=_DEVICES,
        description="What computes. A graphics card is many times faster than the processor, but its memory "
        "has to hold the networks",
        options=set(),
    )

    own_box: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Draw the Box",
        update=_own_box_changed,
        description="Say yourself where the person is. Off: the person is found. Drag the box in an Image "
        "Editor that shows the picture, or type its sides here",
        options=set(),
    )
    box: bpy.props.IntVectorProperty(  # type: ignore[valid-type]
        name="Person Box",
        size=4,
        min=0,
        update=_fit_box,
        description="Left, top, right and bottom side in pixels from the picture's upper left corner",
        options=set(),
    )
    people: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Who",
        items=_PEOPLE,
        description="Who is reconstructed where the picture shows several people",
        options=set(),
    )
    person: bpy.props.IntProperty(  # type: ignore[valid-type]
        name="Person",
        default=1,
        min=1,
        max=100,
        description="Which person, where the picture shows several: 1 is the largest",
        options=set(),
    )

    height: bpy.props.FloatProperty(  # type: ignore[valid-type]
        name="Height (m)",
        default=1.75,
        min=0.1,
        max=10.0,
        soft_min=1.0,
        soft_max=2.2,
        precision=2,
        step=1,
        description="How tall the person is standing, in metres; also where they sit or are cut by the frame",
        options=set(),
    )
    place: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Place",
        items=_PLACES,
        description="Where the new object goes",
        options=set(),
    )
    floor: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Feet on Point",
        default=True,
        description="The person stands on that point. Off: the middle of the person is put there",
        options=set(),
    )
    reference: bpy.props.PointerProperty(  # type: ignore[valid-type]
        type=bpy.types.Object,
        name="Image Empty",
        poll=_is_reference,
        description="The reference picture that the mesh is laid over. It shows the same photograph",
    )

    topology: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Topology",
        items=_TOPOLOGIES,
        description="What the mesh's faces are",
        options=set(),
    )
    reduce: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Reduce",
        description="Fewer triangles, most of them where the surface bends. Takes a few seconds more. Quads "
        "cannot be reduced",
        options=set(),
    )
    faces: bpy.props.IntProperty(  # type: ignore[valid-type]
        name="Triangles",
        default=20_000,
        min=100,
        max=10_000_000,
        soft_max=500_000,
        step=1000,
        description="At most so many triangles are left",
        options=set(),
    )
    smooth: bpy.props.IntProperty(  # type: ignore[valid-type]
        name="Smoothing",
        default=0,
        min=0,
        max=50,
        soft_max=20,
        description="Rounds of smoothing that keeps the volume. Removes noise first, then folds and "
        "fingers; costs next to nothing",
        options=set(),
    )
    shade_smooth: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Shade Smooth",
        default=True,
        description="Shade the faces as one surface. Off: each face for itself",
        options=set(),
    )

    colour: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Vertex Colours",
        items=_COLOURS,
        description="What the colour attribute holds",
        options=set(),
    )
    texture: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Photo Texture",
        description="Add a UV map that projects the photograph onto the side it shows, sharper than the "
        "vertices; the other side keeps their colours. Takes about a second and uses the image as it is",
        options=set(),
    )
    keep_normals: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Keep Normal Maps",
        description="Keep the normal maps of front and back, which the surface was made from, as images "
        "packed into the file: about 1 MB",
        options=set(),
    )


def register() -> None:
    bpy.utils.register_class(PIFUHD_PG_settings)
    bpy.types.Scene.pifuhd = bpy.props.PointerProperty(type=PIFUHD_PG_settings)


def unregister() -> None:
    del bpy.types.Scene.pifuhd
    bpy.utils.unregister_class(PIFUHD_PG_settings)
