"""``cellwright hw interfaces``: the ROS 2 message types, where they come from, and building those that are missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from cells.commands.show import AsJson, emit, say, table

if TYPE_CHECKING:
    from hw.types.found import Found

app = typer.Typer(help="ROS 2 message types: build, check them.", no_args_is_help=True)


@app.command()
def build(as_json: AsJson = False) -> None:
    """Build the message types that no ROS 2 distribution brings here.

    Takes a C++ compiler and Python's headers, and half a minute, once."""
    from hw.types import ready

    found = ready()
    if as_json:
        emit({"packages": [told(package) for package in found]})
    for package in () if as_json else found:
        say(f"{package.package} {package.version}: {origin(package)}, {package.prefix}")


@app.command()
def check(as_json: AsJson = False) -> None:
    """Say where the message types come from.

    Builds nothing; exit 1 if one can't be used. Two machines understand each other in a type if its hash is the same on
    both."""
    from hw.types.definitions import definitions
    from hw.types.found import find, lacking
    from hw.types.platform import find_platform

    platform = find_platform()
    looked = [(definition, find(definition, platform)) for definition in definitions()]
    problems = [problem for definition, found in looked if (problem := lacking(definition, platform, found))]
    usable = [(definition, found) for definition, found in looked if found is not None]
    if as_json:
        packages = [told(found) | {"types": hashes(definition.types, found)} for definition, found in usable]
        rclpy = {"version": platform.version_of("rclpy"), "prefix": platform.prefix_of("rclpy")}
        emit(
            {
                "ok": not problems,
                "release": platform.release,
                "rclpy": rclpy,
                "packages": packages,
                "problems": problems,
            }
        )
    else:
        say(f"ROS 2: {platform.release}, rclpy {platform.version_of('rclpy')} in {platform.prefix_of('rclpy')}")
        columns = ("package", "version", "layout", "from", "prefix")
        table(columns, [(f.package, f.version, f.layout() or "", origin(f), f.prefix) for _, f in usable])
        every = {name: value for definition, found in usable for name, value in hashes(definition.types, found).items()}
        table(("type", "hash"), every.items())
        for problem in problems:
            say(f"cellwright: {problem}")
    if problems:
        raise typer.Exit(1)


def told(found: Found) -> dict[str, Any]:
    """What the JSON object tells of a package."""
    return {
        "package": found.package,
        "built": found.built,
        "prefix": found.prefix,
        "version": found.version,
        "layout": found.layout(),
    }


def origin(found: Found) -> str:
    """Where a package comes from, in words."""
    return "built here" if found.built else "installed"


def hashes(names: tuple[str, ...], found: Found) -> dict[str, str]:
    """The hash of each type."""
    return {name: found.hash_of(name) or "missing" for name in names}
