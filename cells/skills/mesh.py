"""Mesh: put a gear onto its shaft while its teeth find those of the gear beside it.

As insert does, but lightly, and turning to and fro by more than half a tooth's pitch each way where it sticks: pressed
harder, tooth locks on tooth. A wheel that turns easily is taken along even so, and never finds the gaps of the other:
so every other round goes with less force, under which one slides on the other.
"""

from __future__ import annotations

from dataclasses import replace

from cells.ports import Reading
from cells.skills.contract import Call, Context, Skill, Steps
from cells.skills.insert import INSERT, put
from cells.skills.push import Push

SPAN = 0.65  # of a pitch, each way
# Teeth meet teeth.
NOMINAL = Push(speed=0.012, glide=0.006, force=4.0, close=0.012, side=0.0, hertz=0.5, patience=12.0, ease=(1.0, 0.35))


def push_for(call: Call) -> Push:
    """How a call's gear is pushed: ``pitch`` of the call is the angle (rad) from tooth to tooth."""
    return replace(NOMINAL, turn=SPAN * call.params["pitch"])


def run(context: Context, call: Call, reading: Reading) -> Steps:
    """Put the gear where it goes."""
    return (yield from put(context, call, reading, push_for(call)))


MESH = Skill("mesh", "1.0.0", "mesh", run, INSERT.before, INSERT.after)
