"""How far a ROS 2 process is heard: on this machine only, unless its environment says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

RANGE = "ROS_AUTOMATIC_DISCOVERY_RANGE"
PROFILES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
LOOPBACK = Path(__file__).with_name("loopback.xml")


def isolated(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment with what keeps ROS 2 on this machine; what it says itself stays as it is."""
    found = dict(environment)
    found.setdefault(RANGE, "LOCALHOST")
    if found[RANGE] == "LOCALHOST" and not any(found.get(name) for name in PROFILES):
        found[PROFILES[0]] = str(LOOPBACK)
    return found
