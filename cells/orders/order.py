"""Order: what a customer wants built, as an order file says it (``cellwright/order/v1``)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from cells.description.documents import Document, Key, parse_document, read_document
from cells.description.fields import Integer, IsoDate, Name, Section, Text
from cells.description.overrides import overridden
from cells.description.problems import attempt
from cells.errors import InputError, Problem
from cells.products.family import VariantUnbuildable
from cells.products.model import Value

MAX_UNITS = 1000

# The id names folders and files: no separators, no leading dot, no trailing dot or dash.
OrderId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$")]


def _value(value: Any) -> Any:
    if isinstance(value, bool | int | float):
        if abs(value) > 1e9:
            raise ValueError("write a number within a thousand million")
        return value
    if isinstance(value, str) and 0 < len(value) <= 200 and value.isprintable():
        return value
    raise ValueError("write a number, true, false or a short text")


# Which parameters there are, of which type and range, is the product family's to say.
ParameterValue = Annotated[Any, BeforeValidator(_value)]


class Preferences(Section):
    """What to favour where there is a choice."""

    optimise: Literal["speed", "co2", "cost"] = Field(default="speed", description="speed, co2 or cost")


class Item(Section):
    """So many units of one variant of a product family."""

    product: Name = Field(description="a product family, as 'cellwright product list' shows")
    quantity: Annotated[Integer, Field(ge=1, le=MAX_UNITS)] = Field(description=f"units to build, 1 to {MAX_UNITS}")
    parameters: Annotated[dict[Name, ParameterValue], Field(max_length=64)] = Field(default_factory=dict)

    @property
    def values(self) -> dict[str, Value]:
        """The parameters as a plain dict."""
        return dict(self.parameters)


class Order(Section):
    """An order as it was accepted."""

    schema_: Literal["cellwright/order/v1"] = Field(alias="schema", description="the format of this file")
    id: OrderId = Field(description="letters, digits, '.', '_' and '-', at most 64; names the run's folder")
    customer: Text
    due: IsoDate = Field(description="the day it must be done, as 2026-12-31")
    preferences: Preferences = Preferences()
    items: Annotated[tuple[Item, ...], Field(min_length=1, max_length=100)]

    @property
    def units(self) -> int:
        """How many units are ordered in all."""
        return sum(item.quantity for item in self.items)


def load_order(path: str | Path, overrides: Sequence[str] = ()) -> Order:
    """Read an order file and apply overrides (``items.0.parameters.pegs=4``).

    Raises ``InputError`` with every problem at once; those of an override name it instead of the file's key.
    """
    return read_order(path, overrides)[0]


def read_order(path: str | Path, overrides: Sequence[str] = ()) -> tuple[Order, Document]:
    """As :func:`load_order`, with the document, which knows where in the file each value stands."""
    return _order(read_document(path), overrides)


def parse_order(text: str, overrides: Sequence[str] = ()) -> tuple[Order, Document]:
    """As :func:`read_order`, of an order file's text."""
    return _order(parse_document(text.encode("utf-8", "surrogatepass"), "order"), overrides)


def _order(read: Document, overrides: Sequence[str]) -> tuple[Order, Document]:
    document = overridden(read, overrides)
    order, problems = attempt(Order, document)
    if order is None or problems:
        raise InputError(*problems)
    if order.units > MAX_UNITS:
        what = f"order {order.units} units in all"
        raise InputError(document.problem(("items",), what, f"order at most {MAX_UNITS} and split the rest off"))
    return order, document


@contextmanager
def of_item(document: Document, index: int, product: str) -> Iterator[None]:
    """While inside, what the product family says of its parameters is placed at the item's keys in the file."""
    try:
        yield
    except VariantUnbuildable as error:
        problems = [_placed(document, index, product, problem) for problem in error.problems]
        raise VariantUnbuildable(problems, error.nearest) from error
    except InputError as error:
        raise InputError(*(_placed(document, index, product, problem) for problem in error.problems)) from error


def _placed(document: Document, index: int, product: str, problem: Problem) -> Problem:
    """``pegboard:peg_mm`` as ``file:items.0.parameters.peg_mm``, or as the option that set it."""
    item: Key = ("items", index)
    if problem.where == "product":
        return document.problem((*item, "product"), problem.what, problem.remedy)
    family, _, names = problem.where.partition(":")
    if family != product:
        return problem
    keys: list[Key] = [(*item, "parameters", name.strip("'")) for name in names.split("+")]
    # A rule may be about several: the one that an option set is the one to look at.
    key = next((key for key in keys if key in document.overridden), (*item, "parameters", names.strip("'")))
    return document.problem(key, problem.what, problem.remedy)
