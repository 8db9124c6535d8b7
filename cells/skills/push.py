"""Push: how a part is pushed in, and one that comes upright is searched for its hole; the constants that may be tuned.

The strategies ``spiral`` and ``mesh`` have the same constants, each its own values and bounds.
"""

from __future__ import annotations

from dataclasses import dataclass

from cells.skills.tunable import Ranges, space

TURNING = 15.0  # Nm/rad
SEATED = 0.0010  # m of missing depth at which a stop may be the bottom
MORE = 4.0  # N by which a push grows beyond what resists it; with 0.5 an arm that takes positions didn't press home
SLACK = 2e-4  # m that a part which sinks may be ahead of its set pose


@dataclass(frozen=True, slots=True)
class Push:
    """How a part comes down at first (``speed``, m/s) and just above the rim (``slow``, m/s: the arm's mass hits it),
    presses while it searches (``press``, N, and at most so much ``more``, N, than what resists it; with 1 N parts don't
    drop in any more) on a spiral (``glide``, m/s); how it is pushed down (``force``, N) on the way (``sink``, m/s) and
    near the bottom (``close``, m/s), where the arm's mass would hit it. What it does where it sticks: a turn (rad) and
    a circle (m) at so many rounds a second, for at most so long (s); whether it ``keeps`` the turn at which it goes on,
    as a wheel does, or turns back to where its hole is estimated; how stiff it is in turning (Nm/rad), and what missing
    depth (m) may be the bottom. On the way, but not near the bottom, it is held ``aside`` (N) in a direction
    (``bearing``, rad in the world)."""

    speed: float = 0.020
    slow: float = 0.005
    press: float = 5.0
    more: float = 2.0
    glide: float = 0.010
    force: float = 12.0
    sink: float = 0.025
    close: float = 0.006
    turn: float = 0.035
    side: float = 0.0003
    hertz: float = 1.5
    patience: float = 7.0
    keeps: bool = False
    aside: float = 0.0
    bearing: float = 0.0
    turning: float = TURNING
    seated: float = SEATED


# What may be tuned, and how far. How it turns and how long it tries stays, as in the tilt strategy.
_SPIRAL: Ranges = {
    "speed": ("m/s", 0.005, 0.025), "press": ("N", 2.0, 7.0), "glide": ("m/s", 0.003, 0.015),
    "force": ("N", 5.0, 14.0), "sink": ("m/s", 0.008, 0.025), "close": ("m/s", 0.003, 0.012),
}  # fmt: skip
# Pressed harder, tooth locks on tooth.
_MESH = {**_SPIRAL, "speed": ("m/s", 0.005, 0.020), "force": ("N", 2.5, 6.0)}

SPIRAL_PARAMETERS = space(_SPIRAL, "the spiral strategy")
MESH_PARAMETERS = space(_MESH, "the mesh strategy")
