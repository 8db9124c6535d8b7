"""Interface packages are built whole or not at all, once for what they are made of, and errors say what to do."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cells.errors import Unbuildable
from hw.types.build import build, prefix_for
from hw.types.compiler import find_compiler
from hw.types.definitions import definitions
from hw.types.platform import Platform

PACKAGE = """\
<package format="3">
  <name>toy_msgs</name>
  <version>{version}</version>
  <depend>builtin_interfaces</depend>
</package>
"""
BUILD = """\
import sys
from pathlib import Path
from cells.cli import explain
from hw.types.build import build
from hw.types.definitions import definitions
from hw.types.platform import find_platform
try:
    build(definitions(Path(sys.argv[1])), find_platform())
except Exception as error:
    sys.exit(explain(error))
"""


@pytest.fixture
def toys(tmp_path: Path) -> Path:
    """A folder of definitions with one small package."""
    write(tmp_path / "interfaces")
    return tmp_path / "interfaces"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's packages are built."""
    monkeypatch.setenv("CELLWRIGHT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "ros"


def write(folder: Path, version: str = "1.0.0", field: str = "bool up") -> None:
    """Write the small package."""
    (folder / "toy_msgs" / "msg").mkdir(parents=True, exist_ok=True)
    (folder / "toy_msgs" / "package.xml").write_text(PACKAGE.format(version=version))
    (folder / "toy_msgs" / "msg" / "Flag.msg").write_text(f"{field}\nbuiltin_interfaces/Time since\n")


def start(toys: Path, prepare: Callable[[], None] | None = None, **more: str) -> subprocess.Popen[str]:
    """A process that builds."""
    command = [sys.executable, "-c", BUILD, toys]
    return subprocess.Popen(command, env=os.environ | more, stderr=subprocess.PIPE, text=True, preexec_fn=prepare)


def names(cache: Path) -> list[str]:
    """What is in the cache; the lock stays."""
    return sorted(path.name for path in cache.iterdir() if path.name != "lock")


def load(prefix: Path) -> str:
    """What a process of its own makes of the small package's message."""
    program = "import toy_msgs.msg as m; f = m.Flag(up=True); f.__class__.__import_type_support__(); print(f.up)"
    folder = next(prefix.glob("lib/python*/site-packages"))
    known = os.environ | {"PYTHONPATH": str(folder)}
    done = subprocess.run([sys.executable, "-c", program], env=known, capture_output=True, text=True, check=True)
    return done.stdout


def test_a_package_has_another_place_for_whatever_it_is_made_of(
    toys: Path, cache: Path, platform: Platform, tmp_path: Path
) -> None:
    def place(platform: Platform = platform) -> Path:
        return prefix_for(definitions(toys)[0], platform)

    first = place()
    assert place() == first and first.parent == cache
    other = tmp_path / "other" / "share" / "rosidl_runtime_c"
    other.mkdir(parents=True)
    (other / "package.xml").write_text("<package><version>99.0.0</version></package>")
    seen = {first, place(Platform("wheels", (tmp_path / "other", *platform.prefixes)))}
    write(toys, field="bool down")
    seen.add(place())
    write(toys, version="1.0.1")
    seen.add(place())
    assert len(seen) == 4
    write(toys)
    assert place() == first


def test_two_processes_at_once_build_once_and_what_is_there_is_not_built_again(
    toys: Path, cache: Path, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = [start(toys), start(toys)]
    assert [process.wait(timeout=300) for process in both] == [0, 0]
    place = prefix_for(definitions(toys)[0], platform)
    assert names(cache) == [place.name]
    assert load(place) == "True\n"
    assert (cache.parent.stat().st_mode | cache.stat().st_mode) & 0o077 == 0
    made = place.stat().st_ino
    monkeypatch.setenv("PATH", "")  # no compiler, and none is needed
    build(definitions(toys), platform)
    assert place.stat().st_ino == made


@pytest.mark.long
def test_a_killed_build_leaves_nothing_that_counts_and_the_next_one_clears_it_away(
    toys: Path, cache: Path, platform: Platform
) -> None:
    process = start(toys)
    ends = time.monotonic() + 120
    while not list(cache.glob(".draft-*/toy_msgs/share/**/Flag.json")):
        assert process.poll() is None and time.monotonic() < ends
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (draft,) = names(cache)
    assert draft.startswith(".draft-")
    build(definitions(toys), platform)
    place = prefix_for(definitions(toys)[0], platform)
    assert names(cache) == [place.name]
    assert load(place) == "True\n"


@pytest.mark.parametrize(("limit", "said"), [(1000, "File too large"), (16000, "can't make libtoy_msgs__")])
def test_a_full_disk_leaves_nothing_and_is_told(
    limit: int, said: str, toys: Path, cache: Path, platform: Platform
) -> None:
    process = start(toys, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 1
    assert said in errors and "Traceback" not in errors
    assert names(cache) == []


def test_a_missing_compiler_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in ("CC", "CXX"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unbuildable, match=r"needs a C\+\+ compiler, and there is none; apt-get install g\+\+"):
        find_compiler()


def test_missing_python_headers_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, platform: Platform) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    with pytest.raises(Unbuildable, match=r"Python\.h is missing; apt-get install g\+\+ python3-dev"):
        find_compiler()


def test_a_compiler_that_fails_is_quoted(
    toys: Path, cache: Path, platform: Platform, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "cc"
    broken.write_text("#!/bin/sh\necho 'internal compiler error: out of luck' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CC", str(broken))
    with pytest.raises(Unbuildable, match="internal compiler error: out of luck"):
        build(definitions(toys), platform)
    assert names(cache) == []


def test_a_folder_that_others_may_write_is_not_used(
    toys: Path, platform: Platform, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    monkeypatch.setenv("CELLWRIGHT_CACHE", str(tmp_path / "open"))
    with pytest.raises(Unbuildable, match="set CELLWRIGHT_CACHE to a folder that you own and only you may write"):
        build(definitions(toys), platform)
