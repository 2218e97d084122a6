"""Orthographic pictures of people, with the normals and silhouettes that the networks learn from."""

from .light import Light, random_light
from .rasterise import rasterise
from .views import Camera, View, camera_vertices, random_camera, render

__all__ = [
    "Camera",
    "Light",
    "View",
    "camera_vertices",
    "random_camera",
    "random_light",
    "rasterise",
    "render",
]
