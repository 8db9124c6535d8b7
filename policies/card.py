"""What people look at first: ``card.md``, a page on a policy, and ``success.png``, how it did beside its nominal."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import Any

from policies.contents import FILMSTRIP, PLOT
from policies.evaluation import Evaluation, Result


def card(description: Mapping[str, Any], found: Evaluation, pictures: Iterable[str]) -> bytes:
    """``card.md`` of what ``policy.json`` says (without ``schema`` and ``files``) and an evaluation; ``pictures``
    are the files that it shows."""
    told = description["training"]
    lines = [
        f"# {description['name']}@{description['version']}",
        "",
        f"A policy of kind {description['kind']} for the skill {description['skill']}, on {description['nominal']}; "
        f"for {description['robot']} with {description['tool']} in {description['control_mode']}. "
        f"Licence: {description['licence']}.",
        "",
        "## How good it is",
        "",
        f"{found.asked.task}, {found.asked.conditions}; success counts for at least the share in brackets (one-sided "
        "95 %), time and highest force are means over successes:",
        "",
        f"* this policy: {_result(found.result)}",
    ]
    if found.nominal is not None:
        lines.append(f"* the nominal on the same: {_result(found.nominal)}")
    titles = {PLOT: "Success by what was varied", FILMSTRIP: "An episode, a failed one if any"}
    for name in pictures:
        lines += ["", f"![{titles[name]}]({name})"]
    lines += ["", "## What it was proven on", ""]
    for family, parameters in description["part_ranges"]["proven"].items():
        lines += [f"* {family}, {name}: {_range(values)}" for name, values in parameters.items()]
    lines += [
        "", "## How it was made", "",
        f"`{told['command']}`, seed {told['seed']}: {told['steps']} steps, {told['cpu_s']:g} s of one core, Cellwright "
        f"{told['code_version']}.",
        "", f"({'; '.join(found.conventions)})", "",
    ]  # fmt: skip
    return "\n".join(lines).encode()


def plot(found: Evaluation) -> bytes:
    """``success.png``: the share that succeeded by each factor that was varied, with its lower bound."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    bins = [(f"all {found.episodes} episodes", found.result.success)]
    if found.nominal is not None:
        bins.append(("the nominal on the same", found.nominal.success))
    for bin_ in found.bins:
        where = f"{bin_.low:.3g} to {bin_.high:.3g}" if bin_.low is not None else str(bin_.value)
        bins.append((f"{bin_.factor.replace('_', ' ')} {where}", bin_.success))
    figure = Figure(figsize=(6, 1 + 0.28 * len(bins)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    places = range(len(bins), 0, -1)
    axes.barh(places, [share.share for _, share in bins], color="#9ecae1")
    axes.plot([share.lower for _, share in bins], places, "|", color="#08519c", markersize=10)
    axes.set_yticks(list(places), [f"{name} ({share.count}/{share.of})" for name, share in bins])
    axes.set_xlim(0, 1)
    axes.set_xlabel("share that succeeded; the bar's mark: at least so many (95 %)")
    out = io.BytesIO()
    figure.savefig(out, dpi=100, format="png", metadata={"Software": None})
    return out.getvalue()


def _result(result: Result) -> str:
    success = result.success
    solved = f", {result.time_s:.2f} s, {result.peak_n:.1f} N" if success.count else ""
    return f"{success.count} of {success.of} episodes ({success.lower:.3f}){solved}"


def _range(values: Any) -> str:
    if isinstance(values[0], str):
        return ", ".join(values)
    return f"{values[0]:g} to {values[1]:g}"
