"""All skills the cell has: those that come with it, and those that installed packages add."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points

from cells.errors import InputError, Problem
from cells.skills.contract import Skill
from cells.skills.fasten import FASTEN
from cells.skills.handover import DISCARD, HANDOVER
from cells.skills.insert import INSERT
from cells.skills.inspect import INSPECT
from cells.skills.mesh import MESH
from cells.skills.move import MOVE
from cells.skills.pack import PACK, PROBE
from cells.skills.pick import PICK
from cells.skills.place import PLACE, STORE
from cells.skills.remove import REMOVE
from cells.skills.turn import TURN

GROUP = "cellwright.skills"
BUILT_IN = (PICK, PLACE, INSERT, MESH, FASTEN, INSPECT, TURN, PACK, PROBE, HANDOVER, REMOVE, STORE, DISCARD, MOVE)


@cache
def skills() -> Mapping[str, Skill]:
    """Skills by name. A package adds one by an entry point of the group ``cellwright.skills`` that is a Skill.

    Raises :class:`InputError` for an entry point that isn't one or takes a name that is taken.
    """
    known = {skill.name: skill for skill in BUILT_IN}
    for point in entry_points(group=GROUP):
        try:
            skill = point.load()
        except Exception as error:
            raise _bad(point.value, f"can't be loaded: {error}") from error
        if not isinstance(skill, Skill):
            raise _bad(point.value, "is not a Skill")
        if skill.name in known or any(skill.capability == other.capability for other in known.values()):
            raise _bad(point.value, f"takes a name or capability that is taken: {skill.name!r}, {skill.capability!r}")
        known[skill.name] = skill
    return known


def _bad(value: str, what: str) -> InputError:
    return InputError(Problem(f"entry point {GROUP} {value}", what, "correct or uninstall that package"))
