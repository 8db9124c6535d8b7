"""Time profiles: ruckig's answers as sampled motions, and how much slower a motion must be to keep its limits.

Stretching time by a factor c divides velocity by c, acceleration by c² and jerk by c³: whatever ruckig doesn't know
(tip speed, curved joint paths) is kept by slowing the whole motion down.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

from cells.control.setpoints import Trajectory
from cells.errors import CellwrightError, Problem
from cells.kinematics import ik
from cells.kinematics.kernels import Arrays, fk_jacobian
from cells.pose import Array

if TYPE_CHECKING:
    from cells.kinematics.chain import Chain

State = tuple[Array, Array, Array]  # q, qd, qdd at one time or at many
SLOWEST = 50.0  # a motion that must be slowed down more than this leads through a singularity


@njit(cache=True)
def tip_speed_of(q: Array, qd: Array, arrays: Arrays) -> float:
    """The tip's highest speed (m/s) over samples (m, n)."""
    top = 0.0
    for k in range(q.shape[0]):
        jacobian = fk_jacobian(q[k], arrays)[1]
        square = 0.0
        for r in range(3):
            v = 0.0
            for i in range(q.shape[1]):
                v += jacobian[r, i] * qd[k, i]
            square += v * v
        top = max(top, square)
    return math.sqrt(top)


def slowdown(chain: Chain, q: Array, qd: Array, qdd: Array, dt: float, scale: float, tip_speed: float) -> float:
    """The factor by which a motion must be slowed down to keep its limits (at most 1: it keeps them)."""
    velocity = float(np.max(np.abs(qd) / (scale * chain.qd_max)))
    acceleration = float(np.max(np.abs(qdd) / (scale * chain.qdd_max)))
    jerk = float(np.max(np.abs(np.diff(qdd, axis=0)) / (dt * scale * chain.qddd_max)))
    return max(velocity, math.sqrt(acceleration), math.cbrt(jerk), tip_speed_of(q, qd, chain.arrays) / tip_speed)


def limits_of(chain: Chain) -> State:
    """Velocity, acceleration and jerk limits, (n,) each."""
    return chain.qd_max, chain.qdd_max, chain.qddd_max


def profile_of(limits: Sequence[Any], state: Mapping[str, Any], to_rest: bool = False) -> Any:
    """A ruckig trajectory under ``limits`` (velocity, acceleration, jerk; each (n,)), from the current to the target
    part of ``state`` (ruckig's names), or ``to_rest`` wherever that is."""
    import ruckig

    n = len(limits[0])
    question = ruckig.InputParameter(n)
    question.max_velocity, question.max_acceleration, question.max_jerk = limits
    question.synchronization = ruckig.Synchronization.Phase
    if to_rest:
        question.control_interface = ruckig.ControlInterface.Velocity
    for name, value in state.items():
        setattr(question, name, value)
    answer = ruckig.Trajectory(n)
    values = np.concatenate([np.ravel(value) for value in state.values()])
    if not np.all(np.isfinite(values)):
        raise CellwrightError(Problem("motion", "starts or ends at joints that are no numbers", "read the arm again"))
    result = ruckig.Ruckig(n).calculate(question, answer)
    if result not in (ruckig.Result.Working, ruckig.Result.Finished):
        raise CellwrightError(Problem("motion", f"none found ({result})", "check the limits in the robot's file"))
    return answer


def ticks_of(count: int, dt: float) -> Array:
    """The times (count,) of ticks from 0."""
    return np.arange(count, dtype=np.float64) * dt


def states(profile: Any) -> Callable[[float], State]:
    """A ruckig trajectory as a function of time."""
    return lambda time: tuple(np.array(value) for value in profile.at_time(time))  # type: ignore[return-value]


def sampled(
    at: Callable[[float], State], duration: float, slow: float, dt: float, goal: Array, stretch: bool = True
) -> Trajectory:
    """Samples every ``dt`` of a motion slowed down by ``slow``, with rest at ``goal`` on the tick that ends it.

    ``stretch`` slows it down a little more, so that it lasts until that tick; a stop must not, it begins in motion.
    """
    ticks = max(1, math.ceil(duration * slow / dt - 1e-9))
    factor = ticks * dt / duration if stretch and duration > 0 else slow
    rows = [at(min(i * dt / factor, duration)) for i in range(ticks)]
    q = np.array([row[0] for row in rows] + [goal])
    rest = np.zeros_like(goal)
    qd = np.array([row[1] for row in rows] + [rest]) / factor
    qdd = np.array([row[2] for row in rows] + [rest]) / factor**2
    return Trajectory(ticks_of(ticks + 1, dt), q, qd, qdd)


def within_limits(
    chain: Chain,
    at: Callable[[float], State],
    duration: float,
    dt: float,
    goal: Array,
    scale: float,
    tip_speed: float = math.inf,
) -> Trajectory:
    """The motion, slowed down until its samples keep the limits; seldom more than twice, as peaks move between them."""
    slow = 1.0
    while True:
        motion = sampled(at, duration, slow, dt, goal)
        excess = slowdown(chain, motion.q, motion.qd, motion.qdd, dt, scale, tip_speed)
        if excess <= 1.0005:
            return motion
        slow *= excess * 1.0005
        if slow > SLOWEST:
            what = f"keeping the limits takes {slow:.0f} times as long"
            remedy = "start from other joints: the way leads through a singularity"
            raise ik.Unreachable(Problem("motion", what, remedy))


def jumps(chain: Chain, q: Array, qd: Array, qdd: Array, dt: float) -> list[tuple[Array, Array]]:
    """What positions and velocities (m, n) are off the integral of their rates in each tick, (m - 1, n), and (n,) the
    most that bounded jerk can hide there."""
    position = np.abs(np.diff(q, axis=0) - dt * (qd[:-1] + qd[1:]) * 0.5)
    velocity = np.abs(np.diff(qd, axis=0) - dt * (qdd[:-1] + qdd[1:]) * 0.5)
    jerk = chain.qddd_max
    return [(position, jerk * dt**3 / 12 + 1e-7), (velocity, jerk * dt**2 / 4 + 1e-6)]
