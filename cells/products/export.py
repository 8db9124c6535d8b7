"""A variant as files for other programs: one STL mesh for each kind of part, and everything else as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cells.products.model import Box, Cylinder, Part, ProductVariant, Shape

MILLIMETRES = 1000.0
# What holds for every family; a family adds its own.
CONVENTIONS = (
    "lengths in m, volumes in m³, masses in kg; STL meshes in mm",
    "a part's frame has its origin at the middle of its underside, z up",
    "meshes are a part's convex pieces side by side, not merged",
)


def export_variant(variant: ProductVariant, conventions: Sequence[str], folder: Path) -> list[Path]:
    """Write a mesh for every kind of part, and ``variant.json``, which says the rest; returns the files."""
    path = folder / "variant.json"
    content = json.dumps(summary(variant, conventions), indent=2, ensure_ascii=False)
    path.write_text(content + "\n", encoding="utf-8")
    return [*export_parts(variant, folder), path]


def export_parts(variant: ProductVariant, folder: Path) -> list[Path]:
    """Write ``<part>.stl`` (binary, in mm, as printers and CAD expect) for every kind of part; returns the files."""
    written = []
    for part in variant.parts.values():
        path = folder / f"{part.name}.stl"
        mesh = part_mesh(part)
        mesh.apply_transform(np.diag([MILLIMETRES, MILLIMETRES, MILLIMETRES, 1.0]))
        mesh.export(path)
        written.append(path)
    return written


def part_mesh(part: Part) -> Any:
    """The part's visual geometry in its own frame, in m: its convex pieces side by side, not merged."""
    import trimesh

    return trimesh.util.concatenate([shape_mesh(shape) for shape in part.visual])


def shape_mesh(shape: Shape) -> Any:
    """One shape as a mesh in the part's frame, in m."""
    import trimesh

    if isinstance(shape, Box):
        return trimesh.creation.box(extents=shape.size, transform=shape.pose.matrix())
    if isinstance(shape, Cylinder):
        return trimesh.creation.cylinder(radius=shape.radius, height=shape.length, transform=shape.pose.matrix())
    return trimesh.convex.convex_hull(np.asarray(shape.vertices))


def summary(variant: ProductVariant, conventions: Sequence[str] = ()) -> dict[str, Any]:
    """What a person asks of a variant, as JSON values: parameters, bill of material, process, and the conventions
    (``conventions`` are those of its family) without which the numbers can't be compared."""
    return {
        "family": variant.family,
        "version": variant.version,
        "hash": variant.hash,
        "parameters": dict(variant.parameters),
        "derived": dict(variant.derived),
        "bill_of_material": [bom_line(variant, line.part, line.items) for line in variant.bom],
        "process": [
            {
                "step": step.id,
                "capability": step.capability,
                "item": step.item,
                "target": step.target,
                "constraints": dict(step.constraints),
                "after": list(step.after),
                "inverse": step.inverse,
            }
            for step in variant.process.steps
        ],
        "conventions": [*conventions, *CONVENTIONS],
    }


def bom_line(variant: ProductVariant, name: str, items: Sequence[str]) -> dict[str, Any]:
    """One line of the bill of material, masses in kg, volumes in m³, lengths in m."""
    part = variant.parts[name]
    return {
        "part": name,
        "quantity": len(items),
        "items": list(items),
        "material": part.material,
        "volume_m3": part.volume,
        "mass_kg": part.mass,
        "size_m": list(part.size),
    }
