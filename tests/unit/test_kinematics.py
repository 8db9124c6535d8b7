"""Kinematics and dynamics against pinocchio and the published geometry; inverse kinematics on all that may come."""

import math

import numpy as np
import pinocchio
import pytest

from cells.description.cell import load_cell
from cells.errors import InputError
from cells.kinematics import ik, kernels, numerics
from cells.kinematics.chain import Chain, load_chain
from cells.kinematics.search import ROOM, away_from_limits
from cells.kinematics.trajectory import straight

CELL = load_cell("panda-bench")
CHAIN = load_chain(CELL)
HOME = CELL.home

# Modified Denavit-Hartenberg rows (a, d, alpha) of the Panda up to its flange, and of hand and tool centre point:
# Franka Control Interface documentation, "Robot and interface specifications".
PUBLISHED = [
    (0, 0.333, 0),
    (0, 0, -math.pi / 2),
    (0, 0.316, math.pi / 2),
    (0.0825, 0, math.pi / 2),
    (-0.0825, 0.384, -math.pi / 2),
    (0, 0, math.pi / 2),
    (0.088, 0, math.pi / 2),
]
FLANGE, TCP = 0.107, 0.1034

SLIDING = """<robot name="sliding">
  <link name="base"/><link name="tool"><inertial><origin xyz="0.1 0 0"/><mass value="0.4"/>
    <inertia ixx="0.01" ixy="0" ixz="0" iyy="0.02" iyz="0.001" izz="0.03"/></inertial></link>
  <link name="one"><inertial><origin xyz="0 0.1 0.2" rpy="0.3 0 1"/><mass value="2"/>
    <inertia ixx="0.02" ixy="0.001" ixz="0" iyy="0.01" iyz="0" izz="0.015"/></inertial></link>
  <link name="two"><inertial><origin xyz="0.05 0 0"/><mass value="1.5"/>
    <inertia ixx="0.01" ixy="0" ixz="0" iyy="0.01" iyz="0" izz="0.01"/></inertial></link>
  <joint name="turn" type="revolute"><parent link="base"/><child link="one"/><origin xyz="0 0.2 0.1" rpy="0.4 0 0"/>
    <axis xyz="0 0.6 0.8"/><limit lower="-2" upper="2" velocity="1" effort="10"/></joint>
  <joint name="slide" type="prismatic"><parent link="one"/><child link="two"/><origin xyz="0.3 0 0" rpy="0 0.5 0"/>
    <axis xyz="0.8 0 0.6"/><limit lower="-0.5" upper="0.5" velocity="1" effort="10"/></joint>
  <joint name="wrist" type="continuous"><parent link="two"/><child link="tool"/><origin xyz="0 0 0.2" rpy="0 0 0.7"/>
    <axis xyz="1 0 0"/><limit velocity="1" effort="10"/></joint>
</robot>"""


def oracle(path, lock: dict[str, float]):
    """pinocchio's model of a URDF, some joints locked at their values, under the same gravity."""
    model = pinocchio.buildModelFromUrdf(str(path))
    q = pinocchio.neutral(model)
    for name, value in lock.items():
        q[model.joints[model.getJointId(name)].idx_q] = value
    model = pinocchio.buildReducedModel(model, [model.getJointId(name) for name in lock], q)
    model.gravity.linear = np.array([0, 0, -kernels.GRAVITY])
    return model, model.createData()


def assert_like_pinocchio(chain: Chain, path, tip: str, lock: dict[str, float], configuration=lambda q: q) -> None:
    model, data = oracle(path, lock)
    frame = model.getFrameId(tip)
    rng = np.random.default_rng(3)
    for _ in range(40):
        q = rng.uniform(np.maximum(chain.q_min, -3), np.minimum(chain.q_max, 3))
        qd = rng.uniform(-2, 2, chain.n)
        pose, jacobian, inertia, bias = kernels.dynamics(q, qd, chain.arrays)
        theirs = configuration(q)
        pinocchio.framesForwardKinematics(model, data, theirs)
        aligned = pinocchio.ReferenceFrame.LOCAL_WORLD_ALIGNED
        np.testing.assert_allclose(pose, data.oMf[frame].homogeneous, atol=1e-9)
        expected = pinocchio.computeFrameJacobian(model, data, theirs, frame, aligned)
        np.testing.assert_allclose(jacobian, expected, atol=1e-9)
        upper = np.triu(pinocchio.crba(model, data, theirs))
        np.testing.assert_allclose(inertia, upper + np.triu(upper, 1).T, atol=1e-9)
        np.testing.assert_allclose(bias, pinocchio.nonLinearEffects(model, data, theirs, qd), atol=1e-9)
        np.testing.assert_allclose(chain.fk(q), pose, atol=1e-12)
        np.testing.assert_allclose(chain.jacobian(q), jacobian, atol=1e-12)


