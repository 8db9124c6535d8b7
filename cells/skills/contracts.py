"""The contracts of policies: which skill's which strategy may be improved, and by what.

A nominal is named with a version: where its constants or its phases change, policies built on it are void.
"""

from __future__ import annotations

from cells.pose import Array
from cells.skills import contact, pick, push, tilt
from cells.skills.fit import Fit, leans, one_by_one
from cells.skills.policy import Contract, Kind, Space

TILT_NOMINAL, MESH_NOMINAL = "tilt@2", "mesh@3"
SPIRAL_NOMINAL = "spiral@5"
ONTO_NOMINAL = "onto@2"  # which no policy improves so far

CONTRACTS = (
    Contract("insert", TILT_NOMINAL, "residual", contact.OBSERVATION, contact.ACTION),
    Contract("insert", TILT_NOMINAL, "parameters", Space(()), tilt.PARAMETERS),
    Contract("mesh", MESH_NOMINAL, "residual", contact.OBSERVATION, contact.ACTION),
    Contract("pick", pick.PICK_NOMINAL, "parameters", Space(()), pick.PARAMETERS),
    Contract("insert", SPIRAL_NOMINAL, "parameters", Space(()), push.SPIRAL_PARAMETERS),
    Contract("mesh", MESH_NOMINAL, "parameters", Space(()), push.MESH_PARAMETERS),
)


def contract_for(skill: str, kind: Kind, nominal: str | None = None) -> Contract | None:
    """The contract of a ``skill``'s policies of that kind, if it takes such; for one ``nominal``, if that is told."""
    fitting = (one for one in CONTRACTS if (one.skill, one.kind) == (skill, kind) and nominal in (None, one.nominal))
    return next(fitting, None)


def tuned_by(skill: str, nominal: str, constants: Array) -> Contract | None:
    """The contract under which ``constants`` (n,) tune a ``nominal``, if they do: those of another strategy are another
    number of them, and leave it alone."""
    contract = contract_for(skill, "parameters", nominal)
    return contract if contract and len(constants) == contract.action.size else None


def nominal_of(skill: str, fit: Fit) -> str:
    """The nominal that a joining of this ``skill`` takes."""
    if leans(fit):
        return TILT_NOMINAL
    if one_by_one(fit):
        return ONTO_NOMINAL
    return MESH_NOMINAL if skill == "mesh" else SPIRAL_NOMINAL
