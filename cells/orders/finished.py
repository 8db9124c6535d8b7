"""Units that the journal knows as finished: which of them may be taken apart, and as which variant they were built."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cells.errors import InputError, Problem
from cells.orders.passport.record import UnitRecord, unit_record

if TYPE_CHECKING:
    from cells.journal.store import StoredEvent
    from cells.products.model import ProductVariant

FINISHED_KINDS = ("disassembly_started", "stock_loaded")  # beside those of a passport


def unit_to_take_apart(serial: str, events: Iterable[StoredEvent]) -> UnitRecord:
    """The record of a unit that was finished, found good, handed over, and is whole still; of a serial built twice, the
    last one. Raises ``InputError`` for any other."""
    stream = list(events)
    record, where = unit_record(serial, stream), f"journal:{serial}"
    if record.verdict != "good":
        remedy = "only a unit that was found good can be taken apart; what else is left of it is for a person to clear"
        raise InputError(Problem(where, f"the unit wasn't finished good, it was {record.verdict}", remedy))
    began = max(event.seq for event in stream if event.kind == "unit_started" and event.data["serial"] == serial)
    for event in stream:
        if event.kind == "disassembly_started" and event.data["serial"] == serial and event.seq > began:
            what = f"its disassembly was begun already, {event.wall[:19].replace('T', ' ')} UTC"
            raise InputError(
                Problem(where, what, f"see `cellwright journal show --serial {serial}` for where its parts are")
            )
    return record


def variant_as_built(record: UnitRecord) -> ProductVariant:
    """The variant of a unit, made anew from its recorded parameters. Raises ``InputError`` where this installation
    doesn't make the same."""
    from cells.products.catalogue import build_variant

    where = f"journal:{record.serial}"
    if record.parameters is None:
        what = "the journal doesn't tell the parameters it was built with"
        raise InputError(Problem(where, what, "only units built since Cellwright records them can be taken apart"))
    variant = build_variant(record.family, record.parameters)
    if variant.hash != record.variant:
        what = f"was built as {record.family} {record.version}, and here {record.family} is {variant.version}"
        raise InputError(Problem(where, what, "install the version of the family that it was built with"))
    return variant
