"""What is compiled when it is first called: to be called ahead of time, before an arm waits for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from cells.control.admittance import Admittance
from cells.control.setpoints import Compliant
from cells.control.verify import proof_of
from cells.kinematics import compiled, planning
from cells.kinematics.chain import load_chain
from cells.kinematics.trajectory import line, point_to_point, sample
from cells.ports import ArmReading, GripperReading, Reading
from cells.pose import Pose

if TYPE_CHECKING:
    from cells.description.cell import Cell


def first_calls(cell: Cell) -> dict[str, Callable[[], object]]:
    """By name, a call of each kernel that a run of the cell needs: each is compiled by it, or loaded."""
    chain, home, none = load_chain(cell), cell.home, np.zeros(len(cell.home))
    proof = proof_of(cell, chain)
    tip = chain.fk(home)
    tcp = cell.base_pose @ Pose.from_matrix(tip)

    def admit() -> None:
        law = Admittance(chain, cell.base_pose, cell.tick_s)
        law.reset(home)
        arm = ArmReading(home, none, none, home, none, none, tcp, busy=False)
        reading = Reading(0.0, 0, arm, GripperReading(0.0, 0.0, 0.0, True), np.zeros(6))
        law.step(Compliant(tcp, np.zeros(6), np.ones(6), 1.0), reading, np.zeros(6))

    motion = point_to_point(chain, home, home + 0.01)
    lower = tip.copy()
    lower[2, 3] -= 0.01
    return {
        **compiled.first_calls(chain),
        "trajectories": lambda: (line(chain, home, lower, 0.1), sample(motion, 0.002)),
        "admittance": admit,
        "collision": lambda: proof.collision(motion),
        "planning": lambda: planning.compile_for(proof.around, home),
    }
