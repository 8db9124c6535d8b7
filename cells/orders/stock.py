"""Stock: lots of parts as a view of journal events, and what is missing for a plan.

A lot is loaded by ``stock_loaded {lot, part, variant, count, supplier}`` and drawn from by each ``material_loaded``
that names it. A lot's ``variant`` is the hash of the product variant its parts were made for, or "any".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING

from cells.errors import InputError, Problem
from cells.journal.event import Event

if TYPE_CHECKING:
    from cells.journal.store import Journal, StoredEvent
    from cells.ports import LoadRequest
    from cells.products.model import ProductVariant, Value

ANY = "any"
_MOST = 1_000_000
_VARIANT = re.compile(rf"[0-9a-f]{{64}}|{ANY}")
_NAME = re.compile(r"[^\s\x00-\x1f/][^\x00-\x1f/]{0,79}")


@dataclass(frozen=True, slots=True)
class Lot:
    """A batch of equal parts: ``loaded`` pieces came in, ``remaining`` are left."""

    lot: str
    part: str
    variant: str
    supplier: str
    loaded: int
    remaining: int

    def fits(self, part: str, variant: str) -> bool:
        """Whether its parts may be used for this part of this variant."""
        return self.part == part and self.variant in (variant, ANY)


@dataclass(frozen=True, slots=True)
class Stock:
    """All lots, oldest first."""

    lots: tuple[Lot, ...] = ()

    def remaining(self, part: str, variant: str) -> int:
        """How many pieces are left that may be used for this part of this variant."""
        return sum(lot.remaining for lot in self.lots if lot.fits(part, variant))

    def take(self, part: str, variant: str) -> tuple[str, Stock] | None:
        """The lot to take one piece from (first in, first out) and the stock without it; ``None`` if none is left."""
        for i, lot in enumerate(self.lots):
            if lot.remaining > 0 and lot.fits(part, variant):
                left = replace(lot, remaining=lot.remaining - 1)
                return lot.lot, Stock((*self.lots[:i], left, *self.lots[i + 1 :]))
        return None


@dataclass(frozen=True, slots=True)
class Shortage:
    """One row of a loading list: ``need`` pieces of a part of a variant, ``have`` of them in stock."""

    part: str
    variant: str
    family: str
    parameters: Mapping[str, Value]
    need: int
    have: int

    @property
    def missing(self) -> int:
        return self.need - self.have


def stock_view(events: Iterable[Event]) -> Stock:
    """The stock after these events (only ``stock_loaded`` and ``material_loaded`` count)."""
    lots: dict[str, Lot] = {}
    for event in events:
        data = event.data
        if event.kind == "stock_loaded":
            new = Lot(data["lot"], data["part"], data["variant"], data["supplier"], 0, 0)
            lot = lots.get(new.lot, new)
            count = data["count"]
            lots[lot.lot] = replace(lot, loaded=lot.loaded + count, remaining=lot.remaining + count)
        elif event.kind == "material_loaded" and data["lot"] in lots:
            lot = lots[data["lot"]]
            lots[lot.lot] = replace(lot, remaining=lot.remaining - 1)
    return Stock(tuple(lots.values()))


def current_stock(journal: Journal) -> Stock:
    """The stock as the journal tells it now."""
    return stock_view(journal.events(kinds=("stock_loaded", "material_loaded")))


def load_lot(
    journal: Journal, lot: str, part: str, count: int, variant: str = ANY, supplier: str = "", time: float = 0.0
) -> StoredEvent:
    """Note that ``count`` pieces of a lot have come in (more of a known lot adds to it).

    Raises ``InputError`` for a count outside 1…1 000 000, a name that isn't one, or a lot known for another part.
    """
    problems = [
        Problem(f"stock:{key}", f"{value!r} isn't a name", "use 1 to 80 characters without '/' or control characters")
        for key, value in (("lot", lot), ("part", part))
        if not _NAME.fullmatch(value)
    ]
    if not _VARIANT.fullmatch(variant):
        remedy = "give the whole hash, as 'cellwright product show FAMILY --json' has it, or any"
        problems.append(Problem("stock:variant", f"{variant!r} isn't a variant's hash", remedy))
    if isinstance(count, bool) or not 1 <= count <= _MOST:
        problems.append(Problem("stock:count", f"{count} pieces can't be loaded", f"give a number from 1 to {_MOST}"))
    if len(supplier) > 200 or any(ord(letter) < 32 for letter in supplier):
        problems.append(Problem("stock:supplier", "isn't a name", "use at most 200 printable characters"))
    known = {found.lot: found for found in current_stock(journal).lots}.get(lot)
    if known and (known.part, known.variant, known.supplier) != (part, variant, supplier):
        held = f"{lot} is known as {known.part}, variant {known.variant}, supplier {known.supplier or 'not named'}"
        problems.append(Problem("stock:lot", held, "name this lot otherwise, or give the same part, variant, supplier"))
    if problems:
        raise InputError(*problems)
    data = {"lot": lot, "part": part, "variant": variant, "count": count, "supplier": supplier}
    return journal.append(Event("stock_loaded", time, data))


def shortages(
    needs: Sequence[LoadRequest], stock: Stock, variants: Mapping[str, ProductVariant]
) -> tuple[Shortage, ...]:
    """The loading list: what these load requests need beyond the stock; empty if all is there.

    Pieces are reserved in the order of the requests, so lots good for "any" variant aren't counted twice.
    """
    rows: dict[tuple[str, str], Shortage] = {}
    for request in needs:
        key = request.part, request.variant
        made = variants[request.variant]
        row = rows.get(key) or Shortage(request.part, request.variant, made.family, made.parameters, 0, 0)
        taken = stock.take(request.part, request.variant)
        if taken:
            stock = taken[1]
        rows[key] = replace(row, need=row.need + 1, have=row.have + (taken is not None))
    return tuple(row for row in rows.values() if row.missing)


def load_simulated(journal: Journal, missing: Sequence[Shortage], time: float = 0.0) -> tuple[str, ...]:
    """Let a self-loading world fill a loading list with lots ``SIM-<n>``; returns one message per lot."""
    known = {lot.lot for lot in current_stock(journal).lots}
    free = (name for number in count(1) if (name := f"SIM-{number}") not in known)
    messages = []
    for lot, row in zip(free, missing, strict=False):
        load_lot(journal, lot, row.part, row.missing, row.variant, "simulated", time)
        messages.append(f"the simulated cell loaded itself: {row.missing} {row.part} as lot {lot}")
    return tuple(messages)
