"""How many there are, and where: by what the world model believes and what the stock lists."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from cells.description.stations import HandOver
from cells.dialogue.progress import built
from cells.dialogue.runs import Asked, first, span, when
from cells.dialogue.things import ANY, Thing, thing_of
from cells.language.saying import Saying
from cells.orders.stock import stock_view
from cells.runtime.world_model import GRIPPER, Piece, WorldModel

if TYPE_CHECKING:
    from cells.description.cell import Cell


def count(asked: Asked) -> tuple[Saying, ...]:
    """How many parts stand in the cell (or in one place) and lie in stock; of a product, how many were built."""
    return built(asked) if asked.family is not None else tuple(_parts(asked, totals=True))


def location(asked: Asked) -> tuple[Saying, ...]:
    """Where parts are, in the operator's words; of a product, where its last unit is."""
    return tuple(_last_unit(asked) if asked.family is not None else _parts(asked, totals=False))


def _parts(asked: Asked, totals: bool) -> Iterator[Saying]:
    """Where parts are; with ``totals`` first how many there are of a kind that is in several places. Stock is left out
    where the question names a place."""
    thing, target = thing_of(asked.query, asked.events), _target(asked.cell, asked.query.target)
    if not thing.parts:
        yield Saying("answers.no_part", {"part": asked.query.object})
        return
    if target is not None and target not in asked.cell.stations:
        yield Saying("answers.no_place", {"station": target, "station_2": tuple(asked.cell.stations)})
        return
    yield from _gone(asked)
    model = asked.model
    here = [piece for piece in model.pieces.values() if target in (None, _station(piece.place, model))]
    there = [piece for piece in here if thing.fits(piece.part, piece.variant)]
    named, spots = asked.query.object not in ANY, list(_spots(there, model))
    at: dict[str, Any] = {"source": model.version} if target is None else {"source": model.version, "station": target}
    for part in thing.parts if named else ():
        places = sum(spot.slots["part"] == part for spot in spots)
        if not places or (totals and places > 1):
            found = sum(piece.part == part for piece in there)
            yield Saying("answers.count_at" if target else "answers.count", {"part": part, "count": found, **at})
    if not named and not there:
        yield Saying("answers.nothing_at" if target else "answers.nothing", at)
    yield from spots
    if unsure := [piece.part for piece in here if thing.fits(piece.part, piece.variant) is None]:
        kinds = tuple(dict.fromkeys(unsure))
        yield Saying("answers.unsure", {"part": kinds, "count": len(unsure), "source": model.version})
    if target is None:
        yield from _stock(asked, thing, named)
    yield from thing.restrictions()


def _target(cell: Cell, said: str | None) -> str | None:
    """The station that a question names: the operator is where units are handed over."""
    if said != "operator":
        return said
    return next((name for name, station in cell.stations.items() if isinstance(station, HandOver)), said)


def _gone(asked: Asked) -> Iterator[Saying]:
    """That a simulated cell is no more: what its last run left behind is nowhere."""
    if asked.status is None and asked.runs and asked.runs[-1].simulated:
        yield Saying("answers.gone", {"name": asked.runs[-1].name, "source": asked.runs[-1].source})


def _station(place: str, model: WorldModel) -> str:
    """The station at a place, if need be by way of what stands there: ``fixture`` for ``PB-1-01/plate/hole_1``."""
    base = model.pieces.get(place.rpartition("/")[0])
    return _station(base.place, model) if base else place.partition("/")[0]


def _spots(pieces: Iterable[Piece], model: WorldModel) -> Iterator[Saying]:
    """Where pieces are: one saying for each kind of part and each place, with its slots or holes."""
    spots: defaultdict[tuple[str, str, bool], list[str]] = defaultdict(list)
    for piece in pieces:
        within, _, last = piece.place.rpartition("/")
        spots[piece.part, within or last, bool(within)].append(last)
    for (part, where, within_it), names in spots.items():
        at = sorted(names, key=lambda name: (len(name), name))
        slots = {"part": part, "count": len(names), "at": at, "source": model.version}
        if where in (GRIPPER, "lost"):
            yield Saying(f"answers.{where}", slots)
        elif where in model.pieces:
            unit, _, _ = where.rpartition("/")
            yield Saying("answers.in_part", {**slots, "part_2": model.pieces[where].part, "unit": unit})
        else:
            yield Saying("answers.in_slots" if within_it else "answers.at_station", {**slots, "station": where})


def _stock(asked: Asked, thing: Thing, named: bool) -> Iterator[Saying]:
    """What lies in stock; of parts that the question doesn't name, only those that there are."""
    lots = stock_view(asked.events).lots
    for part in thing.parts:
        told = [event for event in asked.events if event.data.get("part") == part] or asked.events
        mine = [lot for lot in lots if lot.remaining > 0 and thing.fits(part, lot.variant) and lot.part == part]
        slots = {"part": part, "count": sum(lot.remaining for lot in mine), "source": span(told)}
        if mine:
            yield Saying("answers.stock", {**slots, "lots": len(mine), "lot": mine[0].lot})
        elif named:
            yield Saying("answers.no_stock", slots)
        unsure = sum(lot.remaining for lot in lots if lot.part == part and thing.fits(part, lot.variant) is None)
        if unsure:
            yield Saying("answers.stock_unsure", {**slots, "count": unsure})


def _last_unit(asked: Asked) -> Iterator[Saying]:
    """Where the unit of a product is that was begun last."""
    units = [unit for run in asked.orders for unit in asked.units(run)]
    if not units:
        yield Saying("answers.never_built", {"family": asked.family, "source": span(asked.events)})
        return
    unit, model = units[-1], asked.model
    slots = {"family": unit.family, "unit": unit.serial}
    pieces = [piece for name, piece in model.pieces.items() if name.startswith(f"{unit.serial}/")]
    if pieces:
        stations = dict.fromkeys(_station(piece.place, model) for piece in pieces)
        known = [name for name in stations if name in asked.cell.stations]  # neither in the gripper nor lost
        yield Saying("answers.unit_here", {**slots, "station": known, "source": model.version})
        return
    since = (
        event for event in asked.events if event.seq > unit.started.seq and event.data.get("serial") == unit.serial
    )
    if left := first(since, ("unit_left",)):
        yield Saying("answers.unit_left", {**slots, "when": when(left), "source": left.seq})
        return
    yield from _gone(asked)
    yield Saying("answers.unit_never_left", {**slots, "source": unit.started.seq})