def test_the_panda_moves_and_weighs_as_pinocchio_says() -> None:
    fingers = {"panda_finger_joint1": 0.02, "panda_finger_joint2": 0.02}
    assert_like_pinocchio(CHAIN, CELL.robot_spec.urdf_path, "panda_tcp", fingers)


def test_a_chain_with_a_sliding_joint_does_too(tmp_path) -> None:
    path = tmp_path / "sliding.urdf"
    path.write_text(SLIDING)
    chain = Chain.from_urdf(path, "base", "tool", {"acceleration": [1, 1, 1], "jerk": [1, 1, 1]})
    assert np.isinf(chain.q_max[2])
    # pinocchio keeps a continuous joint as cosine and sine.
    assert_like_pinocchio(chain, path, "tool", {}, lambda q: np.array([q[0], q[1], math.cos(q[2]), math.sin(q[2])]))


def test_the_panda_has_the_published_geometry() -> None:
    rng = np.random.default_rng(4)
    for _ in range(20):
        q = rng.uniform(CHAIN.q_min, CHAIN.q_max)
        pose = np.eye(4)
        for (a, d, alpha), angle in zip(PUBLISHED, q, strict=True):
            ca, sa, c, s = math.cos(alpha), math.sin(alpha), math.cos(angle), math.sin(angle)
            row = [[c, -s, 0, a], [s * ca, c * ca, -sa, -d * sa], [s * sa, c * sa, ca, d * ca], [0, 0, 0, 1]]
            pose = pose @ np.array(row)
        c, s = math.cos(-math.pi / 4), math.sin(-math.pi / 4)
        pose = pose @ np.array([[c, -s, 0, 0], [s, c, 0, 0], [0, 0, 1, FLANGE + TCP], [0, 0, 0, 1]])
        np.testing.assert_allclose(CHAIN.fk(q), pose, atol=1e-9)


def test_a_chain_that_is_not_there_is_named() -> None:
    path, limits = CELL.robot_spec.urdf_path, {"acceleration": [1] * 7, "jerk": [1] * 7}
    with pytest.raises(InputError, match=r"panda\.urdf:no_such_link"):
        Chain.from_urdf(path, "panda_link0", "no_such_link", limits)
    with pytest.raises(InputError, match=r"panda\.urdf:jerk: 3 jerk limits for the 7 joints"):
        Chain.from_urdf(path, "panda_link0", "panda_tcp", {**limits, "jerk": [1, 1, 1]})


def error_of(target: np.ndarray, q: np.ndarray) -> tuple[float, float]:
    """Distance (m) and angle (rad) from the tip at joints q to a target, by another way than the solver's."""
    here = CHAIN.fk(q)
    turn = target[:3, :3] @ here[:3, :3].T
    sine = np.linalg.norm(turn - turn.T) / math.sqrt(8)
    return float(np.linalg.norm(target[:3, 3] - here[:3, 3])), math.atan2(sine, (np.trace(turn) - 1) / 2)


def test_reachable_poses_are_found_within_limits_every_time_the_same() -> None:
    rng = np.random.default_rng(20)
    targets = [CHAIN.fk(q) for q in rng.uniform(CHAIN.q_min, CHAIN.q_max, (1000, 7))]
    found = 0
    for target in targets:
        q, ok = CHAIN.solve(target, HOME)
        if ok:
            found += 1
            distance, angle = error_of(target, q)
            assert distance <= 1.01e-6 and angle <= 1.01e-6
            assert np.all(q >= CHAIN.q_min) and np.all(q <= CHAIN.q_max)
    assert found >= 999
    again, _ = CHAIN.solve(targets[0], HOME)
    np.testing.assert_array_equal(again, CHAIN.solve(targets[0], HOME)[0])


def test_poses_at_limits_and_singularities_are_found_too() -> None:
    rng, shape = np.random.default_rng(21), (500, 7)
    joints = rng.uniform(CHAIN.q_min, CHAIN.q_max, (1000, 7))
    limit = np.where(rng.random(shape) < 0.5, CHAIN.q_min, CHAIN.q_max)
    joints[:500] = np.where(rng.random(shape) < 0.4, limit, joints[:500])
    straight_on = np.clip(0.0, CHAIN.q_min, CHAIN.q_max)  # axes in line: an arm stretched, a wrist that gimbals
    joints[500:] = np.where(rng.random(shape) < 0.4, straight_on, joints[500:])
    found = 0
    for target in CHAIN.forward_batch(joints)[0]:
        q, ok = CHAIN.solve(target, HOME)
        assert np.all(q >= CHAIN.q_min) and np.all(q <= CHAIN.q_max)
        if ok:
            found += 1
            assert max(error_of(target, q)) <= 1.01e-6
    assert found >= 998


