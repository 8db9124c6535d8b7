"""Mesh: put a gear onto its shaft while its teeth find those of the gear beside it.

As insert does, but lightly, and turning to and fro by more than half a tooth's pitch each way where it sticks: pressed
harder, tooth locks on tooth.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf

from cells.ports import Reading
from cells.skills.contract import Call, Context, Skill, Steps
from cells.skills.insert import INSERT, put
from cells.skills.push import Push

SPAN = 0.65  # of a pitch, each way
# Teeth meet teeth. With what makes the search for a hole gentle, 9 of 117 wheels failed; without it 8 of 200.
NOMINAL = Push(speed=0.012, slow=inf, more=inf, glide=0.006, force=4.0, close=0.012, side=0.0, hertz=0.5, patience=12.0)


def push_for(call: Call) -> Push:
    """How a call's gear is pushed: ``pitch`` of the call is the angle (rad) from tooth to tooth."""
    return replace(NOMINAL, turn=SPAN * call.params["pitch"])


def run(context: Context, call: Call, reading: Reading) -> Steps:
    """Put the gear where it goes."""
    return (yield from put(context, call, reading, push_for(call)))


MESH = Skill("mesh", "1.0.0", "mesh", run, INSERT.before, INSERT.after)
