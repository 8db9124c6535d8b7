"""An actor that stable-baselines3 trained becomes an entry: its numbers, under the contract of the skill it is for."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from cells.description.cell import load_cell
from cells.description.documents import dotted, shown
from cells.description.problems import nearest
from cells.errors import InputError, Problem
from cells.skills.contracts import CONTRACTS, contract_for
from cells.skills.registry import skills
from policies.contents import EVALUATION, NETWORK, WEIGHTS
from policies.entry import MAX_COMMAND, Normaliser, parts
from policies.folder import write_entry
from policies.foreign import read_foreign
from policies.network import from_weights, to_onnx
from policies.result import next_version

MOST_BYTES = 100_000
HOW = 'write {"mean": [...], "scale": [...]}, the scale of VecNormalize being sqrt(var + epsilon)'
_Given = TypeAdapter(Annotated[Normaliser, Field(strict=True)])


def take_in(archive: Path, zoo: Path, name: str, skill: str, normaliser: Path, licence: str, cell_name: str) -> Path:
    """Write an entry of kind "residual", the next version of ``name``, into a ``zoo``; its folder. ``normaliser`` is a
    JSON file with the mean and scale that observations had in training. Nothing is proven and evaluated.

    Raises ``InputError`` for a skill that takes no such policy, an archive that isn't one of ours
    (:func:`policies.foreign.read_foreign`), and sizes that differ from the skill's contract.
    """
    contract = contract_for(skill, "residual")
    if contract is None:
        known = {one.skill for one in CONTRACTS if one.kind == "residual"}
        raise InputError(Problem("--skill", f"{skill!r} takes no policy of kind residual", nearest(skill, known)))
    cell, given = load_cell(cell_name), _normaliser(normaliser)
    size, action = contract.observation.size, contract.action
    if (len(given.mean), len(given.scale)) != (size, size) or not all(given.scale):
        what = f"hasn't {size} means and {size} scales that aren't zero, as {skill}'s observation has numbers"
        raise InputError(Problem(str(normaliser), what, HOW))
    foreign = read_foreign(archive, given.mean, given.scale, action.low.tolist(), action.high.tolist())
    network = from_weights(foreign.weights)
    description = {
        "name": name, "version": next_version(zoo, name), "kind": "residual",
        "capability": skills()[skill].capability, "skill": skill, "nominal": contract.nominal,
        "robot": cell.robot, "tool": cell.robot_spec.gripper.kind, "control_mode": cell.control.default,
        "policy_every": cell.clocks.policy_every,
        "observation": parts(contract.observation), "action": parts(action),
        "normaliser": {"mean": network.mean.tolist(), "scale": network.scale.tolist()}, "parameters": {},
        "part_ranges": {"trained": {}, "proven": {}},
        "training": {
            "command": shlex.join(["cellwright", *sys.argv[1:]])[:MAX_COMMAND], "seed": foreign.seed, "budget_s": 0.0,
            "cpu_s": 0.0, "steps": foreign.steps, "code_version": f"stable-baselines3 {foreign.version}",
        },
        "licence": licence, "parents": (),
    }  # fmt: skip
    return write_entry(zoo, description, {WEIGHTS: foreign.weights, NETWORK: to_onnx(network), EVALUATION: b"{}"})


def _normaliser(path: Path) -> Normaliser:
    try:
        raw = path.read_bytes() if path.stat().st_size <= MOST_BYTES else b""
        return _Given.validate_json(raw)
    except OSError as error:
        raise InputError(Problem(str(path), f"can't be read ({error.strerror})", "check the path")) from None
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(Problem(f"{path}:{dotted(first['loc'])}", shown(first["msg"])[1:-1], HOW)) from None
