"""Push: how a part that comes upright is searched for its hole and pushed in; the constants that may be tuned.

The strategies ``spiral`` and ``mesh`` have the same constants, each its own values and bounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from cells.pose import Array
from cells.skills.policy import Component, Space

TURNING = 15.0  # Nm/rad
SEATED = 0.0010  # m of missing depth at which a stop may be the bottom


@dataclass(frozen=True, slots=True)
class Push:
    """How a part comes down at first (``speed``, m/s), presses while it searches (``press``, N) on a spiral (``glide``,
    m/s); how it is pushed down (``force``, N) on the way (``sink``, m/s) and near the bottom (``close``, m/s), where
    the arm's mass would hit it. What it does where it sticks: a turn (rad) and a circle (m) at so many rounds a second,
    for at most so long (s); how stiff it is in turning (Nm/rad), and what missing depth (m) may be the bottom."""

    speed: float = 0.010
    press: float = 5.0
    glide: float = 0.010
    force: float = 12.0
    sink: float = 0.025
    close: float = 0.006
    turn: float = 0.035
    side: float = 0.0003
    hertz: float = 1.5
    patience: float = 7.0
    turning: float = TURNING
    seated: float = SEATED


# What may be tuned, and how far. How it turns and how long it tries stays, as in the tilt strategy.
_SPIRAL: Mapping[str, tuple[str, float, float]] = {
    "speed": ("m/s", 0.005, 0.025), "press": ("N", 2.0, 7.0), "glide": ("m/s", 0.003, 0.015),
    "force": ("N", 5.0, 14.0), "sink": ("m/s", 0.008, 0.025), "close": ("m/s", 0.003, 0.012),
}  # fmt: skip
# Pressed harder, tooth locks on tooth.
_MESH = {**_SPIRAL, "speed": ("m/s", 0.005, 0.020), "force": ("N", 2.5, 6.0)}


def _space(ranges: Mapping[str, tuple[str, float, float]], strategy: str) -> Space:
    return Space(
        tuple(
            Component(name, unit, "", (low,), (high,), f"constant {name!r} of the {strategy} strategy")
            for name, (unit, low, high) in ranges.items()
        )
    )


SPIRAL_PARAMETERS, MESH_PARAMETERS = _space(_SPIRAL, "spiral"), _space(_MESH, "mesh")


def pushed(how: Push, values: Array, space: Space) -> Push:
    """``how``, but with the constants (n,) that a policy of kind ``parameters`` says, as its ``space`` has them."""
    named = space.named(space.clipped(np.asarray(values, float)))
    return replace(how, **{name: value for name, (value,) in named.items()})


def constants(how: Push, space: Space) -> Array:
    """The constants of a strategy as a vector (n,)."""
    return np.array([getattr(how, part.name) for part in space.components])
