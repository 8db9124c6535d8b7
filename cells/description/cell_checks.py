"""What a cell file must satisfy beyond the type of each value: geometry, clocks, names that must fit together.

Each check names the sections it reads and runs as soon as those are right in themselves, so that a mistake in one
corner of the file doesn't hide those in another.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from cells.description.documents import Document, Key, read_document
from cells.description.problems import nearest
from cells.description.robot import LIBRARY, RobotSpec, list_robots, load_robot
from cells.description.stations import Station
from cells.errors import InputError, Problem
from cells.pose import Array

if TYPE_CHECKING:
    from cells.description.cell import Base, CellEnergy, CellLimits, Clocks, Control, View
    from cells.description.ros2 import Ros2

Finding = tuple[Key, str, str]
Findings = Iterator[Finding]
EPSILON = 1e-6


def semantic_problems(sections: Mapping[str, Any], document: Document) -> list[Problem]:
    """All that is wrong among the ``sections`` (by name) that are right in themselves."""
    given = dict(sections)
    problems: list[Problem] = []
    if "robot" in given:
        if given["robot"] in list_robots():
            try:
                given["spec"] = load_robot(given["robot"])
            except InputError as error:
                problems += error.problems
        else:
            what = f"no robot is called {given['robot']!r}"
            problems.append(document.problem(("robot",), what, nearest(given["robot"], list_robots())))
    for needs, check in CHECKS:
        if all(name in given for name in needs):
            try:
                problems += [document.problem(*finding) for finding in check(*(given[name] for name in needs))]
            except InputError as error:  # a file of the library that the check reads is broken
                problems += error.problems
    return problems


def _clocks(clocks: Clocks) -> Findings:
    if clocks.physics_hz % clocks.control_hz:
        below = max(clocks.physics_hz // clocks.control_hz, 1) * clocks.control_hz
        what = f"{clocks.physics_hz} is not a multiple of control_hz ({clocks.control_hz})"
        yield ("clocks", "physics_hz"), what, f"write {below} or {below + clocks.control_hz}"


def _control(control: Control) -> Findings:
    if control.default not in control.modes:
        modes = ", ".join(control.modes)
        yield ("control", "default"), f"{control.default} is not one of modes", f"write one of: {modes}"
    if len(set(control.modes)) < len(control.modes):
        yield ("control", "modes"), "names a mode twice", "name each once"


def _control_of_robot(control: Control, spec: RobotSpec) -> Findings:
    for index, mode in enumerate(control.modes):
        if mode not in spec.control_modes:
            what = f"{spec.name} can't be driven by {mode}"
            yield ("control", "modes", index), what, f"write one of: {', '.join(spec.control_modes)}"


def _limits(limits: CellLimits) -> Findings:
    if limits.contact_speed_mm_s > limits.tcp_speed_mm_s:
        what = f"{limits.contact_speed_mm_s:g} is faster than tcp_speed_mm_s ({limits.tcp_speed_mm_s:g})"
        yield ("limits", "contact_speed_mm_s"), what, "contact is slower than free travel: lower it"
    for axis, low, high in zip("xyz", limits.workspace_mm.min, limits.workspace_mm.max, strict=True):
        if low >= high:
            key = ("limits", "workspace_mm", "min", "xyz".index(axis))
            yield key, f"{low:g} is not below max along {axis} ({high:g})", "swap or correct the two"


def _home(home_deg: tuple[float, ...], spec: RobotSpec) -> Findings:
    joints = spec.joints()
    if len(home_deg) != len(joints):
        yield ("home_deg",), f"holds {len(home_deg)} angles", f"write {len(joints)}, one per joint of {spec.name}"
        return
    for index, (angle, joint) in enumerate(zip(home_deg, joints, strict=True)):
        low, high = math.degrees(joint.lower), math.degrees(joint.upper)
        if angle < low or angle > high:
            what = f"{angle:g} is outside the limits of {joint.name}"
            yield ("home_deg", index), what, f"write {low:.1f} to {high:.1f}"


def _needed_stations(stations: Mapping[str, Station]) -> Findings:
    for name, kind in (("fixture", "fixture"), ("reject_bin", "bin"), ("hand_over", "hand_over")):
        if name not in stations:
            yield ("stations", name), "is missing", f"every cell needs a station '{name}' of kind {kind}: add it"
        elif stations[name].kind != kind:
            yield ("stations", name, "kind"), f"is {stations[name].kind}", f"write {kind}"
    if all(station.kind != "tray" for station in stations.values()):
        yield ("stations",), "hold no tray", "add a station of kind tray: parts come from trays"
    for name, station in stations.items():
        if (station.kind == "tray") != name.startswith("tray"):
            remedy = "let the names of trays, and only those, begin with 'tray'"
            yield ("stations", name), f"is of kind {station.kind}", remedy


def _overlaps(stations: Mapping[str, Station]) -> Findings:
    for first, second in combinations(stations, 2):
        if _overlap(stations[first].corners(), stations[second].corners()):
            yield ("stations", second, "xyz_mm"), f"overlaps {first}", "move one of them apart or make it smaller"


def _overlap(first: Array, second: Array) -> bool:
    """Whether two convex outlines (4, 2) share area, by separating axes; touching edges don't count."""
    for outline in (first, second):
        edges = np.roll(outline, -1, axis=0) - outline
        for normal in np.column_stack([edges[:, 1], -edges[:, 0]]):
            if not normal.any():  # a point has no edges
                continue
            one, other = first @ normal, second @ normal
            slack = EPSILON * float(np.linalg.norm(normal))
            if one.max() <= other.min() + slack or other.max() <= one.min() + slack:
                return False
    both_points = np.allclose(first, first[0]) and np.allclose(second, second[0])
    return not both_points or bool(np.allclose(first, second))


