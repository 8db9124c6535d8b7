"""Which families there are, and every name the cell knows: families, parts, parameters, sizes, colours, stations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Protocol

from cells.errors import InputError, Problem
from cells.products import family as families_
from cells.products.data import Named
from cells.products.family import BuildLimits, Family, Parameters
from cells.products.materials import library
from cells.products.model import ProductVariant

GROUP = "cellwright.families"


@cache
def families() -> Mapping[str, Family]:
    """Every family by name: the built-in ones and those of installed packages (entry points of ``GROUP``).

    Raises ``InputError`` for an entry point that can't be loaded, isn't a Family, or takes a name that is taken.
    """
    from cells.products import gearbox, kit, pegboard

    built_in = (pegboard.FAMILY, gearbox.FAMILY, kit.FAMILY)
    found = {family.name: family for family in built_in}
    for entry in entry_points(group=GROUP):
        try:
            family = entry.load()
        except Exception as error:
            raise _bad_entry(entry.value, f"can't be loaded: {error}") from error
        if family in built_in:
            continue
        if not isinstance(family, Family):
            raise _bad_entry(entry.value, "is not a Family")
        if family.name in found:
            raise _bad_entry(entry.value, f"takes the name {family.name!r}, which another family has")
        found[family.name] = family
    return found


def family_of(name: str) -> Family:
    """The family of that name. Raises ``InputError`` if there is none."""
    known = families()
    if name not in known:
        what = f"no product family called {families_.shown(name)}"
        raise InputError(Problem("product", what, f"use one of {', '.join(known)}"))
    return known[name]


def build_variant(family: str, parameters: Parameters, limits: BuildLimits | None = None) -> ProductVariant:
    """The variant of the family of that name.

    Raises ``InputError`` for an unknown family or parameter and for wrong types, ``VariantUnbuildable`` (an
    ``Unbuildable``) for what can't be built, with the reason and the nearest buildable values.
    """
    return families_.build(family_of(family), parameters, limits)


@dataclass(frozen=True, slots=True)
class Entry:
    """One name: ``kind`` is family, part, parameter, choice, size, color or station; ``of`` the family (or
    ``family.parameter`` of a choice) that it belongs to."""

    kind: str
    name: str
    labels: Mapping[str, str]
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    of: str | None = None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every name the cell knows; language, plans and stock speak only names in it."""

    entries: tuple[Entry, ...]

    def names(self, kind: str) -> tuple[str, ...]:
        """The names of one kind, each once, in order."""
        return tuple(dict.fromkeys(entry.name for entry in self.entries if entry.kind == kind))


class HasStations(Protocol):
    """What a catalogue needs of a cell."""

    @property
    def stations(self) -> Mapping[str, HasLabels]: ...


class HasLabels(Protocol):
    """Anything with labels by language."""

    @property
    def labels(self) -> Mapping[Any, str]: ...


def catalogue(cell: HasStations | None = None) -> Catalogue:
    """The catalogue of the families and colours known here and of the cell's stations."""
    entries = [entry for family in families().values() for entry in _of_family(family)]
    entries += [Entry("color", name, color.labels) for name, color in library().colors.items()]
    if cell is not None:
        entries += [Entry("station", name, station.labels) for name, station in cell.stations.items()]
    return Catalogue(tuple(entries))


def _of_family(family: Family) -> Iterator[Entry]:
    def entry(kind: str, name: str, named: Named, of: str | None = family.name) -> Entry:
        return Entry(kind, name, named.labels, named.aliases, of)

    yield entry("family", family.name, family.data, None)
    yield from (entry("part", name, part) for name, part in family.parts.items())
    yield from (entry("size", name, size) for name, size in family.sizes.items())
    for name, parameter in family.parameters.items():
        yield entry("parameter", name, parameter)
        for word, choice in parameter.choices.items():
            yield entry("choice", word, choice, f"{family.name}.{name}")
    yield from (entry("parameter", name, number) for name, number in family.data.derived.items())


def _bad_entry(value: str, what: str) -> InputError:
    return InputError(Problem(f"entry point {GROUP} {value}", what, "correct or uninstall that package"))
