"""ROS 2 messages made importable, in this process and in those that it starts."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from cells.commands.show import say
from cells.errors import Unbuildable
from hw.types.build import build
from hw.types.definitions import definitions
from hw.types.found import Found, find, lacking, may_be_built
from hw.types.places import is_built_here, python_folder
from hw.types.platform import find_platform


def ready() -> tuple[Found, ...]:
    """Make every interface package importable, and say where each comes from; build what has to be built, once.

    Afterwards ``from control_msgs.action import FollowJointTrajectory`` works, here and in child processes. Raises
    :class:`Unbuildable` with what is missing and what to do.
    """
    platform, wanted = find_platform(), definitions()
    missing = [definition for definition in wanted if find(definition, platform) is None]
    if buildable := [definition for definition in missing if may_be_built(definition, platform)]:
        names = ", ".join(definition.package for definition in buildable)
        say(f"building the ROS 2 interfaces {names}, once; cellwright hw interfaces build does it ahead of time")
        build(buildable, platform)
    found = [(definition, find(definition, platform)) for definition in wanted]
    problems = [problem for definition, one in found if (problem := lacking(definition, platform, one))]
    if problems:
        raise Unbuildable(*problems)
    packages = tuple(one for _, one in found if one is not None)
    _put_on_paths(packages, platform.prefixes)
    return packages


def _put_on_paths(packages: Iterable[Found], prefixes: Iterable[object]) -> None:
    """Built packages come last everywhere, and those of an earlier build, as a parent may have left them, go."""
    built = [package.prefix for package in packages if package.built]
    modules = [str(python_folder(prefix)) for prefix in built]
    sys.path[:] = [*(entry for entry in sys.path if not is_built_here(entry)), *modules]
    for variable, ours in (
        ("PYTHONPATH", modules),
        ("AMENT_PREFIX_PATH", [str(prefix) for prefix in (*prefixes, *built)]),
    ):
        others = [
            entry for entry in os.environ.get(variable, "").split(os.pathsep) if entry and not is_built_here(entry)
        ]
        os.environ[variable] = os.pathsep.join(dict.fromkeys([*others, *ours]))