@pytest.mark.parametrize("axis", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0.6, -0.64, 0.48), (-0.6, 0.0, 0.8)])
def test_rotation_vectors_are_right_up_to_half_a_turn(axis) -> None:
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    for angle in (0.0, 1e-9, 1e-4, 1.0, 2.6, 2.8, 3.1, math.pi - 1e-6, math.pi - 1e-9):
        turn = np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross
        out = np.empty(3)
        numerics.rotation_vector(turn, out)
        np.testing.assert_allclose(out, angle * np.array(axis), atol=1e-8)
    half = np.empty(3)
    numerics.rotation_vector(np.eye(3) + 2 * cross @ cross, half)
    assert abs(abs(half @ np.array(axis)) - math.pi) < 1e-8  # either sign is half a turn


def test_a_target_turned_by_half_a_turn_is_solved() -> None:
    start = HOME.copy()
    start[6] = 0.3 - math.pi / 2
    target = CHAIN.fk(start)
    target[:2, :3] *= -1  # half a turn about the vertical
    assert error_of(target, start)[1] == pytest.approx(math.pi)
    q, ok = CHAIN.solve(target, start)
    assert ok and max(error_of(target, q)) < 1.01e-6
    rng = np.random.default_rng(6)
    poses = [CHAIN.fk(q) for q in rng.uniform(CHAIN.q_min, CHAIN.q_max, (4000, 7))]
    turned = [pose for pose in poses if error_of(pose, HOME)[1] > math.pi - 0.03]
    assert len(turned) >= 5
    assert all(CHAIN.solve(pose, HOME)[1] for pose in turned)


def broken(row: int, column: int, value: float) -> np.ndarray:
    target = CHAIN.fk(HOME)
    target[row, column] = value
    return target


@pytest.mark.parametrize(
    "target",
    [
        broken(0, 3, math.nan),
        broken(1, 1, math.nan),
        broken(2, 3, math.inf),
        broken(0, 3, -math.inf),
        broken(3, 3, 0.0),
        broken(3, 0, math.nan),
        broken(0, 3, 1e300),
        broken(0, 3, 5.0),
        CHAIN.fk(HOME) * np.array([1.001, 1, 1, 1]),
        CHAIN.fk(HOME) * np.array([-1, 1, 1, 1]),
        np.zeros((4, 4)),
    ],
)
def test_a_hostile_target_is_refused(target) -> None:
    for solver in (lambda chain, target, q0: chain.solve(target, q0), ik.solve_near):
        q, ok = solver(CHAIN, target, HOME)
        assert ok is False
        assert np.all(np.isfinite(q)) and np.all(q >= CHAIN.q_min) and np.all(q <= CHAIN.q_max)


def test_joints_that_are_no_numbers_are_refused() -> None:
    for solver in (lambda chain, target, q0: chain.solve(target, q0), ik.solve_near):
        start = np.full(7, math.nan)
        assert solver(CHAIN, CHAIN.fk(HOME), start)[1] is False


def test_the_near_solution_is_near_or_none() -> None:
    rng = np.random.default_rng(5)
    near = 0
    for _ in range(300):
        q0 = rng.uniform(CHAIN.q_min + 0.1, CHAIN.q_max - 0.1)
        q, ok = ik.solve_near(CHAIN, CHAIN.fk(q0 + rng.uniform(-0.05, 0.05, 7)), q0)
        near += ok
        assert not ok or np.max(np.abs(q - q0)) <= ik.REACH_PER_POSE + 1e-12
    assert near >= 295  # the rest sits in a singularity, where a small step of the tip is a large one of a joint
    far = CHAIN.fk(HOME + np.array([1.5, 0, 0, 0, 0, 0, 0]))
    assert ik.solve_near(CHAIN, far, HOME)[1] is False


def circle(radius: float, count: int) -> np.ndarray:
    poses = np.tile(CHAIN.fk(HOME), (count, 1, 1))
    angle = np.linspace(0, 2 * math.pi, count)
    poses[:, 0, 3] += radius * (np.cos(angle) - 1)
    poses[:, 1, 3] += radius * np.sin(angle)
    return poses


def test_a_path_is_followed_without_a_jump() -> None:
    poses = circle(0.12, 200)
    path = ik.cartesian_path(CHAIN, HOME, poses)
    assert max(max(error_of(pose, q)) for pose, q in zip(poses, path, strict=True)) < 1e-7
    assert np.max(np.abs(np.diff(path, axis=0))) < 0.05


def test_a_path_that_leaves_the_reach_says_where() -> None:
    poses = circle(0.12, 50)
    poses[20:, 2, 3] += 2.0
    with pytest.raises(ik.Unreachable, match="pose 21 of 50: the tip can't follow to"):
        ik.cartesian_path(CHAIN, HOME, poses)
    poses[10, 0, 0] = math.nan
    with pytest.raises(ik.Unreachable, match="pose 11 of 50: isn't a rigid transform"):
        ik.cartesian_path(CHAIN, HOME, poses)


