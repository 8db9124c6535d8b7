"""The cell camera's pictures: shrunk for a page, or joined into one strip."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

# A camera's picture is a few megapixels; a larger file is not one, and is not decoded.
Image.MAX_IMAGE_PIXELS = 40_000_000


def data_uri(picture: Path, width: int = 480) -> str:
    """The picture as a ``data:`` address, shrunk to ``width`` pixels, as JPEG."""
    with Image.open(picture) as image:
        small = shrunk(image, width)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=82, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def shrunk(image: Image.Image, width: int) -> Image.Image:
    """An RGB copy that is at most ``width`` pixels wide."""
    plain = image.convert("RGB")
    if plain.width <= width:
        return plain
    return plain.resize((width, round(plain.height * width / plain.width)), Image.Resampling.LANCZOS)


def filmstrip(pictures: Sequence[Path], path: Path, count: int = 5, width: int = 400, gap: int = 6) -> Path:
    """Write one PNG with ``count`` of the pictures side by side, evenly picked, first and last included.

    Raises ``ValueError`` if there is no picture.
    """
    if not pictures:
        raise ValueError("there is no picture to make a strip of")
    last = len(pictures) - 1
    count = min(count, len(pictures))
    chosen = [pictures[round(i * last / max(count - 1, 1))] for i in range(count)]
    frames = []
    for name in chosen:
        with Image.open(name) as image:
            frames.append(shrunk(image, width))
    height = max(frame.height for frame in frames)
    strip = Image.new("RGB", (sum(frame.width for frame in frames) + gap * (count - 1), height), "white")
    left = 0
    for frame in frames:
        strip.paste(frame, (left, 0))
        left += frame.width + gap
    strip.save(path, "PNG", optimize=True)
    return path
