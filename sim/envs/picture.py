"""What an episode looks like: the place of the joining, from nearby, by Bullet's software renderer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cells.description.cell import View
from sim.camera import SimCamera

if TYPE_CHECKING:
    from sim.envs.scene import Scene

WIDTH, HEIGHT = 320, 240
EYE_MM, TARGET_MM, FOV_DEG = (150.0, -190.0, 75.0), (0.0, 0.0, 15.0), 32.0  # from the middle of the hole's rim


def picture(scene: Scene) -> Any:
    """A picture (240, 320, 3) of uint8 of where the part goes."""
    place = [1000 * value for value in (scene.fit.x, scene.fit.y, scene.fit.rim)]
    eye, target = (tuple(a + b for a, b in zip(place, offset, strict=True)) for offset in (EYE_MM, TARGET_MM))
    return SimCamera(scene.world.bullet, View(eye_mm=eye, target_mm=target, fov_deg=FOV_DEG)).pixels(WIDTH, HEIGHT)
