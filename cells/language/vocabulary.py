"""Names that a sentence may speak of: those of the trade, of the families known here and of the cell that is loaded.

``names/*.yaml`` holds what things of the trade are called; a catalogue's labels and aliases come on top, so that a new
product or cell brings its own words as data.
"""

from __future__ import annotations

import string
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from cells.language.lexicon import Lexicon, Meaning, lexicon, normal, packaged, raw
from cells.language.reading import Unclear

if TYPE_CHECKING:
    from cells.description.cell import Cell
    from cells.language.phrases import Phrase
    from cells.products.catalogue import Entry
    from cells.products.data import Parameter

SIZES = ("small", "medium", "large")


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """``families``: product → its parameters → kind of value ("int", "number", "color", "word"). ``entries`` are names
    beside those of the trade; ``aliases`` what operators taught: form → what it means, as a lexicon says it
    ("part:gear:large", "station:tray_b", "product:gearbox")."""

    families: Mapping[str, Mapping[str, str]]
    trays: tuple[str, ...]
    entries: tuple[Entry, ...] = ()
    hand_over: str | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)

    def parameters(self, family: str, phrase: Phrase) -> dict[str, float | int | str]:
        """What a phrase says of a product of that family: parameter → value.

        Raises ``Unclear`` where it says nothing that is known, or what could be two parameters.
        """
        known = self.families[family]
        found: dict[str, float | int | str] = {}

        def says(name: str, value: float | int | str) -> None:
            if name not in known:
                raise Unclear("parameter", name)
            found[name] = value

        part, small = phrase.noun, phrase.sizes == ["small"]
        if phrase.kind == "param":
            value = phrase.mm if phrase.mm is not None else phrase.teeth if phrase.teeth is not None else phrase.number
            if part in ("diameter", "teeth"):
                raise Unclear("which_parameter", part)
            if part.endswith("_color") and len(phrase.colors) == 1:
                says(part, phrase.colors[0])
                return found
            if part.endswith("_shape") and phrase.shape:
                says(part, phrase.shape)
                return found
            if value is None:
                raise Unclear("number", part)
            says(part, _plain(value, known.get(part, "number")))
            return found
        if phrase.kind != "part":
            raise Unclear("which_parameter", phrase.noun)
        if phrase.teeth is not None:
            if part != "gear":
                raise Unclear("which_parameter", part)
            says("pinion_teeth" if small else "gear_teeth", phrase.teeth)
        if phrase.mm is not None:
            says(f"{part}_mm", _plain(phrase.mm, "number"))
        if phrase.colors:
            says(f"{part}_color", phrase.colors[0])
        if phrase.shape:
            says(f"{part}_shape", phrase.shape)
        if phrase.number is not None and f"{part}s" in known:
            says(f"{part}s", _plain(phrase.number, "int"))
        if phrase.det == "none":
            says(f"{part}s", 0)
        if not found:
            raise Unclear("which_parameter", part)
        return found


def _plain(value: float, kind: str) -> float | int:
    if kind == "int" and value != int(value):
        raise Unclear("number", f"{value:g}")
    return int(value) if value == int(value) else float(value)


@cache
def demo() -> Vocabulary:
    """The demo catalogue: what is assumed where no cell is loaded."""
    data = packaged("demo.yaml")
    return Vocabulary(data["products"], tuple(data["trays"]))


def of_cell(cell: Cell, aliases: Mapping[str, str] | None = None) -> Vocabulary:
    """The names of a cell's stations and of every product family known here."""
    from cells.description.stations import HandOver, Tray
    from cells.products.catalogue import catalogue, families

    kinds = {
        family.name: {name: _kind(parameter) for name, parameter in family.parameters.items()}
        | dict.fromkeys(family.data.derived, "number")
        for family in families().values()
    }
    stations = cell.stations.items()
    trays = tuple(name for name, station in stations if isinstance(station, Tray))
    hand_over = next((name for name, station in stations if isinstance(station, HandOver)), None)
    return Vocabulary(kinds, trays, catalogue(cell).entries, hand_over, aliases or {})


def _kind(parameter: Parameter) -> str:
    from cells.products.materials import library

    if parameter.kind == "word":
        return "color" if parameter.choices.keys() <= library().colors.keys() else "word"
    return {"integer": "int"}.get(parameter.kind, parameter.kind)


def part_and_size(part: str) -> tuple[str, str | None]:
    """What operators call a part of a family: its ``small_gear`` is a gear, of that size."""
    size, _, noun = part.partition("_")
    return (noun, size) if noun and size in SIZES else (part, None)


