"""The contracts of policies: which skill's which strategy may be improved, and by what.

A nominal is named with a version: where its constants or its phases change, policies built on it are void.
"""

from __future__ import annotations

from cells.skills import contact, pick, tilt
from cells.skills.policy import Contract, Space

TILT_NOMINAL, MESH_NOMINAL = "tilt@1", "mesh@1"

CONTRACTS = (
    Contract("insert", TILT_NOMINAL, "residual", contact.OBSERVATION, contact.ACTION),
    Contract("insert", TILT_NOMINAL, "parameters", Space(()), tilt.PARAMETERS),
    Contract("mesh", MESH_NOMINAL, "residual", contact.OBSERVATION, contact.ACTION),
    Contract("pick", pick.PICK_NOMINAL, "parameters", Space(()), pick.PARAMETERS),
)