def _in_workspace(stations: Mapping[str, Station], limits: CellLimits) -> Findings:
    low, high = limits.workspace
    for name, station in stations.items():
        seats = np.array([station.slot_pose(slot).xyz for slot in range(station.slots)])
        outside = (seats < low - EPSILON) | (seats > high + EPSILON)
        if outside.any():
            axes = ", ".join("xyz"[axis] for axis in np.flatnonzero(outside.any(axis=0)))
            places = f"{int(outside.any(axis=1).sum())} of {station.slots} places"
            what = f"puts {places} outside limits.workspace_mm along {axes}"
            yield ("stations", name, "xyz_mm"), what, "move the station or widen the workspace"


def _in_reach(stations: Mapping[str, Station], base: Base, spec: RobotSpec) -> Findings:
    for name, station in stations.items():
        seats = np.array([station.slot_pose(slot).xyz for slot in range(station.slots)])
        farthest = float(np.linalg.norm(seats[:, :2] - np.array(base.xyz_mm[:2]) / 1000, axis=1).max())
        if farthest > spec.reach:
            what = f"is up to {farthest * 1000:.0f} mm away from the robot, which reaches {spec.reach_mm:g} mm"
            yield ("stations", name, "xyz_mm"), what, "move the station or the robot's base closer"


def _grid(energy: CellEnergy) -> Findings:
    grids = read_document(LIBRARY / "footprint.yaml").data["grid"]
    if energy.grid not in grids:
        yield ("energy", "grid"), f"no grid factor is called {energy.grid!r}", nearest(energy.grid, grids)


def _camera(camera: View) -> Findings:
    if math.dist(camera.eye_mm, camera.target_mm) < 10:
        yield ("camera", "target_mm"), "is where the camera stands", "write a point that the camera looks at"


def _ros2(ros2: Ros2, spec: RobotSpec) -> Findings:
    joints = [joint.name for joint in spec.joints()]
    if ros2.joints and len(ros2.joints) != len(joints):
        what = f"names {len(ros2.joints)} joints, {spec.name} has {len(joints)}"
        yield (
            ("ros2", "joints"),
            what,
            f"name the driver's joints in the order of {', '.join(joints)}, or leave it away",
        )
    if len(set(ros2.joints)) < len(ros2.joints):
        yield ("ros2", "joints"), "names a joint twice", "name each once"
    closed, open_ = ros2.gripper.closed, ros2.gripper.open
    if closed is not None and closed == open_:
        yield ("ros2", "gripper", "open"), "is where it is closed", "write where the joint stands when the hand is open"


CHECKS: tuple[tuple[tuple[str, ...], Callable[..., Findings]], ...] = (
    (("clocks",), _clocks),
    (("control",), _control),
    (("control", "spec"), _control_of_robot),
    (("limits",), _limits),
    (("home_deg", "spec"), _home),
    (("stations",), _needed_stations),
    (("stations",), _overlaps),
    (("stations", "limits"), _in_workspace),
    (("stations", "base", "spec"), _in_reach),
    (("energy",), _grid),
    (("camera",), _camera),
    (("ros2", "spec"), _ros2),
)
