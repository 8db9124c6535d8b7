"""Small builders of submodel elements, so that a submodel's module reads like its template.

``Any`` stands for basyx's element classes: basyx is imported inside the functions, it takes long to load.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import Any

from cells.errors import InputError, Problem


def need_basyx() -> None:
    """Raises ``InputError`` where the optional package that writes and reads passports isn't installed."""
    if find_spec("basyx") is None:
        remedy = "install it: pip install 'cellwright[passport]'"
        raise InputError(Problem("passport", "the package basyx-python-sdk isn't installed", remedy))


def reference(value: str) -> Any:
    """An external reference to a concept."""
    from basyx.aas import model

    return model.ExternalReference((model.Key(model.KeyTypes.GLOBAL_REFERENCE, value),))


def prop(name: str | None, value: Any, semantic: str, value_id: str | None = None, type_: Any = None) -> Any:
    """A property; its XSD type follows the value's Python type unless given. An empty text becomes "not stated"."""
    from basyx.aas import model

    stated = "not stated" if value == "" else value
    chosen = type_ or (str if isinstance(value, str) else type(value))
    value_ref = reference(value_id) if value_id else None
    return model.Property(name, chosen, stated, value_id=value_ref, semantic_id=reference(semantic))


def text(name: str, value: str | Mapping[str, str], semantic: str) -> Any:
    """A multi-language property; a plain text is English."""
    from basyx.aas import model

    languages = {"en": value or "not stated"} if isinstance(value, str) else dict(value)
    return model.MultiLanguageProperty(name, model.MultiLanguageTextType(languages), semantic_id=reference(semantic))


def collection(name: str | None, elements: Iterable[Any], semantic: str) -> Any:
    """A collection of named elements."""
    from basyx.aas import model

    return model.SubmodelElementCollection(name, list(elements), semantic_id=reference(semantic))


def properties(name: str | None, values: Mapping[str, Any], semantic: str, each: str) -> Any:
    """A collection with one property per value, all of the concept ``each``."""
    named = {id_short(key): value for key, value in values.items()}
    return collection(name, [prop(key, value, each) for key, value in named.items()], semantic)


def listing(name: str, elements: Iterable[Any], semantic: str, each: str | None, kind: Any = None) -> Any:
    """A list of unnamed elements of one kind: collections, or (``kind`` given) properties of that value type."""
    from basyx.aas import model

    type_ = model.SubmodelElementCollection if kind is None else model.Property
    return model.SubmodelElementList(
        name,
        type_value_list_element=type_,
        value=list(elements),
        semantic_id_list_element=reference(each) if each else None,
        value_type_list_element=kind,
        semantic_id=reference(semantic),
    )


def submodel(unit_id: str, name: str, semantic: str, elements: Iterable[Any], template: str | None = None) -> Any:
    """A submodel of a unit; its id is the unit's with the submodel's name, so that it is the same each time."""
    from basyx.aas import model

    administration = model.AdministrativeInformation(version="1", revision="0", template_id=template)
    id_, concept = f"{unit_id}/{name}", reference(semantic)
    return model.Submodel(id_, list(elements), id_short=name, administration=administration, semantic_id=concept)


def id_short(name: str) -> str:
    """A name as an idShort: letters, digits and "_", starting with a letter, 128 characters at most."""
    clean = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return (clean if clean[:1].isalpha() else f"N{clean}")[:120].rstrip("_") or "N"


def policy_id(reference: str) -> str:
    """The id of the asset that a policy ``name@version`` is; that of its submodel AI Model Nameplate begins with it."""
    name, _, version = reference.partition("@")
    return f"urn:cellwright:policy:{name}:{version}"


def own(name: str) -> str:
    """The semantic id of a concept that no template has and Cellwright defines."""
    return f"urn:cellwright:concept:{name}:1"
