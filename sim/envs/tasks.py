"""The tasks: which skill, under which conditions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from cells.description.cell import Cell
from cells.description.documents import shown
from cells.description.problems import nearest
from cells.errors import InputError, Problem
from cells.skills.fit import SURE
from sim.envs.episode import Conditions

PEG = {"peg_mm": (8.0, 20.0), "peg_length_mm": (32.0, 50.0), "pegs": (3, 4)}
SHAPES = {"peg_shape": ("round", "round", "round", "square")}
# The conditions of one variant in one cell, which every task has: see :func:`as_declared`.
DECLARED = "declared"
GEARBOX = {
    "pinion_teeth": (18, 40), "gear_teeth": (18, 48), "face_mm": (6.0, 10.0), "shaft_mm": (6.0, 12.0), "pins": 2,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Task:
    """A ``skill``, of parts that go onto several ``studs`` or not, with its ``conditions`` by name, the first the
    default."""

    name: str
    skill: str
    studs: bool
    conditions: Mapping[str, Conditions]

    def named(self, name: str, cell: Cell) -> Conditions:
        """The conditions of a ``name``, in a cell. Raises ``InputError`` if there are none."""
        if name == DECLARED:
            return as_declared(cell)
        if name not in self.conditions:
            what = f"the task {self.name} has none called {shown(name)}"
            raise InputError(Problem("conditions", what, nearest(name, (*self.conditions, DECLARED))))
        return self.conditions[name]


def as_declared(cell: Cell) -> Conditions:
    """Errors as the cell's file declares them, to their bounds (:data:`~cells.skills.fit.SURE` standard deviations).
    The part slipped along the pads by as much, as it was picked by such an estimate, too. Of which family, which
    parameters and which item is for changes to say."""
    sigma = cell.noise.locator_sigma
    offset, tilt, yaw = SURE * max(sigma[:2]), SURE * max(sigma[3:5]), SURE * sigma[5]
    return Conditions("", offset=offset, tilt=tilt, yaw=yaw, slipped=offset)


INSERT = Task(
    "Insert", "insert", False,
    {
        "hard": Conditions(
            "pegboard", {**PEG, **SHAPES, "clearance_mm": 0.5, "chamfer_mm": 0.0}, offset=3e-3, tilt=math.radians(4),
            yaw=math.radians(4),
        ),
        "medium": Conditions(
            "pegboard", {**PEG, **SHAPES, "clearance_mm": 1.0, "chamfer_mm": 0.0}, offset=2.5e-3, tilt=math.radians(3),
            yaw=math.radians(3),
        ),
        "shop": Conditions(
            "pegboard", {**PEG, **SHAPES, "clearance_mm": 0.5, "chamfer_mm": 0.5}, offset=3e-3, tilt=math.radians(2),
            yaw=math.radians(2),
        ),
        "inhand": Conditions(
            "pegboard", {**PEG, **SHAPES, "clearance_mm": 0.5, "chamfer_mm": 0.0}, offset=3e-3, tilt=math.radians(4),
            yaw=math.radians(4), slipped=1e-3, leaning=math.radians(2),
        ),
        "tight": Conditions(
            "pegboard", {**PEG, **SHAPES, "clearance_mm": 0.3, "chamfer_mm": 0.0}, offset=2e-3, tilt=math.radians(2),
            yaw=math.radians(2),
        ),
    },
)  # fmt: skip
MESH = Task(
    "Mesh", "mesh", False,
    {"bench": Conditions("gearbox", {**GEARBOX, "clearance_mm": 0.5, "chamfer_mm": 0.5}, offset=9e-4,
                         tilt=math.radians(0.3), yaw=math.radians(0.9))},
)  # fmt: skip
COVER = Task(
    "Cover", "insert", True,
    {"bench": Conditions("gearbox", {**GEARBOX, "clearance_mm": 0.5, "chamfer_mm": 0.5}, offset=2e-3,
                         tilt=math.radians(2), yaw=math.radians(2))},
)  # fmt: skip
TASKS = {task.name: task for task in (INSERT, MESH, COVER)}
