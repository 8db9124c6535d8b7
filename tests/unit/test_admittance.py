"""The admittance law: no step at its start, follows in free air, presses stably against a stiff wall, and no harder
than it may."""

import math

import numpy as np
import pytest

from cells.control.admittance import Admittance
from cells.control.setpoints import Compliant, JointTarget
from cells.description.cell import load_cell
from cells.kinematics.chain import load_chain
from cells.ports import ArmReading, GripperReading, Reading
from cells.pose import Pose

CELL = load_cell("panda-bench")
CHAIN = load_chain(CELL)
HOME = CELL.home
DT = 0.004
BASE = Pose.at(0.3, -0.2, 0.1, 0.7)  # turned against the world, so that mixed-up frames show
START = BASE @ Pose.from_matrix(CHAIN.fk(HOME))
STIFF = np.array([1500.0, 1500, 1500, 25, 25, 25])
STILL = np.zeros(6)


def law(qd: np.ndarray | None = None) -> Admittance:
    made = Admittance(CHAIN, BASE, DT)
    made.reset(HOME, qd)
    return made


def reading(wrench: np.ndarray) -> Reading:
    arm = ArmReading(HOME, np.zeros(7), np.zeros(7), HOME, np.zeros(7), np.zeros(7), START, False)
    return Reading(0.0, 0, arm, GripperReading(0.04, 0.0, 0.0, True), wrench)


def tick(made: Admittance, pose: Pose, twist=STILL, wrench=STILL, limit=20.0, stiffness=STIFF) -> JointTarget:
    return made.step(Compliant(pose, twist, stiffness, limit), reading(wrench), STILL)


def tool(q: np.ndarray) -> Pose:
    return BASE @ Pose.from_matrix(CHAIN.fk(q))


def offset(q: np.ndarray, pose: Pose) -> np.ndarray:
    return np.array(tool(q).xyz) - np.array(pose.xyz)


def push(x=0.0, y=0.0, z=0.0) -> np.ndarray:
    return np.array([x, y, z, 0, 0, 0])


def test_it_needs_to_know_where_the_arm_is() -> None:
    with pytest.raises(RuntimeError, match="reset"):
        tick(Admittance(CHAIN, BASE, DT), START)


def test_at_its_start_there_is_no_step() -> None:
    made = law()
    np.testing.assert_allclose(tick(made, START).q, HOME, atol=1e-12)
    made = law()
    first = tick(made, START.shifted(dz=-0.05))
    assert np.max(np.abs(first.q - HOME)) < 2e-4
    assert np.max(np.abs(first.qd)) < 0.05


def test_it_takes_over_from_a_moving_arm() -> None:
    twist = np.array([0.02, -0.01, 0.03, 0, 0, 0.1])
    turned = BASE.matrix()[:3, :3].T
    in_base = np.concatenate([turned @ twist[:3], turned @ twist[3:]])
    qd = np.linalg.pinv(CHAIN.jacobian(HOME)) @ in_base
    first = tick(law(qd), START.shifted(*(twist[:3] * DT)), twist)
    np.testing.assert_allclose(first.qd, qd, atol=2e-3)


def test_in_free_air_it_follows_a_moving_set_pose_and_settles_on_it() -> None:
    made, twist, pose = law(), np.array([0, 0.02, -0.02, 0, 0, 0.1]), START
    for i in range(1, 500):
        pose = START.shifted(*(twist[:3] * DT * i))
        pose = Pose(pose.xyz, (Pose.at(0, 0, 0, 0.1 * DT * i) @ Pose(quat=START.quat)).quat)
        target = tick(made, pose, twist)
        assert np.linalg.norm(offset(target.q, pose)) < 6e-4  # it catches up with the start within its time constant
    for _ in range(1500):
        target = tick(made, pose)
    assert np.linalg.norm(offset(target.q, pose)) < 1e-5
    assert abs(np.dot(tool(target.q).quat, pose.quat)) == pytest.approx(1.0, abs=1e-9)
    for _ in range(5000):
        last = tick(made, pose)
    np.testing.assert_allclose(last.q, target.q, atol=1e-4)  # no drift


def test_a_side_force_moves_it_by_force_over_stiffness() -> None:
    made = law()
    soft = np.array([600.0, 1200, 3000, 25, 25, 25])
    for _ in range(3000):
        target = tick(made, START, wrench=push(6, 6, -6), stiffness=soft)
    np.testing.assert_allclose(offset(target.q, START), [0.01, 0.005, -0.002], atol=1e-5)


def test_a_side_moment_turns_it_by_moment_over_stiffness() -> None:
    made = law()
    for _ in range(1500):
        target = tick(made, START, wrench=np.array([0, 0, 0, 0, 0, 1.0]))
    turned = tool(target.q).matrix()[:3, :3] @ START.matrix()[:3, :3].T
    assert math.atan2(turned[1, 0], turned[0, 0]) == pytest.approx(1.0 / 25, rel=1e-3)


