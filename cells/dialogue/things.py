"""What a question speaks of: kinds of part, and what was said of them (colour, size, teeth, diameter)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cells.language.saying import Saying
from cells.language.vocabulary import part_and_size
from cells.products.catalogue import families

if TYPE_CHECKING:
    from cells.journal.event import Event
    from cells.language.reading import Step

ANY = (None, "part")  # how a question speaks of parts of every kind


@dataclass(frozen=True, slots=True)
class Thing:
    """``parts`` are the kinds of part that are meant; ``said`` maps color, size, teeth and diameter (mm) to what was
    said; ``variants`` maps each variant's hash to the event that tells its family and parameters."""

    parts: tuple[str, ...]
    said: Mapping[str, Any]
    variants: Mapping[str, Mapping[str, Any]]

    def fits(self, part: str, variant: str) -> bool | None:
        """Whether a part of a variant is meant; ``None`` where the journal doesn't tell what it looks like."""
        if part not in self.parts:
            return False
        if not self.said:
            return True
        made = self.variants.get(variant, {})
        family = families().get(made.get("family", ""))
        if family is None or "parameters" not in made:
            return None
        values, (noun, size) = made["parameters"], part_and_size(part)
        named = (word for word, stands in family.sizes.items() if values.items() >= stands.parameters.items())
        looks = {
            "color": values.get(f"{part}_color", family.parts[part].color),
            "size": next(named, None),
            "teeth": values.get("pinion_teeth" if size == "small" else f"{noun}_teeth"),
            "diameter": values.get(f"{part}_mm"),
        }
        return looks.items() >= self.said.items()

    def restrictions(self) -> Iterator[Saying]:
        """What the answer was narrowed to, beside the kind of part."""
        yield from (Saying(f"answers.only_{key}", {key: value}) for key, value in self.said.items())


def thing_of(query: Step, events: Iterable[Event]) -> Thing:
    """What a question about parts means; no ``parts`` where no product has such a thing."""
    params = {**query.params, **query.params.get("dims_mm", {})}
    said = {key: params[key] for key in ("color", "size", "teeth", "diameter") if key in params}
    known = dict.fromkeys(name for family in families().values() for name in family.parts)
    nouns = {name: part_and_size(name) for name in known}
    parts = tuple(name for name in known if query.object in (*ANY, name, nouns[name][0]))
    if any(nouns[name][1] for name in parts) and "size" in said and query.object not in ANY:
        size = said.pop("size")
        parts = tuple(name for name in parts if nouns[name][1] == size)
    variants = {event.data["variant"]: event.data for event in events if event.kind == "unit_started"}
    return Thing(parts, said, variants)
