"""``cellwright hw teach``: a station's pose, from where the tool is now into the cell's file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cells.commands.show import say
from cells.errors import CellwrightError, InputError, Problem

if TYPE_CHECKING:
    from cells.description.cell import Cell
    from cells.pose import Pose

HEARD_S = 10.0  # s in which the arm must be heard of
LOOK_S = 0.02
AT_REST = 0.02  # rad/s


def teach(
    station: Annotated[str, typer.Argument(help="The station, as the cell's file calls it.")],
    cell: Annotated[str, typer.Option("--cell", metavar="FILE", help="The cell's file, which is written.")],
) -> None:
    """Write a station's measured pose into the cell's file.

    Let the ends of the closed fingers touch the middle of the station's top surface, the tool straight down and turned
    as the station is. Nothing is moved: lead the arm there by hand or from its own panel, and start its driver."""
    from cells.description.cell import load_cell
    from hw.teach import own_file, touched, write_pose

    path = own_file(cell, station)
    described = load_cell(path)
    if station not in described.stations:
        what = f"has no station {station!r}"
        raise InputError(Problem(f"{cell}:stations", what, f"known are {', '.join(described.stations)}"))
    was = described.station(station)
    place, yaw = touched(described, measured(described))
    write_pose(path, station, place, yaw)
    say(f"{station}: xyz_mm {list(was.xyz_mm)} is now {list(place)}, yaw_deg {was.yaw_deg:g} is now {yaw:g}, in {cell}")


def measured(cell: Cell) -> Pose:
    """Where the tool centre point of the cell's arm is (world frame), as its joint states tell it.

    Raises :class:`CellwrightError` where none come, or the arm moves."""
    import time

    import numpy as np

    from cells.kinematics.chain import load_chain
    from cells.pose import Pose
    from hw.feedback import Feedback
    from hw.types import ready

    ready()
    from sensor_msgs.msg import JointState

    from hw.listening import NEWEST
    from hw.network import Network

    feedback, network = Feedback(cell), Network("teaching", cell.ros2.namespace)
    try:
        network.node.create_subscription(JointState, cell.ros2.joint_states, feedback.on_joint_states, NEWEST)
        network.start()
        until = time.monotonic() + HEARD_S
        while feedback.joints is None and time.monotonic() < until:
            time.sleep(LOOK_S)
    finally:
        network.close()
    if feedback.joints is None:
        remedy = "start the arm's driver, and see that namespace and joints in the cell's file fit it"
        raise CellwrightError(Problem("ros2", f"there is no sign of {feedback.missing()[0]}", remedy))
    if not np.abs(feedback.joints.qd).max() < AT_REST:
        raise CellwrightError(Problem("arm", "moves", "let it stand still, then teach again"))
    return Pose.from_matrix(cell.base_pose.matrix() @ load_chain(cell).fk(feedback.joints.q))
