"""What a training run leaves: its evaluation at the gate, its curves, and the entry in the user's zoo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cells.description.cell import Cell
from cells.skills.contracts import contract_for
from cells.skills.policy import Kind
from cells.skills.registry import skills
from policies.card import card, plot
from policies.collecting import Told
from policies.contents import CARD, EVALUATION, FILMSTRIP, NETWORK, PLOT, REPLAY, WEIGHTS
from policies.entry import MAX_COMMAND, parts
from policies.episodes import Row
from policies.evaluation import Evaluation, evaluate
from policies.filmstrip import chosen, write_strip
from policies.folder import write_entry
from policies.practice import widened
from policies.store import SHIPPED, precedence, versions_in
from policies.training import Learned, Run

GATED = 1  # base seed of the episodes of the result; those of base seed 0 are what learners choose by
ROWS = "episodes.jsonl"


def write_result(
    run: Run, cpu_s: float, learned: Learned, episodes: int, cell: Cell, zoo: Path, name: str, command: str,
    told: Told | None = None,
) -> tuple[Path, Evaluation]:  # fmt: skip
    """Compare what was learned with the nominal on so many ``episodes`` of purpose "gate" that no learner chose by,
    and write the entry into a ``zoo``, as the next version of ``name``; its folder, and the comparison.

    ``cpu_s`` is what training took. Rows are kept in the run's folder; ``told`` hears of each.
    """
    description, files = described(run, cpu_s, learned, cell, command)
    description |= {"name": name, "version": next_version(zoo, name)}
    practice = run.asked.practice
    with TemporaryDirectory() as drafts:
        draft = write_entry(Path(drafts), description, {**files, EVALUATION: b"{}"})
        found, rows = evaluate(
            draft, practice.task, practice.conditions, episodes, GATED, run.folder / ROWS, changes=practice.changed,
            purpose="gate", jobs=run.jobs, told=told, **practice.options,
        )  # fmt: skip
        pictures = {PLOT: plot(found), **film(rows, Path(drafts), draft)}
    for row in rows:
        if row.outcome["success"]:
            widened(description["part_ranges"]["proven"], row.drawn["family"], row.drawn["parameters"])
    files |= {EVALUATION: found.as_json(), CARD: card(description, found, pictures), **pictures}
    return write_entry(zoo, description, files), found


def described(
    run: Run, cpu_s: float, learned: Learned, cell: Cell, command: str
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """What ``policy.json`` says of what was learned, nothing proven yet; and the files of its network."""
    kind: Kind = "parameters" if learned.weights is None else "residual"
    contract = contract_for(run.asked.skill, kind, run.asked.nominal)
    assert contract is not None, "a run is of a skill that takes what its learner makes"
    mean, scale, values, files = [], [], {}, {}
    if learned.weights is None:
        values = dict(zip((part.name for part in contract.action.components), learned.constants or (), strict=True))
    else:
        from policies.network import from_weights, to_onnx

        network = from_weights(learned.weights)
        files = {WEIGHTS: learned.weights, NETWORK: to_onnx(network)}
        if learned.replay is not None:
            files[REPLAY] = learned.replay
        mean, scale = network.mean.tolist(), network.scale.tolist()
    description = {
        "kind": kind, "capability": skills()[contract.skill].capability, "skill": contract.skill,
        "nominal": contract.nominal,
        "robot": cell.robot, "tool": cell.robot_spec.gripper.kind, "control_mode": cell.control.default,
        "policy_every": cell.clocks.policy_every,
        "observation": parts(contract.observation), "action": parts(contract.action),
        "normaliser": {"mean": mean, "scale": scale}, "parameters": values,
        "part_ranges": {"trained": run.trained, "proven": {}},
        "training": {
            "command": command[:MAX_COMMAND], "seed": run.asked.seed, "budget_s": run.budget_s,
            "cpu_s": round(cpu_s, 1), "steps": run.steps, "code_version": version("cellwright"),
        },
        "licence": "Apache-2.0", "parents": (),
    }  # fmt: skip
    return description, files


def next_version(zoo: Path, name: str) -> str:
    """1.0.0, or one minor version above the newest of this name, in ``zoo`` or among those that come with us."""
    there = [version for place in (zoo, SHIPPED) for version in versions_in(place / name)]
    if not there:
        return "1.0.0"
    major, minor, _ = max(precedence(version) for version in there)
    return f"{major}.{minor + 1}.0"


def film(rows: Sequence[Row], out: Path, folder: Path) -> dict[str, bytes]:
    """``filmstrip.png`` of an episode of the entry in a ``folder``, where the environment can be looked at."""
    try:
        return {FILMSTRIP: write_strip(chosen(rows, 1)[0], out, folder).read_bytes()}
    except NotImplementedError:
        return {}


def draw_curves(points: Sequence[Mapping[str, float]], path: Path) -> None:
    """All curves over CPU time, one below the other, as PNG; none where the budget was over before there was a
    point."""
    if not points:
        return
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
