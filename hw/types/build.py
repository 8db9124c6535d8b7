"""Interface packages built into the user's cache, whole or not at all, whoever else builds the same.

Each package is a prefix of its own, ``ros/<package>-<key>``; the key is made of its definitions, of the versions of
everything that its code is made by and of, of Python's ABI, and of how it is built. A draft lies beside, and is moved
into place after Python has loaded it; a draft that a killed build left is removed by the next one.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from cells.errors import Problem, Unbuildable
from hw.types import compiler, generate
from hw.types.compiler import find_compiler
from hw.types.definitions import Definition
from hw.types.places import built_folder, python_folder
from hw.types.platform import Platform

DRAFT = ".draft-"


def prefix_for(definition: Definition, platform: Platform) -> Path:
    """Where a package is once it is built; a change of anything that counts is another place."""
    key = hashlib.sha256(definition.digest())
    for name in (*generate.GENERATORS, *generate.depends(definition), *compiler.RUNTIME):
        key.update(f"{name} {platform.version_of(name)} {platform.prefix_of(name)}\0".encode())
    key.update(f"{sysconfig.get_config_var('SOABI')} numpy {version('numpy').partition('.')[0]}\0".encode())
    for how in (__file__, compiler.__file__, generate.__file__):
        key.update(Path(how).read_bytes())
    return built_folder() / f"{definition.package}-{key.hexdigest()[:16]}"


def build(wanted: Sequence[Definition], platform: Platform) -> None:
    """Build those packages that aren't there yet. Raises :class:`Unbuildable` if it can't be done."""
    folder = built_folder()
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        with _locked(folder):
            missing = [definition for definition in wanted if not prefix_for(definition, platform).exists()]
            if missing:
                _build(missing, platform, folder)
    except OSError as error:
        what = f"building ROS 2 interfaces there failed ({error.strerror})"
        raise Unbuildable(Problem(str(error.filename or folder), what, "make room, or check permissions")) from error


def _build(missing: Sequence[Definition], platform: Platform, folder: Path) -> None:
    found = find_compiler()
    for left in folder.glob(f"{DRAFT}*"):
        shutil.rmtree(left, ignore_errors=True)
    draft = Path(tempfile.mkdtemp(prefix=DRAFT, dir=folder))
    try:
        with ThreadPoolExecutor() as pool:  # one package is compiled while the next is generated
            jobs = []
            for definition in missing:
                prefix, work = draft / definition.package, draft / f"{definition.package}.work"
                work.mkdir()
                sources = generate.generate(definition, platform, prefix, python_folder(prefix), work)
                extension = python_folder(prefix) / definition.package / _extension(definition)
                jobs.append(pool.submit(found.compile, definition, platform, sources, prefix / "lib", extension))
            for job in jobs:
                job.result()
        for definition in missing:
            _prove(definition, python_folder(draft / definition.package))
            os.rename(draft / definition.package, prefix_for(definition, platform))
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _prove(definition: Definition, python: Path) -> None:
    """Python can load it, in a process of its own. Raises :class:`Unbuildable` if not."""
    kinds = sorted({file.parent.name for file in definition.files})
    package = definition.package
    program = f"import {', '.join([*(f'{package}.{kind}' for kind in kinds), f'{package}.{_module(package)}'])}"
    # Modules are read from the draft: what Python compiles of them must not be kept under its name.
    known = os.environ | {"PYTHONPATH": os.pathsep.join([str(python), *sys.path]), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", program], env=known, capture_output=True, text=True, check=False)
    if done.returncode:
        what = f"{package} was built, and Python can't load it: {done.stderr.strip().splitlines()[-1]}"
        raise Unbuildable(Problem("ROS 2 interfaces", what, "see whether ROS 2 itself loads: python -c 'import rclpy'"))


def _module(package: str) -> str:
    """The name under which a package's types look for their extension."""
    return f"{package}_s__{generate.TYPE_SUPPORT}"


def _extension(definition: Definition) -> str:
    return f"{_module(definition.package)}{sysconfig.get_config_var('EXT_SUFFIX')}"


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Inside, no other process builds into ``folder``. The lock ends with the process, however that ends."""
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
