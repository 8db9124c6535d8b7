"""What the cell believes: a pure fold over events, with a version number. Only events change it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from cells.journal.event import Event

GRIPPER = "gripper"


@dataclass(frozen=True, slots=True)
class Piece:
    """One part instance: its kind, variant, lot, and the place it is believed to be at ("lost" if unknown)."""

    part: str
    variant: str
    lot: str
    place: str


@dataclass(frozen=True, slots=True)
class WorldModel:
    """``pieces`` by instance; ``version`` counts the events that changed anything."""

    pieces: Mapping[str, Piece] = field(default_factory=dict)
    version: int = 0

    @property
    def holding(self) -> str | None:
        """The instance in the gripper, if any."""
        return next((name for name, piece in self.pieces.items() if piece.place == GRIPPER), None)

    def place_of(self, instance: str) -> str | None:
        """Where an instance is believed to be; ``None`` if it isn't in the cell."""
        piece = self.pieces.get(instance)
        return piece.place if piece else None

    def at(self, place: str) -> tuple[str, ...]:
        """The instances at a place."""
        return tuple(name for name, piece in self.pieces.items() if piece.place == place)


def apply(model: WorldModel, event: Event) -> WorldModel:
    """The model after one event; the same object if the event says nothing about parts."""
    data = event.data
    pieces = dict(model.pieces)
    if event.kind == "material_loaded":
        place = f"{data['station']}/{data['slot']}"
        pieces[data["instance"]] = Piece(data["part"], data["variant"], data["lot"], place)
    elif event.kind in ("part_gripped", "part_released", "part_lost"):
        place = {"part_gripped": GRIPPER, "part_lost": "lost"}.get(event.kind) or data["place"]
        pieces[data["instance"]] = replace(pieces[data["instance"]], place=place)
    elif event.kind == "unit_returned":
        for piece in data["pieces"]:
            pieces[piece["instance"]] = Piece(piece["part"], data["variant"], piece["lot"], piece["place"])
    elif event.kind == "unit_left":
        for instance in data["instances"]:
            pieces.pop(instance, None)
    else:
        return model
    return WorldModel(pieces, model.version + 1)


def fold(events: Iterable[Event], start: WorldModel | None = None) -> WorldModel:
    """The model after all events, in order."""
    model = start or WorldModel()
    for event in events:
        model = apply(model, event)
    return model
