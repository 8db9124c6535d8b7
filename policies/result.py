"""What a training run leaves: its evaluation at the gate, its curves, and the entry in the user's zoo."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cells.description.cell import Cell
from cells.skills.contracts import contract_for
from cells.skills.policy import Kind
from policies.entry import parts
from policies.folder import write_entry
from policies.network import from_weights, to_onnx
from policies.practice import Played, Ranges, compare, widened
from policies.residual import play_weights
from policies.store import precedence
from policies.training import Learned, Run
from policies.tuning import play_constants

GATED_FROM = 1000  # seeds of the gate from here on are for the result alone; no learner chose by them
SCHEMA = "cellwright/evaluation/v1"


def evaluated(run: Run, learned: Learned, episodes: int) -> dict[str, Any]:
    """``evaluation.json``: the policy and the nominal on the same ``episodes`` of purpose "gate"."""
    seeds = range(GATED_FROM, GATED_FROM + episodes)
    practice = run.asked.practice

    def played(ours: Learned) -> list[Played]:
        play, what = (play_constants, ours.constants) if ours.weights is None else (play_weights, ours.weights)
        return [one for [one] in run.each(play, [(practice, "gate", [seed], what) for seed in seeds])]

    mine, nominal = played(learned), played(Learned())
    return {
        "schema": SCHEMA, "purpose": "gate", "seeds": [seeds.start, seeds.stop - 1],
        "environment": practice.env, "conditions": practice.conditions, "changed": dict(practice.changed),
        **{key: None if value != value else value for key, value in asdict(compare(mine, nominal)).items()},
        "policy": [asdict(one) for one in mine], "nominal": [asdict(one) for one in nominal],
    }  # fmt: skip


def write_result(
    run: Run, cpu_s: float, learned: Learned, evaluation: Mapping[str, Any], cell: Cell, zoo: Path, name: str,
    command: str,
) -> Path:  # fmt: skip
    """Write the entry into a ``zoo``, as the next version of ``name``; its folder. ``cpu_s`` is what training took."""
    kind: Kind = "parameters" if learned.weights is None else "residual"
    contract = contract_for(run.asked.skill, kind)
    assert contract is not None, "a run is of a skill that takes what its learner makes"
    files = {"evaluation.json": (json.dumps(evaluation) + "\n").encode()}
    mean, scale, values = [], [], {}
    if learned.weights is None:
        values = dict(zip((part.name for part in contract.action.components), learned.constants or (), strict=True))
    else:
        network = from_weights(learned.weights)
        files |= {"weights.safetensors": learned.weights, "policy.onnx": to_onnx(network)}
        mean, scale = network.mean.tolist(), network.scale.tolist()
    proven: Ranges = {}
    for played in evaluation["policy"]:
        widened(proven, played["family"], played["parameters"])
    description = {
        "name": name, "version": next_version(zoo, name), "kind": kind,
        "skill": contract.skill, "nominal": contract.nominal,
        "robot": cell.robot, "tool": cell.robot_spec.gripper.kind, "control_mode": cell.control.default,
        "policy_every": cell.clocks.policy_every,
        "observation": parts(contract.observation), "action": parts(contract.action),
        "normaliser": {"mean": mean, "scale": scale}, "parameters": values,
        "part_ranges": {"trained": run.trained, "proven": proven},
        "training": {
            "command": command, "seed": run.asked.seed, "budget_s": run.budget_s, "cpu_s": round(cpu_s, 1),
            "steps": run.steps, "code_version": version("cellwright"),
        },
        "licence": "Apache-2.0", "parents": (),
    }  # fmt: skip
    return write_entry(zoo, description, files)


def next_version(zoo: Path, name: str) -> str:
    """1.0.0, or one minor version above the newest of this name."""
    there = [folder.name for folder in (zoo / name).glob("[0-9]*.*.*")]
    if not there:
        return "1.0.0"
    major, minor, _ = max(precedence(version) for version in there)
    return f"{major}.{minor + 1}.0"


def draw_curves(points: Sequence[Mapping[str, float]], path: Path) -> None:
    """All curves over CPU time, one below the other, as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(name for point in points for name in point if name != "cpu_s"))
    figure = Figure(figsize=(7, 1.8 * max(len(names), 1)), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, name in zip(figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0], names, strict=True):
        told = [(point["cpu_s"] / 60, point[name]) for point in points if name in point]
        axes.plot(*zip(*told, strict=True), marker="." if len(told) < 50 else "")
        axes.set_ylabel(name.replace("_", " "))
        axes.grid(alpha=0.3)
    axes.set_xlabel("CPU minutes")
    figure.savefig(path, dpi=100)
