"""The report of an order: one self-contained HTML page with everything that happened, to look at or to print.

A view of events: it computes nothing that the journal, the plan and the telemetry files don't say. Every text is
escaped, pictures and curves are inlined, and the page loads nothing from anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from cells.orders.curves import force_curve
from cells.orders.footprint import Footprint, footprint, unit_masses
from cells.orders.graph import graph, legend, states
from cells.orders.markup import code, duration, grams, grid, number, section, value_text
from cells.orders.passport.record import unit_record
from cells.orders.pictures import data_uri, filmstrip
from cells.orders.timeline import changeover_section
from cells.runtime.guard import NOT_SAFETY_RATED
from cells.runtime.production import GOOD
from cells.runtime.telemetry import read_telemetry

if TYPE_CHECKING:
    from cells.description.cell import Cell
    from cells.journal.event import Event
    from cells.journal.store import StoredEvent
    from cells.orders.changeover import Changeover
    from cells.orders.order import Order
    from cells.products.model import ProductVariant
    from cells.tasks.plan import Plan, UnitPlan

MOST_PICTURES = 12
SCREWS = "screws in their threads are a model, not contact: pitch × turn, torque by VDI 2230 (simulated worlds)"
CALM = "There was nothing to recover from."


def write_report(
    out: Path,
    order: Order,
    plan: Plan,
    variants: Mapping[str, ProductVariant],
    cell: Cell,
    events: Sequence[StoredEvent],
    changed: Changeover | None = None,
) -> Path:
    """Write ``out/report.html`` and return its path; beside it ``filmstrip.png`` of the first unit that has pictures.

    ``variants`` by hash; ``events`` are those of this run, in order, ``changed`` the changeover before it. Pictures and
    telemetry are the files under ``out`` that the events name.
    """
    taken = pictures(out, events)
    if taken:
        first = [event for event in taken if event.data["serial"] == taken[0].data["serial"]]
        filmstrip([out / event.data["file"] for event in first], out / "filmstrip.png")
    sections = [
        header(order, plan, cell, events),
        changeover_section(changed),
        film(out, taken),
        felt(out, events, cell, "insert"),
        planned(plan, variants, events),
        steps(events),
        troubles(events),
        footprints(plan, variants, cell, events),
        conventions(variants, cell),
    ]
    return write_page(out, order.id, sections)


def write_page(out: Path, title: str, sections: Iterable[str]) -> Path:
    """Write ``out/report.html`` from its sections (HTML; empty ones are left out) and return its path."""
    page = Template(files("cells.orders").joinpath("report.html").read_text(encoding="utf-8"))
    path = out / "report.html"
    body = "\n".join(section for section in sections if section)
    path.write_text(page.substitute(title=escape(f"{title} · Cellwright"), body=body), encoding="utf-8")
    return path


def pictures(out: Path, events: Iterable[StoredEvent]) -> list[StoredEvent]:
    """The events of pictures that are there under ``out``."""
    return [event for event in events if event.kind == "picture_taken" and (out / event.data["file"]).is_file()]


def header(order: Order, plan: Plan, cell: Cell, events: Sequence[Event]) -> str:
    """Name, verdicts and the four numbers that matter."""
    verdicts = {event.data["serial"]: event for event in events if event.kind == "unit_finished"}
    good = sum(event.data["verdict"] == "good" for event in verdicts.values())
    rows = [
        (code(unit.serial), verdict_pill(verdicts.get(unit.serial)), escape(reasons(verdicts.get(unit.serial))))
        for unit in plan.units
    ]
    customer = f" for {escape(str(order.customer))}" if order.customer else ""
    return "\n".join(
        [
            f"<h1>{escape(order.id)}</h1>",
            f'<p class="soft">Built{customer} by the cell {code(cell.name)}. Plan {code(plan.hash[:12])}.</p>',
            cards("good units", f"{good} of {len(plan.units)}", events),
            grid(("unit", "verdict", "why"), rows),
        ]
    )


def cards(name: str, value: str, events: Sequence[Event]) -> str:
    """What came of it, and three numbers more that matter."""
    done = [event.data for event in events if event.kind == "step_done"]
    recoveries = sum(event.kind == "recovery_started" for event in events)
    span = events[-1].time - events[0].time if events else 0.0
    peak = max((force for step in done if (force := peak_force(step)) is not None), default=None)
    told = [
        (name, value),
        ("cell time", duration(span)),
        ("recoveries", str(recoveries)),
        ("highest force", "unknown" if peak is None else f"{peak:.1f} N"),
    ]
    shown = (f'<div class="card"><b>{escape(value)}</b><span class="soft">{name}</span></div>' for name, value in told)
    return "\n".join(['<div class="cards">', *shown, "</div>"])


def film(out: Path, taken: Sequence[Event]) -> str:
    """Pictures from the cell's camera, evenly picked, first and last included."""
    if not taken:
        return ""
    last = len(taken) - 1
    count = min(MOST_PICTURES, len(taken))
    figures = []
    for event in (taken[round(i * last / max(count - 1, 1))] for i in range(count)):
        said = escape(f"{event.data['serial']} · {event.data['step']}, {event.time:.0f} s")
        address = data_uri(out / event.data["file"])
        figures.append(f'<figure><img alt="{said}" src="{address}"><figcaption>{said}</figcaption></figure>')
    return section("What the cell's camera saw", '<div class="film">', *figures, "</div>")


