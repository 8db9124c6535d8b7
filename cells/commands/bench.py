"""``cellwright bench``: the benchmarks that come with the repository, by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from cells.errors import InputError, Problem

FOLDER = Path(__file__).parents[2] / "benchmarks"


def bench(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(help="language, assembly, disassembly, learning, env, stop, kinematics, planning or zoo.")
    ],
) -> None:
    """Run a benchmark of the repository.

    --json, and what else it takes, go behind its name.
    """
    known = sorted(path.stem for path in FOLDER.glob("*.py") if "def main(" in path.read_text(encoding="utf-8"))
    if name not in known:
        remedy = f"use one of {', '.join(known)}" if known else "clone the repository: benchmarks aren't in the package"
        raise InputError(Problem("bench", f"no benchmark is called {name!r}", remedy))
    done = subprocess.run([sys.executable, str(FOLDER / f"{name}.py"), *context.args], check=False)
    if done.returncode:
        raise typer.Exit(done.returncode)
