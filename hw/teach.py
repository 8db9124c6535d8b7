"""Teaching: a measured pose goes into the cell's file, and every other line stays as somebody wrote it."""

from __future__ import annotations

import contextlib
import math
import os
import tempfile
from pathlib import Path
from typing import Any

import yaml

from cells.description.cell import Cell, check_cell, list_cells
from cells.description.robot import LIBRARY
from cells.errors import InputError, Problem
from cells.pose import Pose

UPRIGHT = math.radians(2)  # of tilt that a tool may have when it points at a station


def touched(cell: Cell, tcp: Pose) -> tuple[tuple[float, float, float], float]:
    """What the ends of the closed fingers touch: (x, y, z) in mm and yaw in degrees, rounded to 0.01, for a tool that
    points straight down at ``tcp`` (world frame). Raises ``InputError`` for one that doesn't."""
    lean = math.pi - tcp.tilt
    if lean > UPRIGHT:
        what = f"the tool leans by {math.degrees(lean):.1f}°"
        raise InputError(Problem("tool", what, f"let it point straight down, within {math.degrees(UPRIGHT):g}°"))
    x, y, z = (tcp @ Pose((0.0, 0.0, cell.robot_spec.gripper.pad_size[1] / 2))).xyz
    return (round(1000 * x, 2), round(1000 * y, 2), round(1000 * z, 2)), round(math.degrees(tcp.yaw), 2)


def own_file(cell: str, station: str) -> Path:
    """The file of a cell that may be written. Raises ``InputError`` for a cell of the library."""
    path = Path(cell)
    in_library = cell in list_cells() or path.resolve().is_relative_to(LIBRARY.resolve())
    if in_library:
        source = LIBRARY / "cells" / f"{path.stem}.yaml"
        what = "is a cell of the library, which is the same for everybody"
        copied = f"cp {source} my-cell.yaml, then cellwright hw teach {station} --cell my-cell.yaml"
        raise InputError(Problem(f"--cell {cell}", what, f"copy it first: {copied}"))
    return path.resolve()


def write_pose(path: Path, station: str, xyz_mm: tuple[float, float, float], yaw_deg: float) -> None:
    """Write a station's pose into the cell's file, as a whole or not at all.

    Raises ``InputError`` if there is no such station, or the cell wouldn't be right any more: nothing is written then.
    """
    raw = path.read_bytes()
    text = edited(raw.decode("utf-8-sig"), path, station, xyz_mm, yaw_deg)
    mark = b"\xef\xbb\xbf" if raw.startswith(b"\xef\xbb\xbf") else b""
    try:
        descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".yaml", dir=path.parent)
    except OSError as error:
        remedy = "check the permissions of its folder"
        raise InputError(Problem(str(path), f"can't be written ({error.strerror})", remedy)) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(mark + text.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        if problems := check_cell(draft):
            told = [Problem(p.where.replace(draft, str(path)), p.what, "nothing was written") for p in problems]
            raise InputError(*told)
        os.chmod(draft, path.stat().st_mode & 0o7777)
        os.replace(draft, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft)


def edited(text: str, path: Path, station: str, xyz_mm: tuple[float, float, float], yaw_deg: float) -> str:
    """The text of a cell's file with another pose of one station. Raises ``InputError`` where that isn't in it."""
    stations = _pairs(yaml.compose(text, Loader=yaml.SafeLoader)).get("stations", (None, None))[1]
    node = _pairs(stations).get(station, (None, None))[1]
    values = _pairs(node)
    if "xyz_mm" not in values:
        what = f"has no station {station!r} with an xyz_mm"
        raise InputError(Problem(f"{path}:stations", what, f"known are {', '.join(_pairs(stations)) or 'none'}"))
    key, place = values["xyz_mm"]
    pose, yaw = f"[{', '.join(map(_number, xyz_mm))}]", _number(yaw_deg)
    changes = [(place.start_mark.index, _end(place), pose)]
    if "yaw_deg" in values:
        turn = values["yaw_deg"][1]
        changes.append((turn.start_mark.index, _end(turn), yaw))
    else:
        line_end = "\r\n" if "\r\n" in text else "\n"
        between = ", " if node.flow_style else line_end + " " * key.start_mark.column
        changes.append((key.start_mark.index, key.start_mark.index, f"yaw_deg: {yaw}{between}"))
    for start, end, new in sorted(changes, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _pairs(node: Any) -> dict[str, tuple[Any, Any]]:
    """The nodes of a mapping's keys and values, by key; none of what is no mapping."""
    return {key.value: (key, value) for key, value in node.value} if isinstance(node, yaml.MappingNode) else {}


def _end(node: Any) -> int:
    """Where a value ends. A block sequence's own mark stands where the next thing begins, behind all comments."""
    if isinstance(node, yaml.SequenceNode) and not node.flow_style:
        return _end(node.value[-1])
    return int(node.end_mark.index)


def _number(value: float) -> str:
    """A number as people write it: 480, 12.5."""
    return f"{round(value, 2) + 0.0:.2f}".rstrip("0").rstrip(".")
