"""Names that a sentence may speak of, as a catalogue gives them, and how a product's parameters are said."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from cells.language.lexicon import Lexicon, Meaning, lexicon, packaged, raw
from cells.language.reading import Unclear

if TYPE_CHECKING:
    from cells.language.phrases import Phrase

COUNTED = {"pin": "pins", "peg": "pegs", "screw": "screws"}


@dataclass(frozen=True)
class Vocabulary:
    """The names of a catalogue. ``families``: product → its parameters → kind of value."""

    families: Mapping[str, Mapping[str, str]]
    trays: tuple[str, ...]
    sizes: tuple[str, ...] = ("small", "medium", "large")

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
        if phrase.number is not None and part in COUNTED and COUNTED[part] in known:
            says(COUNTED[part], _plain(phrase.number, "int"))
        if phrase.det == "none" and part in COUNTED:
            says(COUNTED[part], 0)
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


@cache
def words(language: str) -> Lexicon:
    """The lexicon of a language with the names of the demo catalogue."""
    return lexicon(language, list(_names(language)))


def _names(language: str) -> Iterator[tuple[str, Meaning]]:
    data, trays = packaged(f"names/{language}.yaml"), demo().trays
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
        elif form in ("gearboxes", "gear boxes", "rejects"):
            yield form, True
        else:
            yield form, False
            yield form + ("es" if form.endswith(("s", "x", "ch", "sh")) else "s"), True
