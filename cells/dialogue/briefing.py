"""What a language model is told of a cell: names and capabilities, as data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cells.language.llm_prompt import Briefing
from cells.language.reading import MOTION
from cells.language.vocabulary import of_cell, part_and_size
from cells.products.catalogue import families
from cells.runtime.world_model import fold

if TYPE_CHECKING:
    from cells.description.cell import Cell
    from cells.journal.event import Event


def briefing_of(cell: Cell, events: Iterable[Event]) -> Briefing:
    """The briefing on a cell, the product families that are known here, and what its journal says is where."""
    names = of_cell(cell)
    parts = {part_and_size(part)[0] for family in families().values() for part in family.parts}
    stations = [name for name in cell.stations if name != names.hand_over]
    world = [f"{piece.part}: {piece.place}" for piece in fold(events).pieces.values()]
    return Briefing(MOTION, sorted(parts), names.families, [*stations, "home", "operator"], world)
