"""Pictures of people, with the normals and silhouettes that the networks learn from."""

from .backs import back_colours
from .camera import Camera, camera_vertices, place, random_camera, random_cameras
from .light import Light, random_light
from .rasterise import rasterise
from .views import View, render, render_batch

__all__ = [
    "Camera",
    "Light",
    "View",
    "back_colours",
    "camera_vertices",
    "place",
    "random_camera",
    "random_cameras",
    "random_light",
    "rasterise",
    "render",
    "render_batch",
]
