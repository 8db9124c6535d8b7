"""Definition files → C, C++ and Python, by the rosidl generators that ROS 2 itself uses."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hw.types.definitions import Definition
from hw.types.platform import Platform

# Besides the packages that a definition names: what services and actions are made of.
IMPLIED = ("action_msgs", "builtin_interfaces", "service_msgs", "unique_identifier_msgs")
# The middleware asks the first of these for the other two: how a type is sent, and how others are told what it is made
# of. Without the last one it complains on stderr.
TYPE_SUPPORT, SERIALISER, INTROSPECTION = (
    f"rosidl_typesupport_{name}" for name in ("c", "fastrtps_c", "introspection_c")
)
VISIBILITY = ("rosidl_generator_c", SERIALISER, INTROSPECTION)
GENERATORS = ("rosidl_adapter", "rosidl_generator_type_description", "rosidl_generator_py", TYPE_SUPPORT, *VISIBILITY)


@dataclass(frozen=True)
class Sources:
    """What is to be compiled: the structs of a package with their serialiser, their introspection, and what Python
    loads; ``headers`` are the folders in which these look for one another's."""

    serialiser: list[Path]
    introspection: list[Path]
    extension: list[Path]
    headers: tuple[Path, ...]


def generate(definition: Definition, platform: Platform, prefix: Path, python: Path, scratch: Path) -> Sources:
    """Write a package's Python files into the folder ``python``, its descriptions into ``prefix``, so that ROS 2 tools
    find them there, and what is to be compiled into ``scratch``."""
    from rosidl_adapter import convert_to_idl
    from rosidl_generator_c import generate_c
    from rosidl_generator_py import generate_py
    from rosidl_generator_type_description import generate_type_hash
    from rosidl_typesupport_c import generate_c as generate_type_support
    from rosidl_typesupport_fastrtps_c import generate_typesupport_fastrtps_c as generate_serialiser
    from rosidl_typesupport_introspection_c import generate_c as generate_introspection

    package, files = definition.package, definition.files
    share = prefix / "share" / package
    idls = [f"{share}:{file.with_suffix('.idl')}" for file in files]
    headers = tuple(scratch / name for name in ("structs", "introspection", "dispatch"))
    structs, introspection, dispatch = (folder / package for folder in headers)

    def arguments(generator: str, output: Path, **more: Sequence[str]) -> str:
        return _arguments(definition, platform, generator, output, scratch, idl_tuples=idls, **more)

    _parse_once()
    with contextlib.redirect_stdout(io.StringIO()):  # the generators tell of every file that they read and write
        for file in files:
            convert_to_idl(definition.folder, package, file, share)
            shutil.copyfile(definition.folder / file, share / file)
        known = [f"{name}:{platform.share_of(name)}" for name in depends(definition)]
        generate_type_hash(arguments("rosidl_generator_type_description", share, include_paths=known))
        described = [f"{file.with_suffix('.idl')}:{share / file.with_suffix('.json')}" for file in files]
        sources = [str(definition.folder / file) for file in files]
        more = {"type_description_tuples": described, "ros_interface_files": sources}
        generate_c(arguments("rosidl_generator_c", structs, **more))
        generate_serialiser(arguments(SERIALISER, structs))
        generate_introspection(arguments(INTROSPECTION, introspection))
        generate_type_support(arguments(TYPE_SUPPORT, dispatch), [SERIALISER, INTROSPECTION])
        generate_py(arguments("rosidl_generator_py", python / package), [TYPE_SUPPORT])
    _write_visibility(package, platform, structs)
    (python / package / "__init__.py").touch()
    _mark(definition, prefix)
    return Sources(_code(structs), _code(introspection), [*_code(dispatch), *_code(python / package)], headers)


def _code(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in (".c", ".cpp"))


def depends(definition: Definition) -> tuple[str, ...]:
    """Every package that the generated code calls directly."""
    return tuple(sorted({*definition.depends, *IMPLIED}))


def _arguments(
    definition: Definition, platform: Platform, generator: str, output: Path, scratch: Path, **more: Sequence[str]
) -> str:
    """The file through which a generator is told what to do."""
    output.mkdir(parents=True, exist_ok=True)
    told: dict[str, Any] = {
        "package_name": definition.package,
        "output_dir": str(output),
        "template_dir": str(platform.share_of(generator) / "resource"),
        "target_dependencies": [],
        **more,
    }
    path = scratch / f"{definition.package}.{generator}.json"
    path.write_text(json.dumps(told), encoding="utf-8")
    return str(path)


def _parse_once() -> None:
    """Six generators parse each file anew; keeping what the parser made of a text saves a third of the time."""
    from rosidl_parser import parser

    if not hasattr(parser.get_ast_from_idl_string, "cache_info"):
        parser.get_ast_from_idl_string = functools.cache(parser.get_ast_from_idl_string)


def _write_visibility(package: str, platform: Platform, structs: Path) -> None:
    """The headers that say what a library exports."""
    (structs / "msg").mkdir(exist_ok=True)
    for generator in VISIBILITY:
        name = f"{generator}__visibility_control.h"
        text = (platform.share_of(generator) / "resource" / f"{name}.in").read_text(encoding="utf-8")
        for mark, value in (("@PROJECT_NAME@", package), ("@PROJECT_NAME_UPPER@", package.upper())):
            text = text.replace(mark, value)
        (structs / "msg" / name).write_text(text, encoding="utf-8")


def _mark(definition: Definition, prefix: Path) -> None:
    """What the ament index wants, so that ``ros2 interface`` and others know the package."""
    shutil.copyfile(definition.folder / "package.xml", prefix / "share" / definition.package / "package.xml")
    told = [str(path) for file in definition.files for path in (file.with_suffix(".idl"), file)]
    for resource, text in (("packages", ""), ("rosidl_interfaces", "\n".join(told))):
        folder = prefix / "share" / "ament_index" / "resource_index" / resource
        folder.mkdir(parents=True, exist_ok=True)
        (folder / definition.package).write_text(text, encoding="utf-8")
