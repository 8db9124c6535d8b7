"""Policy entries for tests: a small one of each kind, and ways to spoil it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cells.skills.policy import Component, Contract, Space
from policies.contents import seal_of, sha256
from policies.entry import parts
from policies.folder import write_entry
from policies.network import Network, to_onnx, to_weights

TIP = Component("tip", "m", "hole", (-0.01, -0.01, -0.02), (0.01, 0.01, 0.05), "the tip from where the hole should be")
FORCE = Component("force", "N", "tool", (-30.0,), (30.0,), "what the wrist feels along the tool")
SHIFT = Component("shift", "m", "hole", (-0.001, -0.002), (0.001, 0.002), "added to the nominal's setpoint")
PRESS = Component("press", "N", "", (2.0,), (12.0,), "force of the light press")
PITCH = Component("pitch", "m", "", (0.0002,), (0.002,), "pitch of the spiral")

RESIDUAL = Contract("insert", "insert@1", "residual", Space((TIP, FORCE)), Space((SHIFT,)))
PARAMETERS = Contract("insert", "insert@1", "parameters", Space(()), Space((PRESS, PITCH)))
CELL = ("panda", "franka-hand", "admittance", 12)
EVALUATION = json.dumps(
    {
        "schema": "cellwright/evaluation/v1",
        "asked": {"task": "Insert", "conditions": "hard"},
        "result": {"success": {"count": 97, "of": 100, "share": 0.97, "lower": 0.9242}, "time_s": 2.5},
    }
).encode()
MEAN, SCALE = (0.0, 0.0, 0.01, 5.0), (0.005, 0.005, 0.02, 10.0)


def network() -> Network:
    """A network for ``RESIDUAL`` with weights that are always the same."""
    import torch

    torch.manual_seed(1)
    action = RESIDUAL.action
    return Network((16, 8), MEAN, SCALE, action.low.tolist(), action.high.tolist())


def description(contract: Contract, **changes: Any) -> dict[str, Any]:
    """``policy.json`` of a policy for a contract, without ``schema`` and ``files``."""
    learned = contract.kind != "parameters"
    robot, tool, control_mode, policy_every = CELL
    return {
        "name": "gentle",
        "version": "1.0.0",
        "kind": contract.kind,
        "capability": contract.skill,
        "skill": contract.skill,
        "nominal": contract.nominal,
        "robot": robot,
        "tool": tool,
        "control_mode": control_mode,
        "policy_every": policy_every,
        "observation": parts(contract.observation),
        "action": parts(contract.action),
        "normaliser": {"mean": MEAN, "scale": SCALE} if learned else {"mean": (), "scale": ()},
        "parameters": {} if learned else {"pitch": 0.0005, "press": 4.0},
        "part_ranges": {
            "trained": {"pegboard": {"clearance_mm": (0.3, 1.0)}},
            "proven": {"pegboard": {"clearance_mm": (0.4, 0.8)}},
        },
        "training": {
            "command": "cellwright train insert",
            "seed": 3,
            "budget_s": 1200.0,
            "cpu_s": 900.0,
            "steps": 50_000,
            "code_version": "0.1.0",
        },
        "licence": "Apache-2.0",
        "parents": (),
        **changes,
    }


def write_residual(zoo: Path, more: Mapping[str, bytes] | None = None, **changes: Any) -> Path:
    """Write a sound residual policy, with ``more`` files; its folder."""
    files = {"weights.safetensors": to_weights(network()), "policy.onnx": to_onnx(network())}
    return write_entry(zoo, description(RESIDUAL, **changes), {**files, "evaluation.json": EVALUATION, **(more or {})})


def write_parameters(zoo: Path, **changes: Any) -> Path:
    """Write a sound tuned nominal; its folder."""
    return write_entry(zoo, description(PARAMETERS, **changes), {"evaluation.json": b"{}"})


def seal(folder: Path) -> None:
    """Make the hashes right again, as someone who spoils a file on purpose would; links and the like are left out."""
    path = folder / "policy.json"
    data = json.loads(path.read_bytes())
    data["files"] = {name: sha256((folder / name).read_bytes()) for name in data["files"]}
    seal_json(folder, json.dumps(data).encode())


def seal_json(folder: Path, raw: bytes) -> None:
    """Put this ``policy.json`` into a folder, with its hash."""
    (folder / "policy.json").write_bytes(raw)
    (folder / "policy.json.sha256").write_bytes(seal_of(raw))


def change(folder: Path, work: Callable[[dict[str, Any]], object]) -> None:
    """Change what ``policy.json`` says, and seal it again."""
    data = json.loads((folder / "policy.json").read_bytes())
    work(data)
    seal_json(folder, json.dumps(data).encode())