@cache
def words(language: str, names: Vocabulary) -> Lexicon:
    """The lexicon of a language with these names. Raises ``InputError`` where two words clash."""
    own = [*_taught(language, names), *_of_entries(language, names)]
    things = {normal(form) for form, meaning in own if meaning.kind == "noun"}
    # What the trade calls a shaft may be called a rod here, and be another thing.
    trade = [(form, meaning) for form, meaning in _of_trade(language, names.trays) if normal(form) not in things]
    found = lexicon(language, [*(pair for pair in own if pair[1].kind != "param"), *trade])
    for form, meaning in own:
        if meaning.kind == "param" and found.key(form) not in found.forms:  # "four pins": the part's name says it
            found.add(form, meaning)
    return found


def _taught(language: str, names: Vocabulary) -> Iterator[tuple[str, Meaning]]:
    for form, meaning in names.aliases.items():
        for each, many in _forms(language, [form]):
            yield each, Meaning("noun", meaning, many)


def _of_entries(language: str, names: Vocabulary) -> Iterator[tuple[str, Meaning]]:
    """The forms of the labels and aliases of a catalogue."""
    sizes = packaged(f"names/{language}.yaml")["size"]
    sized = tuple(normal(str(form)) for forms in sizes.values() for form in forms)
    for entry in sorted(names.entries, key=lambda entry: entry.kind == "parameter"):
        labels = (entry.labels[language],) if language in entry.labels else ()
        forms = [form for form in (*labels, *entry.aliases.get(language, ())) if "%" not in form]
        if entry.kind == "part":
            noun, size = part_and_size(entry.name)
            kept = [form for form in forms if size is None or not normal(form).startswith(sized)]
            meaning = f"part:{noun}" + (f":{size}" if size else "")
            yield from ((form, Meaning("noun", meaning, many)) for form, many in _forms(language, kept))
        elif entry.kind in ("family", "station"):
            kind, name = {"family": "product"}.get(entry.kind, entry.kind), entry.name
            name = "operator" if entry.kind == "station" and name == names.hand_over else name
            yield from ((form, Meaning("noun", f"{kind}:{name}", many)) for form, many in _forms(language, forms))
        elif entry.kind in ("size", "color", "parameter"):
            kind = {"parameter": "param"}.get(entry.kind, entry.kind)
            yield from ((form, Meaning(kind, entry.name)) for form in forms)
        elif entry.kind == "choice" and str(entry.of).endswith("_shape"):
            yield from ((form, Meaning("shape", entry.name)) for form in forms)


def _of_trade(language: str, trays: Collection[str]) -> Iterator[tuple[str, Meaning]]:
    """What things of the trade are called, and the trays by their letters."""
    data = packaged(f"names/{language}.yaml")
    for kind in ("part", "product", "station"):
        for name, forms in data[kind].items():
            if name == "tray":
                yield from ((form, Meaning("traywords", "tray", many)) for form, many in _forms(language, forms))
                for letter in string.ascii_lowercase:
                    station = f"tray_{letter}" if f"tray_{letter}" in trays else "tray_?"
                    for form, many in _forms(language, forms):
                        if not many:
                            yield f"{form} {letter}", Meaning("noun", f"station:{station}", False)
                            if language == "zh":
                                yield f"{letter}{form}", Meaning("noun", f"station:{station}", False)
                                yield f"{letter}號{form}", Meaning("noun", f"station:{station}", False)
                continue
            for form, many in _forms(language, forms):
                yield form, Meaning("noun", f"{kind}:{name}", many)
    if language == "en":
        for form in raw("en")["traywords"]["tray"]:
            for letter in string.ascii_lowercase:
                station = f"tray_{letter}" if f"tray_{letter}" in trays else "tray_?"
                yield f"{form} {letter}", Meaning("noun", f"station:{station}", False)
    for kind in ("size", "color", "shape", "param"):
        for name, forms in data[kind].items():
            for form, _ in _forms(language, forms, plain=True):
                yield form, Meaning(kind, name)


def _forms(language: str, forms: Any, plain: bool = False) -> Iterator[tuple[str, bool | None]]:
    """Forms with whether each is a plural: given as one and many, or made by rule (English); Chinese has none."""
    if isinstance(forms, Mapping):
        yield from ((str(form), False) for form in forms.get("one", ()))
        yield from ((str(form), True) for form in forms.get("many", ()) if form not in forms.get("one", ()))
        return
    for form in forms:
        form = str(form)
        if plain or language != "en":
            yield form, None
        elif form == "rejects" or any(form in (f"{one}s", f"{one}es") for one in map(str, forms)):
            yield form, True
        else:
            yield form, False
            yield form + ("es" if form.endswith(("s", "x", "ch", "sh")) else "s"), True
