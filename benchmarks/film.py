"""A strip of pictures of the last seconds before something happened, from a world that runs a second time.

Worlds are deterministic by seed, so that what failed fails again at the same simulated time.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from cells.description.cell import View
from sim.camera import SimCamera

SECONDS, AFTER, FRAMES = 3.5, 0.25, 8  # before and after the moment; pictures in the strip
SIZE = (480, 300)
COLUMNS = 4
EYE_MM, TARGET_MM, FOV_DEG = (210.0, -240.0, 170.0), (0.0, 0.0, 50.0), 32.0  # of the close-up, from the fixture


class Cut(BaseException):
    """The film is over: nothing after it is of interest."""


class Film:
    """Watches a world until a moment (simulated s) and keeps pictures of the time before it."""

    def __init__(self, world: Any, moment: float) -> None:
        self._world, self._camera = world, close_up(world)
        begin, end = max(0.0, moment - SECONDS), moment + AFTER
        self._due = [begin + (end - begin) * i / (FRAMES - 1) for i in range(FRAMES)]
        self._pictures: list[bytes] = []
        world.step_hooks.append(self._look)

    def _look(self) -> None:
        if self._world.clock.now() >= self._due[len(self._pictures)]:
            self._pictures.append(self._camera.picture(*SIZE))
        if len(self._pictures) == FRAMES:
            raise Cut

    def save(self, path: Path) -> None:
        """Write the strip, in rows of four, from left to right."""
        from PIL import Image

        width, height = SIZE
        sheet = Image.new("RGB", (COLUMNS * width, -(-FRAMES // COLUMNS) * height))
        for i, data in enumerate(self._pictures):
            sheet.paste(Image.open(io.BytesIO(data)), (i % COLUMNS * width, i // COLUMNS * height))
        path.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(path, "PNG", optimize=True)


def close_up(world: Any) -> Any:
    """A camera that looks into the fixture from nearby; the cell's own where the cell has no fixture."""
    if "fixture" not in world.cell.stations:
        return world.camera
    x, y, z = (1000 * value for value in world.cell.stations["fixture"].pose.xyz)
    eye, target = ((x + dx, y + dy, z + dz) for dx, dy, dz in (EYE_MM, TARGET_MM))
    return SimCamera(world.bullet, View(eye_mm=eye, target_mm=target, fov_deg=FOV_DEG))