def felt(out: Path, events: Iterable[Event], cell: Cell, skill: str) -> str:
    """The force curve of each use of a skill, failed ones included."""
    recordings = {path.name: path for path in sorted(out.rglob("*.npz"))}
    limit = cell.limits.force_n
    figures = []
    for event in events:
        path = recording(event.data, recordings)
        if event.kind not in ("step_done", "step_failed") or bare(event.data["skill"]) != skill or path is None:
            continue
        name = f"{event.data['serial']} · {event.data['step']}"
        arrays = read_telemetry(path)
        if not len(arrays["time"]):
            continue
        said = name + (f", attempt {event.data['attempt']}" if event.data["attempt"] > 1 else "")
        said += " (failed)" if event.kind == "step_failed" else ""
        figures.append(f"<figure>{force_curve(arrays, limit, name)}<figcaption>{escape(said)}</figcaption></figure>")
    if not figures:
        return ""
    key = (
        '<p class="soft key">Force on the tool, in newtons over seconds:<i class="force"></i>along the hole'
        f'<i class="side"></i>sideways<i class="limit"></i>the guard\'s limit, {limit:g} N</p>'
    )
    return section("What the wrist felt", key, '<div class="curves">', *figures, "</div>")


def planned(plan: Plan, variants: Mapping[str, ProductVariant], events: Sequence[Event]) -> str:
    """The plan as a graph, with how far each step came, and as a table with its reasons; one fold for each unit."""
    parts = []
    for index, unit in enumerate(plan.units):
        variant = variants[unit.variant_hash]
        values = ", ".join(f"{name} {value}" for name, value in {**variant.parameters, **variant.derived}.items())
        rows = [
            (
                code(call.id),
                escape(call.skill),
                escape(short(call.item, unit)),
                escape(call.target or ""),
                f"{seconds:.1f}",
                escape(call.reason),
            )
            for call, seconds in zip(unit.calls, unit.seconds, strict=True)
        ]
        table = grid(("step", "skill", "item", "target", "#predicted s", "why it is there"), rows)
        summary = f"<summary>{code(unit.serial)} {escape(variant.family)}: {escape(values)}</summary>"
        state = states(variant.process, unit.serial, events)
        drawn = f'<div class="wide">{graph(variant.process, state, f"Process plan of {unit.serial}")}</div>'
        parts.append(f"<details{' open' if index == 0 else ''}>{summary}{drawn}{table}</details>")
    order = "Steps that stand below each other wait for none of each other: they may be done in any order."
    return section("The plan", f'<p class="soft key">{order}<br>{legend()}</p>', *parts)


def steps(events: Iterable[Event]) -> str:
    """Every attempt of every step, as executed."""
    rows = []
    for event in events:
        data = event.data
        if event.kind not in ("step_done", "step_failed"):
            continue
        failed = event.kind == "step_failed"
        said = f"{data['cause']}: {data['why']}" if failed else result_text(data.get("result") or {})
        rows.append(
            (
                code(data["serial"]),
                code(data["step"]),
                escape(bare(data["skill"])),
                str(data["attempt"]),
                number(data.get("duration_s"), ".2f"),
                number(peak_force(data), ".1f"),
                f'<span class="pill {"bad" if failed else "good"}">{"failed" if failed else "done"}</span>',
                escape(said),
            )
        )
    columns = ("unit", "step", "skill", "#attempt", "#s", "#peak N", "result", "what it found")
    return section("Step by step", grid(columns, rows)) if rows else ""


def troubles(events: Iterable[Event]) -> str:
    """Recoveries, failures, stops and guard trips, in the order of their coming."""
    told = [
        f"<li>{number(event.time, '.1f')} s: {trouble}</li>" for event in events if (trouble := trouble_text(event))
    ]
    return section("Recoveries and failures", f"<ul>{''.join(told)}</ul>" if told else f"<p>{CALM}</p>")


