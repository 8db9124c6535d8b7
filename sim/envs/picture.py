"""What an episode looks like: the place that it is about, from nearby, by Bullet's software renderer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cells.description.cell import View
from sim.camera import SimCamera

if TYPE_CHECKING:
    from cells.pose import Vector3
    from sim.world import SimWorld

WIDTH, HEIGHT = 320, 240
EYE_MM, TARGET_MM, FOV_DEG = (150.0, -190.0, 75.0), (0.0, 0.0, 15.0), 32.0  # from the place


def picture(world: SimWorld, place: Vector3) -> Any:
    """A picture (240, 320, 3) of uint8 of a ``place`` (m, world)."""
    eye, target = (tuple(1000 * a + b for a, b in zip(place, offset, strict=True)) for offset in (EYE_MM, TARGET_MM))
    return SimCamera(world.bullet, View(eye_mm=eye, target_mm=target, fov_deg=FOV_DEG)).pixels(WIDTH, HEIGHT)
