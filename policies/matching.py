"""Which policies of a zoo are likeliest to do a process step: those that fit at all, ranked, each with its reasons.

Pure: rows in, ranking out. Fits what has the step's capability in the cell's control mode, for its robot and tool (what
differs there is another plant) and, where it is known, for the strategy that the step leads to. The order:

1. what was proven on a range of parts that covers this one, before what wasn't;
2. how far the part is outside that range: each parameter in parts of what the family allows, and all of them as the
   root of their squares' sum; a word that wasn't proven, and a parameter that nothing is said of, count as 1;
3. the success that is certain (one-sided 95 % bound), an evaluation that isn't there counting as 0;
4. the time that a success takes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cells.description.cell import Cell
from cells.products.family import Family
from cells.products.model import ProductVariant, Value
from policies.index import Row
from policies.measured import Measured
from policies.store import precedence

Range = tuple[float | str, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a step of a product asks for, in which cell: ``parameters`` of the ``family``'s variant, and the ``spans``
    that the family allows those of them that are numbers; ``nominal`` is the strategy, None if it isn't known."""

    capability: str
    family: str
    parameters: Mapping[str, Value]
    spans: Mapping[str, float]
    robot: str
    tool: str
    control_mode: str
    nominal: str | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """A candidate for what is ``asked``. ``covered`` by the range it was proven on, else ``distance`` outside it
    (infinite for one that was proven on no part of the family); ``off`` says by how much each parameter is outside."""

    asked: Wanted
    row: Row
    covered: bool
    distance: float
    off: Mapping[str, float]

    @property
    def why(self) -> str:
        """The reasons for its place, in words."""
        return f"{_place(self)}; {_measured(self.row.measured)}"


def wanted(capability: str, variant: ProductVariant, family: Family, cell: Cell, nominal: str | None = None) -> Wanted:
    """What a step with this ``capability`` asks for, of a variant of the family, in a cell as it stands."""
    numbers = {name: parameter for name, parameter in family.parameters.items() if parameter.kind != "word"}
    spans = {name: parameter.max - parameter.min for name, parameter in numbers.items()}
    tool, mode = cell.robot_spec.gripper.kind, cell.control.default
    return Wanted(capability, variant.family, variant.parameters, spans, cell.robot, tool, mode, nominal)


def rank(asked: Wanted, rows: Iterable[Row]) -> list[Match]:
    """The rows that fit, the likeliest first; of a policy that is there more than once, one."""
    fitting = {row.policy: row for row in rows if fits(asked, row)}
    return sorted((_match(asked, row) for row in fitting.values()), key=_order)


def fits(asked: Wanted, row: Row) -> bool:
    """Whether a policy could be loaded for the step at all."""
    return (
        row.capability == asked.capability
        and row.control_mode == asked.control_mode
        and row.robot == asked.robot
        and row.tool == asked.tool
        and asked.nominal in (None, row.nominal)
    )


def outside(asked: Wanted, ranges: Mapping[str, Mapping[str, Range]]) -> dict[str, float]:
    """How far each parameter is outside the ranges of the family, in parts of what the family allows; those that are
    inside are left out."""
    of_family = ranges.get(asked.family, {})
    found = {}
    for name, value in asked.parameters.items():
        if off := _outside(value, of_family.get(name), asked.spans.get(name, 0.0)):
            found[name] = off
    return found


def _match(asked: Wanted, row: Row) -> Match:
    if asked.family not in row.proven:
        return Match(asked, row, False, math.inf, {})
    off = outside(asked, row.proven)
    return Match(asked, row, not off, math.hypot(*off.values()), off)


def _outside(value: Value, range_: Range | None, span: float) -> float:
    if range_ is None:
        return 1.0
    if isinstance(value, str) or isinstance(range_[0], str):
        return 0.0 if value in range_ else 1.0
    low, high = float(range_[0]), float(range_[-1])
    # A number is kept to a thousandth; what is nearer to the range than half of that is in it.
    off = max(low - float(value), float(value) - high, 0.0)
    return 0.0 if off < 5e-4 else off / span if span > 0 else 1.0


def _order(match: Match) -> tuple[object, ...]:
    known = match.row.measured
    lower, time_s = (known.lower, known.time_s) if known else (0.0, None)
    newer = tuple(-number for number in precedence(match.row.version))
    return not match.covered, match.distance, -lower, math.inf if time_s is None else time_s, match.row.name, newer


def _place(match: Match) -> str:
    """Where the part is, beside the range that was proven."""
    asked, row = match.asked, match.row
    if match.covered:
        return f"proven on {asked.family} with all {len(asked.parameters)} parameters"
    if asked.family not in row.proven:
        return (
            f"{'trained' if asked.family in row.trained else 'not even trained'} on {asked.family}, and proven on none"
        )
    worst = sorted(match.off, key=lambda name: -match.off[name])
    proven = row.proven[asked.family]
    said = [f"{name} {_text(asked.parameters[name])} is outside {_range(proven.get(name))}" for name in worst[:3]]
    more = f", and {len(worst) - 3} more" if len(worst) > 3 else ""
    return f"{', '.join(said)}{more} (distance {match.distance:.2f})"


def _range(range_: Range | None) -> str:
    if range_ is None:
        return "what was proven, which is nothing"
    if isinstance(range_[0], str):
        return " and ".join(map(str, range_))
    return f"{_text(range_[0])} to {_text(range_[-1])}"


def _text(value: Value) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _measured(known: Measured | None) -> str:
    if known is None:
        return "never evaluated"
    pace = f", {known.time_s:.1f} s" if known.time_s is not None else ""
    return (
        f"at least {100 * known.lower:.1f} % succeed ({known.successes} of {known.episodes}, {known.conditions}){pace}"
    )
