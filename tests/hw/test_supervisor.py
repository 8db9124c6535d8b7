"""Processes that belong together, with small programs in the nodes' place."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# Ends on SIGTERM after `takes` seconds, and writes what happens into a file.
MEMBER = """
import os, pathlib, signal, sys, time
name, takes, log = sys.argv[1], float(sys.argv[2]), pathlib.Path(sys.argv[3])
def note(what):
    with log.open("a") as file: file.write(f"{name} {what} {os.getpid()}\\n")
def end(*_):
    time.sleep(takes); note("ends"); sys.exit(0)
signal.signal(signal.SIGTERM, end)
note("begins")
while True: time.sleep(0.05)
"""
SUPERVISOR = """
import os, sys
from cells.commands.show import say
from hw.supervisor import Member, Supervisor
program, log = sys.argv[1:3]
def member(name, returns, takes, end_s):
    return Member(name, (sys.executable, program, name, str(takes), log), returns, end_s, "it forgets")
members = [member("arm", False, 0.0, 3.0), member("cell", True, float(sys.argv[3]), 2.0)]
sys.exit(Supervisor(members, os.environ, say).run())
"""


class Started:
    """A supervisor with its two members."""

    def __init__(self, folder: Path, takes: float) -> None:
        program, self.log = folder / "member.py", folder / "log"
        program.write_text(MEMBER)
        self.log.touch()
        words = [sys.executable, "-c", SUPERVISOR, str(program), str(self.log), str(takes)]
        self.process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, start_new_session=True)
        self.wait("arm begins")
        self.wait("cell begins")

    def facts(self) -> list[str]:
        return self.log.read_text().splitlines()

    def pids(self, name: str) -> list[int]:
        return [int(line.split()[2]) for line in self.facts() if line.startswith(f"{name} begins")]

    def wait(self, fact: str, times: int = 1) -> None:
        until(lambda: sum(line.startswith(fact) for line in self.facts()) >= times)

    def end(self) -> tuple[int, str]:
        _, said = self.process.communicate(timeout=30)
        return self.process.returncode, said


def until(holds: Callable[[], bool], within_s: float = 30.0) -> None:
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, "didn't happen in time"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state != "Z"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Started]]:
    made: list[Started] = []

    def begin(takes: float = 0.0) -> Started:
        made.append(Started(tmp_path, takes))
        return made[-1]

    yield begin
    for started in made:
        started.process.kill()
        for pid in started.pids("arm") + started.pids("cell"):
            if alive(pid):
                os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_of_them_the_cell_first(start: Callable[..., Started], number: int) -> None:
    started = start(takes=0.3)
    started.process.send_signal(number)
    code, said = started.end()
    assert code == 0, said
    assert [line.rpartition(" ")[0] for line in started.facts()][2:] == ["cell ends", "arm ends"]
    assert not any(map(alive, started.pids("arm") + started.pids("cell")))


def test_members_hear_no_ctrl_c_of_the_terminal(start: Callable[..., Started]) -> None:
    started = start()
    group = os.getpgid(started.process.pid)
    [arm], [cell] = started.pids("arm"), started.pids("cell")
    assert os.getpgid(arm) == os.getpgid(cell) != group


def test_a_cell_that_dies_comes_back_and_an_arm_does_not(start: Callable[..., Started]) -> None:
    started = start()
    os.kill(started.pids("cell")[0], signal.SIGKILL)
    started.wait("cell begins", times=2)
    os.kill(started.pids("arm")[0], signal.SIGKILL)
    until(lambda: not alive(started.pids("arm")[0]))
    time.sleep(0.5)
    started.process.send_signal(signal.SIGINT)
    code, said = started.end()
    assert code == 1
    assert "cell was ended by SIGKILL; it is started again" in said
    assert "arm was ended by SIGKILL; it isn't started again: it forgets" in said
    assert len(started.pids("arm")) == 1


def test_a_supervisor_that_is_killed_leaves_nobody(start: Callable[..., Started]) -> None:
    started = start()
    started.process.kill()
    until(lambda: not any(map(alive, started.pids("arm") + started.pids("cell"))))
    assert any(line.startswith("cell ends") for line in started.facts())


def test_one_that_does_not_end_is_killed(start: Callable[..., Started]) -> None:
    started = start(takes=60.0)
    started.process.send_signal(signal.SIGTERM)
    code, said = started.end()
    assert code == 1
    assert "cell hasn't ended within 2 s: killed" in said
    assert not any(map(alive, started.pids("arm") + started.pids("cell")))
