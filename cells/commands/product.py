"""``cellwright product``: the families that can be ordered, and their variants."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cells.commands.folder import whole
from cells.commands.show import DEFAULT_CELL, AsJson, CellName, emit, say, table
from cells.errors import InputError, Problem

if TYPE_CHECKING:
    from cells.products.model import ProductVariant

app = typer.Typer(help="Products: families, their parameters, their variants.", no_args_is_help=True)

FamilyName = Annotated[str, typer.Argument(metavar="FAMILY", help="A product family, such as pegboard.")]
Values = Annotated[list[str] | None, typer.Option("--set", metavar="K=V", help="A parameter's value: pegs=4.")]


def parameters(values: Sequence[str]) -> dict[str, Any]:
    """Parameters from ``name=value`` words, values read as YAML reads them. Raises ``InputError``."""
    import yaml

    given = {}
    for word in values:
        name, equals, text = word.partition("=")
        if not equals or not name:
            raise InputError(Problem(f"--set {word}", "is not name=value", "write it as pegs=4"))
        try:
            given[name] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise InputError(Problem(f"--set {word}", "its value can't be read", "write a number or a word")) from error
    return given


def variant_of(family: str, values: Sequence[str], cell: str) -> ProductVariant:
    """The variant with these values, as far as the cell can build it. Raises ``InputError``, ``Unbuildable``."""
    from cells.description.cell import load_cell
    from cells.products.catalogue import build_variant
    from cells.tasks.limits import build_limits

    return build_variant(family, parameters(values), build_limits(load_cell(cell)))


@app.command("list")
def list_families(as_json: AsJson = False) -> None:
    """List the product families."""
    from cells.products.catalogue import families

    known = families()
    if as_json:
        rows = [{"family": name, "version": family.version, "labels": family.labels} for name, family in known.items()]
        emit({"families": rows})
    else:
        table(
            ("family", "version", "parameters"),
            [
                (name, family.version, ", ".join((*family.parameters, *family.derived)))
                for name, family in known.items()
            ],
        )


@app.command()
def show(family: FamilyName, values: Values = None, cell: CellName = DEFAULT_CELL, as_json: AsJson = False) -> None:
    """Show a family's parameters and what a variant is made of."""
    from cells.products.catalogue import families
    from cells.products.export import summary

    variant = variant_of(family, values or [], cell)
    known = families()[family]
    content = summary(variant, known.conventions)
    if as_json:
        ranges = {name: parameter.range_text() for name, parameter in known.parameters.items()}
        emit(content | {"labels": known.labels, "ranges": ranges})
        return
    rows = [(name, variant.parameters[name], parameter.range_text()) for name, parameter in known.parameters.items()]
    rows += [
        (name, value, f"given instead of {' or '.join(known.derived[name].of)}")
        for name, value in variant.derived.items()
    ]
    table(("parameter", "value", "may be"), rows, title=f"{family} {variant.hash[:12]}")
    bom = []
    for line in content["bill_of_material"]:
        volume, mass = f"{line['volume_m3'] * 1e6:.2f}", f"{line['mass_kg'] * 1e3:.1f}"
        bom.append((line["part"], line["quantity"], line["material"], volume, mass))
    table(("part", "pieces", "material", "cm³ each", "g each"), bom)
    steps = [(step.id, step.capability, step.target or "", step.inverse) for step in variant.process.steps]
    table(("step", "capability", "target", "undone by"), steps)
    for convention in content["conventions"]:
        say(f"convention: {convention}")


@app.command()
def check(family: FamilyName, values: Values = None, cell: CellName = DEFAULT_CELL, as_json: AsJson = False) -> None:
    """Say whether a variant can be built.

    Exit 1 with the reason and the nearest buildable values if not."""
    from cells.products.family import VariantUnbuildable

    try:
        variant = variant_of(family, values or [], cell)
    except VariantUnbuildable as error:
        if as_json:
            emit({"family": family, "buildable": False, "problems": error.problems, "nearest": error.nearest})
        raise
    if as_json:
        told = {"parameters": variant.parameters, "derived": variant.derived}
        emit({"family": family, "buildable": True, "hash": variant.hash} | told)
    else:
        follows = "".join(f", {name} {value:g}" for name, value in variant.derived.items())
        say(f"{family} {variant.hash[:12]} can be built in {cell}{follows}")


@app.command()
def export(
    family: FamilyName,
    out: Annotated[Path, typer.Option(help="A new folder for the files.")],
    values: Values = None,
    cell: CellName = DEFAULT_CELL,
) -> None:
    """Write a variant's parts and its bill of material as files.

    The parts are STL meshes in mm; bill of material and process are JSON."""
    from cells.products.catalogue import families
    from cells.products.export import export_variant

    variant = variant_of(family, values or [], cell)
    with whole(out) as folder:
        written = export_variant(variant, families()[family].conventions, folder)
    for path in written:
        print(out / path.name)
