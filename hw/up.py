"""``cellwright hw up``: the nodes of a cell as processes, where no ROS 2 distribution brings ``ros2 launch``."""

from __future__ import annotations

import json
import os
import sys
from enum import StrEnum
from typing import Annotated

import typer

from cells.commands.show import say
from cells.errors import InputError, Problem

FORGETFUL = "an arm that is simulated anew has forgotten where its parts are; end this, clear up, and start again"


class Hardware(StrEnum):
    """What is behind the arm's interfaces."""

    MOCK = "mock"
    SIM = "sim"
    REAL = "real"


def up(
    cell: Annotated[str, typer.Argument(metavar="CELL", help="A cell from the library, or a cell file.")],
    hardware: Annotated[Hardware, typer.Option(help="An arm that just follows, a simulated, or the real one.")],
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Seed of everything random in a simulated arm.")] = 0,
    namespace: Annotated[str | None, typer.Option(help="Before every name; the cell file's unless given.")] = None,
) -> None:
    """Start a cell's nodes and watch them, until Ctrl-C.

    Only this machine hears them, unless ROS_AUTOMATIC_DISCOVERY_RANGE says otherwise.
    """
    from cells.description.cell import load_cell
    from hw.isolation import RANGE, isolated
    from hw.supervisor import Member, Supervisor
    from hw.types import ready

    described = load_cell(cell)
    where = checked(described.ros2.namespace if namespace is None else namespace)
    os.environ.update(isolated(os.environ))
    ready()
    say(f"{described.name}: {hardware.value} arm, namespace {where or '/'}, heard by {os.environ[RANGE]}")

    common = ["--ros-args", "-p", f"cell:={json.dumps(cell)}", "-p", f"seed:={seed}", *within(where)]
    real = ("-r", "tf:=~/tf", "-r", "robot_description:=~/robot_description")  # these the arm's driver tells
    own = ("-p", "autostart:=true", *(real if hardware is Hardware.REAL else ()))
    members = [Member("cell", (sys.executable, "-m", "hw.nodes.cell", *common, *own), returns=True, end_s=20.0)]
    if hardware is not Hardware.REAL:
        module = f"hw.nodes.arm_{hardware.value}"
        arm = Member("arm", (sys.executable, "-m", module, *common), returns=False, end_s=10.0, why_not=FORGETFUL)
        members.insert(0, arm)
    if code := Supervisor(members, os.environ, say).run():
        raise typer.Exit(code)


def checked(namespace: str) -> str:
    """A namespace with a slash before it, or "" for none. Raises ``InputError`` for what can't be one."""
    from cells.description.ros2 import Ros2

    found = "" if namespace in ("", "/") else f"/{namespace.strip('/')}"
    try:
        return Ros2(namespace=found).namespace
    except ValueError:
        remedy = "use names of letters, digits and _, parted by slashes, such as /cell_1"
        raise InputError(Problem("--namespace", f"{namespace!r} is none", remedy)) from None


def within(namespace: str) -> list[str]:
    """What tells a node its namespace; a cell's file may say another one, which "/" overrides."""
    return ["-r", f"__ns:={namespace or '/'}"]
