"""Processes that belong together: started, watched, started again where that is safe, and ended in order.

They are in a process group of their own, so that a terminal's Ctrl-C reaches the supervisor alone: the cell must bring
its arm to rest while the arm's node still listens. A supervisor that dies takes them along: the system sends them
SIGTERM.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

PR_SET_PDEATHSIG = 1  # linux/prctl.h
POLL_S = 0.2
SOON_S = 30.0  # a process that dies sooner than this after its start waits before the next one, each time longer
LONGEST_PAUSE_S = 30.0
WRONG_USE = 2  # the exit code of a node that was asked for what can't be: starting it again would be the same


@dataclass(slots=True)
class Member:
    """A process by ``name``; started again whenever it dies if it ``returns``, and otherwise ``why_not``; ``end_s`` is
    how long its end may take."""

    name: str
    command: Sequence[str]
    returns: bool
    end_s: float
    why_not: str = ""
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    since: float = field(default=0.0, init=False)
    quick: int = field(default=0, init=False)


class Supervisor:
    """Watches ``members``, which are started in this order and ended in the reverse one. ``say`` tells each fact."""

    def __init__(self, members: Sequence[Member], environment: Mapping[str, str], say: Callable[[str], None]) -> None:
        self._members, self._environment, self._say = members, environment, say
        self._group = 0  # of the first process, which the others join
        self._ends = False

    def run(self) -> int:
        """Until SIGINT, SIGTERM or SIGHUP, or until a member is wrongly used or the last one has ended; returns the
        exit code: 0 where it was asked to end and everything did, else 1, or 2 for wrong use."""
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, self._on_signal) for number in numbers}
        code = 1
        try:
            for member in self._members:
                self._start(member)
            code = self._watch()
        finally:
            ended = [self._end(member) for member in reversed(self._members)]
            for number, handler in before.items():
                signal.signal(number, handler)
        return code if all(ended) else 1

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._ends = True

    def _watch(self) -> int:
        failed = 0
        while not self._ends:
            for member in self._members:
                if member.process is not None and (code := member.process.poll()) is not None:
                    if code == WRONG_USE:
                        self._say(f"{member.name} can't work like this: see above")
                        return WRONG_USE
                    failed = 1
                    self._died(member, code)
            if all(member.process is None for member in self._members):
                return failed
            time.sleep(POLL_S)
        return failed if any(member.process is None for member in self._members) else 0

    def _died(self, member: Member, code: int) -> None:
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        member.process = None
        if not member.returns:
            self._say(f"{member.name} {how}; it isn't started again: {member.why_not}")
            return
        member.quick = member.quick + 1 if time.monotonic() - member.since < SOON_S else 0
        pause = min(2.0 ** (member.quick - 1), LONGEST_PAUSE_S) if member.quick else 0.0
        self._say(f"{member.name} {how}; it is started again" + (f" in {pause:.0f} s" if pause else ""))
        until = time.monotonic() + pause
        while time.monotonic() < until and not self._ends:
            time.sleep(POLL_S)
        if not self._ends:
            self._start(member)

    def _start(self, member: Member) -> None:
        if self._ends:
            return
        parent, group = os.getpid(), self._group

        def child() -> None:
            os.setpgid(0, group)
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:  # it died before the line above
                os._exit(1)

        member.process = subprocess.Popen(
            member.command, env=dict(self._environment), stdin=subprocess.DEVNULL, preexec_fn=child
        )
        self._group = self._group or member.process.pid
        member.since = time.monotonic()
        self._say(f"{member.name} is process {member.process.pid}")

    def _end(self, member: Member) -> bool:
        """Whether it ended by itself, when it was asked to, and well."""
        process = member.process
        if process is None:
            return True
        if process.poll() is None:
            process.terminate()
        try:
            code = process.wait(member.end_s)
        except subprocess.TimeoutExpired:
            self._say(f"{member.name} hasn't ended within {member.end_s:.0f} s: killed")
            process.kill()
            code = process.wait()
        self._say(f"{member.name} has ended")
        return code == 0