def test_solutions_are_different_and_the_nearest_comes_first() -> None:
    found = ik.solutions(CHAIN, CHAIN.fk(HOME), HOME)
    assert len(found) > 4
    np.testing.assert_allclose(found[0], HOME, atol=1e-5)
    far = np.linalg.norm(found - HOME, axis=1)
    assert np.all(np.diff(far) >= 0)
    for k, q in enumerate(found):
        np.testing.assert_allclose(CHAIN.fk(q), CHAIN.fk(HOME), atol=1e-5)
        assert all(np.abs(q - other).max() > 0.05 for other in found[:k])
    assert ik.solutions(CHAIN, np.diag([1.0, 1, 1, 1]) + 5 * np.eye(4, k=3), HOME).shape == (0, 7)


def test_spare_joints_go_towards_a_posture_and_leave_the_tip_alone() -> None:
    rng, middle = np.random.default_rng(11), (CHAIN.q_min + CHAIN.q_max) / 2
    for _ in range(20):
        q = rng.uniform(CHAIN.q_min + 0.2, CHAIN.q_max - 0.2)
        rest = ik.towards(CHAIN, q, middle)
        np.testing.assert_allclose(CHAIN.fk(rest), CHAIN.fk(q), atol=1e-5)
        assert np.linalg.norm(rest - middle) <= np.linalg.norm(q - middle) + 1e-9
        again = ik.towards(CHAIN, rest, middle)
        np.testing.assert_allclose(again, rest, atol=2e-2)  # no more to gain
    bent = HOME + np.array([0.6, 0, -0.6, 0, 0.3, 0, 0])
    assert np.linalg.norm(ik.towards(CHAIN, bent, HOME) - HOME) < 0.9 * np.linalg.norm(bent - HOME)


def test_singularities_and_limits_are_measured() -> None:
    stretched = np.array([0.3, 0.0, 0.0, -0.0698, 0.0, 0.0, 0.2])
    assert CHAIN.manipulability(stretched) < 0.05 < 0.1 < CHAIN.manipulability(HOME)
    q = HOME.copy()
    q[3] = CHAIN.q_max[3] - 0.01
    assert CHAIN.limit_distance(q)[3] == pytest.approx(0.01)
    assert CHAIN.limit_distance(CHAIN.q_max + 0.1).max() < 0


def test_a_path_is_led_through_from_whichever_solution_can() -> None:
    begin = CHAIN.fk(HOME)
    poses = np.tile(begin, (300, 1, 1))
    poses[:, 1, 3] += np.linspace(0, 0.3, 300)
    path = ik.along(CHAIN, poses, HOME)
    np.testing.assert_allclose(CHAIN.forward_batch(path)[0], poses, atol=1e-6)
    assert np.abs(np.diff(path, axis=0)).max() < 0.05
    poses[:, 1, 3] += np.linspace(0, 2, 300)
    with pytest.raises(ik.Unreachable, match=r"pose \d+ of 300"):
        ik.along(CHAIN, poses, HOME)


def test_a_path_is_led_by_joints_that_keep_away_from_their_limits() -> None:
    """As it comes, this path ends at 271 of 300 mm, where a joint's limit leaves the tip too few others."""
    q0 = np.array([-2.8, 0.4, -2.4, -0.5, 0.7, 2.0, -1.5])
    poses = straight(CHAIN.fk(q0), np.array([0.1, 0.3, -0.1, 0.1, 0.5, 0.2]), 300)
    alone = np.empty((len(poses), 7))
    run = CHAIN.kernels
    assert run.track(poses, q0, run.robot, CHAIN.limits, 0.05, 0.0, 1e-9, alone) < len(poses)
    path = ik.cartesian_path(CHAIN, q0, poses, reach=0.05)
    np.testing.assert_allclose(CHAIN.forward_batch(path)[0], poses, atol=1e-6)
    assert np.all((path >= CHAIN.q_min) & (path <= CHAIN.q_max))


def test_a_step_away_from_limits_leaves_the_tip_alone() -> None:
    rng, step = np.random.default_rng(12), np.empty(7)
    for _ in range(100):
        q = rng.uniform(CHAIN.q_min, CHAIN.q_max)
        away_from_limits(q, CHAIN.jacobian(q), CHAIN.limits, 0.01, step)
        assert np.abs(step).max() <= 0.01 + 1e-12
        assert np.abs(CHAIN.jacobian(q) @ step).max() < 1e-6
        tight = [np.sum(np.maximum(ROOM - CHAIN.limit_distance(at), 0) ** 2) for at in (q, q + step)]
        assert tight[1] <= tight[0] + 1e-9
