"""C and C++ files of an interface package → the extension module that Python loads."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cells.errors import Problem, Unbuildable
from hw.types.definitions import Definition
from hw.types.generate import INTROSPECTION, SERIALISER, TYPE_SUPPORT, Sources, depends
from hw.types.platform import Platform

INSTALL = "apt-get install g++ python3-dev (or your system's compiler and headers), or source a ROS 2 distribution"
# What a package brings that others call: its structs, their serialisation, and their conversion from and to Python.
PARTS = ("rosidl_generator_c", TYPE_SUPPORT, SERIALISER, INTROSPECTION, "rosidl_generator_py")
RUNTIME = ("rosidl_runtime_c", TYPE_SUPPORT, SERIALISER, INTROSPECTION, "rosidl_typesupport_fastrtps_cpp", "fastcdr")
# Optimising more takes twice as long and gains nothing that counts: the long loops are in the packages named above.
FLAGS = ("-shared", "-fPIC", "-O1", "-w", "-Wl,--no-as-needed")
WORDS = 12  # lines of the compiler's own that are shown


@dataclass(frozen=True)
class Compiler:
    """A C compiler that compiles C++ too (by the names of files), and where it finds Python's headers and numpy's."""

    command: str
    headers: tuple[Path, ...]

    def compile(self, definition: Definition, platform: Platform, sources: Sources, lib: Path, extension: Path) -> None:
        """Make the extension that Python loads, and in ``lib`` the two libraries behind it.

        The type support looks for those by name alone; it gets them because the extension has them loaded already.
        Raises :class:`Unbuildable` with the compiler's own words."""
        from_others = [
            *(f"-I{folder}" for folder in (*sources.headers, *self.headers, *_includes(platform))),
            *(f"{option}{prefix / 'lib'}" for prefix in platform.prefixes for option in ("-L", "-Wl,-rpath,")),
            *(f"-l{package}__{part}" for package in depends(definition) for part in PARTS),
            *(f"-l{library}" for library in (*RUNTIME, "stdc++")),
        ]
        serialiser, introspection = (
            lib / f"lib{definition.package}__{part}.so" for part in (SERIALISER, INTROSPECTION)
        )
        self._link(sources.serialiser, serialiser, from_others)
        self._link(sources.introspection, introspection, [str(serialiser), "-Wl,-rpath,$ORIGIN", *from_others])
        here = f"-Wl,-rpath,$ORIGIN/{os.path.relpath(lib, extension.parent)}"
        self._link(sources.extension, extension, [*map(str, (serialiser, introspection)), here, *from_others])

    def _link(self, sources: Sequence[Path], to: Path, options: Sequence[str]) -> None:
        """Compile ``sources`` into one library."""
        together = to.with_suffix(".cpp")  # C++ files as one: their headers take longer than what is in them
        together.write_text(
            "".join(f'#include "{file}"\n' for file in sources if file.suffix == ".cpp"), encoding="utf-8"
        )
        code = [str(file) for file in sources if file.suffix == ".c"]
        command = [self.command, *FLAGS, f"-Wl,-soname,{to.name}", *code, str(together), "-o", str(to), *options]
        try:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        except OSError as error:
            raise Unbuildable(Problem(self.command, str(error.strerror), INSTALL)) from error
        together.unlink()
        if done.returncode:
            words = [line for line in done.stderr.splitlines() if line.strip()]
            what = "\n  ".join([f"can't make {to.name}:", *words[:WORDS]])
            raise Unbuildable(Problem(self.command, what, "see whether the disk is full and the compiler is whole"))


def find_compiler() -> Compiler:
    """The compiler that is here. Raises :class:`Unbuildable` if it, its C++ part or Python's headers are missing."""
    command = _first(os.environ.get("CC"), "cc", "gcc", "clang")
    if command is None or _first(os.environ.get("CXX"), "c++", "g++", "clang++") is None:
        raise Unbuildable(Problem("ROS 2 interfaces", "building them needs a C++ compiler, and there is none", INSTALL))
    import numpy

    python = Path(sysconfig.get_path("include"))
    if not (python / "Python.h").exists():
        what = f"building them needs Python's headers, and {python / 'Python.h'} is missing"
        raise Unbuildable(Problem("ROS 2 interfaces", what, INSTALL))
    return Compiler(command, (python, Path(numpy.get_include())))


def _first(*names: str | None) -> str | None:
    return next((found for name in names if name and (found := shutil.which(name))), None)


def _includes(platform: Platform) -> Iterator[Path]:
    """Headers lie in ``include/<package>``, those of packages that aren't ROS's own in ``include``."""
    for prefix in platform.prefixes:
        index = prefix / "share" / "ament_index" / "resource_index" / "packages"
        yield prefix / "include"
        yield from (folder for path in sorted(index.glob("*")) if (folder := prefix / "include" / path.name).is_dir())
