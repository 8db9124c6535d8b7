"""What a language model is told of a cell: names and capabilities, as data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cells.language.llm_prompt import Briefing
from cells.language.reading import MOTION
from cells.language.vocabulary import of_cell, part_and_size
from cells.products.catalogue import families

if TYPE_CHECKING:
    from cells.description.cell import Cell


def briefing_of(cell: Cell) -> Briefing:
    """The briefing on a cell and the product families that are known here."""
    names = of_cell(cell)
    parts = {part_and_size(part)[0] for family in families().values() for part in family.parts}
    stations = [name for name in cell.stations if name != names.hand_over]
    return Briefing(MOTION, sorted(parts), names.families, [*stations, "home", "operator"])
