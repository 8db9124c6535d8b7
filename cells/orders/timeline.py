"""A changeover as a timeline, in an SVG: a row for each contact step, and what it took, from order to proven."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from cells.errors import InputError, Problem
from cells.orders.changeover import FINAL, GATE, IMPROVE, Changeover
from cells.orders.markup import code, duration, grid, section

WIDTH, LEFT, RIGHT, TOP, ROW, BAR = 860, 130, 210, 46, 34, 16  # px
MEANINGS = {GATE: "gate, set A", IMPROVE: "improving", FINAL: "final evaluation, set B"}
# As its own file it is on paper; in a report the page's own colours go before these.
STYLE = (
    "<style>text{font:11px 'DejaVu Sans',system-ui,sans-serif;fill:#69717a}.name{fill:#22262b;font-weight:600}"
    ".axis{stroke:#e2e0da}.gate{fill:#9fb8cc}.improve{fill:#c08a2d}.final{fill:#2c7a52}.bad{fill:#b3402f}</style>"
)
TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)  # s
MOST_TICKS = 8


def changeover_section(found: Changeover | None) -> str:
    """A section of the report, as HTML; empty where there was no changeover."""
    if found is None:
        return ""
    told = f"From {escape(str(found.started['was'] or 'an unknown setup'))} to {escape(found.started['becomes'])}"
    if found.finished is not None:
        told += (
            f": {duration(found.finished['wall_s'])} on the clock, {duration(found.finished['cpu_s'])} of one core, "
            f"{found.finished['episodes']} episodes; energy of all the machine's processors "
            f"meanwhile {_energy(found.finished.get('package_energy_j'))}"
        )
    rows = [
        (
            f"{code(step['part'])} {escape(step['skill'])}", code(step["policy"] or f"nominal {step['strategy']}"),
            escape(step["how"]), _final(step), f'<span class="pill {_kind(step)}">{_verdict(step)}</span>',
        )
        for step in found.steps
    ]  # fmt: skip
    todo = "".join(f"<li>{escape(line)}</li>" for line in found.started["instructions"])
    return section(
        "The changeover", f"<p>{told}.</p>", f"<ul>{todo}</ul>" if todo else "",
        f'<div class="wide">{timeline(found)}</div>',
        grid(("step", "by", "", "#set B (95 % ≥)", ""), rows),
    )  # fmt: skip


def write_timeline(found: Changeover, path: Path) -> None:
    """Write the timeline as a picture of its own. Raises ``InputError`` where that can't be done."""
    drawn = timeline(found).replace('class="timeline"', 'xmlns="http://www.w3.org/2000/svg"', 1)
    try:
        path.write_text(drawn.replace("<title>", f"{STYLE}<title>", 1), encoding="utf-8")
    except OSError as error:
        remedy = "name a folder that you may write with --out"
        raise InputError(Problem(str(path), f"can't be written ({error.strerror})", remedy)) from None


def timeline(found: Changeover) -> str:
    """The SVG."""
    end = max((phase[2] for step in found.steps for phase in step["phases"]), default=0.0)
    end = max(end, found.finished["wall_s"] if found.finished else 0.0, 1.0)
    height = TOP + ROW * max(len(found.steps), 1) + 24
    scale = (WIDTH - LEFT - RIGHT) / end
    apart = _apart(found.steps)
    return "".join([
        f'<svg class="timeline" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>Changeover to {escape(found.order)}</title><desc>{escape(_told(found))}</desc>",
        *_legend(),
        *_axis(end, scale, height),
        *(_row(step, apart, TOP + number * ROW, scale) for number, step in enumerate(found.steps)),
        "</svg>",
    ])  # fmt: skip


def _legend() -> Iterator[str]:
    x = LEFT
    for kind, meaning in MEANINGS.items():
        yield f'<rect class="{kind}" x="{x}" y="8" width="{BAR}" height="10" rx="2"/>'
        yield f'<text x="{x + BAR + 6}" y="17">{meaning}</text>'
        x += BAR + 30 + 7 * len(meaning)


def _axis(end: float, scale: float, height: int) -> Iterator[str]:
    step = next((tick for tick in TICKS if end / tick <= MOST_TICKS), TICKS[-1])
    for number in range(int(end / step) + 1):
        x = LEFT + number * step * scale
        yield f'<path class="axis" d="M{x:.1f} {TOP - 8}V{height - 20}"/>'
        yield f'<text x="{x:.1f}" y="{height - 6}" text-anchor="middle">{_clock(number * step)}</text>'


def _apart(steps: Sequence[Mapping[str, Any]]) -> Mapping[str, str]:
    """What tells variants apart, by their hashes, where there are several: the product, and of one product the first
    parameter in which each is another."""
    variants = {step["variant"]: step for step in steps}
    out: dict[str, str] = {}
    for family in dict.fromkeys(step["family"] for step in variants.values()):
        alike = {hash_: step["parameters"] for hash_, step in variants.items() if step["family"] == family}
        names = dict.fromkeys(name for parameters in alike.values() for name in parameters)
        values = {name: [parameters.get(name) for parameters in alike.values()] for name in names}
        name = next((name for name in names if len(set(values[name])) == len(alike) > 1), None)
        for number, hash_ in enumerate(alike):
            out[hash_] = family if name is None else f"{name.replace('_', ' ')} {values[name][number]}"
    return out if len(variants) > 1 else dict.fromkeys(variants, "")


def _row(step: Mapping[str, Any], apart: Mapping[str, str], y: float, scale: float) -> str:
    bars = "".join(
        f'<rect class="{what}" x="{LEFT + begin * scale:.1f}" y="{y}" width="{max((end - begin) * scale, 1.5):.1f}" '
        f'height="{BAR}" rx="2"/>'
        for what, begin, end in step["phases"]
    )
    last = max((end for _, _, end in step["phases"]), default=0.0)
    name = f"{step['skill']} {step['part'].replace('_', ' ')}"
    kind = "name" if step["proven"] else "bad"
    return (
        f'<text class="name" x="0" y="{y + 12}">{escape(name)}</text>{bars}'
        f'<text x="0" y="{y + 24}">{escape(apart[step["variant"]])}</text>'
        f'<text class="{kind}" x="{LEFT + last * scale + 6:.1f}" y="{y + 8}">{escape(_verdict(step))}</text>'
        f'<text x="{LEFT + last * scale + 6:.1f}" y="{y + 20}">{escape(_by(step))}</text>'
    )


def _told(found: Changeover) -> str:
    """The timeline in words, for who can't see it."""
    return "; ".join(
        f"{step['skill']} {step['part']}: {_verdict(step)}, {_by(step)}, {step['wall_s']:.0f} s" for step in found.steps
    )


def _by(step: Mapping[str, Any]) -> str:
    who = step["policy"] or "the nominal"
    return f"{who}, {step['how']}" if len(who) < 20 else str(step["how"])


def _verdict(step: Mapping[str, Any]) -> str:
    final = step["final"]
    if final is None:
        return "broken off"
    return f"{'proven' if step['proven'] else 'not proven'}: {final['count']} of {final['of']}"


def _kind(step: Mapping[str, Any]) -> str:
    return "good" if step["proven"] else "bad" if step["final"] else ""


def _final(step: Mapping[str, Any]) -> str:
    final = step["final"]
    return f"{final['count']} of {final['of']} ({final['lower']:.3f})" if final else "–"


def _energy(joule: float | None) -> str:
    return "not measured" if joule is None else f"{joule / 1000:.3g} kJ"


def _clock(seconds: float) -> str:
    return f"{seconds:g} s" if seconds < 120 else f"{seconds / 60:g} min"
