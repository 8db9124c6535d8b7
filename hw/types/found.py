"""Where each interface package comes from: a distribution's own wins, else it is built here."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from cells.errors import Problem
from hw.types.build import prefix_for
from hw.types.definitions import OWN, Definition
from hw.types.places import is_built_here
from hw.types.platform import Platform, version_in

TRAJECTORY = "control_msgs/action/FollowJointTrajectory"


@dataclass(frozen=True)
class Found:
    """An interface package that can be used: installed or ``built`` here, in which prefix, and its version."""

    package: str
    built: bool
    prefix: Path
    version: str

    def hash_of(self, name: str) -> str | None:
        """The hash (RIHS01) by which peers know the type ``name``; None if the package has no such type."""
        described = self._described(name)
        hashes = described["type_hashes"] if described else []
        return next((entry["hash_string"] for entry in hashes if entry["type_name"] == name), None)

    def layout(self) -> str | None:
        """The layout of control_msgs, "kilted" or "older": since Kilted the feedback of a trajectory tells an index."""
        described = self._described(TRAJECTORY) if TRAJECTORY.startswith(f"{self.package}/") else None
        if not described:
            return None
        types = described["type_description_msg"]["referenced_type_descriptions"]
        feedback = next(entry for entry in types if entry["type_name"] == f"{TRAJECTORY}_Feedback")
        return "kilted" if any(field["name"] == "index" for field in feedback["fields"]) else "older"

    def _described(self, name: str) -> Any:
        path = self.prefix / "share" / f"{name}.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def find(definition: Definition, platform: Platform) -> Found | None:
    """The package as it is usable now, nothing being built; None if it isn't."""
    package = definition.package
    spec = PathFinder.find_spec(package, [entry for entry in sys.path if not is_built_here(entry)])
    if spec is not None and spec.origin is not None and (prefix := platform.prefix_of(package)):
        return Found(package, False, prefix, version_in(prefix, package))
    prefix = prefix_for(definition, platform)
    return Found(package, True, prefix, definition.version) if prefix.exists() else None


def may_be_built(definition: Definition, platform: Platform) -> bool:
    """Ours may always. The others only with the wheels: a distribution's controllers may speak another layout."""
    return platform.wheels or definition.package == OWN


def lacking(definition: Definition, platform: Platform, found: Found | None) -> Problem | None:
    """What keeps a package from being used as it is, and what to do."""
    package = definition.package
    if found is None and may_be_built(definition, platform):
        return Problem(package, "isn't built yet", "cellwright hw interfaces build")
    install = f"apt-get install ros-{platform.release}-{package.replace('_', '-')}"
    if found is None:
        return Problem(package, f"the distribution {platform.release} is here without it", install)
    absent = [name for name in definition.types if found.hash_of(name) is None]
    if absent:
        return Problem(package, f"{found.prefix} has no {', '.join(absent)}", f"bring it up to date: {install}")
    return None