def test_the_tare_is_taken_off() -> None:
    made, weight = law(), push(z=-9.9)
    for _ in range(500):
        target = made.step(Compliant(START, STILL, STIFF, 20.0), reading(weight), weight)
    np.testing.assert_allclose(target.q, HOME, atol=1e-9)


class Wall:
    """A wall 5 mm below the start: a one-sided spring, met by the tool directly or behind a position servo at 1 kHz
    (``servo`` rad/s, critically damped, 4 kg at the tool)."""

    def __init__(self, stiffness: float, servo: float | None) -> None:
        self.stiffness, self.servo = stiffness, servo
        self.z, self.speed, self.before = START.xyz[2], 0.0, START.xyz[2]
        self.top = START.xyz[2] - 0.005

    def force_at(self, commanded: float) -> float:
        """Force on the tool after one control tick of following ``commanded``."""
        if self.servo is None:
            self.z = commanded
            return self.stiffness * max(0.0, self.top - self.z)
        rate = (commanded - self.before) / DT
        for k in range(4):
            target = self.before + (k + 1) / 4 * (commanded - self.before)
            force = self.stiffness * max(0.0, self.top - self.z)
            pull = self.servo**2 * (target - self.z) + 2 * self.servo * (rate - self.speed)
            self.speed += 1e-3 * (pull + force / 4.0)
            self.z += 1e-3 * self.speed
        self.before = commanded
        return self.stiffness * max(0.0, self.top - self.z)


def press(wall: Wall, depth: float, limit: float, delay: int = 0, speed: float = 0.015) -> tuple[np.ndarray, float]:
    """Forces (ticks,) while the set pose goes ``depth`` m into the wall, and how far the commanded tool is from it
    at the end, in m."""
    made, forces, down = law(), [0.0] * (1 + delay), 0.0
    for _ in range(1500):
        going = down < 0.005 + depth
        down += speed * DT * going
        wrench = push(z=forces[-1 - delay])
        target = tick(made, START.shifted(dz=-down), push(z=-speed) * going, wrench, limit)
        forces.append(wall.force_at(tool(target.q).xyz[2]))
    return np.array(forces), offset(target.q, START.shifted(dz=-down))[2]


@pytest.mark.parametrize("servo", [None, 60.0, 120.0])
@pytest.mark.parametrize("delay", [0, 1])
def test_a_press_against_a_stiff_wall_is_stable_and_as_hard_as_the_spring(servo, delay) -> None:
    forces, above = press(Wall(1e5, servo), depth=0.004, limit=20.0, delay=delay)
    assert np.ptp(forces[-250:]) < 0.01
    assert forces[-1] == pytest.approx(STIFF[2] * above, rel=1e-3)
    assert 4.0 < forces[-1] <= 6.1  # 4 mm at 1500 N/m, less what servo and wall give way
    assert np.max(forces) < 30.0


@pytest.mark.parametrize("servo", [None, 100.0])
def test_a_press_is_never_harder_than_its_limit(servo) -> None:
    forces, _ = press(Wall(1e5, servo), depth=0.03, limit=8.0)
    assert np.ptp(forces[-250:]) < 0.01
    assert forces[-1] == pytest.approx(8.0, rel=1e-3)
    settled = forces[np.argmax(forces > 0.1) + 100 :]
    assert np.max(settled) <= 8.1  # also while the set pose still runs on into the wall


def test_a_far_set_pose_is_reached_within_the_joints_speed() -> None:
    made, far = law(), START.shifted(dx=-0.1, dy=0.2, dz=0.1)
    before, fastest = HOME, 0.0
    for _ in range(1500):
        target = tick(made, far, limit=1e4, stiffness=20 * STIFF)
        fastest = max(fastest, float(np.max(np.abs(target.qd) / CHAIN.qd_max)))
        assert np.all(np.abs(target.qd) <= CHAIN.qd_max * (1 + 1e-9))
        np.testing.assert_allclose(target.q - before, target.qd * DT, atol=1e-12)
        before = target.q
    assert fastest > 0.99
    assert np.linalg.norm(offset(target.q, far)) < 1e-4


def test_out_of_reach_it_waits_at_its_limits_and_comes_back_at_once() -> None:
    made, out = law(), START.shifted(dx=1.0)
    for _ in range(3000):
        target = tick(made, out, limit=200.0)
        assert np.all(target.q >= CHAIN.q_min - 1e-12) and np.all(target.q <= CHAIN.q_max + 1e-12)
    stretched = tool(target.q)
    for _ in range(25):
        target = tick(made, START, limit=200.0)
    assert np.linalg.norm(offset(target.q, stretched)) > 5e-3


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_it_stands_still_while_the_sensor_says_nonsense(value) -> None:
    made = law()
    for _ in range(50):
        moving = tick(made, START.shifted(dz=-0.01), push(z=-0.01))
    still = tick(made, START.shifted(dz=-0.01), wrench=push(y=value))
    np.testing.assert_array_equal(still.q, moving.q)
    assert not np.any(still.qd)
    for _ in range(1500):
        target = tick(made, START.shifted(dz=-0.01))
    assert np.linalg.norm(offset(target.q, START.shifted(dz=-0.01))) < 1e-4
