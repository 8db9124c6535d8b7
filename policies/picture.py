"""Pictures of an entry's card: a PNG that is whole, plain and not large, told without unpacking it."""

from __future__ import annotations

import zlib

from cells.errors import InputError, Problem
from policies.entry import ANEW

MAGIC = b"\x89PNG\r\n\x1a\n"
MOST_PIXELS = 4000  # a side
# What a picture needs; others may hold text, profiles, or whatever their author liked.
CHUNKS = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"pHYs", b"bKGD", b"tEXt"}


def check_png(raw: bytes, source: str) -> None:
    """Raise ``InputError`` unless ``raw`` is a PNG of at most 4000 × 4000 pixels, each chunk as its checksum says."""
    if not raw.startswith(MAGIC):
        raise InputError(Problem(source, "is no PNG picture", ANEW))
    at = len(MAGIC)
    kinds: list[bytes] = []
    while at < len(raw):
        length, kind = int.from_bytes(raw[at : at + 4], "big"), raw[at + 4 : at + 8]
        body, sum_ = raw[at + 8 : at + 8 + length], raw[at + 8 + length : at + 12 + length]
        if len(sum_) != 4 or zlib.crc32(kind + body) != int.from_bytes(sum_, "big"):
            raise InputError(Problem(source, "is a damaged PNG picture", ANEW))
        if kind not in CHUNKS:
            raise InputError(Problem(source, f"holds {kind!r}, which no picture needs", ANEW))
        if not kinds:
            _small(kind, body, source)
        kinds.append(kind)
        at += 12 + length
    if kinds[-1:] != [b"IEND"] or kinds.count(b"IEND") != 1 or kinds.count(b"IHDR") != 1 or b"IDAT" not in kinds:
        raise InputError(Problem(source, "is no whole PNG picture", ANEW))


def _small(kind: bytes, body: bytes, source: str) -> None:
    width, height = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big")
    if kind != b"IHDR" or len(body) != 13 or not (1 <= width <= MOST_PIXELS and 1 <= height <= MOST_PIXELS):
        raise InputError(Problem(source, f"isn't a picture of 1 to {MOST_PIXELS} pixels a side", ANEW))
