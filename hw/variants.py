"""Product variants as JSON documents (``family, version, parameters, hash``), for the service that loads parts.

Geometry isn't sent: whoever reads the document builds the variant from the family that is installed there, and the
hash tells whether that is the same one.
"""

from __future__ import annotations

import json

from cells.errors import InputError, Problem
from cells.products.catalogue import build_variant
from cells.products.model import ProductVariant

KEYS = ("family", "version", "parameters", "hash")


def document_of(variant: ProductVariant) -> str:
    """The document of a variant."""
    told = {"family": variant.family, "version": variant.version, "hash": variant.hash}
    return json.dumps({**told, "parameters": dict(variant.parameters)}, sort_keys=True, allow_nan=False)


def variant_of(document: str) -> ProductVariant:
    """The variant that a document tells of. Raises :class:`cells.errors.CellwrightError` for one that isn't one, or
    that comes out differently here."""
    try:
        told = json.loads(document)
    except ValueError as error:
        raise InputError(Problem("variant", f"is no JSON: {error}", "send what hw.variants.document_of says")) from None
    if not isinstance(told, dict) or set(told) != set(KEYS):
        raise InputError(Problem("variant", "is another document", f"send an object of {', '.join(KEYS)}"))
    variant = build_variant(str(told["family"]), told["parameters"])
    if variant.hash != told["hash"]:
        what = f"{told['family']} {told['version']} comes out as another variant than the sender's"
        remedy = f"install the same version of that family on both sides: here it is {variant.version}"
        raise InputError(Problem("variant", what, remedy))
    return variant