def trouble_text(event: Event) -> str:
    """What went wrong, in one line of HTML; empty for an event that tells of no trouble."""
    data = event.data
    if event.kind == "recovery_started":
        return f"{code(data['serial'])} {code(data['step'])}: recovery <b>{escape(str(data['recovery']))}</b>"
    if event.kind == "step_failed":
        place = f"{code(data['serial'])} {code(data['step'])}"
        return f"{place}: {escape(str(data['cause']))}, {escape(str(data['why']))}"
    if event.kind == "guard_tripped":
        value, limit = escape(str(data.get("value"))), escape(str(data.get("limit")))
        return f"guard: {escape(str(data['cause']))}, {value} over {limit}"
    if event.kind == "part_lost":
        return f"{code(data['instance'])} was not where it was believed to be"
    if event.kind in ("stop_requested", "pause_requested", "cancel_requested"):
        return f"{event.kind.split('_')[0]} asked for by {escape(str(data.get('by', 'somebody')))}"
    return ""


def footprints(plan: Plan, variants: Mapping[str, ProductVariant], cell: Cell, events: Sequence[StoredEvent]) -> str:
    """The carbon footprint of each finished unit, every figure with its source; what has none is unknown."""
    rows, sources = [], {}
    finished = {event.data["serial"] for event in events if event.kind == "unit_finished"}
    for unit in plan.units:
        if unit.serial not in finished:
            continue
        made = unit_footprint(unit.serial, variants[unit.variant_hash], cell, events)
        for part in made.contributions:
            rows.append((code(unit.serial), escape(part.name), escape(part.formula), grams(part.kg), part.basis))
            if part.factor is not None:
                sources[part.name] = (
                    f"{part.factor.value} {part.factor.unit} ({part.factor.year}): {part.factor.source}"
                )
        rows.append((code(unit.serial), "<b>total</b>", "", f"<b>{grams(made.total_kg)}</b>", made.basis))
    if not rows:
        return ""
    listed = "".join(f"<li>{escape(name)}: {escape(text)}</li>" for name, text in sources.items())
    note = '<p class="soft">Where no source was found for a factor, the figure is unknown, and so is the total.</p>'
    columns = ("unit", "of", "how", "#CO2e", "basis")
    return section("Carbon footprint", grid(columns, rows), note, f"<ul>{listed}</ul>" if listed else "")


def unit_footprint(serial: str, variant: ProductVariant, cell: Cell, events: Iterable[StoredEvent]) -> Footprint:
    """The footprint of a finished unit, from its events, as its passport has it."""
    record = unit_record(serial, events)
    return footprint(unit_masses(variant), record.work_j, record.seconds, cell, record.basis)


def conventions(variants: Mapping[str, ProductVariant], cell: Cell) -> str:
    """What a reader must know to compare these numbers with others."""
    from cells.products.catalogue import families

    known = families()
    told = [
        text for name in sorted({variant.family for variant in variants.values()}) for text in known[name].conventions
    ]
    if any(part.thread for variant in variants.values() for part in variant.parts.values()):
        told.append(SCREWS)
    told += [
        "collision margin 0.01 mm on both bodies of every fit and on the fingers (simulated worlds)",
        "a part weighs at least 100 g in the physics, whatever it weighs in truth (simulated worlds)",
        f"control tick {cell.tick_s * 1e3:g} ms; forces are tared, at the tool centre point, world axes",
        "energy and footprint marked modelled come from the simulated arm's torques and speeds",
        NOT_SAFETY_RATED,
    ]
    return section("Conventions", "<ul>", *(f"<li>{escape(text)}</li>" for text in told), "</ul>")


def verdict_pill(finished: Event | None) -> str:
    """The verdict of a unit; a unit without one was not finished."""
    verdict = str(finished.data["verdict"]) if finished else "not finished"
    kind = "good" if verdict in GOOD else "bad" if finished else ""
    return f'<span class="pill {kind}">{escape(verdict)}</span>'


def reasons(finished: Event | None) -> str:
    """The reasons of a verdict as text."""
    return "; ".join(map(str, finished.data.get("reasons") or ())) if finished else ""


def bare(skill: str) -> str:
    """A skill's name without its version."""
    return skill.partition("@")[0]


def short(item: str, unit: UnitPlan) -> str:
    """An instance without the unit that everybody knows already."""
    return item.removeprefix(f"{unit.serial}/")


def recording(data: Mapping[str, Any], recordings: Mapping[str, Path]) -> Path | None:
    """The telemetry file that a step's event names, if it is there."""
    named = data.get("telemetry")
    return recordings.get(Path(str(named["file"])).name) if isinstance(named, Mapping) else None


def peak_force(data: Mapping[str, Any]) -> float | None:
    """The highest force of a step in N, if anything tells."""
    for place in (data, data.get("result") or {}):
        value = place.get("peak_force_n")
        if value is not None:
            return float(value)
    return None


def result_text(result: Mapping[str, Any]) -> str:
    """What a skill measured, in one line: ``name value`` pairs, numbers rounded."""
    return ", ".join(f"{name} {value_text(value)}" for name, value in flat(result) if name != "peak_force_n")


def flat(result: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The single values of a result; lists and tables are left to the journal."""
    for name, value in result.items():
        if not isinstance(value, Mapping | list | tuple):
            yield name, value
