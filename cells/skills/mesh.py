"""Mesh: put a gear onto its shaft while its teeth find those of the gear beside it.

As insert does, but lightly (pressed harder, tooth locks on tooth), turning to and fro by more than half a tooth's pitch
each way where it sticks, and held away from the other wheel. For the gap between two flanks is the backlash and what
the play of the bores adds or takes: wheels that lean towards each other have none, and no turn finds it.
"""

from __future__ import annotations

from dataclasses import replace

from cells.description.cell import Cell
from cells.ports import Reading
from cells.skills.contract import Call, Context, Skill, Steps
from cells.skills.insert import INSERT, put
from cells.skills.push import Push

SPAN = 0.65  # of a pitch, each way
# Gliding faster, an arm that takes positions didn't find the shaft in 2 of 6 tries. With 0.7 N aside it takes longer,
# with 3 N as long; a slower turn takes the other wheel along.
NOMINAL = Push(glide=0.006, force=4.0, side=0.0, hertz=0.8, patience=12.0, keeps=True, aside=1.5)


def push_for(cell: Cell, call: Call) -> Push:
    """How a call's gear is pushed: ``pitch`` of the call is the angle (rad) from tooth to tooth, ``away`` the direction
    (rad) from the gear beside it, seen from the unit in its fixture."""
    bearing = cell.station("fixture").pose.yaw + call.params["away"]
    return replace(NOMINAL, turn=SPAN * call.params["pitch"], bearing=bearing)


def run(context: Context, call: Call, reading: Reading) -> Steps:
    """Put the gear where it goes."""
    return (yield from put(context, call, reading, push_for(context.cell, call)))


MESH = Skill("mesh", "1.0.0", "mesh", run, INSERT.before, INSERT.after)
