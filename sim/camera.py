"""The simulated cell's camera: a fixed overview, rendered by Bullet's software renderer."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from cells.description.cell import View


class SimCamera:
    """Pictures from the camera that the cell's file places."""

    def __init__(self, bullet: Any, model: View) -> None:
        self._bullet, self._model = bullet, model

    def picture(self, width: int, height: int) -> bytes:
        """One PNG picture of ``width`` × ``height`` pixels."""
        from PIL import Image

        out = io.BytesIO()
        Image.fromarray(self.pixels(width, height)).save(out, "PNG", optimize=True)
        return out.getvalue()

    def pixels(self, width: int, height: int) -> Any:
        """One picture as it comes, (height, width, 3) of uint8."""
        bullet, model = self._bullet, self._model
        view = bullet.computeViewMatrix(model.eye, model.target, (0, 0, 1))
        lens = bullet.computeProjectionMatrixFOV(model.fov_deg, width / height, 0.05, 4.0)
        pixels = bullet.getCameraImage(
            width, height, view, lens, shadow=1, lightDirection=(0.6, -0.8, 1.6),
            renderer=bullet.ER_TINY_RENDERER,
        )[2]  # fmt: skip
        return np.reshape(pixels, (height, width, 4)).astype(np.uint8)[:, :, :3]
